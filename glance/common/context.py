"""The caller of a request, and how it is passed to glance-registry.

The identity comes from headers that an earlier filter has verified
(keystonemiddleware, or our filter of the flavor ``trusted-auth``); see
:mod:`glance.common.middleware`.
"""

from collections.abc import Mapping
from typing import Any

from oslo_context import context

REQUEST_ID = 'X-OpenStack-Request-ID'
#: The default of max_request_id_length.
MAX_REQUEST_ID_LENGTH = 64
#: Set by glance-api after its policy decided. glance-registry trusts it,
#: because only services may call its operations.
IS_ADMIN = 'X-Glance-Is-Admin'
SHARED_SECRET = 'X-Glance-Shared-Secret'  # noqa: S105 a header's name


class RequestContext(context.RequestContext):
    """The caller of one request.

    :ivar is_admin: may see and change everything
    :ivar is_service: the peer proved to be one of our own daemons
    :ivar read_only: anonymous; may change nothing
    :ivar catalogue: the service catalogue of the caller's token, as JSON;
        None if there is none. It is not sent to glance-registry.
    """

    def __init__(
        self,
        *,
        is_service: bool = False,
        read_only: bool = False,
        catalogue: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.is_service = is_service
        self.read_only = read_only
        self.catalogue = catalogue

    @property
    def row_scope(self) -> str:
        """Which rows of the database the caller may see.

        ``all``; ``project``: those of its project, without an owner, public,
        or shared with it; ``unowned``: without an owner, or public.
        """
        if self.is_admin:
            return 'all'
        return 'project' if self.project_id else 'unowned'

    @property
    def has_service_role(self) -> bool:
        """Whether another OpenStack service calls, for itself or a user."""
        return 'service' in (*self.roles, *self.service_roles)


def of_service(owner: str | None = None) -> RequestContext:
    """A context for requests that the service itself makes.

    :param owner: the project for which it acts; None if for no project
    """
    return RequestContext(is_admin=True, overwrite=False, project_id=owner)


def from_environ(
    environ: Mapping[str, Any], request_id: str | None
) -> RequestContext:
    """Read the verified identity headers of a request."""
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
        catalogue=environ.get('HTTP_X_SERVICE_CATALOG'),
        request_id=request_id,
    )


def _sent_id(request_id: str) -> str:
    """The request id, shortened to the length that the registry accepts.

    glance-api may be configured to accept longer ids. If the id is too long,
    the prefix ``req-`` is removed; the registry adds it again.
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
