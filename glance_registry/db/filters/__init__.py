"""Finds the ids of one page of a list, for a typed query.

Pages are found by a keyset on the sort keys, never by OFFSET, so that the
cost of a page does not grow with the number of images:

- If indexes cover the query (order, visibility, name), one statement finds
  the page: :func:`statements.plain`.
- For properties and tags, the matches are counted first, up to a limit. If
  there are few, the search starts from them. Otherwise it searches the first
  visible images; only if these have too few matches, it starts from the
  property or tag.
- Other conditions have no index: it searches the first visible images, and
  then all of them.

A page needs at most three statements, and one more for the marker. Each is
built once for each shape of query (:mod:`shape`).
"""

from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry.db import engine
from glance_registry.db import models
from glance_registry.db import visibility
from glance_registry.db.filters import order
from glance_registry.db.filters import shape
from glance_registry.db.filters import statements

IMAGES = models.images

#: Max number of matches of a property from which a search starts; each match
#: takes 4 us.
FEW = 300
#: Number of visible images that are searched first: the minimum, and the
#: number per image of a page.
WINDOW = 750
SPREAD = 30


def page(
    connection: sa.Connection,
    context: context.RequestContext,
    query: contract.ImageQuery,
    dialect: str,
) -> list[str]:
    """Return the ids of a page, in order.

    :raises errors.BadRequest: a field or value that no client library sends
    :raises errors.InvalidMarker: the marker is not visible to the caller
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
    is_changed = 'changed_since' in query
    marked = _marked(context.row_scope, keys, is_changed)
    row = marked.execute(
        connection,
        {'image_id': query['marker'], 'caller': context.project_id},
    ).first()
    if row is None or row.id != query['marker']:
        raise errors.InvalidMarker
    return row


@engine.kept
def _marked(
    scope: str, keys: shape.Keys, with_deleted: bool
) -> sa.Select[Any]:
    """Select the values of the marker that are needed to continue after it."""
    statement = sa.select(*order.columns(keys)).where(
        IMAGES.c.id == sa.bindparam('image_id'), visibility.BY_ID[scope]
    )
    if with_deleted:
        return statement
    return statement.where(IMAGES.c.deleted == sa.false())


class _Page:
    """One page; chooses the statements that find it."""

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
        """Search the first visible images; None if they have no full page."""
        ids = self._ids(statements.window(self._asked, edge))
        return ids if len(ids) == self._limit else None

    def _probe(self, size: int) -> list[Any]:
        """Run the probe; its last item becomes True if there is an edge."""
        children = self._asked.tags or self._asked.properties
        if not children and not statements.needs_edge(self._asked):
            return [False]
        self._values['before_edge'] = size - 1
        statement = statements.probe(self._asked)
        results = list(statement.execute(self._connection, self._values).one())
        self._values['edge'] = results[-1]
        results[-1] = results[-1] is not None
        return results

    def _ids(self, statement: engine.Kept) -> list[str]:
        rows = statement.execute(self._connection, self._values)
        return [row[0] for row in rows]
