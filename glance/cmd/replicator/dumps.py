"""A directory of images: a document, members and data for each.

``ID`` is the document, ``ID.members`` has the members, ``ID.img`` the data.
The file of the data gets that name only when it is complete and its hashes
are correct.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import json
from pathlib import Path
from typing import Any
import uuid

from glance.cmd.replicator import documents
from glance.cmd.replicator.service import Image
from glance.cmd.replicator.service import Service


class Dump:
    """
    :param chunk_bytes: size of the chunks that are read
    """

    def __init__(self, directory: Path, chunk_bytes: int) -> None:
        self._directory = directory
        self._chunk_bytes = chunk_bytes

    def make(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)

    def images(self) -> Iterator[Image]:
        """Read all documents; other files are ignored.

        :raises documents.DamagedError: a document cannot be read
        """
        for path in sorted(self._directory.iterdir()):
            with contextlib.suppress(ValueError):
                uuid.UUID(path.name)
                yield {**self._read(path), 'id': path.name}

    def has_document(self, image_id: str) -> bool:
        return (self._directory / image_id).exists()

    def has_data(self, image: Image) -> bool:
        """Whether the data exists and has the right size."""
        path = self._data(image)
        size = image.get('size')
        return path.exists() and size in (None, path.stat().st_size)

    def write(self, image: Image, members: dict[str, str]) -> None:
        image_id = image['id']
        text = json.dumps(members, indent=2, sort_keys=True)
        self._write(f'{image_id}.members', text)
        self._write(image_id, json.dumps(image, indent=2, sort_keys=True))

    def members(self, image_id: str) -> dict[str, str]:
        path = self._directory / f'{image_id}.members'
        return dict(self._read(path)) if path.exists() else {}

    def fetch(
        self,
        service: Service,
        image: Image,
        watched: Callable[[Iterable[bytes]], Iterable[bytes]],
    ) -> None:
        """Download the data, or the rest of an interrupted download.

        :param watched: returns the same chunks and shows the progress
        :raises documents.DamagedError: the size or a hash is wrong
        """
        part = self._data(image).with_suffix('.part')
        digest = documents.Digest(image)
        begun = part.stat().st_size if part.exists() else 0
        if begun >= (image.get('size') or 0):
            begun = 0
        begun, chunks = service.download(image['id'], self._chunk_bytes, begun)
        with part.open('r+b' if begun else 'wb') as file:
            for chunk in _chunks(file, self._chunk_bytes) if begun else ():
                digest.update(chunk)
            for chunk in watched(chunks):
                digest.update(chunk)
                file.write(chunk)
        try:
            digest.check()
        except documents.DamagedError:
            part.unlink()
            raise
        part.replace(self._data(image))

    def data(self, image: Image) -> Iterator[bytes]:
        with self._data(image).open('rb') as file:
            yield from _chunks(file, self._chunk_bytes)

    def size_bytes(self, image: Image) -> int:
        return self._data(image).stat().st_size

    def _data(self, image: Image) -> Path:
        return self._directory / f'{image["id"]}.img'

    def _write(self, name: str, text: str) -> None:
        aside = self._directory / f'{name}.new'
        aside.write_text(text + '\n')
        aside.replace(self._directory / name)

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        try:
            document = json.loads(path.read_bytes())
        except ValueError as error:
            raise documents.DamagedError(f'{path}: {error}') from error
        if not isinstance(document, dict):
            raise documents.DamagedError(f'{path} is not a JSON object')
        return document


def _chunks(file: Any, chunk_bytes: int) -> Iterator[bytes]:
    while chunk := file.read(chunk_bytes):
        yield chunk
