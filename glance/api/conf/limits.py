"""Limits of pages, bodies, images and projects."""

import re

from oslo_config import cfg
from oslo_config import types

_UNITS = {
    unit: 1024**power
    for power, unit in enumerate(('B', 'KB', 'MB', 'GB', 'TB'))
}
#: The largest integer that the databases can store.
_MOST_BYTES = (1 << 63) - 1


class Bytes(types.ConfigType):
    """A number of bytes, optionally followed by a unit: ``20GB``."""

    def __init__(self) -> None:
        super().__init__(type_name='number with B, KB, MB, GB or TB')

    def __call__(self, value: object) -> int:
        match = re.fullmatch('([0-9]{1,19})([KMGT]?B)?', str(value), re.ASCII)
        if match is None:
            raise ValueError(
                'Should be a number of bytes, or a number directly followed '
                f'by B, KB, MB, GB or TB; {value!r} is not'
            )
        size: int = int(match[1]) * _UNITS[match[2] or 'B']
        if size > _MOST_BYTES:
            raise ValueError(f'Should be at most {_MOST_BYTES} bytes')
        return size

    def _formatter(self, value: int) -> str:
        return str(value)


OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        'limit_param_default',
        default=25,
        min=1,
        help='Number of images in a page when the request has no limit.',
    ),
    cfg.IntOpt(
        'api_limit_max',
        default=1000,
        min=1,
        help=(
            'Maximum number of images in a page; a larger limit in the '
            'request is reduced to it.'
        ),
    ),
    cfg.IntOpt(
        'max_json_body_size',
        default=1 << 20,
        min=1 << 12,
        max=1 << 24,
        help=(
            'Maximum size in bytes of a JSON body (an image, a patch, a '
            'member and others); a larger one is refused with 413 before it '
            'is parsed. The limit does not apply to image data. Not in '
            'upstream Glance.'
        ),
    ),
    cfg.IntOpt(
        'image_size_cap',
        default=1 << 40,
        min=1,
        max=(1 << 63) - 1,
        help=(
            'Maximum size of an image in bytes; a larger one is refused '
            'with 413.'
        ),
    ),
    cfg.Opt(
        'user_storage_quota',
        type=Bytes(),
        default=0,
        help=(
            'Maximum number of bytes that the images of one project may '
            'use in the stores, running uploads included: a number, or a '
            'number directly followed by KB, MB, GB or TB (factors of '
            '1024). Uploads beyond it are refused with 413. 0: no limit.'
        ),
    ),
    cfg.BoolOpt(
        'use_keystone_limits',
        default=False,
        help=(
            'Enforce the limits of projects that are registered in '
            'Keystone for image_size_total, image_stage_total (both in '
            'MiB), image_count_total and image_count_uploading. A limit '
            'that is not registered is 0. Set the connection to Keystone '
            'in [oslo_limit]. user_storage_quota applies too.'
        ),
    ),
    cfg.IntOpt(
        'image_property_quota',
        default=128,
        help=(
            'Maximum number of custom properties of an image; a negative '
            'number means no limit.'
        ),
    ),
    cfg.IntOpt(
        'image_tag_quota',
        default=128,
        help=(
            'Maximum number of tags of an image; a negative number means '
            'no limit.'
        ),
    ),
    cfg.IntOpt(
        'image_member_quota',
        default=128,
        help=(
            'Maximum number of members of an image; a negative number '
            'means no limit.'
        ),
    ),
]
