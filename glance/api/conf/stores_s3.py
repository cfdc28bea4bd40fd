"""Options of stores in S3 services."""

from oslo_config import cfg

from glance.common import settings

_CHECKSUMS = ('when_required', 'when_supported')

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        's3_store_host',
        help=(
            'URL of the S3 service, with http:// or https://; without '
            'either, https. Required.'
        ),
    ),
    cfg.StrOpt(
        's3_store_region_name',
        default='',
        help=(
            'Region for which requests are signed. Empty: the region that '
            'the host name or the service tells, else us-east-1.'
        ),
    ),
    cfg.StrOpt(
        's3_store_access_key', secret=True, help='Access key. Required.'
    ),
    cfg.StrOpt(
        's3_store_secret_key',
        secret=True,
        help='Secret of the access key. Required.',
    ),
    cfg.StrOpt(
        's3_store_bucket',
        help='Bucket to which image data is written. Required.',
    ),
    cfg.BoolOpt(
        's3_store_create_bucket_on_put',
        default=False,
        help='Create the bucket when the store is set up, if it is missing.',
    ),
    cfg.StrOpt(
        's3_store_bucket_url_format',
        default='auto',
        choices=('auto', 'path', 'virtual'),
        help=(
            'Where requests have the name of the bucket: path, behind the '
            'host; virtual, as a part of its name; auto, virtual unless the '
            'host is an address or the bucket cannot be a part of a name.'
        ),
    ),
    cfg.IntOpt(
        's3_store_large_object_size',
        default=100,
        min=0,
        help=(
            'MiB up to which an image whose size is known is uploaded as '
            'one object; larger images, and those whose size is not known, '
            'are uploaded in parts.'
        ),
    ),
    cfg.IntOpt(
        's3_store_large_object_chunk_size',
        default=10,
        min=5,
        help=(
            'MiB of a part. Larger parts are used where an image would have '
            'more than 10000 of them.'
        ),
    ),
    cfg.IntOpt(
        's3_store_thread_pools',
        default=10,
        min=1,
        max=1000,
        help=(
            'Parts of an upload that are sent at once; together they have '
            'at most 64 MiB, or two parts.'
        ),
    ),
    cfg.StrOpt(
        's3_store_cacert',
        default='',
        help=(
            'File of CA certificates that verify the certificate of the S3 '
            'service. Empty: those of the system.'
        ),
    ),
    cfg.BoolOpt(
        's3_store_enable_data_integrity_protection',
        default=False,
        help=(
            'Send a Content-MD5 with each part, which the service checks. '
            'It costs CPU time.'
        ),
    ),
    cfg.StrOpt(
        's3_store_request_checksum_calculation',
        default='when_required',
        choices=_CHECKSUMS,
        help=(
            'when_supported: send a CRC-32 with each part, which the service '
            'checks.'
        ),
    ),
    cfg.StrOpt(
        's3_store_response_checksum_validation',
        default='when_required',
        choices=_CHECKSUMS,
        help=settings.NO_EFFECT
        + "clients verify data with the image's own hash.",
    ),
]
