"""Plug-ins that change an image on its way into the stores.

Some plug-ins change the data while it streams, others need it as a file. The
streaming ones run first, each kind in the order of the option
``image_import_plugins``.

A site can add plug-ins by the entry point group
``glance.image_import.plugins``. Each is a callable without arguments that
returns an object with the methods of :class:`Plugin`.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
import logging
import pathlib
from typing import Any, Protocol

from glance.common import contract
from glance.common import errors
from glance.images.importing import source

LOG = logging.getLogger(__name__)

GROUP = 'glance.image_import.plugins'


class Job:
    """One image that passes through the plug-ins, and their changes to it.

    :ivar image: the registry's record, with the changes made so far
    :ivar roles: of the user who requested the import
    :ivar cap_bytes: max size of the data, also when unpacked
    :ivar values: members of the image that change
    :ivar properties: properties to be added to the image
    """

    def __init__(
        self, image: contract.Image, roles: Iterable[str], cap_bytes: int
    ) -> None:
        self.image: contract.Image = {**image}
        self.roles = frozenset(roles)
        self.cap_bytes = cap_bytes
        self.values: dict[str, Any] = {}
        self.properties: dict[str, str] = {}

    def set(self, **values: Any) -> None:
        """Change members of the image."""
        self.values |= values
        self.image = {**self.image, **values}  # type: ignore[typeddict-item]


class Plugin(Protocol):
    """:ivar needs_file: whether :meth:`change` must be called"""

    needs_file: bool

    def wrap(self, job: Job, data: source.Data) -> source.Data:
        """Return the changed data; return ``data`` itself if unchanged.

        :raises errors.Error: the data cannot be imported
        """

    def change(self, job: Job, path: pathlib.Path) -> None:
        """Change the file in place; its directory is for scratch files.

        :raises errors.Error: the data cannot be imported; the file may be
            damaged, but no other file is left in the directory
        """


class Streaming:
    """A plug-in that needs no file."""

    needs_file = False

    def change(self, job: Job, path: pathlib.Path) -> None:
        """Do nothing."""


class NoOp(Streaming):
    """Changes nothing."""

    def wrap(self, _job: Job, data: source.Data) -> source.Data:
        return data


class Chain:
    """The configured plug-ins, in order.

    :ivar needs_file: whether the data must be in a file before it is stored
    """

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self._plugins = list(plugins)
        self.needs_file = any(plugin.needs_file for plugin in self._plugins)

    def __bool__(self) -> bool:
        return bool(self._plugins)

    def wrap(self, job: Job, data: source.Data) -> source.Data:
        """Return the data as the plug-ins change it while it streams.

        Their changes of the image are in the job when all data was read.
        """
        for plugin in self._plugins:
            data = plugin.wrap(job, data)
        return data

    def change(self, job: Job, path: pathlib.Path) -> None:
        """Let the plug-ins that need a file change it."""
        for plugin in self._plugins:
            if plugin.needs_file:
                plugin.change(job, path)


Factory = Callable[[], Plugin]


def chain(names: Iterable[str], options: Mapping[str, Factory]) -> Chain:
    """Create the plug-ins with these names.

    :param options: creates the plug-ins that come with the service, by name
    :raises errors.ConfigurationError: a name is unknown, or its plug-in
        cannot be created
    """
    return Chain([_made(name.strip(), options) for name in names if name])


def _made(name: str, ours: Mapping[str, Factory]) -> Plugin:
    make = ours.get(name) or _own(name)
    if make is None:
        raise errors.ConfigurationError(
            f'[image_import_opts] image_import_plugins: the plug-in {name} '
            'is unknown.'
        )
    return make()


def _own(name: str) -> Factory | None:
    """Find a plug-in of the site; None if there is none of this name.

    :raises errors.ConfigurationError: the plug-in cannot be loaded
    """
    for point in metadata.entry_points(group=GROUP, name=name):
        try:
            loaded = point.load()
        except Exception as error:  # its module may raise anything
            raise errors.ConfigurationError(
                f'[image_import_opts] image_import_plugins: the plug-in '
                f'{name} cannot be loaded: {error!r}'
            ) from error
        return lambda: _required(name, loaded())
    return None


def _required(name: str, plugin: Any) -> Plugin:
    lacking = [
        member
        for member in ('needs_file', 'wrap', 'change')
        if not hasattr(plugin, member)
    ]
    if lacking:
        raise errors.ConfigurationError(
            f'[image_import_opts] image_import_plugins: the plug-in {name} '
            f'has no {", ".join(lacking)}; it was written for another '
            'image service.'
        )
    checked: Plugin = plugin
    return checked
