"""Count what tests reported, from subunit streams; nothing is guessed.

count.py DIRECTORY  sum up all results of tools/results.sh: one last line
count.py --show     a run on standard input: failures when they come, the
                    reasons of skips, and counts
"""

import collections
from collections.abc import Callable
import pathlib
import sys
from typing import Any, BinaryIO

import subunit
import testtools

PASSED, FAILED, SKIPPED = MEANINGS = ('passed', 'failed', 'skipped')
# Any other status is a failure: also a test that never came to its end.
MEANING = {'success': PASSED, 'xfail': PASSED, 'skip': SKIPPED}

# Of each failure, in the summary: what a log that keeps only its end shows.
MAX_LINES, MAX_COLUMNS = 12, 200
# How faulthandler of Python begins, and how many of them are shown.
CRASH, MAX_CRASHES = 'Fatal Python error', 3

Test = dict[str, Any]


def read(source: BinaryIO, on_test: Callable[[Test], None]) -> None:
    """Call with every test of a stream and its last status."""
    result = testtools.StreamToDict(on_test)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(source, 'stdout').run(result)
    result.stopTestRun()


def meaning(test: Test) -> str:
    return MEANING.get(test['status'], FAILED)


def count(stream: pathlib.Path) -> tuple[collections.Counter[str], list[str]]:
    """How many tests passed, failed, were skipped; what failed and why."""
    counts: collections.Counter[str] = collections.Counter()
    failures = []

    def on_test(test: Test) -> None:
        if test['status'] == 'exists':
            return
        counts[meaning(test)] += 1
        if meaning(test) == FAILED:
            failures.append(f'FAILED {test["id"]}\n{reason(test)}')

    with stream.open('rb') as source:
        read(source, on_test)
    return counts, failures


def reason(test: Test) -> str:
    """The end of a traceback: enough to tell what failed."""
    details = text(test, 'traceback') or f'ended as {test["status"]}'
    return '\n'.join(
        f'    {line[:MAX_COLUMNS]}'
        for line in details.rstrip().splitlines()[-MAX_LINES:]
    )


def crashes(stderr: pathlib.Path) -> list[str]:
    """Where processes of the tests crashed, as faulthandler wrote it."""
    lines = stderr.read_text(errors='replace').splitlines()
    return [
        '\n'.join(each[:MAX_COLUMNS] for each in lines[number:][:MAX_LINES])
        for number, line in enumerate(lines)
        if line.startswith(CRASH)
    ][:MAX_CRASHES]


def show() -> None:
    counts: collections.Counter[str] = collections.Counter()
    reasons: collections.Counter[str] = collections.Counter()

    def on_test(test: Test) -> None:
        if test['status'] == 'exists':
            return
        counts[meaning(test)] += 1
        if meaning(test) == SKIPPED:
            reasons[text(test, 'reason').strip()] += 1
        if meaning(test) == FAILED:
            print(f'\nFAILED {test["id"]} ({test["status"]})')
            for name in sorted(test['details']):
                print(text(test, name), flush=True)

    read(sys.stdin.buffer, on_test)
    for reason, number in reasons.items():
        print(f'skipped {number}: {reason}')
    print(line(counts))


def text(test: Test, name: str) -> str:
    content = test['details'].get(name)
    if content is None:
        return ''
    try:
        return str(content.as_text())
    except ValueError:
        return ''


def line(counts: collections.Counter[str]) -> str:
    return ', '.join(f'{counts[name]} {name}' for name in MEANINGS)


def sum_up(directory: pathlib.Path) -> bool:
    """Print the sum of all results; tell whether nothing failed."""
    counts: collections.Counter[str] = collections.Counter()
    failures = []
    print('\n== summary')
    for path in sorted(directory.iterdir()):
        kind = path.suffix[1:]
        if kind in MEANINGS:
            print(f'{path.stem}: {kind}: {path.read_text()}', end='')
            counts[kind] += 1
        elif kind == 'subunit':
            one, failed = count(path)
            failures += failed
            if not one:
                one[FAILED] = 1
                print(f'{path.stem}: no test was found')
            else:
                seconds = path.with_suffix('.seconds').read_text().strip()
                print(f'{path.stem}: {line(one)} in {seconds} s')
                if one[FAILED]:
                    failures += crashes(path.with_suffix('.stderr'))
            counts += one
    print(*failures, sep='\n', end='\n' if failures else '')
    print(line(counts))
    return not counts[FAILED]


def main() -> int:
    if sys.argv[1] == '--show':
        show()
        return 0
    return 0 if sum_up(pathlib.Path(sys.argv[1])) else 1


if __name__ == '__main__':
    sys.exit(main())
