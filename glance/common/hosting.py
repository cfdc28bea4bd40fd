"""Load a daemon's application for a WSGI server other than the shipped one.

``glance.wsgi`` and ``glance_registry.wsgi`` call :func:`application` when
gunicorn, uWSGI or mod_wsgi imports them. The options of the shipped server
(``bind_host``, ``workers``, ``cert_file`` and so on) do not apply there,
with one exception: a loopback ``bind_host`` still means that only this
machine is served.
"""

import atexit
from collections.abc import Callable, Iterable, Sequence
import importlib
import importlib.metadata
import ipaddress
import os
import sys
import threading
from typing import Any, NamedTuple
import urllib.parse

from oslo_config import cfg
import webob.exc

from glance.common import config
from glance.common import errors
from glance.common import middleware
from glance.common import pipeline
from glance.common import settings
from glance.common import shutdown
from glance.common import startup
from glance.common import wsgi

#: Environment variable with the directory of the configuration files.
DIRECTORY_VARIABLE = 'OS_GLANCE_CONFIG_DIR'
DEFAULT_DIRECTORY = '/etc/glance'


class Daemon(NamedTuple):
    """The differences between the two daemons.

    :ivar name: name of the paste application and, with ``.conf``, of the
        configuration file
    :ivar conf: the module or package that declares the daemon's options; the
        packaged paste file is in the same directory
    :ivar settings: options of the classic service that have no effect
    :ivar further_files: read before the daemon's file, if they exist
    """

    name: str
    conf: Any
    settings: settings.Table
    further_files: Sequence[str] = ()

    @property
    def paste_file(self) -> str:
        """The packaged paste file, used if the operator has none."""
        package = sys.modules[self.conf.__name__.rpartition('.')[0]]
        directory = os.path.dirname(str(package.__file__))
        return os.path.join(directory, f'{self.name}-paste.ini')


def application(conf: cfg.ConfigOpts, daemon: Daemon) -> wsgi.WSGIApp:
    """Build the application from the configuration files.

    If the configuration is wrong, one line is written to stderr, as by the
    shipped server, and an exception is raised, which ends the start of every
    WSGI server.

    :raises errors.ConfigurationError: the configuration cannot be used
    """
    try:
        app = _load(conf, daemon)
    except Exception as error:
        line = config.one_line(error)
        sys.stderr.write(f'ERROR: {line}\n')
        if config.exit_code(error) == config.EXIT_UNEXPECTED:
            raise
        raise errors.ConfigurationError(line) from None
    atexit.register(shutdown.run)
    return app


def _load(conf: cfg.ConfigOpts, daemon: Daemon) -> wsgi.WSGIApp:
    daemon.conf.register(conf)
    directory = os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY
    config.load(
        conf,
        [],
        daemon.name,
        importlib.metadata.version('glance-split'),
        _files(directory, daemon),
        default_config_dirs=_existing(
            directory, 'glance.conf.d', f'{daemon.name}.conf.d'
        ),
    )
    checker = settings.Checker(conf, daemon.settings, daemon.conf.list_opts())
    checker.report()
    checker.refuse()
    app: wsgi.WSGIApp = pipeline.load_app(conf, daemon.name, daemon.paste_file)
    config.check(conf)
    if middleware.listens_locally(conf):
        app = LocalOnly(app)
    return Starting(WholePath(ChunkedInput(app)))


def _files(directory: str, daemon: Daemon) -> list[str]:
    own = os.path.join(directory, f'{daemon.name}.conf')
    if not os.path.exists(own):
        raise errors.ConfigurationError(
            f'{own} does not exist; set {DIRECTORY_VARIABLE} to the '
            'directory of the configuration.'
        )
    return [*_existing(directory, *daemon.further_files), own]


def _existing(directory: str, *names: str) -> list[str]:
    paths = [os.path.join(directory, name) for name in names]
    return [path for path in paths if os.path.exists(path)]


