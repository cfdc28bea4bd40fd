"""Types of stores: their facts that are known before one is created.

The module of a type is imported only when such a store is configured. Its
function ``from_options(options)`` creates a store.
"""

from collections.abc import Callable, Mapping
import importlib
from importlib import metadata
from typing import Any, NamedTuple

from glance.common import errors
from glance.store import base
from glance.store import config


class Kind(NamedTuple):
    """The facts of a type of stores.

    :ivar module: the module with its ``from_options``
    :ivar leaves_unfinished: a failed write may leave data if its server also
        failed; ``hold`` finds that data
    :ivar properties: members of a store in ``GET /v2/info/stores/detail``
    """

    module: str
    schemes: tuple[str, ...]
    properties: Callable[[Mapping[str, Any]], dict[str, Any]]
    is_read_only: bool = False
    can_refuse_deletion: bool = False
    leaves_unfinished: bool = False


def _of_files(options: Mapping[str, Any]) -> dict[str, Any]:
    paths = [path for path, _ in config.directories(options)]
    return {
        'data_dir': paths[0] if len(paths) == 1 else paths,
        'chunk_size': 1024 * 1024,
        'thin_provisioning': options['filesystem_thin_provisioning'],
    }


def _of_rbd(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        'chunk_size': options['rbd_store_chunk_size'] * 1024 * 1024,
        'pool': options['rbd_store_pool'],
        'thin_provisioning': options['rbd_thin_provisioning'],
        'fsid': None,
    }


def _of_s3(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        's3_store_host': options['s3_store_host'],
        's3_store_bucket': options['s3_store_bucket'],
        's3_store_large_object_size': options['s3_store_large_object_size'],
        's3_store_large_object_chunk_size': options[
            's3_store_large_object_chunk_size'
        ],
    }


def _of_swift(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        'container': options['swift_store_container'],
        'large_object_size': options['swift_store_large_object_size'],
        'large_object_chunk_size': options[
            'swift_store_large_object_chunk_size'
        ],
    }


KINDS = {
    'file': Kind('glance.store.files', ('file', 'filesystem'), _of_files),
    'http': Kind(
        'glance.store.http',
        ('http', 'https'),
        lambda _options: {},
        is_read_only=True,
    ),
    'gridfs': Kind(
        'glance.store.gridfs',
        ('gridfs',),
        lambda _options: {},
        leaves_unfinished=True,
    ),
    'rbd': Kind(
        'glance.store.rbd', ('rbd',), _of_rbd, can_refuse_deletion=True
    ),
    's3': Kind(
        'glance.store.s3',
        ('s3', 's3+http', 's3+https'),
        _of_s3,
        leaves_unfinished=True,
    ),
    'sheepdog': Kind(
        'glance.store.sheepdog',
        ('sheepdog',),
        lambda _options: {},
        leaves_unfinished=True,
    ),
    'swift': Kind(
        'glance.store.swift',
        ('swift+config', 'swift', 'swift+http', 'swift+https'),
        _of_swift,
        leaves_unfinished=True,
    ),
}

#: Old names of types in configuration files.
_OLD_NAMES = {
    'filesystem': 'file',
    'glance_store._drivers.filesystem.Store': 'file',
    'glance.store.filesystem.Store': 'file',
    'glance_store._drivers.http.Store': 'http',
    'glance.store.http.Store': 'http',
    'glance_store._drivers.gridfs.Store': 'gridfs',
    'glance.store.gridfs.Store': 'gridfs',
    'glance_store._drivers.rbd.Store': 'rbd',
    'glance.store.rbd.Store': 'rbd',
    'glance_store._drivers.swift.Store': 'swift',
    'glance.store.swift.Store': 'swift',
    'glance_store._drivers.s3.Store': 's3',
    'glance.store.s3.Store': 's3',
    'glance_store._drivers.sheepdog.Store': 'sheepdog',
    'glance.store.sheepdog.Store': 'sheepdog',
    's3+http': 's3',
    's3+https': 's3',
    'glance_store._drivers.cinder.Store': 'cinder',
    'glance.store.cinder.Store': 'cinder',
    'glance_store._drivers.vmware_datastore.Store': 'vmware',
    'glance.store.vmware_datastore.Store': 'vmware',
}


#: All names of types that have a driver in this project.
OWN_NAMES = frozenset(KINDS) | {
    old for old, name in _OLD_NAMES.items() if name in KINDS
}
#: Schemes of drivers of glance_store, used before a driver is set up.
_SCHEMES = {'vmware': ('vsphere',)}


def has_own(name: str) -> bool:
    """Whether this project has its own driver for a type."""
    return name in KINDS


def kind(name: str) -> Kind:
    """Return the facts of a type; see :func:`kind_of`."""
    if name in KINDS:
        return KINDS[name]
    return Kind(
        'glance.store.library',
        _SCHEMES.get(name, (name,)),
        lambda _options: {},
        can_refuse_deletion=True,
    )


def _is_of_library(name: str) -> bool:
    """Whether glance_store or another package has a driver of this name."""
    points = metadata.entry_points(group='glance_store.drivers', name=name)
    return bool(points)


def kind_of(name: str, option: str) -> str:
    """Return the type that an option names.

    :raises errors.ConfigurationError: there is no such type
    """
    kind_name = _OLD_NAMES.get(name.strip(), name.strip())
    if kind_name not in KINDS and not _is_of_library(kind_name):
        raise errors.ConfigurationError(
            f'{option}: the store type {name!r} is not known; it must be one '
            f'of {", ".join(KINDS)}, or an entry point of '
            'glance_store.drivers, for which glance_store must be installed.'
        )
    return kind_name


def check(backend: config.Backend) -> None:
    """Refuse options that :func:`make` would refuse, without any connection.

    :raises errors.ConfigurationError: an option is wrong or missing
    """
    checked = getattr(_module(backend), 'check', None)
    if checked is not None:
        checked(backend.options)


def make(backend: config.Backend) -> base.Store:
    """:raises errors.ConfigurationError: the store cannot be used now"""
    store: base.Store = _module(backend).from_options(backend.options)
    return store


def _module(backend: config.Backend) -> Any:
    try:
        return importlib.import_module(kind(backend.kind).module)
    except ImportError as error:
        raise errors.ConfigurationError(
            f'The store {backend.id} needs the Python module {error.name}; '
            f'install glance-split[{backend.kind}].'
        ) from error
