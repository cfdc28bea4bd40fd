"""Build the collaborators of imports from the configuration."""

import logging

from oslo_config import cfg

from glance.common import errors
from glance.images import formats
from glance.images.importing import plugins
from glance.images.importing import qemu_img
from glance.images.importing import web
from glance.images.importing.plugins import conversion
from glance.images.importing.plugins import decompression
from glance.images.importing.plugins import injection
from glance.store import addresses
from glance.store import outbound
from glance.store import proxies

LOG = logging.getLogger(__name__)


def chain(conf: cfg.ConfigOpts, rules: formats.FormatRules) -> plugins.Chain:
    """The plug-ins of ``image_import_plugins``.

    :param rules: the rules for the format of image data
    :raises errors.ConfigurationError: a plug-in cannot be used
    """

    def converting() -> plugins.Plugin:
        missing = qemu_img.is_missing()
        if missing is not None:
            raise errors.ConfigurationError(
                '[image_import_opts] image_import_plugins: image_conversion '
                f'needs the program {missing}, which is not installed.'
            )
        return conversion.Convert(conf.image_conversion.output_format, rules)

    injected = conf.inject_metadata_properties
    return plugins.chain(
        conf.image_import_opts.image_import_plugins,
        {
            'no_op': plugins.NoOp,
            'inject_image_metadata': lambda: injection.InjectMetadata(
                injected.inject, injected.ignore_user_roles
            ),
            'image_decompression': lambda: decompression.Decompress(
                conf.image_decompression.max_ratio
            ),
            'image_conversion': converting,
        },
    )


def download_client(conf: cfg.ConfigOpts) -> outbound.Client:
    """The client that downloads imported data, in native threads.

    :raises errors.ConfigurationError: an option cannot be used
    """
    options, store = conf.import_downloads, conf.glance_store
    rules = conf.import_filtering_opts
    ca_file = store.https_ca_certificates_file or None
    if ca_file is not None:
        outbound.tls_context(ca_file, False)  # a wrong file fails at start
    return outbound.Client(
        addresses.Filter(
            addresses.AddressRules(
                **{
                    name: tuple(rules[name])
                    for name in addresses.AddressRules._fields
                }
            ),
            addresses.resolve_natively,
        ),
        ca_file,
        store.https_insecure,
        times=outbound.Times(
            head_seconds=options.timeout, piece_seconds=options.timeout
        ),
        through=download_proxies(conf),
        native=True,
    )


def download_proxies(conf: cfg.ConfigOpts) -> proxies.Proxies:
    """:raises errors.ConfigurationError: the URL of a proxy is malformed"""
    options = conf.import_downloads
    return proxies.Proxies(
        options.http_proxy, options.https_proxy, tuple(options.no_proxy)
    )


def download_limits(conf: cfg.ConfigOpts) -> web.Limits:
    """Limits of a download, in addition to the owner's quota."""
    options = conf.import_downloads
    return web.Limits(
        conf.image_size_cap,
        tries=options.tries,
        least_bytes_per_second=options.min_bytes_per_second,
    )
