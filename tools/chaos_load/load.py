"""Clients that change images and note what was acknowledged."""

from collections.abc import Callable
import hashlib
import json
import random
import threading
from typing import Any
import uuid

from tools.chaos_load import client
from tools.chaos_load import findings
from tools.chaos_load import journal

MAX_IMAGES = 12
SMALL_BYTES = 64 * 1024
LARGE_BYTES = 6 * 1024 * 1024
#: One in so many uploads is large.
LARGE_SHARE = 8
FIELDS = {'disk_format': 'raw', 'container_format': 'bare'}
TAGS = ('red', 'green', 'blue')
MEMBERS = ('first-project', 'second-project')


class Load:
    """So many clients in threads, each with images of its own.

    :param seed: makes the sequence of every client's requests; answers
        and moments differ from run to run
    :param make: makes a client, from the arguments of a Worker
    """

    def __init__(
        self,
        requests: client.Client,
        found: findings.Findings,
        clients: int,
        seed: int,
        make: 'Callable[..., Worker]',
    ) -> None:
        self.journal = journal.Journal()
        self._requests = requests
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(
                target=make(
                    requests, found, self.journal, f'{seed}-{number}'
                ).run,
                args=(self._stopped,),
                daemon=True,
            )
            for number in range(clients)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make no new requests; those that run come to their end."""
        self._stopped.set()
        self._requests.stop()

    def is_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)


class Worker:
    """One client: one request after another on its own images."""

    def __init__(
        self,
        requests: client.Client,
        found: findings.Findings,
        notes: journal.Journal,
        seed: str,
    ) -> None:
        self._requests = requests
        self._findings = found
        self._journal = notes
        self._chance = random.Random(seed)
        self._images: list[journal.Image] = []
        self._number = 0

    def acts(self) -> list[tuple[int, Callable[[journal.Image], None]]]:
        """What it does, and how often of all."""
        return [
            (10, self._upload),
            (6, self._download),
            (4, self._show),
            (3, self._rename),
            (3, self._set_property),
            (3, self._tag),
            (3, self._member),
            (4, self._delete),
        ]

    def run(self, stopped: threading.Event) -> None:
        weights, acts = zip(*self.acts(), strict=True)
        while not stopped.is_set():
            image = self._pick()
            (act,) = self._chance.choices(acts, weights)
            if image is not None:
                act(image)

    def _pick(self) -> journal.Image | None:
        """A new image, or one of those that are there."""
        if len(self._images) >= MAX_IMAGES:
            self._delete(self._images[0])
        if not self._images or self._chance.random() < 0.2:
            return self._create()
        return self._chance.choice(self._images)

    def _text(self) -> str:
        self._number += 1
        return f'value-{self._number}'

    # Each act: say what is tried, send it, note what came of it.

    def _create(self) -> journal.Image | None:
        chosen = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        image, name = self._journal.new(chosen), self._text()
        body = {**FIELDS, 'id': chosen, 'name': name}
        answer = self._requests.json('POST', '/v2/images', body)
        if answer.is_success:
            image[journal.EXISTS].decide(True)
            self._images.append(image)
        elif answer.status is None or not answer.is_refusal:
            image[journal.EXISTS].attempt(True)
        image[journal.NAME].decide(name)
        return image if answer.is_success else None

    def _note(
        self, image: journal.Image, thing: str, value: Any, answer: Any
    ) -> None:
        """Note what a request to make ``thing`` be ``value`` has come to."""
        if answer.is_success:
            image[thing].acknowledge(value)
        elif answer.status == 404:
            self._judge(image, None)
        elif answer.status != 0 and not answer.is_refusal:
            image[thing].attempt(value)

    def _upload(self, image: journal.Image) -> None:
        known = image[journal.DATA]
        if not known.is_certain and not self._is_queued(image):
            return
        if known.acknowledged is not None:
            return
        data = self._chance.randbytes(self._size())
        answer = self._requests.upload(
            f'/v2/images/{image.id}/file',
            data,
            chunked=self._chance.random() < 0.5,
        )
        digest = hashlib.sha512(data).hexdigest()
        value = journal.Data(len(data), digest)
        self._note(image, journal.DATA, value, answer)

    def _size(self) -> int:
        """Bytes of new data."""
        limit = SMALL_BYTES
        if not self._chance.randrange(LARGE_SHARE):
            limit = LARGE_BYTES
        return self._chance.randint(1, limit)

    def _is_queued(self, image: journal.Image) -> bool:
        """Whether requests of unknown fate are known to have failed.

        Once its image is queued again, such a request has no right to it. One
        that was cut a moment ago may not have begun yet.
        """
        known = image[journal.DATA]
        is_late = known.is_late
        seen = self._look(image)
        if is_late or seen is None or seen['status'] != 'queued':
            return False
        known.decide(None)
        return True

    def _download(self, image: journal.Image) -> None:
        path = f'/v2/images/{image.id}/file'
        answer, data = self._requests.download(path)
        known = image[journal.DATA]
        if answer.status == 200 and not known.permits(data):
            expected = ' or '.join(map(str, known.possible()))
            text = f'a download was {data}, expected {expected}'
            self._findings.add('wrong', f'image {image.id}', text)
        elif (
            answer.status in (204, 404)
            and not known.permits(None)
            # An image whose DELETE was cut may be gone.
            and self._look(image) is not None
        ):
            text = f'a download was {answer.status}, there must be data'
            self._findings.add('lost', f'image {image.id}', text)

    def _show(self, image: journal.Image) -> None:
        self._look(image)

    def _look(self, image: journal.Image) -> dict[str, Any] | None:
        answer = self._requests.json('GET', f'/v2/images/{image.id}')
        if answer.status == 404:
            self._judge(image, None)
        if answer.status != 200:
            return None
        document: dict[str, Any] = json.loads(answer.content)
        self._judge(image, things(document))
        return document

    def _judge(
        self, image: journal.Image, seen: dict[str, Any] | None
    ) -> None:
        self._findings.update(image.judge(seen))
        if seen is None and image in self._images:
            self._images.remove(image)

    def _rename(self, image: journal.Image) -> None:
        self._patch(image, journal.NAME, '/name')

    def _set_property(self, image: journal.Image) -> None:
        name = self._chance.choice(('color', 'shape'))
        self._patch(image, f'property:{name}', f'/{name}')

    def _patch(self, image: journal.Image, thing: str, path: str) -> None:
        value = self._text()
        change = [{'op': 'add', 'path': path, 'value': value}]
        answer = self._requests.json(
            'PATCH', f'/v2/images/{image.id}', change, client.PATCH
        )
        self._note(image, thing, value, answer)

    def _tag(self, image: journal.Image) -> None:
        tag = self._chance.choice(TAGS)
        thing = f'tag:{tag}'
        known, path = image[thing], f'/v2/images/{image.id}/tags/{tag}'
        if known.acknowledged is None or not known.is_certain:
            answer = self._requests.json('PUT', path)
            self._note(image, thing, True, answer)
            return
        self._note(image, thing, None, self._requests.json('DELETE', path))

    def _member(self, image: journal.Image) -> None:
        member = self._chance.choice(MEMBERS)
        thing = f'member:{member}'
        known, path = image[thing], f'/v2/images/{image.id}/members'
        if not known.is_certain:
            return
        if known.acknowledged is None:
            answer = self._requests.json('POST', path, {'member': member})
            self._note(image, thing, 'pending', answer)
            return
        answer = self._requests.json('DELETE', f'{path}/{member}')
        self._note(image, thing, None, answer)

    def _delete(self, image: journal.Image) -> None:
        known = image[journal.EXISTS]
        answer = self._requests.json('DELETE', f'/v2/images/{image.id}')
        if answer.is_success or (
            answer.status == 404 and known.permits(False)
        ):
            known.decide(False)
            self._images.remove(image)
        else:
            self._note(image, journal.EXISTS, False, answer)


def things(document: dict[str, Any]) -> dict[str, Any]:
    """Give what a document of an image shows, as a journal names it."""
    seen = {
        f'property:{name}': document[name]
        for name in ('color', 'shape')
        if name in document
    }
    seen |= {f'tag:{tag}': True for tag in document['tags']}
    return {**seen, journal.NAME: document['name']}
