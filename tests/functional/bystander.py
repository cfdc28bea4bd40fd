"""Measures how long the most expensive documents block an event loop.

    python -m tests.functional.bystander

A bystander, which is another green thread, is always ready to run. For each
document, the program prints the status and the longest time for which the
process computed without running the bystander. This is processor time, so
that other programs of the machine do not count.
"""

import eventlet

eventlet.monkey_patch()

import gc  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import webob  # noqa: E402

from glance.common import threads  # noqa: E402
from glance.common.server import native  # noqa: E402
from tests import base  # noqa: E402

PATCH = 'application/openstack-images-v2.1-json-patch'
JSON = 'application/json'
IMAGE_ID = '7a000000-0000-4000-8000-000000000001'
ONE = f'/v2/images/{IMAGE_ID}'
MIB = 1 << 20
#: Slightly less than the max number of values that are parsed.
MANY = 49_000
#: Results from this on are measured again, so often at most.
LONG_MILLISECONDS = 50
REPETITIONS = 3
UNLIMITED = dict.fromkeys(
    ('image_tag_quota', 'image_property_quota', 'image_location_quota')
    + ('image_member_quota',),
    -1,
)

Document = tuple[str, str, str, str, bytes]


def dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(',', ':')).encode()


def _listed(item: bytes, size_bytes: int) -> bytes:
    return b'[' + b','.join([item] * (size_bytes // (len(item) + 1))) + b']'


def _values(values: bytes) -> list[Document]:
    """Return documents with a value in each position of each schema."""
    change = b'[{"op":"add","path":"/%s","value":' + values + b'}]'
    return [
        ('tags', 'POST', '/v2/images', JSON, b'{"tags":' + values + b'}'),
        ('name', 'POST', '/v2/images', JSON, b'{"name":' + values + b'}'),
        ('property', 'POST', '/v2/images', JSON, b'{"x":' + values + b'}'),
        ('image', 'POST', '/v2/images', JSON, values),
        ('patch tags', 'PATCH', ONE, PATCH, change % b'tags'),
        ('patch name', 'PATCH', ONE, PATCH, change % b'name'),
        (
            'patch locations',
            *('PATCH', ONE, PATCH),
            change.replace(b'add', b'replace') % b'locations',
        ),
        ('patch', 'PATCH', ONE, PATCH, values),
        (
            'location',
            *('POST', f'{ONE}/locations', JSON),
            b'{"url":' + values + b'}',
        ),
        (
            'validation data',
            *('POST', f'{ONE}/locations', JSON),
            b'{"url":"http://x/y","validation_data":' + values + b'}',
        ),
        (
            'member',
            *('POST', f'{ONE}/members', JSON),
            b'{"member":' + values + b'}',
        ),
        (
            'status',
            *('PUT', f'{ONE}/members/p2', JSON),
            b'{"status":' + values + b'}',
        ),
    ]


def documents() -> list[Document]:
    """Return documents of all shapes, near the max size of bodies.

    Their fault is at their end, so that the whole document is checked.
    """
    place = {'url': 'http://192.0.2.1/x', 'metadata': {}}
    names = {f'p{number}': 'x' for number in range(MANY)} | {'bad': '\0'}
    tags = [f't{number}' for number in range(MANY)] + ['\0']
    ops = [{'op': 'add', 'path': '/tags', 'value': ['x'] * 45}] * 999
    ops.append({'op': 'add', 'path': '/tags', 'value': ['\0']})
    shapes = {
        'texts beyond': _listed(b'"a"', 4 * MIB),
        'texts': _listed(b'"a"', MIB - 200),
        'counted texts': dumped(['a'] * MANY + ['\0']),
        'distinct texts': dumped(tags),
        'empty lists': _listed(b'[]', 3 * MANY),
        'nested': b'[' * 900 + b']' * 900,
        'objects': dumped([{}] * MANY),
        'locations': dumped([place] * (MANY // 4) + [{}]),
        'names': dumped(names),
        'text': dumped('x' * (MIB - 200)),
        'wide text': dumped('é' * (MIB // 7)),
        'quotes': b'"' + rb'\"' * (MIB // 2 - 100) + b'"',
        'commas': dumped(',' * (MIB - 200)),
        'operations': dumped(ops),
    }
    return [
        (f'{shape} as {place}', *rest)
        for shape, values in shapes.items()
        for place, *rest in _values(values)  # type: ignore[misc]
    ]


class Bystander:
    """Is always ready to run, and records its longest wait."""

    def __init__(self) -> None:
        self.turns = 0
        self.longest_seconds = 0.0
        self._ended = False
        self._last = time.process_time()

    def run(self) -> None:
        while not self._ended:
            eventlet.sleep(0)
            self._turn()

    def _turn(self) -> None:
        now = time.process_time()
        self.longest_seconds = max(self.longest_seconds, now - self._last)
        self._last = now
        self.turns += 1

    def end(self) -> None:
        self._ended = True


def measured(app: Any, document: Document) -> dict[str, Any]:
    what, method, path, media_type, body = document
    request = webob.Request.blank(
        path,
        method=method,
        body=body,
        headers={**base.identity('admin'), 'Content-Type': media_type},
    )
    bystander = Bystander()
    thread = eventlet.spawn(bystander.run)
    eventlet.sleep(0)
    answer = request.get_response(app)
    eventlet.sleep(0)
    bystander.end()
    thread.wait()
    return {
        'what': what,
        'status': answer.status_int,
        'milliseconds': round(bystander.longest_seconds * 1000, 1),
        'turns': bystander.turns,
    }


def least(app: Any, document: Document) -> dict[str, Any]:
    """Measure again what took long: a busy machine adds to some of it."""
    found = measured(app, document)
    for _ in range(REPETITIONS):
        if found['milliseconds'] < LONG_MILLISECONDS:
            break
        again = measured(app, document)
        if again['status'] == found['status']:
            found = min(found, again, key=lambda it: it['milliseconds'])
    return found


def main() -> None:
    threads.install(
        native.call,
        native.run,
        native.run_behind,
        native.start,
        native.pause,
    )
    options = {**UNLIMITED, 'show_multiple_locations': True}
    with tempfile.TemporaryDirectory() as directory:
        found = []
        service = base.Service(directory, options)
        request = webob.Request.blank(
            '/v2/images',
            method='POST',
            body=dumped({'id': IMAGE_ID}),
            headers=base.identity('admin'),
        )
        for _ in range(2):  # the second one runs with all modules loaded
            request.get_response(service.app)
        gc.collect()
        gc.freeze()  # as a daemon does before it serves
        found = [least(service.app, each) for each in documents()]
        service.close()
    json.dump(found, sys.stdout)


if __name__ == '__main__':
    main()
