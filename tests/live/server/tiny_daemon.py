"""A daemon of a few URLs, to test the server it runs on."""

import sys

from glance.common import server

server.patch()

from collections.abc import Iterable, Iterator  # noqa: E402
import hashlib  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import parse_qs  # noqa: E402

import eventlet  # noqa: E402
from oslo_config import cfg  # noqa: E402

from glance.common import config  # noqa: E402
from glance.common import errors  # noqa: E402
from glance.common import filebody  # noqa: E402
from glance.common import readiness  # noqa: E402
from glance.common.server import service  # noqa: E402
from glance.common.server import worker  # noqa: E402

OPTS = [
    cfg.StrOpt('greeting', default='hello'),
    cfg.StrOpt('file'),
    cfg.StrOpt('peer'),
    cfg.FloatOpt('accept_pause', default=worker.ACCEPT_PAUSE_SECONDS),
]


class WatchedBody(filebody.FileBody):
    """A file that counts how often it is sent in pieces."""

    sent_in_pieces = 0

    def __iter__(self) -> Iterator[bytes]:
        WatchedBody.sent_in_pieces += 1
        return super().__iter__()


class GrowingBody(WatchedBody):
    """A file of which a further part is there each time.

    :param end: ``cut`` or ``gone`` after 1 MB; anything else is whole
    """

    def __init__(self, file: Any, length: int, end: str) -> None:
        super().__init__(file, 0, length)
        self._end = end
        self.rest = self._rest

    def ready_bytes(self, position: int) -> int:
        eventlet.sleep(0)
        if position >= 1_000_000 and self._end == 'cut':
            raise filebody.Unsendable('it is wrong')
        if position >= 1_000_000 and self._end == 'gone':
            raise filebody.TruncatedFile('it does not come')
        return min(500_000, super().ready_bytes(position))

    def _rest(self, done: int) -> filebody.FileBody:
        file = open(self.fileno(), 'rb', closefd=False)  # noqa: SIM115
        return filebody.FileBody(file, done, self.length - done)


class App:
    """One method per first segment of the path."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._greeting = conf.greeting
        worker.ACCEPT_PAUSE_SECONDS = conf.accept_pause
        if self._greeting == 'wrong':
            raise errors.ConfigurationError('greeting: not a good one')
        if self._greeting == 'killed':
            die_in_a_log_line()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        name = environ['PATH_INFO'].strip('/') or 'hello'
        self.query = parse_qs(environ.get('QUERY_STRING', ''))
        return getattr(self, name)(environ, start)

    def hello(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        start('200 OK', [('Content-Type', 'text/plain')])
        return [f'{self._greeting} {os.getpid()}'.encode()]

    def environ(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        start('200 OK', [])
        return [
            f'{key}={environ[key]!r}\n'.encode() for key in sorted(environ)
        ]

    def die(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        die_in_a_log_line()
        return []

    def slow(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        eventlet.sleep(float(environ['QUERY_STRING']))
        start('200 OK', [])
        return [b'slept']

    def digest(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        body = environ['wsgi.input']
        found = hashlib.sha256()
        while data := body.read(1 << 20):
            found.update(data)
        start('200 OK', [])
        return [found.hexdigest().encode()]

    def refuse(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        start('413 Request Entity Too Large', [('Content-Length', '3')])
        return [b'no\n']

    def fail(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        raise ZeroDivisionError('secret')

    def late(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start('200 OK', [])
        yield b'x' * 100000
        raise ZeroDivisionError('secret')

    def short(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        start('200 OK', [('Content-Length', '10')])
        return [b'12345']

    def file(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        first, length = map(int, environ['QUERY_STRING'].split(','))
        file = open(self._conf.file, 'rb')  # noqa: SIM115 - the body closes it
        body = WatchedBody(file, first, length)
        start('200 OK', [('Content-Length', str(length))])
        return body

    def growing(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        file = open(self._conf.file, 'rb')  # noqa: SIM115 - the body closes it
        length = os.path.getsize(self._conf.file)
        start('200 OK', [('Content-Length', str(length))])
        return GrowingBody(file, length, environ['QUERY_STRING'])

    def unreadable(
        self, environ: dict[str, Any], start: Any
    ) -> Iterable[bytes]:
        file = open('/proc/self/mem', 'rb')  # noqa: SIM115 - the body closes it
        start('200 OK', [('Content-Length', '1000')])
        return WatchedBody(file, 0, 1000)

    def pieces(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        start('200 OK', [])
        return [str(WatchedBody.sent_in_pieces).encode()]


def die_in_a_log_line() -> None:
    """End as a process that is killed while it writes to the log."""
    for handler in logging.getLogger().handlers:
        handler.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def look_for(peer: str | None) -> None:
    if peer and not os.path.exists(peer):
        raise errors.Unavailable('The peer is not there.')


def main() -> int:
    conf = cfg.ConfigOpts()
    config.register(conf, 9292)
    conf.register_opts(OPTS)
    config.load(conf, sys.argv[1:], 'tiny', '1')
    readiness.register('peer', lambda: look_for(conf.peer))
    return service.serve(conf, lambda: App(conf), 'tiny')


if __name__ == '__main__':
    sys.exit(config.run_main(main))
