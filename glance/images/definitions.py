"""Check values of image properties against the metadata definitions.

Values of image properties are strings, so a definition is applied to the
text of a value. If several namespaces define a property, a value is valid
if one of them allows it.
"""

from collections.abc import Iterable, Mapping
import logging
import re
import time
from typing import Any

from glance import registry_client
from glance.common import context
from glance.common import errors
from glance.common.contract import metadefs

LOG = logging.getLogger(__name__)

RESOURCE_TYPE = 'OS::Glance::Image'
#: How long definitions are used before they are read again.
FRESH_SECONDS = 30
#: Longer values are not matched with a pattern, because it may take long.
MAX_PATTERN_TEXT = 1000
_BOOLEANS = frozenset(('true', 'false', 'yes', 'no', '1', '0'))
_NUMBER = re.compile(r'[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?', re.I)
_INTEGER = re.compile(r'[+-]?[0-9]{1,18}')

Definition = Mapping[str, Any]


class Definitions:
    """Checks new values of properties against the definitions.

    :param refuses: True: a wrong value is an error; False: it is only logged
    """

    def __init__(
        self, registry: registry_client.RegistryClient, refuses: bool
    ) -> None:
        self._registry = registry
        self._refuses = refuses
        self._found: dict[str, list[metadefs.Constraint]] = {}
        self._fresh_until = -1.0

    def check(
        self, context: context.RequestContext, properties: Mapping[str, Any]
    ) -> None:
        """Check new values against the namespaces that the caller can see.

        :raises errors.BadRequest: no definition of a property allows its value
        """
        if not properties:
            return
        known = self._definitions(context)
        for name, value in properties.items():
            seen = [
                each for each in known.get(name, ()) if _sees(context, each)
            ]
            if seen and not any(
                is_allowed(each['definition'], str(value)) for each in seen
            ):
                self._tell(name, seen)

    def forget(self) -> None:
        """Discard the definitions, because this process changed them."""
        self._fresh_until = -1.0

    def _definitions(
        self, context: context.RequestContext
    ) -> dict[str, list[metadefs.Constraint]]:
        if time.monotonic() >= self._fresh_until:
            constraints: dict[str, list[metadefs.Constraint]] = {}
            fresh_until = time.monotonic() + FRESH_SECONDS
            for each in self._registry.list_constraints(
                context, RESOURCE_TYPE
            ):
                constraints.setdefault(each['name'], []).append(each)
            self._found, self._fresh_until = constraints, fresh_until
        return self._found

    def _tell(self, name: str, seen: list[metadefs.Constraint]) -> None:
        rules = ' or '.join(
            f'{_described(each["definition"])} (namespace {each["namespace"]})'
            for each in seen
        )
        message = f'The value of the property {name} must be {rules}.'
        if self._refuses:
            raise errors.BadRequest(message)
        LOG.warning('%s It was accepted (check_properties = warn).', message)


def is_allowed(definition: Definition, text: str) -> bool:
    """Whether a definition allows a value with this text."""
    items = definition.get('items') or {}
    operators = definition.get('operators') or ()
    if definition.get('type') == 'array':
        parts = _parts(text, operators, ',')
        return _has_size(definition, parts) and all(
            _is_one(items, part) for part in parts
        )
    return all(
        _is_one(definition, part) for part in _parts(text, operators, None)
    )


def _parts(
    text: str, operators: Iterable[str], separator: str | None
) -> list[str]:
    """Split a text into its values: ``<or> a <or> b`` has two."""
    used = [each for each in operators if each in text]
    if used:
        text = re.sub('|'.join(map(re.escape, used)), '\x00', text)
        parts = [part.strip() for part in text.split('\x00')]
        return [part for part in parts if part]
    if separator is None:
        return [text]
    return [part.strip() for part in text.split(separator) if part.strip()]


def _is_one(definition: Definition, text: str) -> bool:
    choices = definition.get('enum')
    if choices and text not in map(str, choices):
        return False
    kind = definition.get('type', 'string')
    if kind == 'boolean':
        return text.lower() in _BOOLEANS
    if kind == 'integer':
        if not _INTEGER.fullmatch(text):
            return False
        return _is_between(definition, int(text))
    if kind == 'number':
        if not _NUMBER.fullmatch(text):
            return False
        return _is_between(definition, float(text))
    return _is_text(definition, text)


def _is_between(definition: Definition, number: float) -> bool:
    minimum, maximum = definition.get('minimum'), definition.get('maximum')
    return (minimum is None or number >= minimum) and (
        maximum is None or number <= maximum
    )


def _is_text(definition: Definition, text: str) -> bool:
    minimum, maximum = definition.get('minLength'), definition.get('maxLength')
    if minimum is not None and len(text) < minimum:
        return False
    if maximum is not None and len(text) > maximum:
        return False
    pattern = definition.get('pattern')
    if not pattern or len(text) > MAX_PATTERN_TEXT:
        return True
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True  # the pattern is not valid in Python


def _has_size(definition: Definition, parts: list[str]) -> bool:
    minimum, maximum = definition.get('minItems'), definition.get('maxItems')
    return (
        (minimum is None or len(parts) >= minimum)
        and (maximum is None or len(parts) <= maximum)
        and not (
            definition.get('uniqueItems') and len(set(parts)) < len(parts)
        )
    )


def _described(definition: Definition) -> str:
    """Describe in words what a definition allows."""
    items = definition.get('items') or {}
    kind = definition.get('type', 'string')
    choices = definition.get('enum') or items.get('enum')
    if choices:
        some = ', '.join(map(str, choices))
        return f'one of {some}' if kind != 'array' else f'a list of {some}'
    limits = [
        f'{name} {definition[name]}'
        for name in (
            *('minimum', 'maximum', 'minLength', 'maxLength', 'pattern'),
            *('minItems', 'maxItems'),
        )
        if definition.get(name) is not None
    ]
    article = 'an' if kind in ('array', 'integer', 'object') else 'a'
    return ' '.join(
        [f'{article} {kind}', *([f'with {", ".join(limits)}'] * bool(limits))]
    )


def _sees(
    context: context.RequestContext, constraint: metadefs.Constraint
) -> bool:
    return (
        bool(context.is_admin)
        or constraint['visibility'] == 'public'
        or constraint['owner'] == context.project_id
    )
