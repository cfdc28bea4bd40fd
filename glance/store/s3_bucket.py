"""Signed requests to S3; for native threads only."""

from collections.abc import Mapping
import ipaddress
import re
import ssl
from typing import NamedTuple
import urllib.parse
from xml.etree import ElementTree

from botocore import auth
from botocore import awsrequest
from botocore import credentials as keys

from glance.common import errors
from glance.store import servers

#: For a body that is not signed, because it is sent while it is being read.
_UNSIGNED = 'UNSIGNED-PAYLOAD'
_AWS_HOST = re.compile(
    r's3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-[0-9])\.amazonaws\.com'
)
_LABEL = re.compile(r'[a-z0-9][a-z0-9-]{1,61}[a-z0-9]')
DEFAULT_REGION = 'us-east-1'


class Access(NamedTuple):
    """An access key with its secret."""

    key: str
    secret: str


class _Signer(auth.S3SigV4Auth):  # type: ignore[misc]
    """Signs the head of a request; TLS or a digest protects the body."""

    def payload(self, _request: object) -> str:
        return _UNSIGNED


class Bucket:
    """The objects of one bucket.

    :param host: URL of the service
    :param url_format: auto, path or virtual
    :param region: empty: derived from the host name, or as the service
        reports it
    """

    def __init__(
        self,
        host: str,
        name: str,
        access: Access,
        region: str = '',
        url_format: str = 'auto',
        tls: ssl.SSLContext | None = None,
    ) -> None:
        plain = servers.Server(host, tls)
        self._made_of = host, access, region, url_format, tls
        self._others: dict[str, Bucket] = {}
        self.name = name
        #: Host and port in the URLs of locations.
        self.authority = plain.authority
        self.scheme = plain.scheme
        self._has_region = bool(region)
        self._region = region or _region_of(plain.host)
        self._credentials = keys.Credentials(access.key, access.secret)
        if _is_virtual(url_format, plain.host, name):
            port = plain.authority.removeprefix(plain.host)
            self._server = servers.Server(
                f'{plain.scheme}://{name}.{plain.host}{port}', tls
            )
            self._prefix = ''
        else:
            self._server = plain
            self._prefix = f'/{servers.quoted(name)}'

    def other(self, name: str) -> 'Bucket':
        """Another bucket of the same service, for older images."""
        host, access, region, url_format, tls = self._made_of
        if name not in self._others:
            self._others[name] = Bucket(
                host, name, access, region, url_format, tls
            )
        return self._others[name]

    def ask(
        self,
        method: str,
        key: str = '',
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | memoryview = b'',
    ) -> servers.Answer:
        """Send a request; retry if the server is busy.

        :raises servers.Unreachable: there is no response
        """

        def attempt() -> servers.Answer:
            path, signed = self._signed(method, key, query, headers)
            return self._server.ask(method, path, signed, body)

        answer = servers.again(attempt, lambda it: servers.is_busy(it.status))
        region = answer.headers.get('x-amz-bucket-region')
        if answer.status >= 300 and region and not self._has_region:
            self._has_region, self._region = True, region
            return servers.again(
                attempt, lambda it: servers.is_busy(it.status)
            )
        return answer

    def open(self, key: str, headers: Mapping[str, str]) -> servers.Response:
        """Request the data of an object; the caller closes the response."""

        def attempt() -> servers.Response:
            path, signed = self._signed('GET', key, None, headers)
            return self._server.open('GET', path, signed)

        def is_busy(response: servers.Response) -> bool:
            busy = servers.is_busy(response.status)
            if busy:
                response.close()
            return busy

        return servers.again(attempt, is_busy)

    def start(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> servers.Sending:
        """Start a request whose body the caller sends."""
        path, signed = self._signed(method, key, query, headers)
        return self._server.start(method, path, signed)

    def _signed(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[str, dict[str, str]]:
        path = f'{self._prefix}/{servers.quoted(key)}'
        if not key and self._prefix:
            path = self._prefix
        if query:
            path += '?' + urllib.parse.urlencode(
                sorted(query.items()), quote_via=urllib.parse.quote
            )
        request = awsrequest.AWSRequest(
            method,
            f'{self._server.scheme}://{self._server.authority}{path}',
            {**(headers or {}), 'Host': self._server.authority},
        )
        _Signer(self._credentials, 's3', self._region).add_auth(request)
        return path, dict(request.headers.items())


def _region_of(host: str) -> str:
    match = _AWS_HOST.fullmatch(host)
    return match[1] if match else DEFAULT_REGION


def _is_virtual(url_format: str, host: str, name: str) -> bool:
    """Whether the bucket is a part of the host name."""
    if url_format != 'auto':
        return url_format == 'virtual'
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != 'localhost' and bool(_LABEL.fullmatch(name))
    return False


def code_of(answer: servers.Answer) -> str:
    """The code of an error response; empty if it has none."""
    return text_of(answer, 'Code')


def text_of(answer: servers.Answer, name: str) -> str:
    """The text of the first element with a name; empty if there is none."""
    return next(iter(texts_of(answer, name)), '')


def texts_of(answer: servers.Answer, name: str) -> list[str]:
    return [
        element.text or ''
        for element in elements_of(answer)
        if local(element) == name
    ]


def elements_of(answer: servers.Answer) -> list[ElementTree.Element]:
    """All elements of a response; none if it is not XML."""
    if not answer.body or b'<!DOCTYPE' in answer.body:
        return []
    try:
        # Without a DOCTYPE there are no entities to expand.
        tree = ElementTree.fromstring(answer.body)  # noqa: S314
        return list(tree.iter())
    except ElementTree.ParseError:
        return []


def local(element: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition('}')[2]


def require(answer: servers.Answer, doing: str, *fine: int) -> servers.Answer:
    """:raises errors.Error: the response reports a failure"""
    elements = elements_of(answer)
    # A long operation responds 200 before its end, and may still fail.
    has_failed = bool(elements) and local(elements[0]) == 'Error'
    if answer.status in (fine or (200,)) and not has_failed:
        return answer
    raise refused(answer, doing)


def refused(answer: servers.Answer, doing: str) -> errors.Error:
    code = code_of(answer)
    if code == 'NoSuchBucket':
        return servers.Unreachable(f'{doing}: there is no such bucket')
    return servers.translated(answer.status, code, doing)
