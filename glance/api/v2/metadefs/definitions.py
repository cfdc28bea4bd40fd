"""The common code of the calls on all kinds of definitions."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import webob

from glance.api.v2 import pages
from glance.api.v2 import schemas
from glance.api.v2.metadefs import catalogue as catalogues
from glance.api.v2.metadefs import documents
from glance.api.v2.metadefs import listing
from glance.api.v2.metadefs import views
from glance.common import wsgi
from glance.common.contract import metadefs


class Actions(NamedTuple):
    """The policy rules of one kind.

    :ivar clear: all rules that must pass to remove all definitions
    """

    list: str
    show: str
    add: str
    modify: str
    remove: str
    clear: tuple[str, ...]


class Definitions:
    """One kind of the definitions of a namespace.

    :cvar paging: the page rules of its list; None if it has no pages
    :cvar noun: the name of a definition in messages
    """

    kind: ClassVar[metadefs.Kind]
    noun: ClassVar[str]
    actions: ClassVar[Actions]
    paging: ClassVar[listing.PageRules | None] = None
    parse: Callable[[Any], metadefs.Definition]

    def __init__(self, catalogue: catalogues.Catalogue) -> None:
        self._catalogue = catalogue

    def listed(self, namespace: metadefs.Namespace) -> views.Document:
        """The document of a list."""
        raise NotImplementedError

    def shown(
        self, namespace: str, definition: metadefs.Definition
    ) -> views.Document:
        """The document of one definition."""
        raise NotImplementedError

    def echoed(
        self,
        namespace: str,
        definition: metadefs.Definition,
        _sent: Sequence[str],
    ) -> views.Document:
        """The document of a definition that was just written.

        :param _sent: the members of the request
        """
        return self.shown(namespace, definition)

    def index(self, request: wsgi.Request, namespace: str) -> webob.Response:
        request.refuse_body()
        schemas.check_text(namespace, 'namespace')
        page = None
        if self.paging is not None:
            page = listing.page(pages.pairs(request), self.paging)
        record = self._catalogue.read(
            request.context,
            [self.actions.list],
            namespace,
            self.kind,
            page=page,
        )
        return wsgi.json_response(self.listed(record))

    def show(
        self, request: wsgi.Request, namespace: str, item: str
    ) -> webob.Response:
        request.refuse_body()
        _check(namespace, item)
        record: Any = self._catalogue.read(
            request.context,
            [self.actions.show],
            namespace,
            self.kind,
            name=item,
        )
        return wsgi.json_response(self.shown(namespace, record[self.kind][0]))

    def create(self, request: wsgi.Request, namespace: str) -> webob.Response:
        schemas.check_text(namespace, 'namespace')
        sent: list[str] = []
        new = documents.read(request, lambda body: self._parsed(body, sent))
        made = self.add(request, namespace, [self.actions.add], [new])
        document = self.echoed(namespace, made[0], sent)
        return wsgi.json_response(document, 201)

    def update(
        self, request: wsgi.Request, namespace: str, item: str
    ) -> webob.Response:
        _check(namespace, item)
        sent: list[str] = []
        new = documents.read(request, lambda body: self._parsed(body, sent))
        context = request.context
        self._catalogue.read(context, [self.actions.modify], namespace)
        changed = self._catalogue.registry.update_definition(
            context,
            {
                'namespace': namespace,
                'kind': self.kind,
                'name': item,
                'definition': new,
            },
        )
        self._catalogue.tell('update', self.kind, namespace, [changed], item)
        return wsgi.json_response(self.echoed(namespace, changed, sent))

    def delete(
        self, request: wsgi.Request, namespace: str, item: str
    ) -> webob.Response:
        request.refuse_body()
        _check(namespace, item)
        context = request.context
        record: Any = self._catalogue.read(
            context, [self.actions.remove], namespace, self.kind, name=item
        )
        gone = [each for each in record[self.kind] if each['name'] == item]
        self._remove(request, namespace, item)
        self._catalogue.tell('delete', self.kind, namespace, gone)
        return wsgi.empty()

    def clear(self, request: wsgi.Request, namespace: str) -> webob.Response:
        """Remove all definitions of the kind."""
        request.refuse_body()
        schemas.check_text(namespace, 'namespace')
        record = self._catalogue.read(
            request.context, self.actions.clear, namespace
        )
        self._remove(request, namespace, None)
        self._catalogue.tell_namespace(f'delete_{self.kind}', record)
        return wsgi.empty()

    def add(
        self,
        request: wsgi.Request,
        namespace: str,
        actions: Sequence[str],
        new: list[metadefs.Definition],
        *,
        replace: bool = False,
    ) -> list[metadefs.Definition]:
        """Add definitions; the caller must be permitted all the actions.

        :param replace: remove the existing ones, if there are new ones
        """
        context = request.context
        self._catalogue.read(context, actions, namespace)
        made = self._catalogue.registry.add_definitions(
            context,
            {
                'namespace': namespace,
                'kind': self.kind,
                'definitions': new,
                'replace': replace,
            },
        )
        self._catalogue.tell('create', self.kind, namespace, made)
        return made

    def _parsed(self, body: Any, sent: list[str]) -> metadefs.Definition:
        new = type(self).parse(body)
        sent.extend(body)
        return new

    def _remove(
        self, request: wsgi.Request, namespace: str, item: str | None
    ) -> None:
        self._catalogue.registry.delete_definitions(
            request.context,
            {'namespace': namespace, 'kind': self.kind, 'name': item},
        )


def _check(namespace: str, item: str) -> None:
    """:raises errors.BadRequest: a database cannot store such a name"""
    schemas.check_text(namespace, 'namespace')
    schemas.check_text(item, 'name')
