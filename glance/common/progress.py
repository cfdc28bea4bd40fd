"""Progress of long work: a bar on a terminal, lines elsewhere."""

import sys
import time
from typing import Any, Self, TextIO

#: Seconds between two lines if the output is not a terminal.
LINE_SECONDS = 30.0
#: Help of --quiet, which means the same for every command.
QUIET = (
    'show only what failed or needs attention: no progress, no summary, and '
    'nothing about what was done, would be done or is in order'
)


class Progress:
    """Shows progress until it is closed.

    :param unit: what is counted, in the plural; ``B`` for bytes
    :param total: number of units; None if unknown
    :param is_quiet: show nothing
    """

    def __init__(
        self,
        unit: str,
        total: int | None = None,
        *,
        is_quiet: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        self._unit = unit
        self._total = total
        self._stream = stream or sys.stderr
        self._done = 0
        self._bar: Any = None
        self._tells_lines = not is_quiet and not self._stream.isatty()
        self._told_at = time.monotonic()
        if not is_quiet and self._stream.isatty():
            # Imported only here, because daemons read the options' help.
            import tqdm

            self._bar = tqdm.tqdm(
                total=total,
                unit='B' if unit == 'B' else f' {unit}',
                unit_scale=unit == 'B',
                unit_divisor=1024,
                file=self._stream,
                leave=False,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def add(self, amount: int = 1) -> None:
        self._done += amount
        if self._bar is not None:
            self._bar.update(amount)
        elif (
            self._tells_lines
            and time.monotonic() - self._told_at >= LINE_SECONDS
        ):
            self._told_at = time.monotonic()
            of = '' if self._total is None else f' of {self._total}'
            self._stream.write(f'{self._done}{of} {self._unit}\n')
            self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line to standard output without damaging the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stdout)
        else:
            sys.stdout.write(f'{text}\n')

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
