"""What clients know about their images: acknowledged, and attempted.

A request that was answered tells what is true from then on. One that was
cut, or answered with 5xx, may have happened or not: both are right then.
"""

import time
from typing import Any, NamedTuple

from tools.chaos_load import findings

#: A request without an answer can still take effect for so long. What was
#: attempted before that is excluded by a later acknowledgement.
LATE_SECONDS = 10.0

EXISTS = 'exists'
DATA = 'data'
NAME = 'name'


class Data(NamedTuple):
    """Image data; None stands for an image without any."""

    size: int
    sha512: str


class Known:
    """The values that one thing may have.

    :param value: what was acknowledged
    """

    def __init__(self, value: Any) -> None:
        self._acknowledged = value
        self._attempted: list[tuple[float, Any]] = []

    def acknowledge(self, value: Any) -> None:
        self._acknowledged = value
        since = time.monotonic() - LATE_SECONDS
        self._attempted = [a for a in self._attempted if a[0] > since]

    def attempt(self, value: Any) -> None:
        self._attempted.append((time.monotonic(), value))

    @property
    def is_late(self) -> bool:
        """Whether a request without an answer may still take effect."""
        since = time.monotonic() - LATE_SECONDS
        return any(began > since for began, _ in self._attempted)

    def decide(self, value: Any) -> None:
        """Exclude every attempt: the service cannot complete it any more."""
        self._acknowledged, self._attempted = value, []

    @property
    def is_certain(self) -> bool:
        return not self._attempted

    @property
    def acknowledged(self) -> Any:
        return self._acknowledged

    def permits(self, value: Any) -> bool:
        return value in self.possible()

    def possible(self) -> list[Any]:
        return [self._acknowledged, *(value for _, value in self._attempted)]


class Image:
    """One image; a single client changes it, one request after another.

    Things are named ``exists``, ``data``, ``name``, ``tag:T``, ``member:M``
    and ``property:P``; those that were never named are absent (None).
    """

    def __init__(self, image_id: str) -> None:
        self.id = image_id
        self._known: dict[str, Known] = {EXISTS: Known(False)}

    def __getitem__(self, thing: str) -> Known:
        return self._known.setdefault(thing, Known(None))

    def things(self, prefix: str) -> list[str]:
        """The things whose name begins so."""
        return [thing for thing in self._known if thing.startswith(prefix)]

    def judge(self, seen: dict[str, Any] | None) -> list[findings.Finding]:
        """Compare with what the service shows.

        :param seen: its things; None if there is no such image. Without
            a ``data`` the data is not compared, without any ``member:``
            the members are not unless ``members`` is there.
        """
        exists = self[EXISTS]
        if not exists.permits(seen is not None):
            state = 'absent' if seen is None else 'present'
            return [self._finding('lost', f'the image is {state}')]
        if seen is None:
            return []
        found = []
        for thing in {*self._known, *seen} - {EXISTS}:
            value = seen.get(thing)
            if self._is_compared(thing, seen) and not self[thing].permits(
                value
            ):
                kind = 'lost' if thing == DATA else 'wrong'
                expected = ' or '.join(map(str, self[thing].possible()))
                text = f'{thing} is {value}, expected {expected}'
                found.append(self._finding(kind, text))
        return found

    @staticmethod
    def _is_compared(thing: str, seen: dict[str, Any]) -> bool:
        if thing.startswith('member:'):
            return any(name.startswith('member') for name in seen)
        return thing != 'members' and (thing != DATA or DATA in seen)

    def _finding(self, kind: str, text: str) -> findings.Finding:
        return findings.Finding(kind, f'image {self.id}', text)


class Journal:
    """All images of a run, deleted ones too."""

    def __init__(self) -> None:
        self.images: dict[str, Image] = {}

    def new(self, image_id: str) -> Image:
        image = self.images[image_id] = Image(image_id)
        return image
