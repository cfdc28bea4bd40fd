"""A new image and its first download: does it wait for the disk?

One round is an upload, at once a download of it, and one more. The sum of
the first two is a row of its own: what an upload leaves to be done later, by
the daemon or for the reader, is in it.
"""

from collections.abc import Iterable, Iterator
import functools
import hashlib
from typing import Any

from benchmark import client
from benchmark import data
from benchmark import metadata
from benchmark import target as targets

Row = dict[str, Any]
_REPOSITORY = '/v2/bench/blobs'


class Images:
    """New images of a Glance."""

    def __init__(self, target: targets.Target) -> None:
        self._connection = target.connect()

    def put(self, size: int) -> str:
        image_id = data.new_image(self._connection)
        path = f'/v2/images/{image_id}/file'
        self._connection.upload(path, data.blocks(size), size)
        return path

    def delete(self, path: str) -> None:
        metadata.delete_image(self._connection, path.split('/')[3])


class Blobs:
    """New blobs of a Docker registry, which hashes (sha256) as well."""

    def __init__(self, target: targets.Target) -> None:
        self._connection = target.connect()

    def put(self, size: int) -> str:
        digest = _sha256(size)
        place = self._connection.location('POST', f'{_REPOSITORY}/uploads/')
        path = '/' + place.split('://', 1)[-1].split('/', 1)[1]
        path += ('&' if '?' in path else '?') + f'digest=sha256:{digest}'
        self._connection.upload(path, data.blocks(size), size)
        return f'{_REPOSITORY}/sha256:{digest}'

    def delete(self, path: str) -> None:
        self._connection.call('DELETE', path)


_KINDS = {'glance': Images, 'docker': Blobs}


@functools.cache
def _sha256(size: int) -> str:
    digest = hashlib.sha256()
    for block in data.blocks(size):
        digest.update(block)
    return digest.hexdigest()


def measure(
    all_targets: list[targets.Target],
    plans: Iterable[data.Plan],
    rounds: int,
) -> Iterator[list[Row]]:
    """Rows for each plan: upload and first download, first, second."""
    for plan in plans:
        _sha256(plan.each)
        others = targets.Others(all_targets)
        taken: dict[tuple[str, str], list[data.Taken]] = {}
        for _ in range(rounds):
            for target in all_targets:
                for title, one in _round(target, plan).items():
                    taken.setdefault((title, target.name), []).append(one)
        share = others.share()
        yield [
            data.row(plan.title(title), name, plan, found)
            | {'others_share': share}
            for (title, name), found in sorted(taken.items())
        ]


def _round(target: targets.Target, plan: data.Plan) -> dict[str, data.Taken]:
    images = [_KINDS[target.kind](target) for _ in range(plan.clients)]
    paths = [''] * plan.clients

    def send(index: int) -> None:
        paths[index] = images[index].put(plan.each)

    def receive(index: int) -> None:
        size = target.connect().drop(paths[index])
        if size != plan.each:
            raise client.Failed(f'{size} bytes came')

    sent = data.together(target, plan, send)
    first = data.together(target, plan, receive)
    second = data.together(target, plan, receive)
    for image, path in zip(images, paths, strict=True):
        if path:
            image.delete(path)
    return {
        'upload+first': sent.plus(first),
        'first': first,
        'second': second,
    }
