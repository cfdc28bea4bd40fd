"""Convert the list parameters of the catalogue to a typed query."""

from collections.abc import Collection
import re
from typing import NamedTuple

from glance.api.v2 import pages
from glance.api.v2 import schemas
from glance.common import errors
from glance.common.contract import metadefs

SORT_DIRS = ('asc', 'desc')
_DEFINITION_KEYS = ('name', 'created_at', 'updated_at', 'id')
_NAMESPACE_KEYS = (
    *('namespace', 'display_name', 'description', 'visibility'),
    *('protected', 'owner', 'created_at', 'updated_at', 'id'),
)
#: Maximum number of resource types in the query of a list of namespaces.
MAX_TYPES = 100


class PageRules(NamedTuple):
    """The parameters that a list accepts, and their defaults.

    :ivar limit: default limit; None for no limit
    :ivar limit_max: a larger limit is lowered to this; None to lower none
    :ivar limit_min: a smaller limit is refused
    """

    sort_keys: tuple[str, ...]
    sort_dir: str
    limit: int | None
    limit_max: int | None
    visibilities: tuple[str, ...] = ()
    limit_min: int = 0


TAGS = PageRules(_DEFINITION_KEYS, 'desc', None, None)
OBJECTS = PageRules(
    *(_DEFINITION_KEYS, 'asc', None, None),
    visibilities=('public', 'private', 'shared'),
    limit_min=1,
)


def of_namespaces(limit: int, limit_max: int) -> PageRules:
    return PageRules(
        _NAMESPACE_KEYS, 'desc', limit, limit_max, ('public', 'private')
    )


def page(query: pages.Pairs, rules: PageRules) -> metadefs.Page | None:
    """The requested page; None for all items in the order of creation.

    :raises errors.BadRequest: names the parameter that is wrong
    """
    given = _given(query)
    limit = _limit(given['limit'], rules) if 'limit' in given else rules.limit
    key = _choice(given, 'sort_key', 'created_at', rules.sort_keys)
    way = _choice(given, 'sort_dir', rules.sort_dir, SORT_DIRS)
    if rules.visibilities and 'visibility' in given:
        _choice(given, 'visibility', '', rules.visibilities)
    paging = {'limit', 'marker', 'sort_key', 'sort_dir'}
    if rules.sort_dir == 'asc' and not paging & given.keys():
        return None  # the order of creation
    return {
        'limit': limit,
        'marker': given.get('marker'),
        'sort_key': key,
        'sort_dir': way,
    }


def namespaces(
    query: pages.Pairs, rules: PageRules
) -> metadefs.NamespaceQuery:
    """:raises errors.BadRequest: names the parameter that is wrong"""
    given = _given(query)
    asked = page(query, rules)
    if asked is None:
        raise AssertionError('a list of namespaces has a limit')
    types = None
    if 'resource_types' in given:
        types = [name.strip() for name in given['resource_types'].split(',')]
        if len(types) > MAX_TYPES:
            raise errors.BadRequest(
                f'resource_types may have at most {MAX_TYPES} names.'
            )
    return {
        **asked,
        'visibility': given.get('visibility'),
        'resource_types': types,
    }


def resource_type(query: pages.Pairs) -> str | None:
    """The resource type whose prefix is added to names; None if absent.

    :raises errors.BadRequest: the parameter is given twice
    """
    return _given(query).get('resource_type') or None


_SINGLE = frozenset(
    ('limit', 'marker', 'sort_key', 'sort_dir', 'visibility')
    + ('resource_types', 'resource_type')
)


def _given(query: pages.Pairs) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in query:
        if name in _SINGLE:
            if name in given:
                raise errors.BadRequest(
                    f'The parameter {name} may be given only once.'
                )
            schemas.check_text(value, name)
            given[name] = value
    return given


def _limit(text: str, rules: PageRules) -> int:
    is_number = re.fullmatch(r'[0-9]{1,9}', text) is not None
    number = int(text) if is_number else -1
    if number < rules.limit_min:
        raise errors.BadRequest(
            f'limit must be a whole number from {rules.limit_min} on.'
        )
    return number if rules.limit_max is None else min(number, rules.limit_max)


def _choice(
    given: dict[str, str], name: str, default: str, choices: Collection[str]
) -> str:
    value = given.get(name, default)
    if value not in choices:
        raise errors.BadRequest(f'{name} must be one of {", ".join(choices)}.')
    return value
