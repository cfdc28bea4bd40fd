"""Convert list parameters to a typed query."""

from collections.abc import Iterable, Sequence
import dataclasses
import datetime
import re
from typing import Any

from oslo_utils import timeutils

from glance.api.v2 import schemas
from glance.api.v2.schema import image as image_schema
from glance.api.v2.schema import member as member_schema
from glance.common import contract
from glance.common import errors

SORT_KEYS = (
    *('name', 'status', 'container_format', 'disk_format', 'size'),
    *('id', 'created_at', 'updated_at'),
)
#: ``value``, ``eq:value`` or ``in:a,b``.
WITH_OPERATORS = frozenset(
    ('name', 'id', 'status', 'container_format', 'disk_format')
)
EXACT_TEXTS = frozenset(('owner', 'checksum', 'os_hash_algo', 'os_hash_value'))
NUMBERS = frozenset(('size', 'min_ram', 'min_disk', 'virtual_size'))
TIMES = frozenset(('created_at', 'updated_at'))
_TIME_OPERATORS = frozenset(('gt', 'gte', 'lt', 'lte', 'eq', 'neq'))
#: Parameters that may be given only once.
_SINGLE = frozenset(
    ('limit', 'marker', 'sort', 'visibility', 'member_status', 'os_hidden')
    + ('protected', 'name', 'id', 'status', 'container_format')
    + ('disk_format', 'owner', 'size_min', 'size_max', 'checksum')
    + ('created_at', 'updated_at')
)
#: Members of the entity that cannot be filters; they match no image.
_NO_FILTERS = frozenset(('properties', 'locations', 'members'))
#: Items of an ``in:`` list; quoted ones may contain commas.
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",]*)')
MAX_FILTERS = 64
#: Maximum number of values of one ``in:``, as many as ids on a page.
MAX_ITEMS = 1000
#: Range of numbers that databases and the wire can represent.
MIN_NUMBER = -(2**63)
MAX_NUMBER = 2**63 - 1

Pairs = Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Pages:
    """The number of images on a page of a list."""

    default: int
    max: int


def parse(pairs: Pairs, pages: Pages) -> contract.ImageQuery:
    """Read the query string of a list.

    :param pairs: names and values in order, decoded
    :raises errors.BadRequest: naming the parameter that is wrong
    """
    check_pairs(pairs)
    query: contract.ImageQuery = {
        'limit': pages.default,
        'marker': None,
        'sort': _sort(pairs),
        'filters': [],
        'properties': [],
        'tags': [],
        'visibility': None,
        'member_status': 'accepted',
        'os_hidden': False,
    }
    for name, value in pairs:
        if name not in ('sort', 'sort_key', 'sort_dir', 'deleted'):
            _read(query, name, value, pages.max)
    return query


def check_pairs(pairs: Pairs) -> None:
    if len(pairs) > MAX_FILTERS:
        raise errors.BadRequest(
            f'The query may have at most {MAX_FILTERS} parameters.'
        )
    seen = set()
    for name, value in pairs:
        if name in _SINGLE and name in seen:
            raise errors.BadRequest(
                f'The parameter {name} may be given only once.'
            )
        seen.add(name)
        if '\x00' in name or '\x00' in value:
            raise errors.BadRequest(
                'The query contains a NUL character, which is not supported.'
            )
        if max(len(name), len(value)) > schemas.MAX_VALUE_BYTES:
            raise errors.BadRequest(
                f'The parameter {name[:40]} may have at most '
                f'{schemas.MAX_VALUE_BYTES} characters.'
            )


def _read(
    query: contract.ImageQuery, name: str, value: str, limit_max: int
) -> None:
    if name == 'limit':
        query['limit'] = min(number(name, value, least=0), limit_max)
    elif name == 'marker':
        query['marker'] = marker(value)
    elif name == 'tag':
        query['tags'].append(value.strip())
    elif name == 'visibility':
        query['visibility'] = _visibility(value)
    elif name == 'member_status':
        choices = (*member_schema.STATUSES, 'all')
        query['member_status'] = _choice(name, value, choices)
    elif name == 'os_hidden':
        hidden = _choice(name, value.lower(), ('true', 'false'))
        query['os_hidden'] = hidden == 'true'
    elif name == 'changes-since':
        raise errors.BadRequest('changes-since is not supported.')
    else:
        _read_filter(query, name, value)


def _read_filter(query: contract.ImageQuery, name: str, value: str) -> None:
    bounds = {'_min': 'gte', '_max': 'lte'}
    bare, ending = name[:-4], name[-4:]
    if name in WITH_OPERATORS:
        query['filters'].append(with_operator(name, value))
    elif name in EXACT_TEXTS:
        query['filters'].append(_filter(name, 'eq', value))
    elif name in NUMBERS:
        query['filters'].append(_filter(name, 'eq', number(name, value)))
    elif name in TIMES:
        query['filters'].append(time(name, value))
    elif name == 'protected':
        wanted = _choice(name, value, ('true', 'false')) == 'true'
        query['filters'].append(_filter(name, 'eq', wanted))
    elif bare in NUMBERS and ending in bounds:
        limit = number(name, value)
        query['filters'].append(_filter(bare, bounds[ending], limit))
    elif name in _NO_FILTERS:
        query['filters'].append(_filter('id', 'in', []))
    else:
        query['properties'].append((name, value))


