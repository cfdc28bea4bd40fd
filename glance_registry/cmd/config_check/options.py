"""Judge the options of a configuration file."""

from collections.abc import Iterator
import dataclasses
import functools
from importlib import metadata
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_log import log

from glance.common import config
from glance.common import settings

_API = 'glance.api'
#: Part of a file's name -> the program of its options; the first match is
#: used.
_PROGRAMS = {
    'registry': 'glance.registry',
    'manage': 'glance.manage',
    'scrubber': 'glance.scrubber',
    'cache': 'glance.cache',
    '': _API,
}
#: Groups of entry points: the options that a program declares, and the table
#: of other options that it knows. Entry points are used because the programs
#: do not import each other.
_DECLARED = 'oslo.config.opts'
_KNOWN = 'glance.known_settings'

_NO_EFFECT = (settings.Fate.UNKNOWN, settings.Fate.MISPLACED)


def judge(path: Path) -> list[settings.Verdict]:
    """Return a verdict for each option; a single one if reading fails."""
    program = _program(path.name)
    try:
        findings = list(_judge(path, program))
        # The sample files of all programs include options of glance-api.
        of_api = findings if program == _API else list(_judge(path, _API))
    except cfg.Error as error:
        reason = config.one_line(error)
        return [settings.Verdict('', '', '', settings.Fate.REFUSED, reason)]
    return [
        _merged(mine, its) for mine, its in zip(findings, of_api, strict=True)
    ]


def _program(name: str) -> str:
    for part, program in _PROGRAMS.items():
        if part in name and loaded(_DECLARED, program) is not None:
            return program
    return _API


def _judge(path: Path, program: str) -> Iterator[settings.Verdict]:
    conf, declared = load([path], [program]), _declared(program)
    for verdict in settings.Checker(conf, _table(program), declared).judge():
        yield _with_value(conf, verdict)


def load(paths: list[Path], programs: list[str]) -> cfg.ConfigOpts:
    """Read files with the options of programs; later files win.

    :raises cfg.Error: a file cannot be read
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    for program in programs:
        for group, opts in _declared(program):
            conf.register_opts(opts, group=group)
    conf(
        [word for path in paths for word in ('--config-file', str(path))],
        project=config.PROJECT,
        default_config_files=[],
        default_config_dirs=[],
    )
    return conf


def _declared(program: str) -> list[tuple[str | None, list[cfg.Opt]]]:
    declared: list[tuple[str | None, list[cfg.Opt]]]
    declared = loaded(_DECLARED, program)()
    return declared


def _table(program: str) -> settings.Table:
    table: settings.Table | None = loaded(_KNOWN, program)
    if table is not None:
        return table
    return settings.Table([], settings.LIBRARIES | {'database'}, {})


@functools.cache
def loaded(group: str, program: str) -> Any:
    """The entry point of a program; None if it has none."""
    for point in _points().select(group=group, name=program):
        return point.load()
    return None


@functools.cache
def _points() -> Any:
    """All entry points; reading them takes 50 ms."""
    return metadata.entry_points()


def _with_value(
    conf: cfg.ConfigOpts, verdict: settings.Verdict
) -> settings.Verdict:
    """Refuse an option whose value is invalid for its type."""
    if verdict.fate is not settings.Fate.READ:
        return verdict
    try:
        group = conf if verdict.section == 'DEFAULT' else conf[verdict.section]
        group[verdict.name]
    except ValueError as error:
        reason = config.one_line(error)
        return dataclasses.replace(
            verdict, fate=settings.Fate.REFUSED, reason=reason
        )
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
        pass  # a former name, or an option of a library
    return verdict


def _merged(
    mine: settings.Verdict, of_api: settings.Verdict
) -> settings.Verdict:
    if mine.fate not in _NO_EFFECT or of_api.fate in _NO_EFFECT:
        return mine
    if of_api.fate is settings.Fate.ACCEPTED:
        return of_api
    return dataclasses.replace(
        mine,
        fate=settings.Fate.ACCEPTED,
        reason='only glance-api reads it: set it in glance-api.conf.',
    )
