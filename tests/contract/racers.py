"""Concurrent requests, in threads of one process or in several processes.

A racer is a separate pair of daemons that shares the database with the other
racers, like a worker of a real service. All racers start at one barrier.
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
from glance_registry.db import sweeping
from glance_registry.db import transfers
from tests import base

#: A call that takes longer is considered to hang.
SECONDS = 60
#: Time in which the calls reach their processes.
HEAD_START_SECONDS = 0.003

#: An operation of the registry client, or of Racer, and its arguments.
Call = tuple[Any, ...]
#: The result of a call: ('ok', response) or (code of the error, message).
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
    """Runs calls, one at a time."""

    def __init__(self, service: base.Service) -> None:
        self._service = service

    def perform(self, call: Call) -> Outcome:
        name, *arguments = call
        try:
            if name == 'http':
                return self._http(*arguments)
            if name == 'sweep':
                return 'ok', sweep(self._service.database)
            name_of_caller, *rest = arguments
            operation = getattr(self._service.registry, name)
            return 'ok', operation(caller(name_of_caller), *rest)
        except errors.Error as error:
            return error.code, str(error)

    def _http(
        self,
        method: str,
        path: str,
        body: bytes | None,
        media_type: str,
        name_of_caller: str = 'alice',
        headers: dict[str, str] | None = None,
    ) -> Outcome:
        sent = {'Content-Type': media_type, **(headers or {})}
        request = webob.Request.blank(
            path,
            method=method,
            headers={**base.identity(name_of_caller), **sent},
        )
        if body is not None:
            request.body = body
        response = request.get_response(self._service.app)
        return str(response.status_int), response.text


def sweep(database: engine.Database) -> list[str]:
    """End the transfers whose lease has expired by the time in their row."""
    table = transfers.TRANSFERS
    past = table.c.expires_at < clock.after(0)
    # Read the marks first, so that the mark of a transfer that is renewed
    # afterwards differs.
    marks = database.read(sweeping.observe)
    ended = database.read(
        lambda connection: connection.scalars(
            sa.select(table.c.id).where(past)
        ).all()
    )
    lapsed = {each: marks[each] for each in ended if each in marks}
    return list(database.write(sweeping.sweep, lapsed))


def lapse(database: engine.Database, transfer_id: str) -> None:
    """Set the time of a transfer's lease to a time in the past."""
    table = transfers.TRANSFERS
    update = table.update().where(table.c.id == transfer_id)
    past = clock.after(-1)
    database.write(
        lambda connection: connection.execute(update.values(expires_at=past))
    )


class Track(Protocol):
    """Runs the calls of a race at the same time; returns their outcomes."""

    def race(self, calls: Sequence[Call]) -> list[Outcome]: ...


class Threads:
    """Runs races in threads that share one pair of daemons."""

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
    """Runs races in processes; each has its own pair of daemons."""

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
            # All processes of the machine have the same monotonic clock.
            time.sleep(max(0.0, start - time.monotonic()))
            pipe.send(racer.perform(call))
    except EOFError:
        service.close()
