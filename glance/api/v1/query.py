"""Convert list parameters of v1 to the query of the registry."""

from collections.abc import Iterator

from glance.api.v2 import query
from glance.common import context
from glance.common import contract
from glance.common import errors

_AS_IN_V2 = ('limit', 'marker', 'sort_key', 'sort_dir')
_TEXTS = ('name', 'status', 'container_format', 'disk_format')
_NUMBERS = ('size_min', 'size_max', 'min_ram')
_FLAGS = {'true': True, '1': True, 'false': False, '0': False}
_PROPERTY = 'property-'


def parse(
    pairs: query.Pairs, pages: query.Pages, context: context.RequestContext
) -> tuple[contract.ImageQuery, bool]:
    """Read the query string of a list.

    An administrator who does not request images of all projects gets the
    same list as a user of the own project.

    :returns: the query, and whether to list without an administrator's rights
    :raises errors.BadRequest: names the parameter that is wrong
    """
    query.check_pairs(pairs)
    given = dict(pairs)
    asked = query.parse(list(_translated(pairs)), pages)
    asked['member_status'] = 'all'
    asked['properties'] = [
        (name.removeprefix(_PROPERTY), value)
        for name, value in pairs
        if name.startswith(_PROPERTY) and name != _PROPERTY
    ]
    if 'changes-since' in given:
        since = query.time('changes-since', f'gt:{given["changes-since"]}')
        asked['changed_since'] = since['value']
    text = given.get('is_public', 'true').lower()
    is_public = None if text == 'none' else _flag('is_public', text)
    as_user = not context.is_admin or is_public is True
    if not as_user and is_public is False:
        asked['visibility'] = 'not_public'
    return asked, as_user


def _translated(pairs: query.Pairs) -> Iterator[tuple[str, str]]:
    """The parameters in the form of v2, without those that v1 ignores."""
    for name, value in pairs:
        if name in _AS_IN_V2:
            yield name, value
        elif name in _TEXTS:
            is_plain = not value.startswith(('in:', 'eq:'))
            yield name, f'eq:{value}' if is_plain else value
        elif name in _NUMBERS:
            yield name, str(query.number(name, value, least=0))
        elif name == 'protected':
            yield name, str(_flag(name, value)).lower()
        elif name == 'min_disk' and value.isdecimal() and value.isascii():
            yield name, value
        elif name == 'min_disk':  # not validated; it matches no image
            yield 'locations', ''


def _flag(name: str, text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise errors.BadRequest(f'{name} must be true or false.') from None
