"""A typed list query -> the ids of one page.

Paging is by keyset on the sort keys, never by OFFSET, and no page costs
more because the catalogue is larger:

- What the indexes of a list answer (order, visibility, name) is one
  statement, :func:`statements.plain`.
- Properties and tags are counted first, up to a limit. Few: start from
  them. Else look for a page among the first visible images, and only when
  those hold too few matches start from the property after all.
- Other conditions have no index: look among the first visible images, then
  among all of them.

At most three statements beside the marker's, each built once per shape of
query (:mod:`shape`).
"""

from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry.db import kept
from glance_registry.db import models
from glance_registry.db import visibility
from glance_registry.db.filters import order
from glance_registry.db.filters import shape
from glance_registry.db.filters import statements

IMAGES = models.images

#: So many matches of a property are looked at one by one: 4 us each.
FEW = 300
#: So many visible images are searched before all matches are, at least; and
#: so many per image of a page.
WINDOW = 750
SPREAD = 30


def page(
    connection: sa.Connection,
    context: context.RequestContext,
    query: contract.ImageQuery,
    dialect: str,
) -> list[str]:
    """The ids of a page, in order.

    :raises errors.BadRequest: a field or value that no client library sends
    :raises errors.InvalidMarker: the marker is not visible
    """
    marker = _marker(connection, context, query)
    asked, values = shape.parse(context, query, marker, dialect)
    if not asked.branches:
        return []
    return _Page(connection, asked, values).find()


def _marker(
    connection: sa.Connection,
    context: context.RequestContext,
    query: contract.ImageQuery,
) -> sa.Row[Any] | None:
    if query['marker'] is None:
        return None
    keys = shape.sort_keys(query['sort'])
    marked = _marked(visibility.sight(context), keys)
    row = marked.execute(
        connection,
        {'image_id': query['marker'], 'caller': context.project_id},
    ).first()
    if row is None or row.id != query['marker']:
        raise errors.InvalidMarker
    return row


@kept.kept
def _marked(sight: str, keys: shape.Keys) -> sa.Select[Any]:
    """The marker's row: what must be known to continue behind it."""
    return sa.select(*order.columns(keys)).where(
        IMAGES.c.id == sa.bindparam('image_id'),
        IMAGES.c.deleted == sa.false(),
        visibility.BY_ID[sight],
    )


class _Page:
    """One page: which statements find it."""

    def __init__(
        self,
        connection: sa.Connection,
        asked: shape.Shape,
        values: shape.Values,
    ) -> None:
        limit = values['limit']
        self._connection = connection
        self._asked = asked
        self._values = values
        self._limit = limit
        self._few = max(FEW, 2 * limit)
        self._window = max(WINDOW, limit, min(SPREAD * limit, 10_000))

    def find(self) -> list[str]:
        asked = self._asked
        index = statements.pointer(asked)
        if index is not None:
            return self._ids(statements.pointed(asked, index))
        self._values |= {
            'few': self._few,
            'window': self._window,
            'before_window': self._window - 1,
        }
        if asked.tags or asked.properties:
            return self._by_children()
        if statements.residual(asked):
            edge = self._probe(self._window)[-1]
            return self._in_window(edge) or self._ids(statements.full(asked))
        edge = self._probe(self._limit)[-1]
        return self._ids(statements.plain(asked, edge))

    def _by_children(self) -> list[str]:
        *counts, many_visible, edge = self._probe(self._window)
        fewest = min(counts)
        start = statements.from_child(self._asked, counts.index(fewest))
        if fewest < self._few:
            return self._ids(start)
        if many_visible is None:
            return self._ids(statements.full(self._asked))
        return self._in_window(edge) or self._ids(start)

    def _in_window(self, edge: bool) -> list[str] | None:
        """None: there is no full page among the first visible images."""
        found = self._ids(statements.window(self._asked, edge))
        return found if len(found) == self._limit else None

    def _probe(self, size: int) -> list[Any]:
        """The probe, its last item told as whether there is an edge."""
        children = self._asked.tags or self._asked.properties
        if not children and not statements.needs_edge(self._asked):
            return [False]
        self._values['before_edge'] = size - 1
        statement = statements.probe(self._asked)
        found = list(statement.execute(self._connection, self._values).one())
        self._values['edge'] = found[-1]
        found[-1] = found[-1] is not None
        return found

    def _ids(self, statement: kept.Kept) -> list[str]:
        rows = statement.execute(self._connection, self._values)
        return [row[0] for row in rows]
