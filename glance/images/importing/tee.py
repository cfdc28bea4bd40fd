"""Reads data once and writes it to several stores at the same time.

One thread reads and hashes. Each store writes in its own native thread and
gets the pieces one after the other. A piece is not copied: its buffer is
reused after the slowest store has taken it. So the slowest store sets the
pace, and memory does not grow.

A store gives its data a name only after all data has come and was accepted.
If all stores must succeed, they also wait for each other at this point.
"""

from _queue import SimpleQueue  # the native one, not monkey-patched
from collections.abc import Callable, Iterator, Sequence
import logging
from typing import Any, NamedTuple, Protocol

from glance.common import counters
from glance.common import errors
from glance.common import threads
from glance.images import streams
from glance.store import base

LOG = logging.getLogger(__name__)

#: Max number of pieces that a store may be behind the others.
DEPTH = 2


class Store(Protocol):
    """The methods that are used of :class:`glance.store.base.Writable`."""

    def write(
        self,
        image_id: str,
        data: Iterator[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str: ...

    def delete(self, url: str) -> None: ...


class Target(NamedTuple):
    """A store to write to, and its name."""

    store_id: str
    store: Store


class Outcome(NamedTuple):
    """The result of one store.

    :ivar location: URL of the data; None if the store has no data
    :ivar error: why the store failed; None if it has the data, or if its
        writing was aborted because another store failed
    """

    store_id: str
    location: str | None
    error: BaseException | None


def write_to_all(
    image_id: str,
    data: streams.Measured,
    targets: Sequence[Target],
    *,
    all_must_succeed: bool,
    confirm: Callable[[], None],
    size_bytes: int | None = None,
    watch: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Write the data to all targets; the results have the same order.

    The work runs in a native thread, so the source must support that.

    :param all_must_succeed: if one store fails, no store keeps the data
    :param confirm: called once before the first store gives the data its
        name; it raises if the data is not needed any more
    :param size_bytes: total size; None if unknown
    :param watch: called for each piece; it raises to abort the work
    :raises BaseException: the source, ``confirm`` or ``watch`` failed; no
        store keeps the data
    """
    if not data.go_native():
        raise TypeError('the source cannot be read by a native thread')
    data.keep(DEPTH)
    tee = _Tee(image_id, targets, all_must_succeed, confirm, size_bytes)
    outcomes: list[Outcome] = threads.run_behind(tee.run, data, watch)
    return outcomes


class _StoreFailed(Exception):
    """All stores failed, or one failed although all must succeed."""


class _GivenUp(Exception):
    """Aborts the writing of a store that has not failed itself."""


class _Tee:
    def __init__(
        self,
        image_id: str,
        targets: Sequence[Target],
        all_must_succeed: bool,
        confirm: Callable[[], None],
        size_bytes: int | None,
    ) -> None:
        self._image_id = image_id
        self._all_must_succeed = all_must_succeed
        self._confirm = confirm
        self._size_bytes = size_bytes
        #: (writer, event) from the threads of the writers.
        self._events: SimpleQueue[tuple[_Writer, str]] = SimpleQueue()
        self._writers = [
            _Writer(target, self._events, confirm) for target in targets
        ]

    def run(
        self, data: streams.Measured, watch: Callable[[], None]
    ) -> list[Outcome]:
        try:
            try:
                for writer in self._writers:
                    writer.start(self._image_id, self._size_bytes)
                self._pass_on(data, watch)
                self._publish(data.size_bytes)
            except BaseException as error:
                self._end(error)
                raise
        except _StoreFailed:
            LOG.info(
                'The data of image %s is in no store, because a store failed',
                self._image_id,
            )
        outcomes = [writer.outcome() for writer in self._writers]
        for each in outcomes:
            if each.error is not None:
                _log_failure(self._image_id, each.store_id, each.error)
        return outcomes

    def _pass_on(
        self, data: streams.Measured, watch: Callable[[], None]
    ) -> None:
        self._require_success()
        for piece in data:
            watch()
            for writer in self._running():
                writer.give(piece)
            while any(each.behind >= DEPTH for each in self._running()):
                self._wait()
            self._require_success()

    def _publish(self, size_bytes: int) -> None:
        """Let the stores name the data after all of them have all of it."""
        for writer in self._running():
            writer.give(None)
        while any(not writer.is_ready for writer in self._running()):
            self._wait()
        self._require_success()
        self._confirm()
        for writer in self._running():
            writer.answer(None)
        self._wait_for_all()
        for writer in self._writers:
            writer.require_whole(size_bytes, self._image_id)
        self._require_success()

    def _end(self, error: BaseException) -> None:
        """Have every store remove the data, even if it was already named."""
        if isinstance(error, _StoreFailed):
            error = _GivenUp()
        for writer in self._running():
            writer.give(error)
            writer.answer(error)
        self._wait_for_all()
        for writer in self._writers:
            writer.remove(self._image_id)

    def _running(self) -> list['_Writer']:
        return [writer for writer in self._writers if writer.is_running]

    def _wait_for_all(self) -> None:
        while self._running():
            self._wait()

    def _wait(self) -> None:
        writer, happened = self._events.get()
        if happened == 'taken':
            writer.behind -= 1
        elif happened == 'ready':
            writer.is_ready = True
        else:
            writer.is_running = False

    def _require_success(self) -> None:
        """Raise if the import cannot succeed any more."""
        while not self._events.empty():
            self._wait()
        failed = [writer for writer in self._writers if writer.error]
        if len(failed) == len(self._writers):
            raise _StoreFailed
        if failed and self._all_must_succeed:
            raise _StoreFailed


def _log_failure(image_id: str, store_id: str, error: BaseException) -> None:
    """Log why a store failed; the import may succeed without it."""
    is_known = isinstance(error, errors.Error)
    LOG.log(
        logging.WARNING if is_known else logging.ERROR,
        'Could not store the data of image %s in store %s: %s',
        image_id,
        store_id,
        base.reason(error),
        exc_info=None if is_known else error,
    )


class _Writer:
    """One store, and the native thread that writes to it.

    :ivar behind: number of pieces that are queued for it
    :ivar is_ready: all data is written and waits for its name
    :ivar is_running: its thread was started, and its end was not seen yet
    """

    def __init__(
        self,
        target: Target,
        events: SimpleQueue[tuple['_Writer', str]],
        confirm: Callable[[], None],
    ) -> None:
        self._target = target
        self._events = events
        self._confirm = confirm
        self._pieces: SimpleQueue[Any] = SimpleQueue()
        self._answers: SimpleQueue[BaseException | None] = SimpleQueue()
        self._has_all = False
        self._taken_bytes = 0
        self._location: str | None = None
        self.error: BaseException | None = None
        self.behind = 0
        self.is_ready = False
        self.is_running = False

    def start(self, image_id: str, size_bytes: int | None) -> None:
        def work() -> None:
            try:
                self._location = self._target.store.write(
                    image_id, self._data(), self._wait_for_others, size_bytes
                )
                counters.note(
                    'store_written',
                    self._target.store_id,
                    amount=self._taken_bytes,
                )
            except BaseException as error:
                self.error = error
            finally:
                self._events.put((self, 'ended'))

        threads.start(work)
        self.is_running = True

    def give(self, piece: memoryview | BaseException | None) -> None:
        """Queue a piece; None marks the end, an error aborts the writing."""
        self.behind += 1
        self._pieces.put(piece)

    def answer(self, error: BaseException | None) -> None:
        """Let the store name the data, or abort it with an error."""
        self._answers.put(error)

    def _data(self) -> Iterator[base.Buffer]:
        while True:
            piece = self._pieces.get()
            if isinstance(piece, BaseException):
                raise piece
            if piece is None:
                self._has_all = True
                self._events.put((self, 'taken'))
                return
            self._taken_bytes += len(piece)
            yield piece
            self._events.put((self, 'taken'))

    def _wait_for_others(self) -> None:
        """The ``confirm`` of the store; waits until the others are ready."""
        if not self._has_all:  # the store names data before its end
            self._confirm()
            return
        self._events.put((self, 'ready'))
        error = self._answers.get()
        if error is not None:
            raise error

    def require_whole(self, size_bytes: int, image_id: str) -> None:
        """Treat the store as failed if it did not read all of the data."""
        if self.error is None and self._taken_bytes != size_bytes:
            self.error = errors.StoreUnavailable()
            self.error.__cause__ = EOFError(
                f'the store took {self._taken_bytes} of {size_bytes} bytes'
            )
            self.remove(image_id)

    def remove(self, image_id: str) -> None:
        """Remove data that the store has already named."""
        if self._location is None:
            return
        url, self._location = self._location, None
        try:
            self._target.store.delete(url)
        except Exception as error:  # continue with the other stores
            LOG.error(
                'Could not remove the data of image %s from store %s after '
                'its import failed: %s',
                image_id,
                self._target.store_id,
                base.reason(error),
                exc_info=None if isinstance(error, errors.Error) else error,
            )

    def outcome(self) -> Outcome:
        error = None if isinstance(self.error, _GivenUp) else self.error
        return Outcome(self._target.store_id, self._location, error)
