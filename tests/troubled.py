"""Data on a web server that has every trouble there is."""

import random
import socket
import struct
import threading
from typing import Any

MIB = 1024 * 1024
DATA = random.Random(7).randbytes(3 * MIB + 11)
#: How long a stalling server waits, at most.
BOUND_SECONDS = 20


def reset(handler: Any) -> None:
    """End the connection as a crashed host does."""
    linger = struct.pack('ii', 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    handler.close_connection = True


class Served:
    """Some data with a trouble.

    :ivar etag: None: the server says too little
    :ivar knows_ranges: whether it answers 206
    :ivar stops_after: bytes of a response after which it ends, per response
    :ivar announced: Content-Length instead of the truth
    """

    def __init__(self, data: bytes = DATA) -> None:
        self.data = data
        self.etag: str | None = '"one"'
        self.modified: str | None = None
        self.knows_ranges = True
        self.stops_after: list[int | None] = []
        self.every_time: int | None = None
        self.announced: int | None = None
        self.first_statuses: list[int] = []
        self.retry_after: str | None = None
        self.stalls: threading.Event | None = None
        self.resets = False
        self.is_chunked = False
        self.after_one: Any = lambda: None

    def __call__(self, handler: Any) -> None:
        if self.first_statuses:
            status = self.first_statuses.pop(0)
            wait = (
                {'Retry-After': self.retry_after} if self.retry_after else {}
            )
            handler.reply(status, b'no', wait)
            return
        begin, status = 0, 200
        part = handler.headers.get('Range')
        condition = handler.headers.get('If-Range')
        if part and self.knows_ranges and condition in (None, self.etag):
            begin, status = int(part.removeprefix('bytes=').rstrip('-')), 206
        handler.send_response(status)
        if status == 206:
            size = len(self.data)
            handler.send_header(
                'Content-Range', f'bytes {begin}-{size - 1}/{size}'
            )
        for name, value in (
            ('ETag', self.etag),
            ('Last-Modified', self.modified),
        ):
            if value is not None:
                handler.send_header(name, value)
        body = self.data[begin:]
        if self.is_chunked:
            handler.send_header('Transfer-Encoding', 'chunked')
        else:
            length = len(body) if self.announced is None else self.announced
            handler.send_header('Content-Length', str(length))
        handler.end_headers()
        self.send(handler, body)
        after, self.after_one = self.after_one, lambda: None
        after()

    def send(self, handler: Any, body: bytes) -> None:
        stop = self.stops_after.pop(0) if self.stops_after else self.every_time
        sent = memoryview(body)[:stop]
        try:
            if self.is_chunked:
                handler.wfile.write(b'%x\r\n' % len(body))
            handler.wfile.write(sent)
            if self.is_chunked and stop is None:
                handler.wfile.write(b'\r\n0\r\n\r\n')
            handler.wfile.flush()
        except OSError:
            return  # the client had enough
        if stop is None:
            handler.close_connection = self.announced is not None
            return
        if self.stalls is not None:
            self.stalls.wait(BOUND_SECONDS)
        handler.close_connection = True
        if self.resets:
            reset(handler)
