"""Requests whose fate is known: answered, cut, or without any answer."""

import collections
from collections.abc import Callable, Iterable
import hashlib
import http.client
import json
import threading
import time
from typing import Any, NamedTuple
import urllib.parse

from tools.chaos_load import findings
from tools.chaos_load import journal

JSON = 'application/json'
PATCH = 'application/openstack-images-v2.1-json-patch'
BYTES = 'application/octet-stream'
RETRY_SECONDS = 0.05
PAUSE_SECONDS = 0.25
PIECE_BYTES = 256 * 1024


class Answer(NamedTuple):
    """:ivar status: None if the connection was cut before a whole answer"""

    status: int | None
    content: bytes = b''

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_refusal(self) -> bool:
        """Nothing was changed."""
        return self.status is not None and 400 <= self.status < 500


CUT = Answer(None)
NOT_SENT = Answer(0)


class Client:
    """One request a connection, so that every worker gets its share.

    :param patience_seconds: a request without an answer for so long hangs
    :ivar statuses: how often each status came
    :ivar acknowledged: how many requests succeeded
    """

    def __init__(
        self, url: str, found: findings.Findings, patience_seconds: float
    ) -> None:
        self._address = urllib.parse.urlsplit(url).netloc
        self._findings = found
        self._patience_seconds = patience_seconds
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.acknowledged = 0

    def stop(self) -> None:
        """Do not wait any more for a daemon that does not listen."""
        self._stopped.set()

    def json(
        self, method: str, path: str, body: Any = None, kind: str = JSON
    ) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {'Content-Type': kind}
        return self._request(method, path, data, headers, _content)

    def upload(self, path: str, data: bytes, chunked: bool) -> Answer:
        headers = {'Content-Type': BYTES}
        if chunked:
            headers['Transfer-Encoding'] = 'chunked'
            return self._request('PUT', path, _pieces(data), headers, _content)
        return self._request('PUT', path, data, headers, _content)

    def download(self, path: str) -> tuple[Answer, journal.Data | None]:
        """:returns: also the data, if there was a body and it was whole"""
        answer = self._request('GET', path, None, {}, _digest)
        if answer.status != 200:
            return answer, None
        size, _, sha512 = answer.content.decode().partition(' ')
        return answer, journal.Data(int(size), sha512)

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        headers: dict[str, str],
        read: Callable[[http.client.HTTPResponse], bytes],
    ) -> Answer:
        connection = self._connected()
        if connection is None:
            return NOT_SENT
        began = time.monotonic()
        try:
            connection.request(
                method,
                path,
                body=body,
                headers=headers,
                encode_chunked='Transfer-Encoding' in headers,
            )
            response = connection.getresponse()
            answer = Answer(response.status, read(response))
        except TimeoutError:
            answer = self._hung(f'{method} {path}', began)
        except (OSError, http.client.HTTPException):
            answer = CUT
        finally:
            connection.close()
        self._count(answer)
        if answer.status == 503:
            # Fewer requests in vain while the registry is started again.
            self._stopped.wait(PAUSE_SECONDS)
        return answer

    def _hung(self, what: str, began: float) -> Answer:
        seconds = time.monotonic() - began
        self._findings.add('hung', what, f'no answer in {seconds:.0f} s')
        return CUT

    def _count(self, answer: Answer) -> None:
        with self._lock:
            self.statuses[str(answer.status or 'cut')] += 1
            self.acknowledged += answer.is_success

    def _connected(self) -> http.client.HTTPConnection | None:
        """Wait while the service manager starts the daemon again."""
        connection = http.client.HTTPConnection(
            self._address, timeout=self._patience_seconds
        )
        end = time.monotonic() + self._patience_seconds
        while not self._stopped.is_set():
            try:
                connection.connect()
                return connection
            except OSError:
                if time.monotonic() > end:
                    text = f'refuses for {self._patience_seconds:.0f} s'
                    self._findings.add('hung', self._address, text)
                    return None
                time.sleep(RETRY_SECONDS)
        return None


def _pieces(data: bytes) -> Iterable[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def _content(response: http.client.HTTPResponse) -> bytes:
    return response.read()


def _digest(response: http.client.HTTPResponse) -> bytes:
    """Size and hash of a body, for bodies are too large to keep.

    :raises http.client.IncompleteRead: the body was cut
    """
    digest, size = hashlib.sha512(), 0
    while piece := response.read(PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
    if response.length:
        raise http.client.IncompleteRead(b'', response.length)
    return f'{size} {digest.hexdigest()}'.encode()
