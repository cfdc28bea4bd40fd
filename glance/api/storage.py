"""The stores that the configuration names."""

from collections.abc import Iterator
import contextlib
import copy
import os
import pathlib
from typing import Any

from oslo_config import cfg

from glance.api.conf import stores as options
from glance.common import background
from glance.common import errors
from glance.common import health
from glance.store import addresses
from glance.store import base
from glance.store import config
from glance.store import drivers
from glance.store import named
from glance.store import stores

#: Values for every store of enabled_backends that does not set them.
DEFAULTS = 'backend_defaults'
#: Interval of attempts to use a store that is down.
LOOK_SECONDS = 30


def register(conf: cfg.ConfigOpts) -> None:
    """Declare the options of the sections that enabled_backends names.

    :raises errors.ConfigurationError: an id or a type cannot be used
    """
    for store_id, kind in _enabled(conf).items():
        config.check_id(store_id)
        declared = [*options.NAMED, *options.BY_KIND.get(kind, [])]
        for group in (store_id, DEFAULTS):
            try:
                conf.register_opts(_plain(declared), group=group)
            except cfg.DuplicateOptError as error:
                raise errors.ConfigurationError(
                    f'[DEFAULT] enabled_backends: the id {store_id} cannot be '
                    'used, because the section has other options.'
                ) from error


def check(conf: cfg.ConfigOpts) -> None:
    """Refuse what :func:`from_conf` would refuse, without opening a store.

    A store of enabled_backends with a wrong option is down, but the start is
    not refused, so the options of these are not checked here.

    :raises errors.ConfigurationError: a store cannot be used
    """
    register(conf)
    configuration = read(conf)
    if not configuration.is_named:
        for backend in configuration.backends:
            drivers.check(backend)


def from_conf(conf: cfg.ConfigOpts) -> stores.Stores:
    """:raises errors.ConfigurationError: a store cannot be used"""
    return around(conf, None)


def around(
    conf: cfg.ConfigOpts, file_store: base.Writable | None
) -> stores.Stores:
    """All stores of the configuration.

    :param file_store: the file store if it exists already; it is then used
        for every backend of the type file. None to make new ones
    """
    register(conf)
    configuration = read(conf)
    every = [
        named.Named(
            backend,
            configuration.is_named,
            _ready(backend, configuration, file_store),
        )
        for backend in configuration.backends
    ]
    made = stores.Stores(
        every,
        configuration.default_id,
        configuration.is_named,
        conf.lost_stores,
    )
    made.look()
    if made.troubles():
        background.register('stores', made.look, LOOK_SECONDS)
    for each in every:
        health.check(f'store {each.id}', each.find_trouble)
    return made


def _ready(
    backend: config.Backend,
    configuration: config.Configuration,
    file_store: base.Writable | None,
) -> base.Store | None:
    """The store if it is needed at the start; None if it is opened later."""
    if file_store is not None and backend.kind == 'file':
        return file_store
    if configuration.is_named:
        return None
    try:
        return drivers.make(backend)
    except errors.StoreUnavailable:
        return None  # its server is down; the store is tried again later


def read(conf: cfg.ConfigOpts) -> config.Configuration:
    """Read the configuration of the stores; call :func:`register` first.

    :raises errors.ConfigurationError: the configuration is invalid
    """
    configuration = _several(conf) if _enabled(conf) else _single(conf)
    config.check_directories(configuration)
    return configuration


def _enabled(conf: cfg.ConfigOpts) -> dict[str, str]:
    """The stores of enabled_backends: id -> type."""
    where = '[DEFAULT] enabled_backends'
    try:
        pairs: dict[str, str] = conf.enabled_backends or {}
    except ValueError as error:
        raise errors.ConfigurationError(
            f'{where} must be a list of ID:TYPE with commas.'
        ) from error
    return {
        store_id.strip(): drivers.kind_of(name, where)
        for store_id, name in pairs.items()
    }


