"""Options that only glance-scrubber has."""

from oslo_config import cfg

from glance.api.conf import images
from glance.api.conf import registry
from glance.api.conf import stores
from glance.common import login_options
from glance.common import metrics_options
from glance.common import progress

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        'scrub_time',
        default=0,
        min=0,
        help=(
            'Seconds that the data of a deleted image is kept. Until then '
            '"glance-scrubber --restore" brings the image back.'
        ),
    ),
    cfg.IntOpt(
        'scrub_pool_size',
        default=1,
        min=1,
        max=100,
        help='Number of images whose data is removed at the same time.',
    ),
    cfg.IntOpt(
        'wakeup_time',
        default=300,
        min=1,
        help='Seconds between two passes of "glance-scrubber --daemon".',
    ),
    cfg.IntOpt(
        'verify_interval',
        default=7 * 24 * 3600,
        min=60,
        help=(
            'Seconds after which "glance-scrubber --daemon --verify" verifies '
            'an image again. Without --daemon all images are verified. Not in '
            'upstream Glance.'
        ),
    ),
    cfg.IntOpt(
        'orphan_grace_time',
        default=24 * 3600,
        min=0,
        help=(
            'Seconds for which "glance-scrubber --orphans --delete" keeps '
            'data that no image owns. Not in upstream Glance.'
        ),
    ),
]
#: Flags of the command line that may also be set in a file.
CHECKS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'verify',
        default=False,
        help=(
            'Verify the data of all images: compare each copy with the length '
            'and the hashes of its image, add missing hashes, repair bad '
            'copies from good ones, and deactivate an image without a good '
            'copy. With --daemon, beside its other work. Not in upstream '
            'Glance.'
        ),
    ),
    cfg.FloatOpt(
        'rate',
        dest='verify_rate',
        default=0,
        min=0,
        metavar='MB/s',
        help=(
            'How fast --verify reads. 0: as fast as it can. Not in upstream '
            'Glance.'
        ),
    ),
    cfg.StrOpt(
        'window',
        dest='verify_window',
        metavar='01:00-05:00',
        help=(
            'Part of the day, of local time, in which --verify reads; outside '
            'of it, it waits. Unset: at any time. Not in upstream Glance.'
        ),
    ),
]
#: Also flags of the command line.
FLAGS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'daemon',
        short='D',
        default=False,
        help='Run until stopped, a pass each wakeup_time seconds.',
    ),
    *CHECKS,
    cfg.BoolOpt(
        'orphans',
        default=False,
        help=(
            'List data in the stores that no image owns, and images whose '
            'data is missing, and end. Not in upstream Glance.'
        ),
    ),
    cfg.BoolOpt(
        'delete',
        default=False,
        help=(
            'With --orphans, delete data that no image owns and that is older '
            'than orphan_grace_time. Not in upstream Glance.'
        ),
    ),
    cfg.BoolOpt(
        'even-if-most',
        default=False,
        help=(
            'With --delete, delete also in a store where more than half of '
            'the data would go, or where no image of this service has data. '
            'Without it nothing is deleted there and the exit code is 1, '
            'because another service may own the data. Not in upstream Glance.'
        ),
    ),
    cfg.BoolOpt(
        'json',
        default=False,
        help=(
            'With --verify or --orphans, write one object a line. Not in '
            'upstream Glance.'
        ),
    ),
    cfg.BoolOpt(
        'quiet',
        default=False,
        help=(
            f'With --verify or --orphans, {progress.QUIET}. Not in upstream '
            'Glance.'
        ),
    ),
    cfg.StrOpt(
        'restore',
        metavar='IMAGE_ID',
        help='Restore a deleted image (status pending_delete), and end.',
    ),
]


def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """The options of glance-scrubber, for oslo-config-generator."""
    return [
        (
            None,
            [
                *OPTS,
                FLAGS[0],
                *CHECKS,
                *images.HASHING,
                *registry.OPTS,
                *stores.LOST,
            ],
        ),
        ('glance_store', stores.STORE),
        ('import_filtering_opts', stores.FILTERING),
        (login_options.GROUP, login_options.OPTS),
        (metrics_options.GROUP, metrics_options.OPTS),
    ]
