"""Strict parsing of request heads and bodies.

This server and a proxy in front of it must always agree on where a request
ends. Ambiguous requests are refused, because they could hide a second
request from the proxy. This module depends only on buffered files, not on
the server.
"""

from collections.abc import Callable
import io
import re
import socket
from typing import Any, BinaryIO, NamedTuple, NoReturn

from glance.common import authority
from glance.common import errors

#: Limits in bytes of a chunk size line, and in lines of the trailers.
MAX_CHUNK_LINE = 256
MAX_TRAILER_LINES = 32
#: The limit is high, because API v1 sends each property as a header.
MAX_HEADERS = 1000

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(
    rb'(' + _TOKEN + rb') ([\x21-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])\r\n'
)
_HEADER_LINE = re.compile(
    rb'(' + _TOKEN + rb'):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\r\n'
)
_CHUNK_EXTENSION = (
    rb'[ \t]*;[ \t]*' + _TOKEN + rb'(?:[ \t]*=[ \t]*(?:' + _TOKEN + rb'|'
    rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?'
)
_CHUNK_LINE = re.compile(
    rb'([0-9a-fA-F]{1,15})(?:' + _CHUNK_EXTENSION + rb')*\r\n'
)
_ABSOLUTE_FORM = re.compile(r'https?://([^/?#]*)', re.IGNORECASE)
#: A line feed alone does not end a line: other servers may treat it as a
#: normal character.
_BLANK = b'\r\n'


