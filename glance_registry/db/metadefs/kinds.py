"""The type of a kind of definitions, for the queries on all kinds."""

from collections.abc import Callable, Mapping, Sequence
import datetime
import json
from typing import Any, NamedTuple

import sqlalchemy as sa

from glance.common.contract import metadefs
from glance_registry.db import models
from glance_registry.db import rows

NAMESPACES = models.metadef_namespaces
#: Bound name of the definition that a query selects.
NAME: sa.BindParameter[str] = sa.bindparam('name')

Row = dict[str, Any]


class Kind(NamedTuple):
    """How one kind of definitions is stored.

    :ivar noun: name of a definition in messages
    :ivar source: the table, joined with others that its documents need
    :ivar columns: columns of a document, with ``name`` first; ``id`` and the
        times are added
    :ivar named: condition for the rows with the name bound as ``:name``
    :ivar document: converts the values of ``columns`` to a document
    :ivar rows: converts new definitions to rows of the table; may write to
        other tables
    """

    name: metadefs.Kind
    noun: str
    table: sa.Table
    source: sa.FromClause
    columns: Mapping[str, sa.Column[Any]]
    named: sa.ColumnElement[bool]
    document: Callable[[Row], metadefs.Definition]
    rows: Callable[
        [sa.Connection, Sequence[Mapping[str, Any]], datetime.datetime],
        list[Row],
    ]

    @property
    def id(self) -> sa.Column[Any]:
        """The column that has the order of creation."""
        column: sa.Column[Any] | None = self.table.c.get('id')
        return self.table.c.resource_type_id if column is None else column

    @property
    def updated_at(self) -> sa.ColumnElement[Any]:
        """``updated_at``, or ``created_at`` if that is null.

        Rows written by other programs may have no ``updated_at``.
        """
        columns = self.table.c
        return sa.func.coalesce(columns.updated_at, columns.created_at)

    def packed(self) -> sa.Select[Any]:
        """Select each row as one JSON text, which :meth:`unpacked` reads."""
        return sa.select(
            rows.json_array(
                sa.literal_column(f"'{self.name}'"),
                self.table.c.namespace_id,
                self.id,
                *self.columns.values(),
                self.table.c.created_at,
                self.updated_at,
            )
        ).select_from(self.source)

    def unpacked(self, values: Sequence[Any]) -> metadefs.Definition:
        """Return the document of a packed row.

        :param values: the row without its first three values
        """
        *fields, created_at, updated_at = values
        row = dict(zip(self.columns, fields, strict=True))
        return {
            **self.document(row),
            'created_at': moment(created_at),
            'updated_at': moment(updated_at),
        }


def moment(text: str) -> str:
    """Format a time of a packed row for both HTTP APIs."""
    return f'{text[:10]}T{text[11:19]}Z'


def schema(stored: str | None) -> dict[str, Any]:
    """Parse a column ``json_schema`` of a packed row."""
    document: dict[str, Any] = json.loads(stored) if stored else {}
    return document
