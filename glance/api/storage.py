"""The stores that the configuration names."""

from collections.abc import Iterator
import contextlib
import os
import pathlib

from oslo_config import cfg

from glance.common import errors
from glance.store import base
from glance.store import filesystem
from glance.store import stores

#: What ``stores`` may list, and what older files say.
_DRIVERS = {
    'file': 'file',
    'filesystem': 'file',
    'glance_store._drivers.filesystem.Store': 'file',
    'glance.store.filesystem.Store': 'file',
    'http': 'http',
    'glance_store._drivers.http.Store': 'http',
    'glance.store.http.Store': 'http',
}


def from_conf(conf: cfg.ConfigOpts) -> stores.Stores:
    """:raises errors.ConfigurationError: a store cannot be used"""
    return around(conf, _file_store(conf))


def around(conf: cfg.ConfigOpts, file_store: base.Writable) -> stores.Stores:
    """All stores of the configuration, with this one for files."""
    options = conf.glance_store
    try:
        names = {_DRIVERS[name.strip()] for name in options.stores}
    except KeyError as error:
        raise errors.ConfigurationError(
            f'[glance_store] stores: the store {error} is not known.'
        ) from error
    if _DRIVERS.get(options.default_store) != 'file' or 'file' not in names:
        raise errors.ConfigurationError(
            '[glance_store] default_store must be file, and [glance_store] '
            'stores must contain file.'
        )
    others = [_http_store(conf)] if 'http' in names else []
    return stores.Stores(file_store, others)


def _file_store(conf: cfg.ConfigOpts) -> base.Writable:
    options = conf.glance_store
    try:
        mode = int(str(options.filesystem_store_file_perm), 8)
    except ValueError as error:
        raise errors.ConfigurationError(
            'filesystem_store_file_perm must consist of octal digits.'
        ) from error
    return filesystem.FilesystemStore(
        options.filesystem_store_datadir,
        mode or filesystem.DEFAULT_MODE,
        options.filesystem_thin_provisioning,
        options.filesystem_store_direct_io,
        options.filesystem_store_warm_percent,
    )


def _http_store(conf: cfg.ConfigOpts) -> base.Store:
    # Only here: a service without it need not hold what it brings.
    from glance.store import addresses
    from glance.store import http
    from glance.store import outbound

    options, rules = conf.glance_store, conf.import_filtering_opts
    ca_file = options.https_ca_certificates_file or None
    if ca_file is not None:
        outbound.tls_context(ca_file, False)  # fails at start, or never
    return http.HTTPStore(
        outbound.Client(
            addresses.Filter(
                addresses.Rules(
                    **{
                        name: tuple(rules[name])
                        for name in addresses.Rules._fields
                    }
                )
            ),
            ca_file,
            options.https_insecure,
        )
    )


@contextlib.contextmanager
def removing_new_directory(conf: cfg.ConfigOpts) -> Iterator[None]:
    """Remove the directories that a start made if it is refused after all.

    The file store makes its directory, which is often a mount point or a
    mistake: a refused start must not leave it behind. Only empty ones go.
    """
    path = pathlib.Path(
        os.path.abspath(conf.glance_store.filesystem_store_datadir)
    )
    missing = [each for each in (path, *path.parents) if not each.exists()]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for each in missing:
                each.rmdir()
        raise
