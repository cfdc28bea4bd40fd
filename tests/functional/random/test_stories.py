"""Many random requests of several callers, beside a model of the service.

After each step: no failure; every image is what the model says; size,
hashes and status go with the data; quotas are kept; who should not see an
image does not, by its id and in lists; pages are whole.

A failure prints the shortest story that shows it, and its seed.
GLANCE_TEST_SEED=N tells other stories, GLANCE_TEST_SEED=new ones that nobody
heard before; without it they are the same each time, so that a change is
blamed for its own faults only. GLANCE_TEST_RANDOM=long tells more of them.
"""

from typing import Any
import unittest
from unittest import mock

import hypothesis
from hypothesis import stateful
from hypothesis.internal.conjecture import engine

from tests.functional.random import data
from tests.functional.random import images
from tests.functional.random import inputs
from tests.functional.random import lists
from tests.functional.random import machine
from tests.functional.random import model
from tests.functional.random import sharing

#: To make a failing story short; the library's own is 300.
SHRINKING_SECONDS = 40


class Story(images.Images, data.Data, sharing.Sharing, lists.Lists):
    """Requests in any order."""

    @stateful.initialize(given=inputs.documents)
    def begin(self, given: dict[str, Any]) -> None:
        """Three images: one new, one with data, one that bob shares."""
        alice, bob = model.CALLERS['alice'], model.CALLERS['bob']
        self.create(alice, given | {'owner': 'p1', 'visibility': 'private'})
        self.create(
            alice, inputs.FORMATS | {'visibility': 'shared', 'tags': ['t']}
        )
        self.create(bob, inputs.FORMATS | {'name': 'a', 'color': 'red'})
        shared = len(self.images) - 2
        self.upload(alice, shared, b'0123456789', None, chunked=False)
        self.share(alice, shared, 'p2')
        self.share(bob, shared + 1, 'p1')


class TestStories(unittest.TestCase):
    def test_any_story_is_as_the_model_says(self) -> None:
        shrinking = mock.patch.object(
            engine, 'MAX_SHRINKING_SECONDS', SHRINKING_SECONDS
        )
        self.enterContext(shrinking)
        stateful.run_state_machine_as_test(
            hypothesis.seed(machine.SEED)(Story),
            settings=hypothesis.settings(
                max_examples=120 if machine.IS_LONG else 20,
                stateful_step_count=80 if machine.IS_LONG else 50,
                deadline=None,
                database=None,
                print_blob=True,
                phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
