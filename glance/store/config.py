"""The configuration of the stores, as plain values."""

from collections.abc import Mapping, Sequence
import os
from typing import Any, NamedTuple

from glance.common import errors

#: Ids with this prefix are reserved for the service itself.
RESERVED_PREFIX = 'os_glance_'
STAGING = 'os_glance_staging_store'
TASKS = 'os_glance_tasks_store'


class Backend(NamedTuple):
    """The configuration of one store.

    :ivar id: its section, from enabled_backends; for a single store its type
    :ivar kind: its type, a key of :data:`glance.store.drivers.KINDS`
    :ivar options: the options of its type by name
    :ivar weight: stores with a higher weight are read first
    """

    id: str
    kind: str
    options: Mapping[str, Any]
    description: str | None = None
    weight: int = 0


class Configuration(NamedTuple):
    """The configuration of all stores.

    :ivar backends: in the order of the configuration
    :ivar default_id: the store of uploads that name no store
    :ivar is_named: enabled_backends is set, so clients see the ids of stores
    :ivar staging: directory of data that waits for its import; None if only
        node_staging_uri can set it
    :ivar tasks: directory for the files of tasks; None if work_dir sets it
    """

    backends: tuple[Backend, ...]
    default_id: str
    is_named: bool = False
    staging: str | None = None
    tasks: str | None = None


def check_id(store_id: str) -> None:
    """:raises errors.ConfigurationError: the id is empty or reserved"""
    if not store_id or store_id.startswith(RESERVED_PREFIX):
        raise errors.ConfigurationError(
            f'[DEFAULT] enabled_backends: the id {store_id!r} is empty or '
            f'begins with {RESERVED_PREFIX}, which is reserved.'
        )


def check_directories(configuration: Configuration) -> None:
    """Refuse two stores in one directory, as each would remove all files.

    :raises errors.ConfigurationError: two stores have the same directory
    """
    owners: dict[str, str] = {}
    reserved = {STAGING: configuration.staging, TASKS: configuration.tasks}
    owned_paths = [(name, path) for name, path in reserved.items() if path]
    for backend in configuration.backends:
        if backend.kind == 'file':
            owned_paths += [
                (backend.id, path) for path, _ in directories(backend.options)
            ]
    for owner, path in owned_paths:
        other = owners.setdefault(os.path.realpath(path), owner)
        if other != owner:
            raise errors.ConfigurationError(
                f'The stores {other} and {owner} have the same directory '
                f'{path}; give each store a directory of its own.'
            )


def directories(options: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Directories of a file store, highest priority first.

    :returns: pairs of path and priority
    :raises errors.ConfigurationError: a directory is listed twice
    """
    listed: Sequence[str] = options.get('filesystem_store_datadirs') or ()
    if not listed:
        return [(options['filesystem_store_datadir'], 0)]
    priorities: dict[str, int] = {}
    for text in listed:
        path, priority = _directory(text)
        if path in priorities:
            raise errors.ConfigurationError(
                f'filesystem_store_datadirs names {path} twice.'
            )
        priorities[path] = priority
    return sorted(priorities.items(), key=lambda pair: -pair[1])


def _directory(text: str) -> tuple[str, int]:
    path, _, priority = text.strip().rpartition(':')
    if path and priority.isdecimal():
        return path, int(priority)
    return text.strip(), 0
