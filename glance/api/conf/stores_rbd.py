"""Options of stores in a pool of Ceph."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'rbd_store_pool',
        deprecated_group='DEFAULT',
        default='images',
        help='Pool of Ceph in which images are stored. It must exist.',
    ),
    cfg.StrOpt(
        'rbd_store_user',
        deprecated_group='DEFAULT',
        help=(
            'Ceph user, without "client."; its keyring is found through '
            'rbd_store_ceph_conf. Unset: admin.'
        ),
    ),
    cfg.StrOpt(
        'rbd_store_ceph_conf',
        deprecated_group='DEFAULT',
        default='',
        help=(
            'Configuration file of the Ceph client. Empty: the first one of '
            'those that the Ceph libraries look for, for instance '
            '/etc/ceph/ceph.conf.'
        ),
    ),
    cfg.IntOpt(
        'rbd_store_chunk_size',
        deprecated_group='DEFAULT',
        default=8,
        min=1,
        max=32,
        help=(
            'Size in MiB of the objects that new images consist of; a power '
            'of two.'
        ),
    ),
    cfg.IntOpt(
        'rados_connect_timeout',
        deprecated_group='DEFAULT',
        default=-1,
        help=(
            'Seconds that a connection to the cluster may take. 0 or less: '
            'as client_mount_timeout of the Ceph configuration says, or 20.'
        ),
    ),
    cfg.BoolOpt(
        'rbd_thin_provisioning',
        default=False,
        help=(
            'Do not write runs of zeros, so that they use no space in the '
            'pool. This costs CPU time, because each byte is compared.'
        ),
    ),
]
