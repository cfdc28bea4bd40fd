"""Judge files that other programs and libraries read."""

import configparser
from importlib import metadata
import json
from pathlib import Path

from glance.common import settings

#: File with the custom properties of images.
SCHEMA = 'schema-image.json'
#: Prefix of a file's name -> the program or library that reads the file.
READERS = {
    'rootwrap': 'glance-rootwrap reads it.',
    'glance-swift': 'the Swift store reads it.',
    'swift': 'the Swift store reads it.',
    'glance-policy-generator': 'oslopolicy-sample-generator reads it.',
}


def reader(path: Path) -> str | None:
    """Return who reads a file; None if our programs do."""
    for start, reason in READERS.items():
        if path.name.startswith(start):
            return reason
    return None


def judge(path: Path) -> list[settings.Verdict]:
    """Return a verdict for each key; a single one if reading fails."""
    parser = configparser.RawConfigParser(default_section='\0', strict=False)
    try:
        parser.read_string(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, configparser.Error) as error:
        return [_refusal(error)]
    reason = reader(path) or ''
    return [
        settings.Verdict(section, key, '', settings.Fate.READ, reason)
        for section in parser.sections()
        for key in parser.options(section)
    ]


def judge_json(path: Path) -> list[settings.Verdict]:
    """Return one verdict: whether glance-api can use the file."""
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return [_refusal(error)]
    if path.name == SCHEMA:
        (fault,) = metadata.entry_points(
            group='glance.file_checks', name='schema_image'
        )
        reason = fault.load()(str(path))
        if reason:
            return [_refusal(reason)]
    return [settings.Verdict('', '', '', settings.Fate.READ)]


def _refusal(error: object) -> settings.Verdict:
    reason = ' '.join(str(error).split())
    return settings.Verdict('', '', '', settings.Fate.REFUSED, reason)
