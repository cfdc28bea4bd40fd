"""The catalogue of metadata definitions.

A namespace contains definitions of four kinds: ``resource_type_associations``,
``properties``, ``objects`` and ``tags``. Names are unique for each kind in a
namespace. They are in the documents and not in the paths, because they may
contain any character.

A namespace that is not visible to the caller is 404 in every operation.
"""

from typing import Any, Literal, NotRequired, TypedDict

from glance.common.contract.operation import Operation

#: The kinds of definitions, with their names in all documents.
Kind = Literal['resource_type_associations', 'properties', 'objects', 'tags']
#: The kinds in the order in which they are created and shown.
KINDS: tuple[Kind, ...] = (
    'resource_type_associations',
    'properties',
    'objects',
    'tags',
)


class Association(TypedDict):
    """A resource type whose properties a namespace defines.

    :key name: name of the resource type
    :key prefix: prefix of the names of properties; null for no prefix
    """

    name: str
    prefix: str | None
    properties_target: str | None
    created_at: NotRequired[str]
    updated_at: NotRequired[str]


class Property(TypedDict):
    """:key definition: JSON Schema of the values, as it was sent"""

    name: str
    definition: dict[str, Any]
    created_at: NotRequired[str]
    updated_at: NotRequired[str]


class Object(TypedDict):
    """A group of properties.

    :key properties: JSON Schema by name, as it was sent
    """

    name: str
    description: str | None
    required: list[str]
    properties: dict[str, Any]
    created_at: NotRequired[str]
    updated_at: NotRequired[str]


class Tag(TypedDict):
    name: str
    created_at: NotRequired[str]
    updated_at: NotRequired[str]


#: A definition of any of the four kinds.
Definition = dict[str, Any]


class NamespaceValues(TypedDict):
    """The values of a namespace that a client can set."""

    namespace: str
    display_name: str | None
    description: str | None
    visibility: str | None
    protected: bool | None
    owner: str


class NewNamespace(TypedDict):
    """A namespace to create, with all its definitions."""

    values: NamespaceValues
    resource_type_associations: list[Any]
    properties: list[Any]
    objects: list[Any]
    tags: list[Any]


class Namespace(TypedDict):
    """A namespace with the requested kinds of its definitions.

    ``visibility`` is ``public`` or ``private``.
    """

    namespace: str
    display_name: str | None
    description: str | None
    visibility: str
    protected: bool
    owner: str
    created_at: str
    updated_at: str
    resource_type_associations: list[Association]
    properties: NotRequired[list[Property]]
    objects: NotRequired[list[Object]]
    tags: NotRequired[list[Tag]]


class Page(TypedDict):
    """:key limit: null for all
    :key marker: name of the last one of the previous page
    """

    limit: int | None
    marker: str | None
    sort_key: str
    sort_dir: str


class NamespaceQuery(Page):
    """
    :key resource_types: only namespaces with an association to one of these;
        null for all namespaces
    """

    visibility: str | None
    resource_types: list[str] | None


class Namespaces(TypedDict):
    namespaces: list[Namespace]


class Reading(TypedDict):
    """A request for a namespace and a part of its contents.

    :key kinds: kinds to read; the associations are always included
    :key name: only definitions of this name; 404 if there is none
    :key page: the page of the one kind; absent for all, in the order of
        creation
    """

    namespace: str
    kinds: list[Kind]
    name: NotRequired[str]
    page: NotRequired[Page]


class NamespaceChange(TypedDict):
    namespace: str
    values: NamespaceValues


class NamespaceName(TypedDict):
    namespace: str


class NewDefinitions(TypedDict):
    """Definitions of one kind.

    :key replace: remove the existing ones, if there are new ones
    """

    namespace: str
    kind: Kind
    definitions: list[Any]
    replace: bool


class Definitions(TypedDict):
    definitions: list[Definition]


class DefinitionChange(TypedDict):
    """:key definition: replaces the definition of that name"""

    namespace: str
    kind: Kind
    name: str
    definition: Definition


class Changed(TypedDict):
    definition: Definition


class DefinitionRemoval(TypedDict):
    """:key name: null for all definitions of the kind"""

    namespace: str
    kind: Kind
    name: str | None


class ResourceType(TypedDict):
    name: str
    created_at: str
    updated_at: str


class ResourceTypes(TypedDict):
    resource_types: list[ResourceType]


class Constraint(TypedDict):
    """The definition of a resource's property in one namespace.

    :key owner, visibility: those of the namespace
    :key name: name of the property, with the prefix of the association
    """

    namespace: str
    owner: str
    visibility: str
    name: str
    definition: dict[str, Any]


class Constraints(TypedDict):
    constraints: list[Constraint]


class ConstraintQuery(TypedDict):
    """A request for the constraints of all namespaces, also private ones."""

    resource_type: str


_ALL = '/v1/metadefs/namespaces'
_ONE = '/v1/metadefs/namespace'
_DEFINITIONS = '/v1/metadefs/definitions'
LIST_NAMESPACES = Operation(
    'list_namespaces', 'POST', f'{_ALL}/query', Namespaces, True
)
CREATE_NAMESPACE = Operation(
    'create_namespace', 'POST', _ALL, Namespace, False
)
GET_NAMESPACE = Operation(
    'get_namespace', 'POST', f'{_ONE}/query', Namespace, True
)
UPDATE_NAMESPACE = Operation('update_namespace', 'PUT', _ONE, Namespace, False)
DELETE_NAMESPACE = Operation[None](
    'delete_namespace', 'POST', f'{_ONE}/delete', None, False
)
ADD_DEFINITIONS = Operation(
    'add_definitions', 'POST', _DEFINITIONS, Definitions, False
)
UPDATE_DEFINITION = Operation(
    'update_definition', 'PUT', _DEFINITIONS, Changed, False
)
DELETE_DEFINITIONS = Operation[None](
    'delete_definitions', 'POST', f'{_DEFINITIONS}/delete', None, False
)
LIST_RESOURCE_TYPES = Operation(
    'list_resource_types',
    'GET',
    '/v1/metadefs/resource_types',
    ResourceTypes,
    True,
)
LIST_CONSTRAINTS = Operation(
    'list_constraints', 'POST', '/v1/metadefs/constraints', Constraints, True
)
