"""A registry whose wall clock differs or jumps ends no transfer."""

from collections.abc import Iterator
import contextlib
import datetime
import time
import types
from unittest import mock

from glance_registry import sweeper
from glance_registry.db import engine
from tests.contract.registry import callers

LEASE_SECONDS = 60
HOURS = 3600.0


@contextlib.contextmanager
def clock_off_by(seconds: float) -> Iterator[None]:
    """Set the wall clock of this process, but not that of the database."""
    shift = datetime.timedelta(seconds=seconds)
    real = time.time

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return datetime.datetime.now(tz) + shift

    module = types.SimpleNamespace(datetime=Shifted, UTC=datetime.UTC)
    with (
        mock.patch.object(engine, 'datetime', module),
        mock.patch('time.time', lambda: real() + seconds),
    ):
        yield


class TestClocks(callers.RegistryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.sweeping = sweeper.Sweeping(
            self.service.app, self.service.database, LEASE_SECONDS
        )
        self.seconds = 0.0
        self.image_id = self.create()['id']
        self.claim(self.image_id, 't1')

    def look(self, *, renews: bool) -> None:
        """Run sweeps for longer than a lease, with or without renewals."""
        for _ in range(sweeper.LOOKS_PER_LEASE + 2):
            if renews:
                lost = self.client.renew_transfers(
                    callers.ADMIN, {'transfers': {'t1': 1}}
                )
                self.assertEqual([], lost['lost'])
            self.seconds += LEASE_SECONDS / sweeper.LOOKS_PER_LEASE
            self.sweeping.look(self.seconds)

    def status(self) -> str:
        image = self.client.get_image(callers.ALICE, self.image_id)
        return image['status']

    def test_another_wall_clock_ends_no_renewed_transfer(self) -> None:
        for shift in (-4 * HOURS, -120.0, 120.0, 4 * HOURS):
            with self.subTest(shift=shift), clock_off_by(shift):
                self.look(renews=True)
                self.assertEqual('saving', self.status())

    def test_an_abandoned_transfer_ends_whatever_the_clock_says(self) -> None:
        for shift in (-4 * HOURS, 4 * HOURS):
            with self.subTest(shift=shift), clock_off_by(shift):
                self.look(renews=False)
                self.assertEqual('queued', self.status())
            self.claim(self.image_id, 't1')

    def test_time_in_which_nobody_looked_does_not_count(self) -> None:
        self.sweeping.look(1.0)
        self.sweeping.look(1.0 + 10 * LEASE_SECONDS)
        self.assertEqual('saving', self.status())


class TestClocksMysql(TestClocks):
    kind = 'mysql'


class TestClocksPostgresql(TestClocks):
    kind = 'postgresql'
