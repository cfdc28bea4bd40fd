"""/v2/info: what a caller may use up, what this service can do besides."""

from typing import Any

import webob

from glance.common import wsgi
from glance.images import limits


class Discovery:
    """Documents about the service itself; no rule stands before them.

    :param features: see doc/features.md
    """

    def __init__(
        self,
        unified: limits.UnifiedLimits,
        features: dict[str, dict[str, Any]],
    ) -> None:
        self._unified = unified
        self._features = features

    def usage(self, request: wsgi.Request) -> webob.Response:
        """Usage and limits of the caller's project."""
        request.refuse_body()
        usage = self._unified.usage(request.context)
        return wsgi.json_response({'usage': usage})

    def features(self, request: wsgi.Request) -> webob.Response:
        """What goes beyond the Images API of the minor version."""
        request.refuse_body()
        return wsgi.json_response({'features': self._features})


def features(storage_quota_bytes: int) -> dict[str, dict[str, Any]]:
    """Every extension that is on, with what a client must know of it."""
    found: dict[str, dict[str, Any]] = {
        'conditional_requests': {
            'headers': ['ETag', 'If-Match', 'If-None-Match']
        },
        'upload_failure_reason': {'property': 'os_glance_failed_reason'},
    }
    if storage_quota_bytes:
        found['storage_quota'] = {'bytes': storage_quota_bytes}
    return found
