"""Texts that every engine compares byte for byte.

MariaDB and MySQL compare texts by the collation of the column, which
usually takes ``a``, ``A``, ``ä`` and ``a `` for the same. Identities and
names must not be compared so: project ``P1`` is not project ``p1``. A column
of type :class:`Name` or :class:`Value` therefore compares with bytes there::

    owner = CAST('p1' AS BINARY)

The servers still find the row by an index of the column's own collation and
compare the bytes of what they found. The order of a list, and where it
continues behind a marker, stay those of the collation: such values are bound
with the type of the column.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions
from sqlalchemy.sql import operators

_BYTEWISE = (operators.eq, operators.ne)


class _as_bytes(functions.FunctionElement[str]):  # noqa: N801 - like SQL's
    """A value as the bytes of its UTF-8, where the engine needs that."""

    type = sa.Text()
    inherit_cache = True


@compiler.compiles(_as_bytes)
def _compile(element: _as_bytes, compiled: Any, **settings: Any) -> str:
    return str(compiled.process(element.clauses, **settings))


@compiler.compiles(_as_bytes, 'mysql')
@compiler.compiles(_as_bytes, 'mariadb')
def _compile_mysql(element: _as_bytes, compiled: Any, **settings: Any) -> str:
    return f'CAST({compiled.process(element.clauses, **settings)} AS BINARY)'


class Compared(types.TypeDecorator[str]):
    """The type of a value that a column is compared with."""

    impl = sa.Text
    cache_ok = True

    def bind_expression(
        self, bindvalue: sa.BindParameter[str]
    ) -> sa.ColumnElement[str]:
        return _as_bytes(bindvalue)


class _Comparator(
    types.TypeDecorator.Comparator[str], sa.String.Comparator[str]
):
    """Gives the values of ``=`` and ``!=`` the type :class:`Compared`."""

    def operate(
        self, op: operators.OperatorType, *other: Any, **kwargs: Any
    ) -> sa.ColumnElement[Any]:
        if op in _BYTEWISE:
            other = tuple(map(_compared, other))
        return super().operate(op, *other, **kwargs)


def _compared(value: Any) -> Any:
    if isinstance(value, sa.BindParameter) and value.type._isnull:
        return value._with_binary_element_type(Compared())
    return value


class Name(types.TypeDecorator[str]):
    """A short text; ``=`` and ``!=`` compare its bytes.

    ``IN`` does so only with values of type :class:`Compared`, because
    SQLAlchemy cannot write an empty list of these.
    """

    impl = sa.String
    cache_ok = True
    comparator_factory = _Comparator

    def coerce_compared_value(
        self, op: Any, value: Any
    ) -> types.TypeEngine[Any]:
        return Compared() if op in _BYTEWISE else self


class Value(Name):
    """The same for a text of any length."""

    impl = sa.Text
    cache_ok = True
