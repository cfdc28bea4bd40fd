"""Rows as a table. Beside ours stand the others, with our ratio to them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmark import target as targets

Row = dict[str, Any]


class Column(NamedTuple):
    title: str
    key: str
    form: str = '{:.2f}'


_START = (Column('item', 'item', '{}'), Column('target', 'target', '{}'))
_CPU = (
    Column('api', 'api_ms'),
    Column('registry', 'registry_ms'),
    Column('db', 'database_ms'),
    Column('CPU ms', 'cpu_ms'),
)
_WALL = (Column('p50 ms', 'p50_ms'), Column('p99', 'p99_ms'))
_RATIO = (
    Column('ours/it CPU', 'cpu_ratio'),
    Column('wall', 'wall_ratio'),
)
_END = (Column('failed', 'failures', '{}'),)
COLUMNS: dict[str, tuple[Column, ...]] = {
    'calls': (
        *_START,
        Column('images', 'images', '{}'),
        *_CPU,
        Column('low', 'cpu_low_ms'),
        Column('high', 'cpu_high_ms'),
        Column('per CPU s', 'per_cpu_second', '{:.0f}'),
        *_WALL,
        Column('sql', 'statements', '{:.1f}'),
        Column('wire', 'round_trips', '{:.1f}'),
        *_RATIO,
        *_END,
    ),
    'bytes': (
        *_START,
        Column('api', 'api_s_gib'),
        Column('registry', 'registry_s_gib'),
        Column('db', 'database_s_gib'),
        Column('CPU s/GiB', 'cpu_s_gib'),
        Column('low', 'cpu_low_s_gib'),
        Column('high', 'cpu_high_s_gib'),
        Column('wall s/GiB', 'wall_s_gib'),
        Column('MiB before', 'base_mib', '{:.0f}'),
        Column('peak', 'peak_mib', '{:.0f}'),
        Column('head p50 ms', 'head_p50_ms', '{:.0f}'),
        Column('data p50', 'data_p50_ms', '{:.0f}'),
        Column('store sent x', 'store_reads'),
        *_RATIO,
        *_END,
    ),
    'crowd': (
        *_START,
        Column('req/s', 'per_second', '{:.0f}'),
        *_CPU,
        Column('idle p50', 'idle_p50_ms'),
        *_WALL,
        Column('served', 'served', '{}'),
        Column('cut', 'cut', '{}'),
        Column('peak MiB', 'peak_mib', '{:.0f}'),
        *_RATIO,
        *_END,
    ),
    'growth': (
        *_START,
        Column('images', 'images', '{}'),
        *_CPU,
        *_WALL,
        Column('x first', 'growth'),
        *_RATIO,
        *_END,
    ),
}
_COMPARED = {
    'cpu_ratio': ('cpu_ms', 'cpu_s_gib'),
    'wall_ratio': ('p50_ms', 'wall_s_gib'),
}


def compare(rows: list[Row]) -> None:
    """Write into each other's row what ours is, divided by its."""
    for row in rows:
        ours = _ours_like(rows, row)
        if ours is None:
            continue
        for ratio, keys in _COMPARED.items():
            for key in keys:
                if row.get(key) and ours.get(key) is not None:
                    row[ratio] = ours[key] / row[key]


def _ours_like(rows: list[Row], row: Row) -> Row | None:
    if row['target'] == targets.OURS:
        return None
    for other in rows:
        if other['target'] == targets.OURS and all(
            other.get(key) == row.get(key) for key in ('item', 'kind')
        ):
            return other
    return None


def table(rows: list[Row], say: Callable[[str], None]) -> None:
    """One table of rows of one kind; empty columns are left out."""
    if not rows:
        return
    columns = [
        column
        for column in COLUMNS[rows[0]['kind']]
        if any(row.get(column.key) is not None for row in rows)
        and not (column.key == 'failures' and not any(_failed(rows)))
    ]
    cells = [[column.title for column in columns]]
    cells += [[_cell(row, column) for column in columns] for row in rows]
    _print(cells, say)
    for row in rows:
        if row.get('failure'):
            say(f'  {row["target"]} {row["item"]}: {row["failure"]}')


def _failed(rows: list[Row]) -> list[int]:
    return [row.get('failures', 0) for row in rows]


def _cell(row: Row, column: Column) -> str:
    value = row.get(column.key)
    return '' if value is None else column.form.format(value)


def _print(cells: Sequence[list[str]], say: Callable[[str], None]) -> None:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        text = [
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(
                zip(line, widths, strict=True)
            )
        ]
        say('  '.join(text).rstrip())