def _filter(field: str, op: Any, value: Any) -> contract.Filter:
    return {'field': field, 'op': op, 'value': value}


def marker(value: str) -> str:
    if not re.fullmatch(r'[\w-]{1,36}', value, re.ASCII):
        raise errors.InvalidMarker
    return value


def _visibility(value: str) -> str:
    if not value:
        return 'none'  # an empty value matches no image
    choices = (*image_schema.VISIBILITIES, 'all')
    return _choice('visibility', value, choices)


def _choice(name: str, value: str, choices: Iterable[str]) -> str:
    if value not in choices:
        raise errors.BadRequest(f'{name} must be one of {", ".join(choices)}.')
    return value


def number(name: str, value: str, least: int | None = None) -> int:
    # int() also accepts blanks, underscores and digits of other scripts, and
    # needs quadratic time for a very long text.
    match = re.fullmatch(r'(-?)0*([0-9]{1,19})', value, re.ASCII)
    if match is None:
        raise errors.BadRequest(f'{name} must be an integer of 64 bits.')
    value_of = int(match[1] + match[2])
    if not MIN_NUMBER <= value_of <= MAX_NUMBER:
        raise errors.BadRequest(
            f'{name} must be between {MIN_NUMBER} and {MAX_NUMBER}.'
        )
    if least is not None and value_of < least:
        raise errors.BadRequest(f'{name} must be at least {least}.')
    return value_of


def with_operator(name: str, value: str) -> contract.Filter:
    op, colon, rest = value.partition(':')
    if not colon:
        return _filter(name, 'eq', value)
    if op == 'eq':
        return _filter(name, 'eq', rest)
    if op == 'in':
        return _filter(name, 'in', _items(name, rest))
    raise errors.BadRequest(
        f'{name}: the operator {op} is not known; write eq:{value} to '
        'compare with the whole text.'
    )


def _items(name: str, text: str) -> list[str]:
    """Split ``a,"b,c",d``; ``\\"`` stands for a quote inside quotes."""
    items, position = [], 0
    while True:
        item = _ITEM.match(text, position)
        if item is None:
            break
        quoted, plain = item.groups()
        items.append(
            plain if quoted is None else re.sub(r'\\(.)', r'\1', quoted)
        )
        position = item.end()
        if len(items) > MAX_ITEMS:
            raise errors.BadRequest(
                f'{name}: the list after in: may have at most {MAX_ITEMS} '
                'values.'
            )
        if position == len(text):
            return [value for value in items if value] or ['']
        if text[position] != ',':
            break
        position += 1
    raise errors.BadRequest(
        f'{name}: the quotes in the list after in: do not match.'
    )


def time(name: str, value: str) -> contract.Filter:
    op, colon, rest = value.partition(':')
    if colon and op in _TIME_OPERATORS:
        value = rest
    elif op and op[0].isdigit():
        op = 'eq'
    else:
        raise errors.BadRequest(f'{name}: the operator {op} is not known.')
    try:
        moment = timeutils.parse_isotime(value)
        moment = moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise errors.BadRequest(
            f'{name}: {value} is not a time in ISO 8601.'
        ) from error
    text = moment.strftime('%Y-%m-%dT%H:%M:%SZ').rjust(20, '0')
    return _filter(name, op, text)


def _sort(pairs: Pairs) -> list[tuple[str, str]]:
    """The sort keys, with further keys that make the order unique."""
    compact = [value for name, value in pairs if name == 'sort']
    keys = [value for name, value in pairs if name == 'sort_key']
    ways = [value for name, value in pairs if name == 'sort_dir']
    if compact:
        if keys or ways:
            raise errors.BadRequest(
                'Use either sort, or sort_key and sort_dir.'
            )
        order = _compact(compact[0])
        return complete(order, order[0][1] if len(order) == 1 else 'desc')
    if not keys and len(ways) > 1 or len(ways) > max(len(keys), 1):
        raise errors.BadRequest('The query has more sort_dir than sort_key.')
    if len(ways) not in (0, 1, len(keys)):
        raise errors.BadRequest(
            'The query must have one sort_dir, or one for each sort_key.'
        )
    default = ways[0] if len(ways) == 1 else 'desc'
    ways = ways if len(ways) == len(keys) else [default] * len(keys)
    return complete(list(zip(keys, ways, strict=True)), default)


def _compact(text: str) -> list[tuple[str, str]]:
    keys = []
    for item in text.split(','):
        key, _, way = item.partition(':')
        keys.append((key.strip(), way.strip() or 'desc'))
    return keys


def complete(
    keys: list[tuple[str, str]], default: str
) -> list[tuple[str, str]]:
    keys = list(keys)
    for tie_break in ('created_at', 'id'):
        if tie_break not in dict(keys):
            keys.append((tie_break, default))
    for key, way in keys:
        _choice('sort_key', key, SORT_KEYS)
        _choice('sort_dir', way, ('asc', 'desc'))
    if len(dict(keys)) != len(keys):
        raise errors.BadRequest('A sort key may be given only once.')
    return keys
