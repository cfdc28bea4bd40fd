"""The database's own clock, as SQL.

All registries use this clock. The clocks of their hosts may differ or jump,
so no decision compares the clock of one host with a time from another host.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions


class after(functions.FunctionElement[Any]):  # noqa: N801 - reads as SQL
    """The time of the statement plus some seconds: UTC, whole seconds.

    :param seconds: an integer, or an SQL expression
    """

    type = sa.DateTime()
    inherit_cache = True

    def __init__(self, seconds: Any) -> None:
        super().__init__(sa.type_coerce(seconds, sa.Integer()))


def _seconds(element: after, compiled: Any, **settings: Any) -> str:
    text: str = compiled.process(element.clauses, **settings)
    return text


@compiler.compiles(after)
def _compile_mysql(element: after, compiled: Any, **settings: Any) -> str:
    seconds = _seconds(element, compiled, **settings)
    return f'(UTC_TIMESTAMP() + INTERVAL ({seconds}) SECOND)'


@compiler.compiles(after, 'sqlite')
def _compile_sqlite(element: after, compiled: Any, **settings: Any) -> str:
    # A text in SQLAlchemy's format of times.
    seconds = _seconds(element, compiled, **settings)
    return (
        "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', "
        f"({seconds}) || ' seconds')"
    )


@compiler.compiles(after, 'postgresql')
def _compile_postgresql(element: after, compiled: Any, **settings: Any) -> str:
    seconds = _seconds(element, compiled, **settings)
    return (
        "(date_trunc('second', timezone('UTC', statement_timestamp()))"
        f" + ({seconds}) * interval '1 second')"
    )