class BadHead(Exception):
    """The head is invalid, so the application is not called."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Headers:
    """Header fields in the order of arrival.

    :ivar _headers: the pairs; eventlet reads this attribute
    :ivar type: the value that eventlet uses if Content-Type is missing
    """

    type = ''

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._headers = pairs
        self._by_name: dict[str, list[str]] = {}
        for name, value in pairs:
            self._by_name.setdefault(name.lower(), []).append(value)

    def get(self, name: str, default: str | None = None) -> str | None:
        values = self._by_name.get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        return self._by_name.get(name.lower(), [])

    def replace_host(self, host: str) -> None:
        """Make ``host`` the only value of Host."""
        kept = [(n, v) for n, v in self._headers if n.lower() != 'host']
        self._headers = [*kept, ('Host', host)]
        self._by_name['host'] = [host]


class RequestLine(NamedTuple):
    """:ivar host: the host of an absolute URL; None if the target is a path"""

    method: str
    path: str
    version: str
    host: str | None


def parse_request_line(line: bytes) -> RequestLine:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise BadHead(400, 'Malformed request line')
    method, target, major, minor = match.groups()
    if major != b'1':
        raise BadHead(505, 'HTTP version not supported')
    version = 'HTTP/1.0' if minor == b'0' else 'HTTP/1.1'
    path, host = target.decode('latin-1'), None
    url = _ABSOLUTE_FORM.match(path)
    if url is not None:
        path, host = path[url.end() :], url[1]
    return RequestLine(method.decode(), _path_of(path), version, host)


def _path_of(path: str) -> str:
    """The path, with several leading slashes replaced by one.

    In a Location header, the text after two leading slashes would be read as
    a host name.
    """
    if path.startswith('//'):
        return '/' + path.lstrip('/')
    if path.startswith('/') or path == '*':
        return path
    if path == '' or path.startswith('?'):
        return '/' + path
    raise BadHead(400, 'Malformed request target')


def read_headers(readline: Callable[[], bytes]) -> Headers:
    """Read the fields up to the blank line.

    :param readline: reads one line and limits its length
    """
    pairs: list[tuple[str, str]] = []
    line = readline()
    while line != _BLANK:
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            raise BadHead(400, 'Malformed header')
        pairs.append((match[1].decode(), match[2].decode('latin-1')))
        if len(pairs) > MAX_HEADERS:
            raise BadHead(431, 'Too many headers')
        line = readline()
    return Headers(pairs)


def check_framing(headers: Headers, version: str) -> None:
    """Refuse a request whose end is ambiguous."""
    lengths = headers.get_all('content-length')
    codings = headers.get_all('transfer-encoding')
    if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
        raise BadHead(400, 'Contradictory length of the body')
    if lengths and not (lengths[0].isascii() and lengths[0].isdigit()):
        raise BadHead(400, 'Malformed Content-Length')
    if lengths and len(lengths[0]) > 18:
        raise BadHead(413, 'Content-Length is too large')
    if codings and version == 'HTTP/1.0':
        raise BadHead(400, 'Transfer-Encoding needs HTTP/1.1')
    if codings and codings[0].lower() != 'chunked':
        raise BadHead(501, 'Transfer-Encoding is not supported')


def check_host(headers: Headers, line: RequestLine) -> None:
    """Refuse a Host that is missing, ambiguous or invalid.

    If the request target is an absolute URL, its host replaces Host.
    """
    hosts = headers.get_all('host')
    if len(hosts) > 1:
        raise BadHead(400, 'More than one Host')
    if not hosts and line.version != 'HTTP/1.0':
        raise BadHead(400, 'Host is missing')
    if line.host is not None:
        hosts = [*hosts, line.host]
        headers.replace_host(line.host)
    if not all(map(authority.is_valid, hosts)):
        raise BadHead(400, 'Malformed Host')


#: Bytes that a native thread receives at a time while it reads a chunked
#: body; large reads go directly into the reader's buffer.
READ_AHEAD = 256 * 1024


class NativeStream:
    """A connection that one native thread reads.

    :param sock: blocks the calling thread, with its own time-out
    :param first: bytes that were received before
    :param looks_ahead: receive more than requested, to find chunk sizes
    """

    def __init__(
        self, sock: socket.socket, first: bytes, looks_ahead: bool
    ) -> None:
        self._sock = sock
        self._direct_bytes = READ_AHEAD // 2 if looks_ahead else 0
        self._ahead = bytearray(READ_AHEAD if looks_ahead else len(first))
        self._ahead[: len(first)] = first
        self._start, self._end = 0, len(first)

    @property
    def has_surplus(self) -> bool:
        """Whether received bytes have not been read yet."""
        return self._start < self._end

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; less only at the end of the connection."""
        got = 0
        while got < len(view):
            rest = view[got:]
            if self.has_surplus:
                amount = self._take(rest)
            elif len(rest) >= self._direct_bytes:
                amount = self._sock.recv_into(rest)
            else:
                amount = self._receive() and self._take(rest)
            if not amount:
                break
            got += amount
        return got

    def read(self, size: int) -> bytes:
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readline(self, limit: int) -> bytes:
        line = bytearray()
        while len(line) < limit and not line.endswith(b'\n'):
            if not self.has_surplus and not self._receive():
                break
            stop = min(self._end, self._start + limit - len(line))
            newline = self._ahead.find(b'\n', self._start, stop)
            stop = newline + 1 if newline >= 0 else stop
            line += self._ahead[self._start : stop]
            self._start = stop
        return bytes(line)

    def close(self) -> None:
        self._sock.close()
        self._ahead = bytearray()  # free it: this object may live longer

    def _take(self, view: memoryview) -> int:
        amount = min(len(view), self._end - self._start)
        stop = self._start + amount
        view[:amount] = memoryview(self._ahead)[self._start : stop]
        self._start = stop
        return amount

    def _receive(self) -> int:
        self._start, self._end = 0, self._sock.recv_into(self._ahead)
        return self._end


