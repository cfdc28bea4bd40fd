"""Clients that import: staged data, data of a web server, copies."""

from collections.abc import Callable
import hashlib
from typing import Any

from tools.chaos_load import client
from tools.chaos_load import findings
from tools.chaos_load import journal
from tools.chaos_load import load
from tools.chaos_load import web

STORES = ('fast', 'cheap')


class Importer(load.Worker):
    """A client that knows only imports, and downloads what it gets."""

    def __init__(
        self,
        requests: client.Client,
        found: findings.Findings,
        notes: journal.Journal,
        seed: str,
        server: web.Server,
    ) -> None:
        super().__init__(requests, found, notes, seed)
        self._web = server

    def acts(self) -> list[tuple[int, Callable[[journal.Image], None]]]:
        return [
            (6, self._import_from_web),
            (6, self._import_staged),
            (4, self._copy),
            (4, self._download),
            (2, self._show),
            (2, self._delete),
        ]

    def _wants_data(self, image: journal.Image) -> bool:
        """Whether an import may begin: nothing else can give it data."""
        known = image[journal.DATA]
        if not known.is_certain and not self._is_queued(image):
            return False
        return known.acknowledged is None

    def _import_from_web(self, image: journal.Image) -> None:
        if not self._wants_data(image):
            return
        size, seed = self._size(), self._chance.getrandbits(32)
        method = {'name': 'web-download', 'uri': self._web.url(size, seed)}
        self._import(image, method, web.data(size, seed))

    def _import_staged(self, image: journal.Image) -> None:
        if not self._wants_data(image):
            return
        data = self._chance.randbytes(self._size())
        answer = self._requests.upload(
            f'/v2/images/{image.id}/stage',
            data,
            chunked=self._chance.random() < 0.5,
        )
        if answer.is_success:
            self._import(image, {'name': 'glance-direct'}, data)
        elif answer.status == 404:
            self._judge(image, None)

    def _import(
        self, image: journal.Image, method: dict[str, Any], data: bytes
    ) -> None:
        chosen = self._chance.choice((STORES, STORES[:1], STORES[1:]))
        answer = self._requests.json(
            'POST',
            f'/v2/images/{image.id}/import',
            {'method': method, 'stores': list(chosen)},
        )
        digest = hashlib.sha512(data).hexdigest()
        if answer.status == 404:
            self._judge(image, None)
        elif answer.status != 0 and not answer.is_refusal:
            # It is accepted; how it ends is seen later.
            value = journal.Data(len(data), digest)
            image[journal.DATA].attempt(value)

    def _copy(self, image: journal.Image) -> None:
        self._requests.json(
            'POST',
            f'/v2/images/{image.id}/import',
            {'method': {'name': 'copy-image'}, 'all_stores': True},
        )
