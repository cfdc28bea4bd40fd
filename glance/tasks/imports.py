"""The start of an import: the checks and queueing within the request."""

import dataclasses
import logging
from typing import Any
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import threads
from glance.images import staging
from glance.images.importing import remote
from glance.images.importing import web
from glance.store import addresses
from glance.store import outbound
from glance.store import stores
from glance.tasks import engine
from glance.tasks import forwarding
from glance.tasks import records
from glance.tasks import tokens

LOG = logging.getLogger(__name__)

MAX_URI_LENGTH = 4096
#: Max size of a request body; the record of the task contains the body.
MAX_BODY_BYTES = 16 * 1024
STAGE_HOST = 'os_glance_stage_host'


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A checked import request.

    :ivar given: members of the method
    :ivar stores: ids of the stores to write to
    :ivar body: the request body as received
    :ivar is_forwarded: another host forwarded the request
    """

    method: str
    given: dict[str, Any]
    stores: list[str]
    must_all_succeed: bool
    body: Any
    is_forwarded: bool = False


class Imports:
    """Queues imports.

    :param client: checks the URLs that clients give
    :param node: this host, as the registry's records name it
    :param secrets: tokens of callers
    :param limits: limits of downloads
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        *,
        queue: engine.Engine,
        staged: staging.Directory,
        forwards: forwarding.Forwarding,
        client: outbound.Client,
        tasks: records.Records,
        node: str,
        secrets: tokens.Tokens,
        limits: web.Limits,
    ) -> None:
        self._registry = registry
        self._store = store
        self._queue = queue
        self._staged = staged
        self._forwards = forwards
        self._client = client
        self._tasks = tasks
        self._node = node
        self._secrets = secrets
        self._limits = limits

    def run(
        self,
        context: context.RequestContext,
        image: contract.Image,
        wanted: Wanted,
    ) -> None:
        """Queue the import on this host, or on the host with the staged data.

        :raises errors.BadRequest: the URL cannot be used
        :raises errors.Conflict: the image changed meanwhile
        :raises errors.BadGateway: the host of the staged data failed
        :raises errors.GatewayTimeout: that host does not respond
        """
        if wanted.method == 'glance-direct' and not self._staged.has(
            image['id']
        ):
            host = image['properties'].get(STAGE_HOST) or ''
            if wanted.is_forwarded:
                host = ''
            self._forwards.send(context, host, image['id'], wanted.body)
            return
        if 'uri' in wanted.given:
            self.check_url(wanted.given['uri'])
        if wanted.method == 'glance-download':
            wanted = self._located(context, wanted)
        start = self.start(
            context,
            records.API_IMAGE_IMPORT,
            {
                'image_id': image['id'],
                'import_req': wanted.body,
                'backend': (wanted.stores if self._store.is_named else [None]),
            },
            wanted,
        )
        size = image['size']
        if size is not None:
            start['size'] = size * len(wanted.stores)
        if wanted.method == 'glance-download':
            # The token is only in this process, so this worker must begin.
            start['work']['only'] = self._queue.holder
            self._secrets.keep(start['task']['id'], context.auth_token or '')
        self.queue(context, image['id'], start)

    def _located(
        self, context: context.RequestContext, wanted: Wanted
    ) -> Wanted:
        """Find the service of the other region in the caller's catalogue.

        :raises errors.BadRequest: there is none, or its URL is not permitted
        """
        given = wanted.given
        url = remote.endpoint(
            context.catalogue,
            given['glance_region'],
            given['glance_service_interface'],
        )
        self.check_url(url)
        return dataclasses.replace(wanted, given={**given, 'endpoint': url})

    def queue(
        self,
        context: context.RequestContext,
        image_id: str,
        start: contract.ImportStart,
    ) -> None:
        self._registry.start_import(context, image_id, start)
        told = records.told(start['task'])
        for event in ('create', 'run'):
            self._tasks.tell(event, told)
        self._queue.wake()

    def start(
        self,
        context: context.RequestContext,
        kind: str,
        given: dict[str, Any],
        wanted: Wanted,
    ) -> contract.ImportStart:
        """Return the document that queues an import.

        :param kind: type of the task
        :param given: the input that the record of the task shows
        """
        return document(
            context, self._store, self._tasks, self._node, kind, given, wanted
        )

    def size_of(self, url: str) -> int | None:
        """Ask a web server once for the size of data.

        :returns: bytes; None if the server does not report the size
        :raises errors.NotFound: the server has no such data
        :raises errors.BadRequest: the server cannot be asked
        :raises errors.LimitExceeded: more than an image may have
        """
        limits = self._limits._replace(tries=1)
        download = threads.run(web.Download, self._client, url, limits)
        download.close()
        size: int | None = download.size_bytes
        return size

    def check_url(self, url: Any) -> None:
        """:raises errors.BadRequest: data cannot be imported from this URL"""
        if not isinstance(url, str) or not 0 < len(url) <= MAX_URI_LENGTH:
            raise errors.BadRequest(
                'The URL of the data must be a string of 1 to '
                f'{MAX_URI_LENGTH} characters.'
            )
        try:
            self._client.check(url)
        except addresses.Refused as error:
            raise errors.BadRequest(
                'Data cannot be imported from this URL: it is malformed, or '
                'its scheme, host or port is not permitted '
                '([import_filtering_opts]).'
            ) from error


def document(
    context: context.RequestContext,
    store: stores.Stores,
    tasks: records.Records,
    node: str,
    kind: str,
    given: dict[str, Any],
    wanted: Wanted,
) -> contract.ImportStart:
    """See :meth:`Imports.start`.

    :param node: this host, as the registry's records name it
    """
    task = tasks.new(context, str(uuid.uuid4()), kind, given)
    return {
        'task': task,
        'work': {
            'method': wanted.method,
            'given': wanted.given,
            'stores': wanted.stores,
            'named': store.is_named,
            'must_all_succeed': wanted.must_all_succeed,
            'targets': [store.get(each).identity for each in wanted.stores],
            'roles': list(context.roles),
            'keep_hours': task['keep_hours'],
        },
        'node': node,
        'size': None,
    }
