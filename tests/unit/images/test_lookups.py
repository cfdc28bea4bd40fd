"""Downloads that begin together share calls to the registry."""

from concurrent import futures
import threading
import traceback
from typing import Any
import unittest

from glance.common import context as contexts
from glance.common import errors
from glance.images import lookups

READERS = 8
SECONDS = 30


def caller(user: str = 'alice') -> contexts.RequestContext:
    return contexts.RequestContext(user_id=user, auth_token=f'of {user}')


class TestLookups(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.calls: list[str] = []
        self.is_called = threading.Event()
        self.goes_on = threading.Event()
        self.addCleanup(self.goes_on.set)
        self.answer: Any = {'status': 'active'}
        self.lookups = lookups.Lookups(self.get_image)
        self.pool = futures.ThreadPoolExecutor(READERS + 1)
        self.addCleanup(self.pool.shutdown)

    def get_image(self, context: contexts.RequestContext, _id: str) -> Any:
        answer = self.answer
        if isinstance(answer, SystemExit):
            self.answer = {'status': 'active'}  # of further calls
        self.calls.append(str(context.user_id))
        self.is_called.set()
        self.goes_on.wait(SECONDS)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def start(self, count: int, *args: str) -> list[futures.Future[Any]]:
        return [
            self.pool.submit(self.lookups.get, caller(*args), 'id')
            for _ in range(count)
        ]

    def together(self, first: Any, then: Any) -> list[futures.Future[Any]]:
        """One call is running when the others arrive, all of one caller."""
        self.answer = first
        started = self.start(1)
        self.assertTrue(self.is_called.wait(SECONDS))
        self.answer = then
        started += self.start(READERS)
        while self.pool._work_queue.qsize():
            threading.Event().wait(0.001)
        self.wait_for_arrivals()
        self.goes_on.set()
        return started

    def wait_for_arrivals(self) -> None:
        """Until all but the one that calls and the next one wait for it."""
        (call,) = self.lookups._next.values()
        waiting = call.done._cond._waiters  # type: ignore[attr-defined]
        while len(waiting) < READERS - 1:
            threading.Event().wait(0.001)

    def test_requests_during_a_call_share_the_next_one(self) -> None:
        before, after = {'status': 'active'}, {'status': 'deactivated'}
        first, *rest = self.together(before, after)
        self.assertEqual(before, first.result(SECONDS))
        # They arrived when the image had changed, so they see the change.
        for each in rest:
            self.assertEqual(after, each.result(SECONDS))
        self.assertEqual(['alice'] * 2, self.calls)

    def test_all_that_share_a_call_get_its_error(self) -> None:
        _, *rest = self.together({}, errors.NotFound())
        for each in rest:
            self.assertIsInstance(each.exception(SECONDS), errors.NotFound)
        self.assertEqual(3, len(self.calls))  # {} is no image: asked again

    def test_each_gets_an_error_of_its_own(self) -> None:
        """A shared one would get longer with each request that raises it."""
        trouble = errors.NotFound('no image', headers={'X-Of': 'registry'})
        trouble.__cause__ = OSError('reset')
        _, *rest = self.together({}, trouble)
        raised = [each.exception(SECONDS) for each in rest]
        self.assertEqual(READERS, len({id(each) for each in raised}))
        for each in raised:
            assert isinstance(each, errors.NotFound)
            self.assertEqual('no image', str(each))
            self.assertEqual({'X-Of': 'registry'}, each.headers)
            self.assertIs(trouble.__cause__, each.__cause__)
            frames = traceback.extract_tb(each.__traceback__)
            names = [frame.name for frame in frames]
            self.assertEqual(1, names.count('get'), names)

    def test_thread_that_is_killed_takes_nobody_with_it(self) -> None:
        killed = SystemExit()
        _, *rest = self.together({'status': 'active'}, killed)
        ended = [each.exception(SECONDS) for each in rest]
        self.assertEqual({None, killed}, set(ended))
        self.assertEqual(1, ended.count(killed))

    def test_other_callers_make_calls_of_their_own(self) -> None:
        started = [*self.start(1, 'alice'), *self.start(1, 'bob')]
        while len(self.calls) < 2:
            threading.Event().wait(0.001)
        self.goes_on.set()
        for each in started:
            each.result(SECONDS)
        self.assertEqual(['alice', 'bob'], sorted(self.calls))

    def test_nothing_is_kept(self) -> None:
        self.goes_on.set()
        for _ in range(2):
            self.lookups.get(caller(), 'id')
        self.assertEqual(2, len(self.calls))
        self.assertEqual(({}, {}), (self.lookups._next, self.lookups._running))
