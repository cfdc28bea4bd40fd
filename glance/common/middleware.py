"""Filters in front of both applications: identity and request ids.

Identity headers are trusted only if an earlier filter verified them: the
``context`` filter checks that keystonemiddleware or our ``trusted_auth``
filter ran before it. If the authentication filter is missing in a pipeline,
every request with identity headers gets 401.
"""

from collections.abc import Callable, Iterable
import functools
import hmac
import ipaddress
import logging
from typing import Any, Protocol

from oslo_config import cfg

from glance.common import context
from glance.common import errors
from glance.common import wsgi

LOG = logging.getLogger(__name__)

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'allow_anonymous_access',
        default=False,
        help=(
            'Accept a request without a valid token as a read-only caller '
            'without user, project and roles, instead of refusing it with '
            '401.'
        ),
    ),
    cfg.IntOpt(
        'max_request_id_length',
        default=context.MAX_REQUEST_ID_LENGTH,
        min=0,
        help=(
            'Maximum length of X-OpenStack-Request-ID in a request; a '
            'longer one is refused with 431. 0: no limit.'
        ),
    ),
    cfg.StrOpt(
        'trusted_auth_secret',
        secret=True,
        help=(
            'Secret that glance-api and glance-registry share if the '
            'registry runs the flavor trusted-auth: identity headers are '
            'accepted only in requests that carry it. At least 16 '
            'characters. Without it, the flavor works only on a Unix '
            'socket or on loopback.'
        ),
    ),
]
#: Shorter secrets could be guessed over the network.
MIN_SECRET_LENGTH = 16

_CLAIMED = (
    'HTTP_X_IDENTITY_STATUS',
    'HTTP_X_USER_ID',
    'HTTP_X_PROJECT_ID',
    'HTTP_X_TENANT_ID',
    'HTTP_X_ROLES',
    'HTTP_X_SERVICE_ROLES',
    'HTTP_X_SERVICE_IDENTITY_STATUS',
    'HTTP_OPENSTACK_SYSTEM_SCOPE',
    'HTTP_X_SERVICE_CATALOG',
)
_VETTED = 'glance.identity_vetted'
StartResponse = Callable[..., Any]
Environ = dict[str, Any]


class Factory(Protocol):
    """A filter for Paste: takes the application, returns the filter."""

    def __call__(self, app: wsgi.WSGIApp) -> wsgi.WSGIApp: ...


