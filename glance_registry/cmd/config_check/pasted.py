"""Judge the filters and applications of a paste file."""

from collections.abc import Iterator
import configparser
import importlib
from pathlib import Path

from paste.deploy import loadwsgi

from glance.common import pipeline
from glance.common import settings

_READ = settings.Fate.READ
_PASSES = 'requests pass through it unchanged.'


def judge(path: Path) -> list[settings.Verdict]:
    """Return a verdict for each factory; a single one if reading fails."""
    try:
        parser = loadwsgi.ConfigLoader(str(path)).parser
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        reason = ' '.join(str(error).split())
        return [settings.Verdict('', '', '', settings.Fate.REFUSED, reason)]
    return [
        settings.Verdict(section, key, factory, *_fate(factory))
        for section, key, factory in _factories(parser)
    ]


def _factories(
    parser: configparser.RawConfigParser,
) -> Iterator[tuple[str, str, str]]:
    for section in parser.sections():
        for key in pipeline.FACTORIES:
            factory = parser.get(section, key, raw=True, fallback='')
            if factory:
                yield section, key, factory


def _fate(factory: str) -> tuple[settings.Fate, str]:
    ours = pipeline.CLASSIC.get(factory, factory)
    if ours == pipeline.ABSENT:
        return settings.Fate.ACCEPTED, _PASSES
    if factory in pipeline.CLASSIC:
        return _READ, ''
    module, _, name = ours.partition(':')
    try:
        getattr(importlib.import_module(module), name.partition('.')[0])
    except (ImportError, AttributeError, ValueError) as error:
        reason = f'{factory} cannot be loaded: {error}.'
        return settings.Fate.REFUSED, reason
    return _READ, ''
