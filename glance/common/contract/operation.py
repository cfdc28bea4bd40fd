"""What an operation of the registry is."""

from typing import Generic, NamedTuple, TypeVar

#: The document of a success.
D = TypeVar('D')


class Operation(NamedTuple, Generic[D]):
    """One operation of the registry.

    :ivar answer: the type of a success's document; None: it has no body
    :ivar repeatable: twice has the effect of once, so that the client may
        send it again when a kept connection turned out to be dead
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