class Context:
    """Builds the caller's context and adds the request id to responses."""

    def __init__(
        self,
        app: wsgi.WSGIApp,
        *,
        allow_anonymous: bool = False,
        max_request_id_length: int = context.MAX_REQUEST_ID_LENGTH,
        service_roles: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._app = app
        self._allow_anonymous = allow_anonymous
        self._max_request_id_length = max_request_id_length
        self._service_roles = service_roles

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        try:
            context = self._identify(environ)
        except errors.Error as error:
            response = wsgi.public_error(wsgi.Request(environ), error)
            answer: Iterable[bytes] = response(environ, start_response)
            return answer
        environ['glance.context'] = context

        def start(status: str, headers: Any, *rest: Any) -> Any:
            headers.append(('x-openstack-request-id', context.request_id))
            return start_response(status, headers, *rest)

        return self._app(environ, start)

    def _identify(self, environ: Environ) -> context.RequestContext:
        request_id = self._request_id(environ)
        if environ.get('HTTP_X_IDENTITY_STATUS') == 'Confirmed':
            if environ.get(_VETTED) or 'keystone.token_auth' in environ:
                return self._confirmed(environ, request_id)
            LOG.error(
                'Ignored identity headers, because no filter of the '
                'pipeline verifies them: put authtoken or trusted_auth '
                'before context in the paste file'
            )
        elif self._allow_anonymous:
            return context.RequestContext(
                request_id=request_id, read_only=True
            )
        raise errors.Unauthorized

    def _confirmed(
        self, environ: Environ, request_id: str | None
    ) -> context.RequestContext:
        caller = context.from_environ(environ, request_id)
        caller.is_service = bool(
            environ.get(_VETTED)
            or set(caller.service_roles).intersection(self._service_roles())
        )
        return caller

    def _request_id(self, environ: Environ) -> str | None:
        given: str | None = environ.get('HTTP_X_OPENSTACK_REQUEST_ID')
        if not given:
            return None
        longest = self._max_request_id_length
        if longest and len(given) > longest:
            raise errors.HeaderTooLarge(
                f'X-OpenStack-Request-ID may have at most {longest} '
                'characters (max_request_id_length).'
            )
        if not given.isprintable() or not given.isascii():
            raise errors.BadRequest(
                'X-OpenStack-Request-ID must consist of printable ASCII '
                'characters.'
            )
        return given if given.startswith('req-') else f'req-{given}'


class UnauthenticatedContext(Context):
    """Makes every caller an admin without a project.

    It is meant for a machine with one user.
    """

    def _identify(self, environ: Environ) -> context.RequestContext:
        return context.RequestContext(
            request_id=self._request_id(environ),
            roles=['admin', 'member', 'reader'],
            is_service=True,
            is_admin=True,
        )


class TrustedAuth:
    """Accepts identity headers if the peer sends the shared secret.

    Without a secret every peer is trusted. The factory allows this only if
    no other machine can reach the daemon.
    """

    def __init__(self, app: wsgi.WSGIApp, secret: str | None) -> None:
        self._app = app
        self._secret = secret.encode() if secret else None

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if self._believes(environ):
            environ[_VETTED] = True
        else:
            LOG.warning(
                'Refused a request with identity headers, because it did '
                'not carry trusted_auth_secret'
            )
            for name in _CLAIMED:
                environ.pop(name, None)
        return self._app(environ, start_response)

    def _believes(self, environ: Environ) -> bool:
        if self._secret is None:
            return True
        given: str = environ.pop('HTTP_X_GLANCE_SHARED_SECRET', '')
        return hmac.compare_digest(given.encode('latin-1'), self._secret)


def require_service(request: wsgi.Request) -> None:
    """Accept only our own daemons, and trust their admin header.

    They have enforced the policy. A request that a user sends directly has
    not passed a policy.

    :raises errors.NotAService: the peer is not one of our daemons
    """
    if not request.context.is_service:
        raise errors.NotAService
    if request.headers.get(context.IS_ADMIN) == 'true':
        request.context.is_admin = True


def listens_locally(conf: cfg.ConfigOpts) -> bool:
    """Whether only this machine can reach the daemon."""
    if conf.bind_socket:
        return True
    try:
        return ipaddress.ip_address(conf.bind_host).is_loopback
    except ValueError:
        return bool(conf.bind_host == 'localhost')


def context_factory(options: wsgi.Options, **_local: str) -> Factory:
    """Paste factory of the filter ``context``."""
    conf = wsgi.configuration(options)

    def service_roles() -> Iterable[str]:
        # keystonemiddleware registers its options when it is loaded.
        roles = conf.keystone_authtoken.service_token_roles
        return [role.lower() for role in roles]

    return lambda app: Context(
        app,
        allow_anonymous=conf.allow_anonymous_access,
        max_request_id_length=conf.max_request_id_length,
        service_roles=service_roles,
    )


def classic_context_factory(options: wsgi.Options, **local: str) -> Factory:
    """Paste factory of the filter ``context`` of classic paste files.

    The flavors ``trusted-auth`` in these files have no filter that checks
    the sender of the identity headers, so that check is added before this
    filter.
    """
    context_filter = context_factory(options, **local)
    flavor = wsgi.configuration(options).paste_deploy.flavor or ''
    if not flavor.startswith('trusted-auth'):
        return context_filter
    vet = trusted_auth_factory(options)
    return lambda app: vet(context_filter(app))


@functools.cache
def _warn_no_login(address: str) -> None:
    """Warn once; workers inherit from their parent that it was logged."""
    LOG.warning(
        'Authentication is off: everybody who can connect to %s is an '
        'administrator. Set flavor = keystone in [paste_deploy] to '
        'authenticate with Keystone.',
        address,
    )


def unauthenticated_context_factory(
    options: wsgi.Options, **_local: str
) -> Factory:
    """Paste factory of the filter ``unauthenticated-context``.

    :raises errors.ConfigurationError: other machines can reach the daemon
    """
    conf = wsgi.configuration(options)
    if not listens_locally(conf):
        raise errors.ConfigurationError(
            'Without a flavor every caller is an admin, so the service '
            'listens on loopback or a Unix socket only. Set flavor = '
            'keystone in [paste_deploy], or bind_host = 127.0.0.1, or '
            'bind_socket.'
        )
    _warn_no_login(
        str(conf.bind_socket or f'{conf.bind_host}:{conf.bind_port}')
    )
    return lambda app: UnauthenticatedContext(
        app, max_request_id_length=conf.max_request_id_length
    )


def trusted_auth_factory(options: wsgi.Options, **_local: str) -> Factory:
    """Paste factory of the filter ``trusted-auth``.

    :raises errors.ConfigurationError: the secret is too short, or it is
        missing and other machines can reach the daemon
    """
    conf = wsgi.configuration(options)
    secret = conf.trusted_auth_secret
    if secret is not None and len(secret) < MIN_SECRET_LENGTH:
        raise errors.ConfigurationError(
            'trusted_auth_secret must have at least '
            f'{MIN_SECRET_LENGTH} characters.'
        )
    if secret is None and not listens_locally(conf):
        raise errors.ConfigurationError(
            'The flavor trusted-auth trusts identity headers, so forged '
            'ones must be excluded: set trusted_auth_secret, or '
            'bind_socket, or a loopback address as bind_host.'
        )
    return lambda app: TrustedAuth(app, secret)
