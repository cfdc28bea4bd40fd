"""The pairs of daemons of a run, all on one database server."""

from collections.abc import Mapping, Sequence
import contextlib
import pathlib
from typing import Any, NamedTuple

from benchmark import databases
from benchmark import pair
from benchmark import target as targets


class Maker(NamedTuple):
    """:ivar options: settings of all pairs, as :class:`pair.Pair` has them"""

    server: databases.Server
    workers: int
    stack: contextlib.ExitStack
    options: Sequence[str]

    def make(
        self,
        home: pathlib.Path,
        more: Sequence[str] = (),
        host: str = pair.OWN,
    ) -> pair.Pair:
        """Start a pair with further settings."""
        home.mkdir(parents=True, exist_ok=True)
        options = [*self.options, *more]
        return pair.Pair(
            home, self.server, self.workers, self.stack, options, host
        )

    def target(
        self, made: pair.Pair, name: str = targets.OURS
    ) -> targets.Target:
        process = self.server.process
        return targets.Target(
            name,
            f'http://{pair.HOST}:{made.api.port}',
            [made.api.pid],
            [made.registry.pid],
            [process.pid] if process else [],
            self.server.url,
        )


def store(kind: str, settings: Mapping[str, Any]) -> list[str]:
    """Settings of a pair that has one store."""
    return [
        f'api:DEFAULT.enabled_backends=objects:{kind}',
        'api:glance_store.default_backend=objects',
        *(f'api:objects.{name}={value}' for name, value in settings.items()),
    ]
