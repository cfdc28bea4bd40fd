"""Refuse responses whose lines are ambiguous.

``http.client`` parses a response and guesses if the response is malformed. A
proxy in front of the registry may guess differently. What the proxy treats as
the rest of one response could then be read here as the next response, which
belongs to another caller. Therefore each line is checked before
``http.client`` reads it.
"""

from collections.abc import Callable
import http.client
import re
from typing import Any

from glance.common import deadlines

#: Bytes of a head, or of the trailers.
MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 100
#: Maximum number of 1xx heads before the head of the final response.
MAX_INTERIM = 9
_STATUS = re.compile(rb'HTTP/1\.[01] ([1-5])[0-9]{2}( [^\r\n\0]*)?\r\n')
_FIELD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*\r\n"
)
_LENGTH = re.compile(rb'[0-9]{1,18}')
_CHUNK = re.compile(rb'([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n\0]*)?\r\n')
_END = b'\r\n'


class BadAnswer(http.client.HTTPException):
    """The response is malformed; no registry or proxy should send it."""


class Strict(deadlines.Limited):
    """A connected socket whose responses are checked line by line.

    :ivar is_chunked: whether the last response was chunked
    :ivar is_last: whether the last response announced that the connection is
        closed
    """

    is_chunked = is_last = False

    def makefile(self, mode: str) -> Any:
        self.is_chunked = self.is_last = False
        return _Response(super().makefile(mode), self)


class _Response:
    """The bytes of one response, in the order in which they are read.

    Every read raises BadAnswer if the bytes are malformed.
    """

    def __init__(self, source: Any, connection: Strict) -> None:
        self._source = source
        self._connection = connection
        self._judge: Callable[[bytes], None] = self._judge_status
        self._fields: dict[bytes, list[bytes]] = {}
        self._interim = self._count = self._size = 0
        self._is_interim = False
        #: Missing bytes of a chunk, including its line end.
        self._left = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._source.readline(limit)
        # If no byte arrived there is no response; http.client reports that.
        if line or self._size or self._judge != self._judge_status:
            self._judge(line)
        return line

    def read(self, amount: int | None = None) -> bytes:
        data: bytes = self._source.read(amount)
        if self._left:
            if self._left <= len(_END) and not _END.endswith(data):
                raise BadAnswer('a chunk does not end where its size says')
            self._left -= len(data)
        return data

    def _judge_status(self, line: bytes) -> None:
        match = _STATUS.fullmatch(line)
        if match is None:
            raise BadAnswer(f'not a status line: {line[:80]!r}')
        self._is_interim = match[1] == b'1'
        self._begin_fields()
        self._take_room(line)
        self._judge = self._judge_field

    def _judge_field(self, line: bytes) -> None:
        if line != _END:
            self._keep_field(line)
        elif not self._is_interim:
            self._judge_framing()
        else:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise BadAnswer(f'more than {MAX_INTERIM} interim responses')
            self._judge = self._judge_status

    def _judge_framing(self) -> None:
        """Refuse a head from which the end of the body is not clear."""
        lengths = self._fields.get(b'content-length', [])
        codings = self._fields.get(b'transfer-encoding', [])
        if len(lengths) + len(codings) > 1:
            raise BadAnswer('more than one length of the body')
        if lengths and not _LENGTH.fullmatch(lengths[0]):
            raise BadAnswer(f'a Content-Length of {lengths[0][:80]!r}')
        if codings and codings[0].lower() != b'chunked':
            raise BadAnswer(f'a Transfer-Encoding of {codings[0][:80]!r}')
        options = b','.join(self._fields.get(b'connection', ())).lower()
        self._connection.is_chunked = bool(codings)
        self._connection.is_last = b'close' in options
        self._judge = self._judge_chunk

    def _judge_chunk(self, line: bytes) -> None:
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise BadAnswer(f'not a size of a chunk: {line[:80]!r}')
        size = int(match[1], 16)
        if size:
            self._left = size + len(_END)
        else:
            self._begin_fields()
            self._judge = self._judge_trailer

    def _judge_trailer(self, line: bytes) -> None:
        if line != _END:
            self._keep_field(line)

    def _begin_fields(self) -> None:
        self._fields = {}
        self._count = self._size = 0

    def _keep_field(self, line: bytes) -> None:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BadAnswer(f'not a field: {line[:80]!r}')
        self._take_room(line)
        self._count += 1
        if self._count > MAX_FIELDS:
            raise BadAnswer(f'more than {MAX_FIELDS} fields')
        self._fields.setdefault(match[1].lower(), []).append(match[2])

    def _take_room(self, line: bytes) -> None:
        self._size += len(line)
        if self._size > MAX_HEAD_BYTES:
            raise BadAnswer(f'a head of more than {MAX_HEAD_BYTES} bytes')
