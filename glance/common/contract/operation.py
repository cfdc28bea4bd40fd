"""The type of an operation of the registry."""

from typing import Generic, NamedTuple, TypeVar

#: The document of a success.
D = TypeVar('D')


class Operation(NamedTuple, Generic[D]):
    """One operation of the registry.

    :ivar answer: the type of the document of a success; None for no body
    :ivar repeatable: whether sending it twice has the same effect as sending
        it once, so that the client may retry after a lost connection
    """

    name: str
    method: str
    path: str
    answer: type[D] | None
    repeatable: bool


IMAGE = '/v1/images/{image_id}'
CHECK_REGISTRY = Operation[None](
    'check_registry', 'GET', '/v1/check', None, True
)
