"""Requests that meet: in threads of one process, in several processes.

A racer is a pair of daemons of its own on the database of the others, as
every worker of a real service is. All start at one barrier.
"""

from collections.abc import Sequence
import multiprocessing
import multiprocessing.connection
import threading
import time
from typing import Any, Protocol

import sqlalchemy as sa
import webob

from glance.common import context
from glance.common import errors
from glance_registry.db import clock
from glance_registry.db import engine
from glance_registry.db import transfers
from tests import base

#: What takes longer is a hang.
SECONDS = 60
#: Enough for the calls to reach their processes.
HEAD_START_SECONDS = 0.003

#: An operation of the registry's client with its arguments; or one of
#: Racer's own.
Call = tuple[Any, ...]
#: What came of it: ('ok', answer) or (code of the error, message).
Outcome = tuple[str, Any]


def caller(name: str) -> context.RequestContext:
    project, roles = base.CALLERS[name]
    return context.RequestContext(
        user_id=name,
        project_id=project,
        roles=roles.split(','),
        is_admin=name == 'admin',
        overwrite=False,
    )


class Racer:
    """Does calls, one at a time."""

    def __init__(self, service: base.Service) -> None:
        self._service = service

    def perform(self, call: Call) -> Outcome:
        name, *arguments = call
        try:
            if name == 'http':
                return self._http(*arguments)
            if name == 'sweep':
                return 'ok', sweep(self._service.database)
            asking, *rest = arguments
            operation = getattr(self._service.registry, name)
            return 'ok', operation(caller(asking), *rest)
        except errors.Error as error:
            return error.code, str(error)

    def _http(
        self, method: str, path: str, body: bytes | None, media_type: str
    ) -> Outcome:
        request = webob.Request.blank(
            path,
            method=method,
            headers={**base.identity('alice'), 'Content-Type': media_type},
        )
        if body is not None:
            request.body = body
        response = request.get_response(self._service.app)
        return str(response.status_int), response.text


def sweep(database: engine.Database) -> list[str]:
    """End the transfers whose lease has ended by the row's own words."""
    table = transfers.TRANSFERS
    past = table.c.expires_at < clock.after(0)
    # First: one that is renewed after this look differs from its mark.
    marks = database.read(transfers.observe)
    ended = database.read(
        lambda connection: connection.scalars(
            sa.select(table.c.id).where(past)
        ).all()
    )
    lapsed = {each: marks[each] for each in ended if each in marks}
    swept: list[str] = database.write(transfers.sweep, lapsed)
    return swept


def lapse(database: engine.Database, transfer_id: str) -> None:
    """Let a lease have ended."""
    table = transfers.TRANSFERS
    update = table.update().where(table.c.id == transfer_id)
    past = clock.after(-1)
    database.write(
        lambda connection: connection.execute(update.values(expires_at=past))
    )


class Track(Protocol):
    """Where races are run."""

    def race(self, calls: Sequence[Call]) -> list[Outcome]: ...


class Threads:
    """Racers are threads that share one pair of daemons."""

    def __init__(self, service: base.Service) -> None:
        self._racer = Racer(service)

    def race(self, calls: Sequence[Call]) -> list[Outcome]:
        outcomes: list[Outcome] = [('never ended', None)] * len(calls)
        barrier = threading.Barrier(len(calls), timeout=SECONDS)

        def run(number: int, call: Call) -> None:
            barrier.wait()
            outcomes[number] = self._racer.perform(call)

        threads = [
            threading.Thread(target=run, args=numbered, daemon=True)
            for numbered in enumerate(calls)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        return outcomes


class Processes:
    """Racers are processes with a pair of daemons each."""

    def __init__(
        self, count: int, directory: str, url: str, options: Any
    ) -> None:
        spawn = multiprocessing.get_context('spawn')
        self._pipes = []
        self._processes = []
        for _ in range(count):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(
                target=_work, args=(theirs, directory, url, options)
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def race(self, calls: Sequence[Call]) -> list[Outcome]:
        pipes = self._pipes[: len(calls)]
        start = time.monotonic() + HEAD_START_SECONDS
        for pipe, call in zip(pipes, calls, strict=True):
            pipe.send((start, call))
        outcomes = []
        for pipe in pipes:
            if not pipe.poll(SECONDS):
                raise AssertionError('a racer never came back')
            outcomes.append(pipe.recv())
        return outcomes

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(SECONDS)


def _work(
    pipe: multiprocessing.connection.Connection,
    directory: str,
    url: str,
    options: dict[str, Any],
) -> None:
    service = base.Service(directory, options, url)
    racer = Racer(service)
    racer.perform(('list_members', 'alice', 'none'))  # connects
    pipe.send('ready')
    try:
        while True:
            start, call = pipe.recv()
            # The clock is the machine's: the same in every process.
            time.sleep(max(0.0, start - time.monotonic()))
            pipe.send(racer.perform(call))
    except EOFError:
        service.close()
