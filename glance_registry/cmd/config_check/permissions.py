"""Judge policy files and property protections."""

from collections.abc import Iterator
import configparser
from importlib import metadata
from pathlib import Path
from typing import Any

from oslo_policy import _parser
from oslo_policy import policy

from glance.common import settings

_Fate = settings.Fate
_KEYS = frozenset(('create', 'read', 'update', 'delete'))


def is_policy(path: Path) -> bool:
    if path.suffix not in ('.json', '.yaml', '.yml'):
        return False
    return path.name.startswith('policy') or path.parent.name == 'policy.d'


def judge_policy(path: Path) -> list[settings.Verdict]:
    """Return a verdict for each rule; a single one if reading fails."""
    try:
        rules = _rules(path)
    except (OSError, ValueError) as error:
        return [_verdict('', _Fate.REFUSED, ' '.join(str(error).split()))]
    known = _known_rules()
    used = {name for text in rules.values() for name in _references(str(text))}
    return [_verdict(name, *_fate(name, rules, known, used)) for name in rules]


def _rules(path: Path) -> dict[str, Any]:
    rules = policy.parse_file_contents(path.read_text(encoding='utf-8'))
    if not isinstance(rules, dict):
        raise ValueError('the file is not a mapping of names to rules')
    return rules


def _known_rules() -> set[str]:
    """Return the names of the rules in the code, and their former names."""
    known = {'default'}
    for each in metadata.entry_points(
        group='oslo.policy.policies', name='glance'
    ):
        for rule in each.load()():
            known.add(rule.name)
            old = getattr(rule, 'deprecated_rule', None)
            known |= {old.name} if old else set()
    return known


def _references(text: str) -> Iterator[str]:
    for word in text.replace('(', ' ').replace(')', ' ').split():
        if word.startswith('rule:'):
            yield word.removeprefix('rule:')


def _fate(
    name: str, rules: dict[str, Any], known: set[str], used: set[str]
) -> tuple[settings.Fate, str]:
    text = rules[name]
    if isinstance(text, str) and text not in ('', '@', '!'):
        missing = set(_references(text)) - known - set(rules)
        if missing:
            reason = f'the policy has no rule {", ".join(sorted(missing))}.'
            return _Fate.REFUSED, reason
        if text and str(_parser.parse_rule(text)) == '!':
            return _Fate.REFUSED, f'"{text}" is no rule.'
    if name in known:
        return _Fate.READ, ''
    if name in used:
        return _Fate.READ, 'other rules of the file use it.'
    return _Fate.UNKNOWN, 'the service asks for no rule of this name.'


def _verdict(
    name: str, fate: settings.Fate, reason: str = ''
) -> settings.Verdict:
    return settings.Verdict('rule', name, '', fate, reason)


def is_protections(path: Path) -> bool:
    """Return whether a file has property protections.

    Each of its sections must have at least one of the four actions as a key.
    """
    parser = configparser.RawConfigParser(default_section='\0', strict=False)
    try:
        parser.read_string(path.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, configparser.Error):
        return 'propert' in path.name
    keys = [set(parser.options(each)) for each in parser.sections()]
    return bool(keys) and all(each & _KEYS for each in keys)


def judge_protections(path: Path, paths: list[Path]) -> list[settings.Verdict]:
    """Return a verdict for each section.

    :param paths: all files; the rules of policy files among them are known
    """
    known = _known_rules()
    for each in paths:
        if is_policy(each):
            known |= {row.name for row in judge_policy(each) if row.name}
    (fault,) = metadata.entry_points(
        group='glance.file_checks', name='property_protections'
    )
    reason = fault.load()(str(path), known)
    if reason:
        return [settings.Verdict('', '', '', _Fate.REFUSED, reason)]
    parser = configparser.RawConfigParser(default_section='\0')
    parser.read_string(path.read_text(encoding='utf-8-sig'))
    return [
        settings.Verdict(title, '', '', _Fate.READ)
        for title in parser.sections()
    ]
