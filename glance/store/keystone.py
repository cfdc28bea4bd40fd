"""Tokens and endpoints of Keystone, for native threads only."""

from _queue import SimpleQueue  # the native one, not monkey-patched
from collections.abc import Iterator
import contextlib
import io
import ssl
from typing import Any, NamedTuple
import urllib.parse

from keystoneauth1 import exceptions
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3
import requests
from requests import adapters
from requests import structures

from glance.common import errors
from glance.store import servers


class Refused(errors.StoreUnavailable):
    """Keystone does not accept the credentials, or has no endpoint.

    :ivar reason: for the log
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Reference(NamedTuple):
    """Credentials, and the URL of Keystone.

    :ivar user: PROJECT:USER; empty with an application credential
    """

    auth_address: str
    user: str = ''
    key: str = ''
    user_domain_id: str | None = 'default'
    user_domain_name: str | None = None
    project_domain_id: str | None = 'default'
    project_domain_name: str | None = None
    application_credential_id: str = ''
    application_credential_secret: str = ''


class Place(NamedTuple):
    """Selects an endpoint of the catalogue.

    :ivar endpoint: a URL to use instead of the catalogue
    """

    service_type: str
    interface: str
    region: str | None = None
    endpoint: str | None = None


class Access(NamedTuple):
    token: str
    url: str


class _Adapter(adapters.BaseAdapter):
    """Makes requests use the connections of this project."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._tls = tls

    def send(
        self, request: requests.PreparedRequest, *_args: Any, **_rest: Any
    ) -> requests.Response:
        parts = urllib.parse.urlsplit(str(request.url))
        path = parts.path or '/'
        if parts.query:
            path += f'?{parts.query}'
        body: Any = request.body or b''
        try:
            answer = servers.Server(
                f'{parts.scheme}://{parts.netloc}', self._tls
            ).ask(
                str(request.method),
                path,
                {
                    name: str(value)
                    for name, value in request.headers.items()
                    if name.lower() not in ('accept-encoding', 'connection')
                },
                body.encode() if isinstance(body, str) else body,
            )
        except servers.Unreachable as error:
            raise requests.ConnectionError(error.reason) from error
        response = requests.Response()
        response.status_code = answer.status
        response.headers = structures.CaseInsensitiveDict(
            answer.headers.items()
        )
        response.raw = io.BytesIO(answer.body)
        response.url = str(request.url)
        response.request = request
        return response

    def close(self) -> None:
        """Do nothing, because no connection is kept."""


class Login:
    """Logs in once, and again before the token expires.

    :param early_seconds: how long before the expiry
    """

    def __init__(
        self,
        reference: Reference,
        place: Place,
        tls: ssl.SSLContext,
        early_seconds: int,
    ) -> None:
        self.reference = reference
        self._place = place
        self._session = _session(tls)
        self._auth = _plugin(reference)
        self._auth.MIN_TOKEN_LIFE_SECONDS = early_seconds
        # Native threads share the plug-in, but its own lock is a green one.
        self._turn: SimpleQueue[None] = SimpleQueue()
        self._turn.put(None)

    def access(self, stale: str | None = None) -> Access:
        """Return a token and the URL of the service.

        :param stale: a token that the service did not accept
        :raises Refused: Keystone does not give a token
        """
        with self.alone(), _translated():
            token = self._auth.get_token(self._session)
            if token == stale:
                self._auth.invalidate()
                token = self._auth.get_token(self._session)
            url = self._place.endpoint or self._auth.get_endpoint(
                self._session,
                service_type=self._place.service_type,
                interface=self._place.interface,
                region_name=self._place.region,
            )
        if not url:
            raise Refused(
                'the catalogue of Keystone has no endpoint of the type '
                f'{self._place.service_type}, interface '
                f'{self._place.interface}, region {self._place.region}'
            )
        return Access(token, url.rstrip('/'))

    def project_id(self) -> str:
        """The id of the project that is logged in; empty if unknown.

        :raises Refused: Keystone does not give a token
        """
        with self.alone(), _translated():
            return str(self._auth.get_project_id(self._session) or '')

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let one native thread at a time in."""
        self._turn.get()
        try:
            yield
        finally:
            self._turn.put(None)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exceptions.ConnectFailure as error:
        raise servers.Unreachable(f'Keystone: {error}') from error
    except exceptions.ClientException as error:
        raise Refused(f'Keystone: {error}') from error


def _session(tls: ssl.SSLContext) -> sessions.Session:
    plain = requests.Session()
    plain.trust_env = False
    for scheme in ('http://', 'https://'):
        plain.mount(scheme, _Adapter(tls))
    return sessions.Session(session=plain)


def _plugin(found: Reference) -> Any:
    if found.application_credential_id:
        return v3.ApplicationCredential(
            found.auth_address,
            application_credential_id=found.application_credential_id,
            application_credential_secret=found.application_credential_secret,
        )
    project, _, user = found.user.partition(':')
    return v3.Password(
        found.auth_address,
        username=user,
        password=found.key,
        project_name=project,
        user_domain_id=found.user_domain_id,
        user_domain_name=found.user_domain_name,
        project_domain_id=found.project_domain_id,
        project_domain_name=found.project_domain_name,
    )