def _several(conf: cfg.ConfigOpts) -> config.Configuration:
    enabled = _enabled(conf)
    default_id = conf.glance_store.default_backend
    if default_id not in enabled:
        raise errors.ConfigurationError(
            '[glance_store] default_backend must be one of the ids in '
            f'[DEFAULT] enabled_backends: {", ".join(enabled)}.'
        )
    if drivers.kind(enabled[default_id]).is_read_only:
        raise errors.ConfigurationError(
            f'[glance_store] default_backend: the store {default_id} is '
            'read-only; images cannot be uploaded to it.'
        )
    backends = tuple(
        config.Backend(
            store_id,
            kind,
            _values(conf, store_id, kind),
            conf[store_id].store_description,
            conf[store_id].weight,
        )
        for store_id, kind in enabled.items()
    )
    return config.Configuration(
        backends,
        default_id,
        True,
        conf[config.STAGING].filesystem_store_datadir,
        conf[config.TASKS].filesystem_store_datadir,
    )


def _single(conf: cfg.ConfigOpts) -> config.Configuration:
    where = '[glance_store] stores'
    listed = [
        drivers.kind_of(name, where) for name in conf.glance_store.stores
    ]
    kinds = list(dict.fromkeys(listed))
    scheme = conf.glance_store.default_store
    default = next(
        (
            kind
            for kind in kinds
            if scheme == kind or scheme in drivers.kind(kind).schemes
        ),
        None,
    )
    if default is None or drivers.kind(default).is_read_only:
        raise errors.ConfigurationError(
            f'[glance_store] default_store is {scheme}, which must be the '
            'scheme of a store in [glance_store] stores to which data can be '
            'written.'
        )
    backends = tuple(
        config.Backend(kind, kind, _values(conf, 'glance_store', kind))
        for kind in kinds
    )
    return config.Configuration(backends, default)


def _values(conf: cfg.ConfigOpts, group: str, kind: str) -> dict[str, Any]:
    """The options of one store: its own, the common ones, the defaults."""
    if not drivers.has_own(kind):
        # The driver reads the files itself, because we do not declare its
        # options.
        return {
            'driver': kind,
            'group': group,
            'defaults': DEFAULTS,
            'files': list(conf.config_file or ()),
            'directories': list(conf.config_dir or ()),
        }
    values = {}
    for option in options.BY_KIND[kind]:
        home = group
        if (
            group != 'glance_store'
            and not _is_set(conf, option.dest, group)
            and _is_set(conf, option.dest, DEFAULTS)
        ):
            home = DEFAULTS
        values[option.dest] = conf[home][option.dest]
    if kind == 'file':
        _choose_directory(conf, group, values)
    if kind == 'http':
        rules = conf.import_filtering_opts
        values['filtering'] = {
            name: tuple(rules[name]) for name in addresses.AddressRules._fields
        }
    return values


def _choose_directory(
    conf: cfg.ConfigOpts, group: str, values: dict[str, Any]
) -> None:
    """:raises errors.ConfigurationError: both options are set, or none is"""
    one, several = 'filesystem_store_datadir', 'filesystem_store_datadirs'
    if values[several] and values[one] and _is_set(conf, one, group):
        raise errors.ConfigurationError(
            f'[{group}] has both {one} and {several}; set one of them.'
        )
    if not values[several] and not values[one]:
        raise errors.ConfigurationError(f'[{group}] {one} must be set.')


def _is_set(conf: cfg.ConfigOpts, name: str, group: str) -> bool:
    where: Any = conf.get_location(name, group)
    return where is not None and where.location not in (
        cfg.Locations.opt_default,
        cfg.Locations.set_default,
    )


def _plain(declared: list[cfg.Opt]) -> list[cfg.Opt]:
    """The options without their old names and sections."""
    copies = [copy.copy(option) for option in declared]
    for option in copies:
        option.deprecated_opts = []
    return copies


@contextlib.contextmanager
def removing_new_directory(conf: cfg.ConfigOpts) -> Iterator[None]:
    """Remove the directories that a start made if the start then fails.

    A file store makes its directory. A start that fails must not leave it
    behind, because it may be a missing mount point or a wrong path. Only
    empty directories are removed.
    """
    missing: list[pathlib.Path] = []
    for backend in read(conf).backends:
        if backend.kind == 'file':
            for directory, _ in config.directories(backend.options):
                path = pathlib.Path(os.path.abspath(directory))
                missing += [
                    each
                    for each in (path, *path.parents)
                    if not each.exists() and each not in missing
                ]
    try:
        yield
    except BaseException:
        for each in missing:
            with contextlib.suppress(OSError):
                each.rmdir()
        raise
