"""/ and /versions, and the version in a path."""

from collections.abc import Callable, Iterable
import re
from typing import Any

import webob

from glance.api import links
from glance.common import wsgi

#: Minor versions in the order of the document, without a cache and with a
#: single store. Clients take them as flags of what is there: old ones stay.
_SUPPORTED = ('v2.15', 'v2.9')
CURRENT = 'v2.17'
_OLD = tuple(f'v2.{minor}' for minor in range(7, -1, -1))
_ACCEPTED = frozenset(('v2', CURRENT, *_SUPPORTED, *_OLD))
_ACCEPT = re.compile(
    r'application/vnd\.openstack\.images-(v[0-9.]+)', re.IGNORECASE
)

Environ = dict[str, Any]


class Versions:
    """Answers every path that leads to no version."""

    def __init__(self, public_endpoint: str | None) -> None:
        self._public_endpoint = public_endpoint

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = webob.Request(environ)
        # Not request.path_info: the path may be no UTF-8.
        root = environ.get('PATH_INFO', '').split('/')[1:2]
        status = 200 if root == ['versions'] else 300
        response = wsgi.json_response(self._document(request), status)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def redirect(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Send a client from ``/v2`` to ``/v2/``."""
        base = links.base(webob.Request(environ), self._public_endpoint)
        response = webob.Response(status=302, location=f'{base}/v2/')
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _document(self, request: webob.Request) -> dict[str, Any]:
        base = links.base(request, self._public_endpoint)
        statuses = [
            *((version, 'SUPPORTED') for version in _SUPPORTED),
            (CURRENT, 'CURRENT'),
            *((version, 'SUPPORTED') for version in _OLD),
        ]
        to_self = [{'rel': 'self', 'href': f'{base}/v2/'}]
        return {
            'versions': [
                {'id': version, 'status': status, 'links': to_self}
                for version, status in statuses
            ]
        }


class Negotiation:
    """Takes the version off the path, before anybody asks for a token.

    Behind it every path begins with ``/v2/``; other paths get the version
    document here.
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
            if asked[1].lower() not in _ACCEPTED:
                return self._versions(environ, start_response)
            environ['PATH_INFO'] = f'/v2/{path}'
        elif first not in _ACCEPTED:
            return self._versions(environ, start_response)
        elif first == 'v2' and not slash:
            return self._versions.redirect(environ, start_response)
        else:
            environ['PATH_INFO'] = f'/v2/{rest}'
        return self._app(environ, start_response)


def app_factory(options: wsgi.Options, **_local: str) -> Versions:
    """Paste factory of the application ``apiversions``."""
    return Versions(wsgi.configuration(options).public_endpoint)


def negotiation_factory(
    options: wsgi.Options, **_local: str
) -> Callable[[wsgi.WSGIApp], Negotiation]:
    """Paste factory of the filter ``versionnegotiation``."""
    versions = Versions(wsgi.configuration(options).public_endpoint)
    return lambda app: Negotiation(app, versions)