class RequestBody(io.RawIOBase):
    """The body of one request: ``wsgi.input``.

    If the body ends early or contradicts the head, reading it raises
    :class:`errors.BadRequest`, so that a truncated body is never mistaken
    for a complete one. The server then closes the connection.

    eventlet uses ``position``, ``content_length``, ``chunked_input``,
    ``headers_sent``, ``should_send_hundred_continue`` and ``discard``.

    :param rfile: the buffered connection
    :param length: announced bytes; None if the body is chunked
    :param invite: sends "100 Continue"; None if the client does not wait
    :param detach: returns the connection as a stream for a native thread,
        which continues after the given first bytes; None if not possible
    """

    def __init__(
        self,
        rfile: BinaryIO,
        length: int | None,
        invite: Callable[[], None] | None = None,
        detach: Callable[[bytes, bool], NativeStream] | None = None,
    ) -> None:
        self._rfile = rfile
        self._invite = invite
        self._detach = detach
        self.native: NativeStream | None = None
        self._left = length or 0  # of the body, or of the current chunk
        self.chunked_input = length is None
        self.content_length = length
        self.position = 0
        self.headers_sent: list[Any] = []
        self.finished = length == 0
        self.broken = False

    @property
    def should_send_hundred_continue(self) -> bool:
        """Whether the client still waits for "100 Continue"."""
        return self._invite is not None and not self.finished

    @property
    def remaining(self) -> int:
        """Known number of unread bytes; of a chunked body: in this chunk."""
        return 0 if self.finished else self._left

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        limit = None if size is None or size < 0 else size
        parts: list[bytes] = []
        while amount := self._ready(limit):
            part: bytes = self._call(self._rfile.read, amount)
            self._took(len(part), amount)
            parts.append(part)
            if limit is not None:
                limit -= amount
        return b''.join(parts)

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, at most to the end of a chunk; 0 at the end."""
        view = memoryview(buffer).cast('B')
        amount = self._ready(len(view))
        if amount:
            readinto = self._rfile.readinto  # type: ignore[attr-defined]
            self._took(self._call(readinto, view[:amount]), amount)
        return amount

    def go_native(self) -> bool:
        """Let one native thread read the rest of the body.

        Call it in the thread that has read the body until then, before the
        native thread starts.

        :returns: False if there is no rest or if this is not possible
        :raises OSError: no descriptor is free
        """
        if self._detach is None or not self._ready(None):
            return False
        size_bytes = READ_AHEAD if self.chunked_input else self._left
        read1 = self._rfile.read1  # type: ignore[attr-defined]
        first: bytes = self._call(read1, min(size_bytes, READ_AHEAD))
        try:
            self.native = self._detach(first, self.chunked_input)
        except OSError:
            self.broken = True  # the bytes in ``first`` are lost
            raise
        self._rfile = self.native  # type: ignore[assignment]
        self._detach = None
        return True

    def discard(self) -> None:
        """Do nothing: the server decides what to do with an unread body."""

    def _ready(self, limit: int | None) -> int:
        """Prepare a read; return how many bytes to read, 0 at the end."""
        if self.broken:
            raise errors.BadRequest(
                'The request body is malformed: its chunked encoding is '
                'wrong or it is incomplete.'
            )
        if self.finished or limit == 0:
            return 0
        if self._invite is not None:
            invite, self._invite = self._invite, None
            if not self.headers_sent:
                self._call(invite)
        if self.chunked_input and not self._left:
            self._next_chunk()
        return self._left if limit is None else min(limit, self._left)

    def _took(self, got: int, expected: int) -> None:
        if got != expected:
            self._fail('The request body ended early.')
        self.position += got
        self._left -= got
        if self._left:
            return
        if not self.chunked_input:
            self.finished = True
        elif self._line() != _BLANK:
            self._fail('A chunk of the request body is malformed.')

    def _next_chunk(self) -> None:
        match = _CHUNK_LINE.fullmatch(self._line())
        if match is None:
            self._fail('A chunk size of the request body is malformed.')
        self._left = int(match[1], 16)
        if not self._left:
            self._skip_trailers()
            self.finished = True

    def _skip_trailers(self) -> None:
        for _ in range(MAX_TRAILER_LINES):
            line = self._line()
            if line == _BLANK:
                return
            if _HEADER_LINE.fullmatch(line) is None:
                break
        self._fail('The trailers of the request body are malformed.')

    def _line(self) -> bytes:
        line: bytes = self._call(self._rfile.readline, MAX_CHUNK_LINE)
        return line

    def _call(self, func: Callable[..., Any], *args: Any) -> Any:
        try:
            return func(*args)
        except (OSError, EOFError) as error:
            self._fail('The request body did not arrive.', error)

    def _fail(self, message: str, cause: Exception | None = None) -> NoReturn:
        self.broken = True
        raise errors.BadRequest(message) from cause
