"""Many random requests of several callers, compared with a model.

After each step the test checks that: no request failed with a server error;
every image is as in the model; its size, hashes and status match its data;
quotas are kept; images are visible, by id and in lists, only to the right
callers; pages of lists are complete.

A failure prints the shortest story that reproduces it, and its seed.
GLANCE_TEST_SEED=N runs other stories, GLANCE_TEST_SEED=new uses a new seed.
Without it the stories are the same in each run, so that a failure is caused
by the change under test. GLANCE_TEST_RANDOM=long runs more stories.
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

#: Max time to shorten a failing story; the library's default is 300.
SHRINKING_SECONDS = 40


class Story(images.Images, data.Data, sharing.Sharing, lists.Lists):
    """A story: requests in random order."""

    @stateful.initialize(given=inputs.documents)
    def begin(self, given: dict[str, Any]) -> None:
        """Create a private and a shared image of alice, and one of bob."""
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
