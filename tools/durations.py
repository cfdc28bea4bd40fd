"""Known durations of tests, so that both processes of a run end together.

durations.py --load        give them to stestr, unless it has measured some
durations.py --record FILE...   keep those of runs (subunit streams)

stestr puts a group of tests (.stestr.conf) into the process with the least
work so far, the longest group first. It knows the durations of earlier runs
only, and a fresh checkout has none. The file has one line for each group that
takes at least a second: the seconds of the whole group and one of its tests.
"""

import collections
import configparser
import datetime
import io
import pathlib
import re
import subprocess
import sys
from typing import Any

import subunit

from tools import count

ROOT = pathlib.Path(__file__).parents[1]
FILE = ROOT / 'tests/durations.txt'
MIN_SECONDS = 1.0
BEGIN = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


def load() -> None:
    """Give stestr the durations of the file."""
    if any((ROOT / '.stestr').glob('times.dbm*')):
        return
    stestr = pathlib.Path(sys.executable).with_name('stestr')
    subprocess.run(
        [stestr, 'load', '--force-init', '--subunit'],
        cwd=ROOT,
        input=stream(FILE.read_text()),
        stdout=subprocess.DEVNULL,
        check=True,
    )


def stream(text: str) -> bytes:
    """Return a subunit stream in which tests take as long as the text says."""
    written = io.BytesIO()
    result = subunit.StreamResultToBytes(written)
    for line in text.splitlines():
        seconds, test = line.split()
        end = BEGIN + datetime.timedelta(seconds=float(seconds))
        result.status(test, 'inprogress', timestamp=BEGIN)
        result.status(test, 'success', timestamp=end)
    return written.getvalue()


def record(paths: list[str]) -> None:
    """Replace the durations of the groups that ran."""
    known = {}
    for line in FILE.read_text().splitlines() if FILE.exists() else ():
        seconds, test = line.split()
        known[group(test)] = float(seconds), test
    for path in paths:
        known |= groups(pathlib.Path(path))
    FILE.write_text(
        ''.join(
            f'{seconds:.0f} {test}\n'
            for seconds, test in sorted(known.values(), key=lambda row: row[1])
            if seconds >= MIN_SECONDS
        )
    )


def groups(path: pathlib.Path) -> dict[str, tuple[float, str]]:
    """Return the seconds and the first test of each group of a run."""
    sums: collections.Counter[str] = collections.Counter()
    tests: dict[str, list[str]] = collections.defaultdict(list)

    def on_test(test: dict[str, Any]) -> None:
        begin, end = test['timestamps']
        if begin and end and count.meaning(test) == count.PASSED:
            sums[group(test['id'])] += (end - begin).total_seconds()
            tests[group(test['id'])].append(test['id'])

    with path.open('rb') as source:
        count.read(source, on_test)
    return {name: (sums[name], min(tests[name])) for name in sums}


def group(test: str) -> str:
    """Return the name of the group whose tests run in one process."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / '.stestr.conf')
    match = re.match(parser['DEFAULT']['group_regex'], test)
    return match[0] if match else test


if __name__ == '__main__':
    match sys.argv[1:]:
        case ['--load']:
            load()
        case ['--record', *paths] if paths:
            record(paths)
        case _:
            sys.exit(__doc__)
