"""Options of stores in GridFS of a MongoDB."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'mongodb_store_uri',
        deprecated_group='DEFAULT',
        default='',
        secret=True,
        help=(
            'URI of the MongoDB, for instance '
            'mongodb://glance:PASSWORD@db1,db2/images?replicaSet=rs0. User '
            'and password are percent-encoded. Time limits that the URI does '
            'not set are 10 seconds to find a server and 60 seconds for a '
            'response.'
        ),
    ),
    cfg.StrOpt(
        'mongodb_store_db',
        deprecated_group='DEFAULT',
        default='',
        help=(
            'Database in which images are stored. Empty: the one that '
            'mongodb_store_uri names.'
        ),
    ),
]
