"""/ and /versions, and the version in a path."""

from collections.abc import Callable, Iterable, Sequence
import dataclasses
import re
from typing import Any

from oslo_config import cfg
import webob

from glance.api import links
from glance.api import older
from glance.common import wsgi

#: Minor versions. Clients use them to detect features, so old ones stay.
CURRENT = 'v2.17'
_OF_CACHE = ('v2.18', CURRENT, 'v2.16', 'v2.15', 'v2.14')
_OF_STORES = ('v2.13', 'v2.12', 'v2.11', 'v2.10', 'v2.9', 'v2.8')
_OLD = tuple(f'v2.{minor}' for minor in range(7, -1, -1))


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of the API.

    :ivar name: the first part of its paths
    :ivar minors: (minor version, status) in the order of the document
    """

    name: str
    minors: tuple[tuple[str, str], ...]


def version_2(has_stores: bool = False, has_cache: bool = False) -> Version:
    """Version 2, with its minors in the order of the document.

    :param has_stores: clients know stores by their ids
    :param has_cache: whether this host has an image cache
    """
    middle = _OF_STORES if has_stores else ('v2.9',)
    minors: tuple[str, ...] = ('v2.15', *middle, CURRENT, *_OLD)
    if has_cache:
        minors = (*_OF_CACHE, *middle, *_OLD)
    current = _OF_CACHE[0] if has_cache else CURRENT
    return Version(
        'v2',
        tuple(
            (minor, 'CURRENT' if minor == current else 'SUPPORTED')
            for minor in minors
        ),
    )


V2 = version_2()
_ACCEPT = re.compile(
    r'application/vnd\.openstack\.images-(v[0-9.]+)', re.IGNORECASE
)

Environ = dict[str, Any]


class Versions:
    """Responds to every path that does not belong to a version.

    :param served: the enabled versions, the newest first
    """

    def __init__(
        self, public_endpoint: str | None, served: Sequence[Version] = (V2,)
    ) -> None:
        self._public_endpoint = public_endpoint
        self._served = served
        #: A first part of a path -> the version that it means.
        self.names = {
            name: version.name
            for version in served
            for name in (version.name, *dict(version.minors))
        }

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = webob.Request(environ)
        # Not request.path_info, because the path may not be valid UTF-8.
        root = environ.get('PATH_INFO', '').split('/')[1:2]
        status = 200 if root == ['versions'] else 300
        response = wsgi.json_response(self._document(request), status)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def redirect(
        self,
        name: str,
        environ: Environ,
        start_response: Callable[..., Any],
    ) -> Iterable[bytes]:
        """Send a client from ``/v2`` to ``/v2/``."""
        base = links.base(webob.Request(environ), self._public_endpoint)
        response = webob.Response(status=302, location=f'{base}/{name}/')
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _document(self, request: webob.Request) -> dict[str, Any]:
        base = links.base(request, self._public_endpoint)
        return {
            'versions': [
                {
                    'id': minor,
                    'status': status,
                    'links': [
                        {'rel': 'self', 'href': f'{base}/{version.name}/'}
                    ],
                }
                for version in self._served
                for minor, status in version.minors
            ]
        }


class Negotiation:
    """Finds the version of a request, before a token is required.

    The version comes from Accept or from the path. The next filter gets only
    paths that begin with the name of a version; for other paths this filter
    returns the version document.
    """

    def __init__(self, app: wsgi.WSGIApp, versions: Versions) -> None:
        self._app = app
        self._versions = versions

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '').lstrip('/')
        first, slash, rest = path.partition('/')
        asked = _ACCEPT.match(environ.get('HTTP_ACCEPT', ''))
        if asked is not None and first != 'versions':
            first, rest = asked[1].lower(), path
        name = self._versions.names.get(first)
        if name is None:
            return self._versions(environ, start_response)
        if asked is None and first == name and not slash:
            return self._versions.redirect(name, environ, start_response)
        environ['PATH_INFO'] = f'/{name}/{rest}'
        return self._app(environ, start_response)


def app_factory(options: wsgi.Options, **_local: str) -> Versions:
    """Paste factory of the application ``apiversions``."""
    return of_conf(wsgi.configuration(options))


def of_conf(conf: cfg.ConfigOpts) -> Versions:
    """The versions that are enabled in this configuration."""
    second = version_2(bool(conf.enabled_backends), bool(conf.image_cache_dir))
    others = [
        Version(each.NAME, each.MINORS)
        for each in older.VERSIONS
        if conf[each.OPTION]
    ]
    return Versions(conf.public_endpoint, (second, *others))


def negotiation_factory(
    options: wsgi.Options, **_local: str
) -> Callable[[wsgi.WSGIApp], Negotiation]:
    """Paste factory of the filter ``versionnegotiation``."""
    versions = of_conf(wsgi.configuration(options))
    return lambda app: Negotiation(app, versions)
