"""The same calls while the catalogue grows, and a picture of it."""

from collections.abc import Callable, Iterator
import math
import pathlib
from typing import Any
from xml.sax import saxutils

from benchmark import metadata
from benchmark import target as targets

Row = dict[str, Any]
ITEMS = ('show', 'list', 'sparse', 'marker', 'name', 'property', 'absent')
ITEMS += ('tag', 'sort')
_COLORS = ('#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377')
_COLORS += ('#888888', '#e07b00', '#222222')
_DASHES = ('', '7 4', '2 3', '9 3 2 3')
_WIDTH, _HEIGHT = 760, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 50, 60


def measure(
    all_targets: list[targets.Target],
    sizes: list[int],
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Iterator[list[Row]]:
    """The rows of each size, smallest first. Fills the databases."""
    grown = [target for target in all_targets if target.database_url]
    first: dict[tuple[str, str], float] = {}
    for size in sorted(sizes):
        say(f'filling up to {size} images')
        for target in grown:
            target.fill(size)
        rows = []
        for name in ITEMS:
            rows += metadata.measure(name, grown, None, rounds, seconds)
        for row in rows:
            row['kind'] = 'growth'
            key = (row['target'], row['item'])
            if row.get('cpu_ms'):
                row['growth'] = row['cpu_ms'] / first.setdefault(
                    key, row['cpu_ms']
                )
        yield rows


def draw(rows: list[Row], file: pathlib.Path) -> None:
    """CPU of a call over the number of images, both logarithmic."""
    points = [row for row in rows if row.get('cpu_ms')]
    if not points:
        return
    file.write_text(_Picture(points).text())


class _Picture:
    """Lines by item (color) and target (dashes)."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._items = list(dict.fromkeys(row['item'] for row in rows))
        self._targets = list(dict.fromkeys(row['target'] for row in rows))
        images = [row['images'] for row in rows]
        costs = [row['cpu_ms'] for row in rows]
        self._x = (math.log10(min(images)), math.log10(max(images)))
        self._y = (
            math.floor(math.log10(min(costs))),
            math.ceil(math.log10(max(costs))),
        )

    def text(self) -> str:
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" '
            f'height="{_HEIGHT}" font-family="sans-serif" font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            _label(_LEFT, 24, 'CPU of one call, daemons and database', 15),
            *self._grid(),
            *self._lines(),
            *self._legend(),
            '</svg>',
        ]
        return '\n'.join(parts) + '\n'

    def _at(self, images: float, cost: float) -> tuple[float, float]:
        low, high = self._x
        x = (math.log10(images) - low) / ((high - low) or 1)
        bottom, top = self._y
        y = (math.log10(cost) - bottom) / ((top - bottom) or 1)
        return (
            _LEFT + x * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM),
        )

    def _grid(self) -> Iterator[str]:
        right = _WIDTH - _RIGHT
        for power in range(self._y[0], self._y[1] + 1):
            _, y = self._at(10 ** self._x[0], 10**power)
            yield (f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#dddddd"/>')
            yield _label(_LEFT - 8, y + 4, f'{10**power:g} ms', anchor='end')
        for images in sorted({row['images'] for row in self._rows}):
            x, _ = self._at(images, 10 ** self._y[0])
            yield _label(
                x, _HEIGHT - _BOTTOM + 20, f'{images:,}', anchor='middle'
            )
        middle = (_LEFT + right) / 2
        yield _label(middle, _HEIGHT - 14, 'images', anchor='middle')

    def _lines(self) -> Iterator[str]:
        for target in self._targets:
            for item in self._items:
                line = [
                    self._at(row['images'], row['cpu_ms'])
                    for row in self._rows
                    if (row['target'], row['item']) == (target, item)
                ]
                if not line:
                    continue
                path = 'L'.join(f'{x:.1f} {y:.1f}' for x, y in line)
                yield (
                    f'<path d="M{path}" fill="none" stroke-width="2" '
                    f'{self._style(item, target)}/>'
                )

    def _style(self, item: str, target: str) -> str:
        color = _COLORS[self._items.index(item) % len(_COLORS)]
        dash = _DASHES[self._targets.index(target) % len(_DASHES)]
        return f'stroke="{color}" stroke-dasharray="{dash}"'

    def _legend(self) -> Iterator[str]:
        entries = [(item, item, self._targets[0]) for item in self._items]
        if len(self._targets) > 1:
            entries += [
                (target, self._items[0], target) for target in self._targets
            ]
        x = _WIDTH - _RIGHT + 16
        for index, (text, item, target) in enumerate(entries):
            y = _TOP + 8 + index * 20
            yield (
                f'<path d="M{x} {y}h24" stroke-width="2" '
                f'{self._style(item, target)}/>'
            )
            yield _label(x + 32, y + 4, text)


def _label(
    x: float, y: float, text: str, size: int = 12, anchor: str = 'start'
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="#222222" '
        f'text-anchor="{anchor}">{saxutils.escape(text)}</text>'
    )
