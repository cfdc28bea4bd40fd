"""A process that uses everything, forks, and tells what its child shares."""

from glance.common import server

server.patch()

import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import ssl  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import eventlet  # noqa: E402
from eventlet import hubs  # noqa: E402
from oslo_config import cfg  # noqa: E402

from glance.common import config  # noqa: E402
from glance.common import threads  # noqa: E402
from glance.common.server import forks  # noqa: E402
from glance.common.server import native  # noqa: E402


def facts(parent_hub: object) -> dict[str, object]:
    """What a process has; the child's are taken after the parent's."""
    return {
        'hub': hubs.get_hub() is parent_hub,
        'wakeup': signal.set_wakeup_fd(-1),
        'random': random.random(),
        'openssl': ssl.RAND_bytes(8).hex(),
        'native': threads.call(os.getpid) == os.getpid(),
        'term': signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    }


def held_in_log() -> list[bool]:
    """Whether each log handler's lock is held by somebody else."""
    return [
        not handler.lock.acquire(blocking=False)
        for handler in logging.getLogger().handlers
    ]


def main() -> None:
    conf = cfg.ConfigOpts()
    config.register(conf, 9292)
    config.load(conf, sys.argv[1:], 'forking', '1')
    threads.install(
        native.call,
        native.run,
        native.run_behind,
        native.start,
        native.pause,
    )
    native.prepare()
    threads.call(time.time)
    signal.signal(signal.SIGTERM, lambda *_: None)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    hub = hubs.get_hub()
    answer, report = os.pipe()
    pid = forks.fork()
    if not pid:
        found = facts(hub)
        held = held_in_log()  # and keeps them to its end
        os.write(report, json.dumps({**found, 'held': held}).encode())
        os._exit(0)
    with eventlet.Timeout(20):
        child = json.loads(os.read(answer, 4096))
    os.waitpid(pid, 0)
    sys.stdout.write(
        json.dumps({'child': child, 'held': held_in_log(), **facts(hub)})
    )


if __name__ == '__main__':
    main()
