"""The caller of a request, and how the caller crosses the wire.

The identity comes from headers that a filter before us has vetted
(keystonemiddleware, or ours of the flavor ``trusted-auth``); see
:mod:`glance.common.middleware`.
"""

from collections.abc import Mapping
from typing import Any

from oslo_context import context

REQUEST_ID = 'X-OpenStack-Request-ID'
#: The default of max_request_id_length.
MAX_REQUEST_ID_LENGTH = 64
#: Set by glance-api after its policy decided, believed by glance-registry
#: because only a service gets as far as its operations.
IS_ADMIN = 'X-Glance-Is-Admin'
SHARED_SECRET = 'X-Glance-Shared-Secret'  # noqa: S105 a header's name


class RequestContext(context.RequestContext):
    """The caller of one request.

    :ivar is_admin: may see and change everything
    :ivar is_service: the peer proved to be one of our own daemons
    :ivar read_only: anonymous; may change nothing
    """

    def __init__(
        self,
        *,
        is_service: bool = False,
        read_only: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.is_service = is_service
        self.read_only = read_only


def from_environ(
    environ: Mapping[str, Any], request_id: str | None
) -> RequestContext:
    """Read the vetted identity headers of a request."""
    return RequestContext(
        user_id=environ.get('HTTP_X_USER_ID') or None,
        project_id=(
            environ.get('HTTP_X_PROJECT_ID')
            or environ.get('HTTP_X_TENANT_ID')
            or None
        ),
        roles=words(environ.get('HTTP_X_ROLES', '')),
        service_roles=words(environ.get('HTTP_X_SERVICE_ROLES', '')),
        system_scope=environ.get('HTTP_OPENSTACK_SYSTEM_SCOPE') or None,
        domain_id=environ.get('HTTP_X_DOMAIN_ID') or None,
        auth_token=environ.get('HTTP_X_AUTH_TOKEN'),
        request_id=request_id,
    )


def _sent_id(request_id: str) -> str:
    """The id as the registry takes it, whatever glance-api is set to take.

    The prefix, which may have made it too long, is put back there.
    """
    if len(request_id) <= MAX_REQUEST_ID_LENGTH:
        return request_id
    return request_id.removeprefix('req-')[:MAX_REQUEST_ID_LENGTH]


def words(comma_list: str) -> list[str]:
    """Role names of a header: lower case, no blanks."""
    return [
        word.strip().lower() for word in comma_list.split(',') if word.strip()
    ]


def to_headers(
    context: RequestContext, send_identity_headers: bool
) -> dict[str, str]:
    """The caller as request headers for glance-registry.

    :param send_identity_headers: name the caller in headers (the peer runs
        flavor ``trusted-auth``) instead of passing the caller's token on
    """
    headers = {REQUEST_ID: _sent_id(str(context.request_id))}
    if context.is_admin:
        headers[IS_ADMIN] = 'true'
    if not send_identity_headers:
        if context.auth_token:
            headers['X-Auth-Token'] = context.auth_token
        return headers
    headers['X-Identity-Status'] = 'Confirmed'
    headers['X-Roles'] = ','.join(context.roles)
    if context.user_id:
        headers['X-User-Id'] = context.user_id
    if context.project_id:
        headers['X-Project-Id'] = context.project_id
    return headers
