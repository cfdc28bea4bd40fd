"""Operations on the catalogue of metadata definitions."""

from glance.common import context
from glance.common.contract import metadefs
from glance.registry_client.client import calls


class Metadefs(calls.Calls):
    def list_namespaces(
        self, context: context.RequestContext, query: metadefs.NamespaceQuery
    ) -> list[metadefs.Namespace]:
        return self._call(context, metadefs.LIST_NAMESPACES, query)[
            'namespaces'
        ]

    def create_namespace(
        self, context: context.RequestContext, new: metadefs.NewNamespace
    ) -> metadefs.Namespace:
        return self._call(context, metadefs.CREATE_NAMESPACE, new)

    def get_namespace(
        self, context: context.RequestContext, wanted: metadefs.Reading
    ) -> metadefs.Namespace:
        return self._call(context, metadefs.GET_NAMESPACE, wanted)

    def update_namespace(
        self, context: context.RequestContext, change: metadefs.NamespaceChange
    ) -> metadefs.Namespace:
        return self._call(context, metadefs.UPDATE_NAMESPACE, change)

    def delete_namespace(
        self, context: context.RequestContext, namespace: str
    ) -> None:
        name: metadefs.NamespaceName = {'namespace': namespace}
        self._call(context, metadefs.DELETE_NAMESPACE, name)

    def add_definitions(
        self, context: context.RequestContext, new: metadefs.NewDefinitions
    ) -> list[metadefs.Definition]:
        return self._call(context, metadefs.ADD_DEFINITIONS, new)[
            'definitions'
        ]

    def update_definition(
        self,
        context: context.RequestContext,
        change: metadefs.DefinitionChange,
    ) -> metadefs.Definition:
        return self._call(context, metadefs.UPDATE_DEFINITION, change)[
            'definition'
        ]

    def delete_definitions(
        self,
        context: context.RequestContext,
        removal: metadefs.DefinitionRemoval,
    ) -> None:
        self._call(context, metadefs.DELETE_DEFINITIONS, removal)

    def list_resource_types(
        self, context: context.RequestContext
    ) -> list[metadefs.ResourceType]:
        return self._call(context, metadefs.LIST_RESOURCE_TYPES)[
            'resource_types'
        ]

    def list_constraints(
        self, context: context.RequestContext, resource_type: str
    ) -> list[metadefs.Constraint]:
        """The constraints of all namespaces on one resource type."""
        query: metadefs.ConstraintQuery = {'resource_type': resource_type}
        return self._call(context, metadefs.LIST_CONSTRAINTS, query)[
            'constraints'
        ]
