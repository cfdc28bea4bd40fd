"""Who may touch which custom property.

The operator's file has a section for each kind of property; its title is a
regular expression that is searched in the name, and the first section that
matches decides. A name without a section is nobody's, not even an admin's.
Rules look at the caller alone and never at the image: so a filter of a list
can be judged before any image is read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import configparser
import functools
import re
from typing import NamedTuple

from glance.api.policy import decision
from glance.common import context
from glance.common import contract
from glance.common import errors

ACTIONS = ('create', 'read', 'update', 'delete')
#: A file has some dozens of sections of some 100 bytes.
MAX_FILE_BYTES = 1 << 20
#: Names whose section is remembered; clients choose names. Longer ones are
#: not remembered, so that all of them take less than 6 MiB.
KNOWN_NAMES = 4096
KNOWN_CHARACTERS = 255

_EVERYBODY = '@'
_NOBODY = '!'

#: Properties that only the service writes begin like this.
RESERVED_PREFIX = 'os_glance'

#: Whether one caller may do an action to a property.
Allows = Callable[[str, str], bool]
#: Whether a caller may do it.
Check = Callable[[context.RequestContext], bool]
#: The value of a key in the file -> its check.
Reader = Callable[[str], Check]


class Section(NamedTuple):
    name: re.Pattern[str]
    checks: Mapping[str, Check]


class Protections:
    """The sections of a file, in its order."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = sections
        self._checks_of = functools.lru_cache(KNOWN_NAMES)(self._find)

    def of(self, context: context.RequestContext) -> Allows:
        """What one caller may do; each answer is found once."""

        @functools.cache
        def allows(action: str, name: str) -> bool:
            if name.startswith(RESERVED_PREFIX):
                return True  # the service's own; clients cannot write them
            known = len(name) <= KNOWN_CHARACTERS
            checks = (self._checks_of if known else self._find)(name)
            return checks is not None and checks[action](context)

        return allows

    def _find(self, name: str) -> Mapping[str, Check] | None:
        for section in self._sections:
            if section.name.search(name):
                return section.checks
        return None


def shown(image: contract.Image, allows: Allows | None) -> contract.Image:
    """The image with those properties that its reader may read.

    :param allows: what the reader may do; None: nothing is protected
    """
    if allows is None:
        return image
    readable = {
        name: value
        for name, value in image['properties'].items()
        if allows('read', name)
    }
    return {**image, 'properties': readable}


def require_create(names: Iterable[str], allows: Allows | None) -> None:
    """:raises errors.Forbidden: a new image may not have all these names"""
    if allows is None:
        return
    for name in names:
        if not allows('create', name):
            raise errors.Forbidden(
                f'You are not permitted to add the property {name}.'
            )


def load(
    path: str, by_rules: bool, permission: decision.Policy
) -> Protections:
    """What the file at ``path`` says.

    :param by_rules: its values name rules of the policy, not roles
    :raises errors.ConfigurationError: the file is not there, or wrong
    """
    reader = _rule_reader(permission) if by_rules else _roles
    try:
        return Protections(_sections(path, reader))
    except (OSError, ValueError, configparser.Error, re.error) as error:
        raise errors.ConfigurationError(
            f'property_protection_file: {path} cannot be used: {error}'
        ) from error


def _sections(path: str, reader: Reader) -> list[Section]:
    """
    :raises ValueError: a section that is wrong, with its title
    """
    # A section [DEFAULT] is a name like any other.
    parser = configparser.RawConfigParser(default_section='\0')
    with open(path, 'rb') as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise ValueError(f'the file has more than {MAX_FILE_BYTES} bytes')
    parser.read_string(raw.decode('utf-8-sig'), path)
    found = [
        _section(title, dict(parser.items(title)), reader)
        for title in parser.sections()
        if not title.startswith(RESERVED_PREFIX)
    ]
    if not found:
        raise ValueError('the file has no section')
    return found


def _section(title: str, values: dict[str, str], reader: Reader) -> Section:
    try:
        if set(values) != set(ACTIONS):
            raise ValueError(
                f'the keys must be {", ".join(ACTIONS)}; they are '
                f'{", ".join(values) or "none"}'
            )
        checks = {action: _check(values[action], reader) for action in ACTIONS}
        return Section(re.compile(title), checks)
    except (ValueError, re.error) as error:
        raise ValueError(f'section [{title}]: {error}') from error


def _check(value: str, reader: Reader) -> Check:
    words = context.words(value)
    if _EVERYBODY in words and _NOBODY in words:
        raise ValueError('@ (everybody) and ! (nobody) contradict each other')
    if _EVERYBODY in words:
        return lambda _asking: True
    if _NOBODY in words or not words:
        return lambda _asking: False
    return reader(value)


def _roles(value: str) -> Check:
    """A comma list of roles, of the user or of the service that asks."""
    wanted = frozenset(context.words(value))

    def has_role(context: context.RequestContext) -> bool:
        return not wanted.isdisjoint((*context.roles, *context.service_roles))

    return has_role


def _rule_reader(permission: decision.Policy) -> Reader:
    def rule(value: str) -> Check:
        """The name of one rule of the policy."""
        name = value.strip()
        if ',' in name or not permission.knows(name):
            raise ValueError(f'the policy has no rule {name}')
        return lambda context: permission.passes(context, name)

    return rule
