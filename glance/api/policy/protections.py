"""Protection of custom properties.

The operator's file has a section for each kind of property. Its title is a
regular expression that is searched in the name of a property; the first
section that matches decides. If none matches, no caller may access the
property, not even an admin. Rules depend only on the caller and never on the
image, so a filter of a list can be checked before any image is read.
"""

from collections.abc import Callable, Container, Mapping, Sequence
import configparser
import functools
import os
import re
from typing import NamedTuple

from glance.api.policy import decision
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import permission
from glance.images import properties

ACTIONS = ('create', 'read', 'update', 'delete')
#: A usual file has a few dozen sections of about 100 bytes.
MAX_FILE_BYTES = 1 << 20
#: Number and maximum length of names whose section is cached. Clients choose
#: the names, so longer ones are not cached: the cache needs less than 6 MiB.
KNOWN_NAMES = 4096
KNOWN_CHARACTERS = 255

_EVERYBODY = '@'
_NOBODY = '!'

#: Returns whether a caller is permitted.
Check = Callable[[context.RequestContext], bool]
#: The value of a key in the file -> its check.
Reader = Callable[[str], Check]


class Section(NamedTuple):
    name: re.Pattern[str]
    checks: Mapping[str, Check]


class Protections:
    """The sections of a file, in the order of the file."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = sections
        self._checks_of = functools.lru_cache(KNOWN_NAMES)(self._find)

    def of(self, context: context.RequestContext) -> permission.Allows:
        """A function that tells what one caller may do; it caches results."""

        @functools.cache
        def allows(action: str, name: str) -> bool:
            if name.startswith(properties.RESERVED_PREFIX):
                return True  # properties of the service; read-only for clients
            known = len(name) <= KNOWN_CHARACTERS
            checks = (self._checks_of if known else self._find)(name)
            return checks is not None and checks[action](context)

        return allows

    def _find(self, name: str) -> Mapping[str, Check] | None:
        for section in self._sections:
            if section.name.search(name):
                return section.checks
        return None


def shown(
    image: contract.Image, allows: permission.Allows | None
) -> contract.Image:
    """The image with only the properties that the reader may read.

    :param allows: what the reader may do; None if nothing is protected
    """
    if allows is None:
        return image
    readable = {
        name: value
        for name, value in image['properties'].items()
        if allows('read', name)
    }
    return {**image, 'properties': readable}


def load(path: str, by_rules: bool, policy: decision.Policy) -> Protections:
    """Read the file at ``path``.

    :param by_rules: whether its values name rules of the policy, not roles
    :raises errors.ConfigurationError: the file does not exist or is wrong
    """
    reader: Reader = _roles
    if by_rules:
        reader = _rule_reader(policy.knows, policy.passes)
    try:
        return Protections(_sections(path, reader))
    except (OSError, ValueError, configparser.Error, re.error) as error:
        raise errors.ConfigurationError(
            f'property_protection_file: {path} cannot be used: {error}'
        ) from error


def fault(path: str, rules: Container[str]) -> str | None:
    """What is wrong with a file of either format; None if it is correct.

    A file with "policies" in its name must name rules of the policy.

    :param rules: names of the rules of the policy
    """
    reader: Reader = _roles
    if 'policies' in os.path.basename(path):
        reader = _rule_reader(rules.__contains__, lambda _asking, _name: False)
    try:
        _sections(path, reader)
    except (OSError, ValueError, configparser.Error, re.error) as error:
        return ' '.join(str(error).split())
    return None


def _sections(path: str, reader: Reader) -> list[Section]:
    """
    :raises ValueError: a section is wrong; the message has its title
    """
    # With this argument a section [DEFAULT] has no special meaning.
    parser = configparser.RawConfigParser(default_section='\0')
    with open(path, 'rb') as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise ValueError(f'the file has more than {MAX_FILE_BYTES} bytes')
    parser.read_string(raw.decode('utf-8-sig'), path)
    sections = [
        _section(title, dict(parser.items(title)), reader)
        for title in parser.sections()
        if not title.startswith(properties.RESERVED_PREFIX)
    ]
    if not sections:
        raise ValueError('the file has no section')
    return sections


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
    """A comma list of roles of the user or of the calling service."""
    wanted = frozenset(context.words(value))

    def has_role(context: context.RequestContext) -> bool:
        return not wanted.isdisjoint((*context.roles, *context.service_roles))

    return has_role


def _rule_reader(
    knows: Callable[[str], bool],
    passes: Callable[[context.RequestContext, str], bool],
) -> Reader:
    def rule(value: str) -> Check:
        """The name of one rule of the policy."""
        name = value.strip()
        if ',' in name or not knows(name):
            raise ValueError(f'the policy has no rule {name}')
        return lambda context: passes(context, name)

    return rule
