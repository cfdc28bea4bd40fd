import os
import unittest

from oslo_config import cfg

from glance.common import config
from glance.common.server import listening
from tests import base


class TestListen(unittest.TestCase):
    def listen(self, **options: object) -> None:
        conf = cfg.ConfigOpts()
        config.register(conf, 9292)
        conf(args=[], default_config_files=[])
        for name, value in options.items():
            conf.set_override(name, value)
        sock = listening.listen(conf)
        self.addCleanup(sock.close)
        self.assertFalse(os.get_blocking(sock.fileno()))
        # Each worker takes a copy while others accept already.
        copy = sock.dup()
        self.addCleanup(copy.close)
        self.assertFalse(os.get_blocking(sock.fileno()))

    def test_no_copy_makes_workers_wait_in_accept(self) -> None:
        self.listen(bind_host='127.0.0.1', bind_port=0)
        path = os.path.join(base.temporary_directory(self), 'socket')
        self.listen(bind_socket=path)


class TestPauses(unittest.TestCase):
    def test_one_of_several_workers_pauses_after_each(self) -> None:
        pauses = listening.Pauses(is_alone=False)
        self.assertEqual([True] * 3, [pauses.is_due() for _ in range(3)])

    def test_single_worker_accepts_many_but_never_goes_on_for_ever(
        self,
    ) -> None:
        pauses = listening.Pauses(is_alone=True)
        count = pauses.at_once
        due = [pauses.is_due() for _ in range(2 * count)]
        self.assertEqual(([False] * (count - 1) + [True]) * 2, due)
