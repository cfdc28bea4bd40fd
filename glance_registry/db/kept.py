"""Statements that are built once, within a budget of bytes.

Building and compiling a statement costs as much as executing it many times,
so a statement is kept for the next request of the same shape. Clients choose
the shapes, and one of a list takes 200 KiB: the cache is limited by what it
holds, not by the number of entries.

SQLAlchemy's own cache of an engine would keep 500 of them. It is left to
the statements that are constants of a module.
"""

from collections.abc import Callable, Mapping
import functools
from typing import Any, ParamSpec

import sqlalchemy as sa

P = ParamSpec('P')

#: What all kept statements of a process may take.
BUDGET_BYTES = 12 * 2**20
#: Memory that a statement takes per character of its SQL, with its key (8 of
#: these) and what it was compiled to (18); measured with 150 random lists.
BYTES_PER_CHARACTER = 65
#: The least that a statement takes, also before it is compiled.
LEAST_BYTES = 16 * 2**10


class _Compiled:
    """What SQLAlchemy compiled of one statement, by dialect.

    It is handed over as SQLAlchemy's cache. The key that SQLAlchemy makes
    describes the whole statement; computing its hash takes longer than
    anything else of the look-up, and here there is only one statement.
    """

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        dialect, _statement, *rest = key
        return self._found.get((dialect, *rest))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        dialect, _statement, *rest = key
        self._found[(dialect, *rest)] = compiled

    def size_bytes(self) -> int:
        characters = sum(len(each.string) for each in self._found.values())
        return max(characters * BYTES_PER_CHARACTER, LEAST_BYTES)


class Kept:
    """A statement, ready to be executed again."""

    def __init__(self, statement: sa.Executable) -> None:
        self.statement = statement
        self._compiled = _Compiled()

    def execute(
        self, connection: sa.Connection, values: Mapping[str, Any]
    ) -> sa.CursorResult[Any]:
        return connection.execute(
            self.statement,
            values,
            execution_options={'compiled_cache': self._compiled},
        )

    def size_bytes(self) -> int:
        return self._compiled.size_bytes()


class Cache:
    """Kept statements; those that were not used for long go first.

    There are two generations: a statement that is used moves to the young
    one, and when that has half of the budget, the old one is dropped. No
    step needs a lock, at which a native thread could wait for ever.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._young: dict[Any, Kept] = {}
        self._old: dict[Any, Kept] = {}

    def get(self, key: Any, build: Callable[[], sa.Executable]) -> Kept:
        found = self._young.get(key)
        if found is not None:
            return found
        found = self._old.get(key) or Kept(build())
        if _size_bytes(self._young) > self._budget_bytes // 2:
            self._old, self._young = self._young, {}
        self._young[key] = found
        return found

    def size_bytes(self) -> int:
        return _size_bytes({**self._old, **self._young})


def _size_bytes(kept: Mapping[Any, Kept]) -> int:
    return sum(each.size_bytes() for each in list(kept.values()))


CACHE = Cache(BUDGET_BYTES)


def kept(build: Callable[P, sa.Executable]) -> Callable[P, Kept]:
    """Make a function that builds a statement build each once.

    :param build: its arguments can be hashed and are all that it looks at
    """

    @functools.wraps(build)
    def get(*args: P.args, **kwargs: P.kwargs) -> Kept:
        key = (build, args, *kwargs.items())
        return CACHE.get(key, lambda: build(*args, **kwargs))

    return get
