"""Judge values that are of the right type, as the programs do at their start.

One value depends on others, so the files of a program are read together.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import logging
from pathlib import Path
import re

from oslo_config import cfg

from glance.common import settings
from glance_registry.cmd.config_check import options

Rows = list[tuple[Path, settings.Verdict]]

#: Group of entry points: functions that yield the reasons of a refusal.
_CHECKS = 'glance.value_checks'
#: Program -> its main file, and files that it reads before that.
_FILES = {
    'glance.api': ('glance-api.conf', ('glance-image-import.conf',)),
    'glance.registry': ('glance-registry.conf', ()),
    'glance.scrubber': ('glance-scrubber.conf', ()),
    'glance.cache': ('glance-cache.conf', ('glance-api.conf',)),
}
#: Program -> the programs whose options it declares.
_PROGRAMS = {
    'glance.api': ['glance.api'],
    'glance.registry': ['glance.registry'],
    'glance.scrubber': ['glance.scrubber', 'glance.api'],
    'glance.cache': ['glance.api'],
}
_WORD = r'(?<![\w-]){}(?![\w-])'


def judge(rows: Rows, paths: list[Path]) -> Rows:
    """Return the rows, with those refused that a program refuses.

    A program is judged if its main file is among the files; settings in its
    other files alone are not its whole configuration.
    """
    for program, (main, earlier) in _FILES.items():
        check = options.loaded(_CHECKS, program)
        for path in [each for each in paths if each.name == main]:
            files = _files_of(path, earlier, paths)
            try:
                conf = options.load(files, _PROGRAMS[program])
            except cfg.Error:
                continue  # the rows of the file say so
            with _silence():
                reasons = list(check(conf))
            for reason in reasons:
                rows = _refused(rows, path, files, reason)
    return rows


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Log nothing: warnings of a start are not part of the table."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)


def _files_of(
    main: Path, earlier: tuple[str, ...], paths: list[Path]
) -> list[Path]:
    """The files of one program, in the order in which it reads them."""
    names = ('glance.conf', *earlier, main.name)
    whole = [main.parent / name for name in names]
    return [
        *(each for each in whole if each in paths),
        *(
            each
            for name in names
            for each in paths
            if each.parent == main.parent / f'{name}.d'
        ),
    ]


def _refused(rows: Rows, main: Path, files: list[Path], reason: str) -> Rows:
    """Refuse the setting that the reason names, or add a row for it."""
    if any(verdict.reason == reason for _, verdict in rows):
        return rows  # another program that reads the file refuses it, too
    found = _named(rows, files, reason)
    refusal = settings.Verdict('', '', '', settings.Fate.REFUSED, reason)
    if found is None:
        return [*rows, (main, refusal)]
    path, verdict = rows[found]
    if verdict.fate is settings.Fate.REFUSED:
        return rows
    refusal = dataclasses.replace(
        verdict, fate=settings.Fate.REFUSED, reason=reason
    )
    return [*rows[:found], (path, refusal), *rows[found + 1 :]]


def _named(rows: Rows, files: list[Path], reason: str) -> int | None:
    """The row of the setting that the reason names first; None if none."""
    places = []
    for number, (path, verdict) in enumerate(rows):
        if path not in files or not verdict.name:
            continue
        word = re.search(_WORD.format(re.escape(verdict.name)), reason)
        is_elsewhere = (
            verdict.section != 'DEFAULT'
            and '[' in reason
            and f'[{verdict.section}]' not in reason
        )
        if word is not None and not is_elsewhere:
            # The last file wins.
            places.append((word.start(), -number))
    return -min(places)[1] if places else None
