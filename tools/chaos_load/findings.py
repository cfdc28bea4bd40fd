"""Faults that a run found, by kind, and the table of their numbers."""

import collections
import threading
from typing import NamedTuple

#: Each kind with its meaning, as the table prints it.
KINDS = {
    'lost': 'acknowledged, but absent or with other data',
    'wrong': 'a body or metadata that was never acknowledged nor sent',
    'stuck': 'saving, importing or pending_delete after lease and sweep',
    'orphaned': 'a file without an image, or an image without its file',
    'hung': 'a request or process without an answer, a worker not replaced',
}
#: Lines of each kind that are printed; the rest is only counted.
MAX_LINES = 20


class Finding(NamedTuple):
    kind: str
    subject: str
    text: str


class Findings:
    """Collects faults from several threads; the same one counts once."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, subject: str, text: str) -> None:
        """:raises ValueError: there is no such kind"""
        if kind not in KINDS:
            raise ValueError(f'{kind} is no kind of finding')
        with self._lock:
            self._found[Finding(kind, subject, text)] = None

    def update(self, found: list[Finding]) -> None:
        for finding in found:
            self.add(*finding)

    def all(self) -> list[Finding]:
        with self._lock:
            return list(self._found)

    def count(self, kind: str) -> int:
        """How many subjects have a fault of that kind."""
        return len({f.subject for f in self.all() if f.kind == kind})

    def total(self) -> int:
        return sum(self.count(kind) for kind in KINDS)

    def table(self) -> str:
        """The table, and below it what was found."""
        lines = [
            f'{kind:<10}{self.count(kind):>6}  {meaning}'
            for kind, meaning in KINDS.items()
        ]
        return '\n'.join([*lines, *self._details()])

    def _details(self) -> list[str]:
        lines = []
        printed: collections.Counter[str] = collections.Counter()
        for finding in self.all():
            printed[finding.kind] += 1
            if printed[finding.kind] <= MAX_LINES:
                lines.append(
                    f'  {finding.kind}: {finding.subject}: {finding.text}'
                )
        lines += [
            f'  {kind}: {number - MAX_LINES} more'
            for kind, number in printed.items()
            if number > MAX_LINES
        ]
        return lines
