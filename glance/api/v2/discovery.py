"""/v2/info: usage and limits of the caller, extensions of this service."""

from collections.abc import Sequence
from typing import Any

import webob

from glance.common import wsgi
from glance.images import limits
from glance.images.importing import digests


class Discovery:
    """Documents about the service itself; no policy rule protects them.

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
        """Extensions of the Images API of the current minor version."""
        request.refuse_body()
        return wsgi.json_response({'features': self._features})


def features(
    storage_quota_bytes: int,
    check_properties: str = 'off',
    methods: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Every enabled extension, with the details that a client needs.

    :param methods: the enabled import methods
    """
    document: dict[str, dict[str, Any]] = {
        'conditional_requests': {
            'headers': ['ETag', 'If-Match', 'If-None-Match']
        },
        'upload_failure_reason': {'property': 'os_glance_failed_reason'},
    }
    if storage_quota_bytes:
        document['storage_quota'] = {'bytes': storage_quota_bytes}
    if check_properties != 'off':
        document['property_definitions'] = {'mode': check_properties}
    if methods:
        document['import_progress'] = {'property': 'os_glance_progress'}
    if 'web-download' in methods:
        document['import_source_hash'] = {
            'property': 'source_hash',
            'algorithms': list(digests.NAMES),
        }
    return document
