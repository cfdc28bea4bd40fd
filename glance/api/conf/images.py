"""Options of images: properties, locations, deletion, formats."""

from oslo_config import cfg

from glance.images import streams

HASHING: list[cfg.Opt] = [
    cfg.StrOpt(
        'hashing_algorithm',
        default='sha512',
        choices=streams.HASH_NAMES,
        help='Algorithm of os_hash_value for new image data.',
    ),
]
BEHAVIOUR: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enable_v1_api',
        default=True,
        help='Serve the deprecated Images API v1 beside v2; False: requests '
        'for it get the version document.',
    ),
    cfg.StrOpt(
        'public_endpoint',
        help='Base URL in the version document and in Location headers; '
        'unset: the URL of the request.',
    ),
    *HASHING,
]

PROPERTIES: list[cfg.Opt] = [
    cfg.StrOpt(
        'property_protection_file',
        help=(
            'File that says who may create, read, update and delete which '
            'custom property. The title of each section is a regular '
            'expression for names of properties; its keys are create, '
            'read, update and delete. Unset: no property is protected.'
        ),
    ),
    cfg.StrOpt(
        'property_protection_rule_format',
        default='roles',
        choices=['roles', 'policies'],
        help=(
            'Type of the values in property_protection_file: roles '
            'separated by commas, or the name of one policy rule.'
        ),
    ),
]

LOCATIONS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'show_image_direct_url',
        default=False,
        help=(
            'Show direct_url, the URL of the first location of an image, '
            'to everybody who may see the image.'
        ),
    ),
    cfg.BoolOpt(
        'show_multiple_locations',
        default=False,
        help='Show locations to everybody who may see the image, and let '
        'PATCH change them. Not for nodes that users reach (OSSN-0065).',
    ),
    cfg.IntOpt(
        'image_location_quota',
        default=10,
        help=(
            'Maximum number of locations of an image; a negative number '
            'means no limit.'
        ),
    ),
    cfg.BoolOpt(
        'do_secure_hash',
        default=True,
        help=(
            'Hash the data of locations that are registered by POST '
            '/v2/images/{id}/locations, and compare the result with the '
            'hash in the request.'
        ),
    ),
    cfg.IntOpt(
        'http_retries',
        default=3,
        min=0,
        max=100,
        help=(
            'Maximum number of times that hashing starts again after the '
            'store failed.'
        ),
    ),
    cfg.BoolOpt(
        'delayed_delete',
        default=False,
        help=(
            'If true, deleting an image leaves its data to '
            'glance-scrubber; until then the status is pending_delete.'
        ),
    ),
    cfg.IntOpt(
        'leftover_interval_seconds',
        default=30,
        min=1,
        help=(
            'Seconds between two searches of each worker for data that must '
            'be removed from the store: data of images whose deletion could '
            'not remove it, and of interrupted uploads. The first search is '
            'at the start. Data that delayed_delete keeps is not removed. Not '
            'in upstream Glance.'
        ),
    ),
]

FORMATS: list[cfg.Opt] = [
    cfg.ListOpt(
        'container_formats',
        deprecated_group='DEFAULT',
        default=['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker']
        + ['compressed'],
        help='Values that container_format may have.',
    ),
    cfg.ListOpt(
        'disk_formats',
        deprecated_group='DEFAULT',
        default=['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw']
        + ['qcow2', 'vdi', 'iso', 'ploop'],
        help='Values that disk_format may have.',
    ),
    cfg.BoolOpt(
        'require_image_format_match',
        default=True,
        help=(
            'Refuse data in a bare container whose format is not '
            'disk_format. If False, such data is accepted without '
            'virtual_size; data that is unsafe for its readers is always '
            'refused.'
        ),
    ),
    cfg.ListOpt(
        'vmdk_allowed_types',
        default=['streamOptimized', 'monolithicSparse'],
        help=(
            'Types of VMDK (createType) that are accepted; empty: no VMDK. '
            'Other types than these two are never accepted, because they '
            'refer to other files.'
        ),
    ),
    cfg.ListOpt(
        'gpt_safety_checks_nonfatal',
        default=[],
        help=(
            'Safety checks of partition tables that only log a warning; '
            'the only one is mbr.'
        ),
    ),
]