class Starting:
    """Runs the start actions of a worker at its first request.

    They cannot run earlier, because the server may fork after the import.
    """

    def __init__(self, app: wsgi.WSGIApp) -> None:
        self._app = app
        self._first_request = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if self._first_request.acquire(blocking=False):  # never released
            startup.run()
        return self._app(environ, start_response)


class LocalOnly:
    """Refuses requests that do not come from this machine.

    Pipelines that trust every peer are allowed only with a loopback
    ``bind_host`` or a Unix socket, but here the WSGI server chooses the
    address and ignores these options.
    """

    def __init__(self, app: wsgi.WSGIApp) -> None:
        self._app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if _is_local(environ.get('REMOTE_ADDR', '')):
            return self._app(environ, start_response)
        refusal = webob.exc.HTTPForbidden(
            'bind_host or bind_socket limits this service to its own machine.'
        )
        answer: Iterable[bytes] = refusal(environ, start_response)
        return answer


def _is_local(address: str) -> bool:
    if not address:
        return True  # a Unix socket
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, 'ipv4_mapped', None)
    return (mapped or ip).is_loopback


class WholePath:
    """Restores the original path if uWSGI has resolved its dots.

    uWSGI resolves dots after decoding, so ``tags/a%2F..%2Fb`` would reach
    the tag b even if a proxy in front of it does not permit that path.
    """

    def __init__(self, app: wsgi.WSGIApp) -> None:
        self._app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if 'uwsgi.version' in environ and not environ.get('SCRIPT_NAME'):
            target, _, _ = environ.get('REQUEST_URI', '').partition('?')
            path = urllib.parse.unquote(target, 'latin-1')
            if path.startswith('/') and '/.' in path:
                environ['PATH_INFO'] = path
        return self._app(environ, start_response)


class ChunkedInput:
    """Lets the application read chunked bodies, or refuses them.

    Servers that set ``wsgi.input_terminated`` decode chunks. uWSGI provides
    them through a function of its own. With other servers the body would
    look empty, and an image would become active without its data.
    """

    def __init__(self, app: wsgi.WSGIApp) -> None:
        self._app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        coding = environ.get('HTTP_TRANSFER_ENCODING')
        app = self._refusal(environ, coding) if coding else None
        return (app or self._app)(environ, start_response)

    def _refusal(
        self, environ: dict[str, Any], coding: str
    ) -> wsgi.WSGIApp | None:
        """The response to a body that cannot be read; None if it can be."""
        if coding.lower() != 'chunked':
            return _NOT_CHUNKED
        if environ.get('CONTENT_LENGTH'):
            return _CONTRADICTION
        if environ.get('wsgi.input_terminated'):
            return None
        if 'uwsgi.version' not in environ:
            return _NO_CHUNKS
        # The module exists inside uWSGI only.
        uwsgi = importlib.import_module('uwsgi')
        environ['wsgi.input'] = Chunks(uwsgi.chunked_read)
        return None


_NOT_CHUNKED: wsgi.WSGIApp = webob.exc.HTTPNotImplemented(
    'The only Transfer-Encoding that is supported is chunked.'
)
_CONTRADICTION: wsgi.WSGIApp = webob.exc.HTTPBadRequest(
    'A request has either Content-Length or Transfer-Encoding.'
)
_NO_CHUNKS: wsgi.WSGIApp = webob.exc.HTTPLengthRequired(
    'This WSGI server does not decode chunked bodies: send Content-Length, '
    'or configure the server to decode them.'
)


class Chunks:
    """A chunked body as ``wsgi.input``.

    :param next_chunk: returns the next chunk, empty at the end; raises
        OSError if the chunk is malformed or does not arrive
    """

    def __init__(self, next_chunk: Callable[[], bytes]) -> None:
        self._next_chunk = next_chunk
        self._chunk = memoryview(b'')
        self._is_finished = False

    def read(self, size_bytes: int) -> bytes:
        """At most ``size_bytes``; empty at the end of the body only."""
        if not self._chunk and not self._is_finished:
            self._chunk = memoryview(self._next_chunk())
            self._is_finished = not self._chunk
        piece = bytes(self._chunk[:size_bytes])
        self._chunk = self._chunk[size_bytes:]
        return piece
