"""The base of the tests of the catalogue."""

from typing import Any

import webob

from tests import base

NAMESPACES = '/v2/metadefs/namespaces'
PROPERTY = {'title': 'P', 'type': 'string'}


class CatalogueTestCase(base.ServiceTestCase):
    def ask(
        self, method: str, path: str = '', body: Any = None, **rest: Any
    ) -> webob.Response:
        """A call of an administrator on the namespaces."""
        rest.setdefault('caller', 'admin')
        return self.call(method, f'{NAMESPACES}{path}', body, **rest)

    def namespace(self, name: str = 'n', **values: Any) -> None:
        body = {'namespace': name, 'visibility': 'public', **values}
        self.assert_status(201, self.ask('POST', '', body))

    def full(self, name: str = 'n', **values: Any) -> None:
        """A namespace with one definition of each kind, named a."""
        self.namespace(
            name,
            resource_type_associations=[{'name': 'a', 'prefix': 'hw_'}],
            properties={'a': PROPERTY},
            objects=[{'name': 'a', 'properties': {'b': PROPERTY}}],
            tags=[{'name': 'a'}],
            **values,
        )
