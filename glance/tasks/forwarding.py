"""Forwards the import of staged data to the host that has the data.

The URL of the host comes from a property that only the service writes.
"""

import http.client
import json
import logging
from typing import Any
import urllib.parse

from glance import registry_client
from glance.common import context
from glance.common import errors

LOG = logging.getLogger(__name__)

#: Tells the other host that it must not forward the request again.
HEADER = 'X-Glance-Forwarded'
TIMEOUT_SECONDS = 60
MAX_ANSWER_BYTES = 64 * 1024
_ERRORS = {
    error.status: error
    for error in (
        errors.BadRequest,
        errors.Unauthorized,
        errors.Forbidden,
        errors.NotFound,
        errors.Conflict,
        errors.LimitExceeded,
        errors.Unavailable,
    )
}


class Forwarding:
    """Sends import requests to other hosts.

    :param own: the URL of this glance-api for other hosts; None if not set
    :param registry: has the credentials of the service
    """

    def __init__(
        self, own: str | None, registry: registry_client.RegistryClient
    ) -> None:
        self._own = own
        self._registry = registry

    def send(
        self,
        context: context.RequestContext,
        host: str,
        image_id: str,
        body: Any,
    ) -> None:
        """Let another host do the import.

        :param host: its URL
        :raises errors.Error: the other host responded with this error
        :raises errors.BadGateway: its response is not valid
        :raises errors.GatewayTimeout: it does not respond
        """
        if not host or host == self._own:
            raise errors.Conflict(
                'The staged data of the image is not on this host, and no '
                'other host says that it has it (worker_self_reference_url). '
                'Send the request to the host where the data was staged, or '
                'delete the image.'
            )
        LOG.info('The import of image %s is done by %s', image_id, host)
        status, text = self._ask(context, host, image_id, body)
        if status >= 300:
            raise _ERRORS.get(status, errors.BadGateway)(text)

    def _ask(
        self,
        context: context.RequestContext,
        host: str,
        image_id: str,
        body: Any,
    ) -> tuple[int, str]:
        parts = urllib.parse.urlsplit(host)
        kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
        if parts.scheme == 'https':
            kind = http.client.HTTPSConnection
        connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
        headers = {
            **self._registry.headers_for_peer(context),
            'Content-Type': 'application/json',
            'Accept': 'application/json',
            HEADER: 'true',
        }
        path = f'{parts.path.rstrip("/")}/v2/images/{image_id}/import'
        try:
            connection.request('POST', path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read(MAX_ANSWER_BYTES)
        except (ConnectionError, TimeoutError, OSError) as error:
            LOG.warning('The host %s does not respond: %s', host, error)
            raise errors.GatewayTimeout(
                'The data of the image is staged on the host '
                f'{parts.hostname}, which does not respond. Start its '
                'glance-api, or delete the image.'
            ) from error
        except http.client.HTTPException as error:
            LOG.warning('The host %s failed: %r', host, error)
            raise errors.BadGateway from error
        finally:
            connection.close()
        return answer.status, _message(text)


def _message(text: bytes) -> str:
    """The message of an error of the other host."""
    try:
        message = json.loads(text)['message']
    except (ValueError, KeyError, TypeError):
        return ''
    return str(message)
