"""Column types for texts that every engine compares byte for byte.

MariaDB and MySQL compare texts by the collation of the column, which usually
treats ``a``, ``A``, ``ä`` and ``a `` as equal. Ids and names must not be
compared like this: project ``P1`` is not project ``p1``. There, a column of
type :class:`Name` or :class:`Value` is therefore compared with bytes::

    owner = CAST('p1' AS BINARY)

The servers still find the row by an index with the column's collation, and
then compare the bytes. The order of a list, and the position of a marker in
it, still follow the collation: such values are bound with the type of the
column.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions
from sqlalchemy.sql import operators

_BYTEWISE = (operators.eq, operators.ne)


class _as_bytes(functions.FunctionElement[str]):  # noqa: N801 - like SQL's
    """A value as UTF-8 bytes, on engines that need it."""

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
    """The type of a value with which a column is compared."""

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

    ``IN`` compares bytes only if its values have the type :class:`Compared`,
    because SQLAlchemy cannot render an empty list of such values.
    """

    impl = sa.String
    cache_ok = True
    comparator_factory = _Comparator

    def coerce_compared_value(
        self, op: Any, value: Any
    ) -> types.TypeEngine[Any]:
        return Compared() if op in _BYTEWISE else self


class Value(Name):
    """A text of any length; otherwise like :class:`Name`."""

    impl = sa.Text
    cache_ok = True
