"""Key managers that castellan speaks to over HTTP, as small as can be.

:class:`Vault` is the KV engine, version 2. :class:`Barbican` is Barbican and
the Keystone in front of it: whom a token stands for decides which secrets it
opens.
"""

from collections.abc import Iterator
import contextlib
import http.server
import json
import threading
from typing import Any
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import serialization


class Server:
    """Answers HTTP on a port of its own until the test ends.

    :ivar requests: method, path and token of every request
    """

    token_header = ''

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str | None]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                outer._handle(self)

            do_GET = do_POST = do_DELETE = handle_one  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), Handler
        )
        self.url = f'http://127.0.0.1:{self._server.server_port}'

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handle(self, handler: Any) -> None:
        length = int(handler.headers.get('Content-Length') or 0)
        body = handler.rfile.read(length)
        token = handler.headers.get(self.token_header)
        self.requests.append((handler.command, handler.path, token))
        status, headers, answer = self.answer(
            handler.command, handler.path, token, body
        )
        if not isinstance(answer, bytes):
            headers = {'Content-Type': 'application/json', **headers}
            answer = json.dumps(answer).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header('Content-Length', str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def answer(
        self, method: str, path: str, token: str | None, body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body (a document, or bytes as they are)."""
        raise NotImplementedError


class Vault(Server):
    token_header = 'X-Vault-Token'
    token = 'token-of-the-service'

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, Any] = {}

    def add(self, data: bytes, kind: str = 'certificate') -> str:
        """A secret as castellan keeps it; its id."""
        secret_id = uuid.uuid4().hex
        self.secrets[secret_id] = {
            'type': kind,
            'value': data.hex(),
            'name': None,
            'created': 1,
            'algorithm': 'AES',
            'bit_length': 8 * len(data),
        }
        return secret_id

    def answer(
        self, method: str, path: str, token: str | None, body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        secret_id = path.removeprefix('/v1/secret/data/')
        if token != self.token:
            return 403, {}, {'errors': ['permission denied']}
        if secret_id not in self.secrets:
            return 404, {}, {'errors': []}
        if method == 'DELETE':
            del self.secrets[secret_id]
            return 204, {}, b''
        found = {'data': self.secrets[secret_id], 'metadata': {'version': 1}}
        return 200, {}, {'data': found}


class Barbican(Server):
    """:ivar owners: token -> who holds it"""

    token_header = 'X-Auth-Token'

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str | None, str] = {}
        self.secrets: dict[str, tuple[str, str, bytes]] = {}

    def add_certificate(self, owner: str, data: bytes) -> str:
        pem = x509.load_der_x509_certificate(data).public_bytes(
            serialization.Encoding.PEM
        )
        return self.add(owner, pem, 'certificate')

    def add(self, owner: str, payload: bytes, kind: str) -> str:
        secret_id = str(uuid.uuid4())
        self.secrets[secret_id] = (owner, kind, payload)
        return secret_id

    def answer(
        self, method: str, path: str, token: str | None, body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        if path.startswith('/v3'):
            return self._keystone(method, body)
        if path == '/':
            return 300, {}, {'versions': [self._version()]}
        if token not in self.owners:
            return 401, {}, _problem(401, 'Unauthorized')
        secret_id, _, rest = path.removeprefix('/v1/secrets/').partition('/')
        owner, kind, payload = self.secrets.get(secret_id, (None, '', b''))
        if owner is None:
            return 404, {}, _problem(404, 'Not Found')
        if owner != self.owners[token]:
            return 403, {}, _problem(403, 'Forbidden')
        if method == 'DELETE':
            del self.secrets[secret_id]
            return 204, {}, b''
        if rest == 'payload':
            return 200, {'Content-Type': 'application/octet-stream'}, payload
        document = {
            'status': 'ACTIVE',
            'secret_type': kind,
            'secret_ref': f'{self.url}/v1/secrets/{secret_id}',
            'created': '2026-01-01T00:00:00',
            'updated': '2026-01-01T00:00:00',
            'content_types': {'default': 'application/octet-stream'},
            'name': None,
        }
        return 200, {}, document

    def _version(self) -> dict[str, Any]:
        return {
            'id': 'v1',
            'status': 'CURRENT',
            'min_version': '1.0',
            'max_version': '1.1',
            'links': [{'rel': 'self', 'href': f'{self.url}/v1/'}],
        }

    def _keystone(
        self, method: str, body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        if method == 'GET':
            link = {'rel': 'self', 'href': f'{self.url}/v3'}
            version = {'id': 'v3.14', 'status': 'stable', 'links': [link]}
            return 200, {}, {'version': version}
        given = json.loads(body)['auth']['identity']['token']['id']
        if given not in self.owners:
            return 401, {}, {'error': {'code': 401, 'message': 'no'}}
        token = f'{given}-rescoped'
        self.owners[token] = self.owners[given]
        issued = {
            'methods': ['token'],
            'expires_at': '2099-01-01T00:00:00.000000Z',
            'issued_at': '2026-01-01T00:00:00.000000Z',
            'catalog': [],
        }
        return 201, {'X-Subject-Token': token}, {'token': issued}


def _problem(status: int, title: str) -> dict[str, Any]:
    return {'code': status, 'title': title, 'description': title}
