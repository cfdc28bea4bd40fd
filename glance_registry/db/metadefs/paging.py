"""The order of a list of the catalogue, and the start of a page in it.

The sort keys are the values in documents: a namespace without a visibility is
sorted as a private one, and a missing text as an empty one. So no key is
null, and every engine sorts them in the same order.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

Expression = sa.ColumnElement[Any]


class Order:
    """The sort key, and further keys that make the order unique.

    :param shown: all keys by which a list can be sorted
    :param key: the chosen key
    :param way: ``asc`` or ``desc``, for all keys
    """

    def __init__(
        self, shown: dict[str, Expression], key: str, way: str
    ) -> None:
        names = dict.fromkeys((key, 'created_at', 'id'))
        self._keys = [shown[name] for name in names]
        self._is_ascending = way == 'asc'

    def columns(self) -> list[Expression]:
        """Return the columns that are read of a marker."""
        return [
            key.label(f'key_{number}') for number, key in enumerate(self._keys)
        ]

    def by(self) -> list[Expression]:
        return [
            key.asc() if self._is_ascending else key.desc()
            for key in self._keys
        ]

    def bound(self, marker: Sequence[Any]) -> dict[str, Any]:
        """Return the values of a marker that :meth:`behind` needs."""
        return {f'marker_{n}': value for n, value in enumerate(marker)}

    def behind(self) -> Expression:
        """Return the condition for rows after the marker.

        Its form is ``k >= x AND (k > x OR rest)``.
        It does not have ``k = x``, which compares bytes, while the order uses
        the collation of the column.
        """
        rest: Expression = sa.false()
        for number, key in reversed(list(enumerate(self._keys))):
            value: Any = sa.bindparam(f'marker_{number}', type_=key.type)
            if self._is_ascending:
                rest = sa.and_(key >= value, sa.or_(key > value, rest))
            else:
                rest = sa.and_(key <= value, sa.or_(key < value, rest))
        return rest
