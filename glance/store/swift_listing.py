"""Lists the objects of Swift containers, and copies damaged ones aside.

The segments of an object begin with its name and a hyphen. They are listed
together with it, and also if there is no such object.
"""

from collections.abc import Callable, Iterator
import datetime
import functools
import itertools
import json
from typing import Any
import urllib.parse

from glance.common import threads
from glance.store import base
from glance.store import listing
from glance.store import servers
from glance.store import swift_account
from glance.store import swift_upload

#: Objects of this type have no data: see :mod:`swift_tenants`.
MARK_TYPE = 'application/x-image-account'

#: An object of a container: a document of its list, and its age in seconds.
_Entry = tuple[dict[str, Any], float]


def pieces(
    account: swift_account.Account,
    container: str,
    url_of: Callable[[str], str],
    hold: Callable[[str], base.Held | None],
) -> Iterator[base.Piece]:
    """Yield all objects of a container.

    :raises errors.StoreUnavailable: the container cannot be listed now
    """
    data = (
        each
        for each in _entries(account, container)
        if each[0].get('content_type') != MARK_TYPE
    )
    for name, group in itertools.groupby(
        data, lambda it: _owner(it[0]['name'])
    ):
        entries = list(group)
        whole = next((it for it, _ in entries if it['name'] == name), None)
        image_id, is_aside = listing.owner_of(name)
        yield base.Piece(
            name=f'{container}/{name}',
            image_id=image_id,
            url=url_of(name),
            is_aside=is_aside,
            size_bytes=_size(account, container, whole, entries),
            age_seconds=min(age for _, age in entries),
            hold=functools.partial(hold, name),
        )


def containers(account: swift_account.Account, prefix: str) -> list[str]:
    """The names of all containers that begin with the prefix.

    :raises errors.StoreUnavailable: the account cannot be listed now
    """
    entries = _entries(account, '', prefix)
    return [each['name'] for each, _ in entries]


def marks(
    account: swift_account.Account, container: str, prefix: str
) -> Iterator[tuple[str, float]]:
    """Yield the names of the marks in a container, and their ages in seconds.

    :raises errors.StoreUnavailable: the container cannot be listed now
    """
    for each, age_seconds in _entries(account, container, prefix):
        if each.get('content_type') == MARK_TYPE:
            yield each['name'], age_seconds


def _owner(name: str) -> str:
    """The name of the object that an object is, or may be a segment of."""
    head = listing.image_name_in(name)
    return head if head and name.startswith(f'{head}-') else name


def _size(
    account: swift_account.Account,
    container: str,
    whole: dict[str, Any] | None,
    entries: list[_Entry],
) -> int:
    if whole is None:
        return sum(int(each['bytes']) for each, _ in entries)
    if whole['bytes'] or not listing.owner_of(whole['name'])[0]:
        return int(whole['bytes'])
    # A list gives no size for an object that consists of segments.
    path = f'{container}/{whole["name"]}'
    answer = threads.run(account.ask, 'HEAD', path)
    return int(answer.headers.get('Content-Length') or 0)


def _entries(
    account: swift_account.Account, container: str, prefix: str = ''
) -> Iterator[_Entry]:
    marker = ''
    while True:
        query = urllib.parse.urlencode(
            {'format': 'json', 'prefix': prefix, 'marker': marker}
        )
        answer = threads.run(account.ask, 'GET', container, None, f'?{query}')
        if answer.status == 404:
            return
        swift_account.require(answer, 'list of a container', 200, 204)
        try:
            entries = json.loads(answer.body or b'[]')
        except ValueError as error:
            raise servers.Unreachable('the list is not JSON') from error
        if not entries:
            return
        now = listing.time_of(answer.headers)
        for each in entries:
            changed = datetime.datetime.fromisoformat(each['last_modified'])
            yield each, listing.seconds_between(changed, now)
        marker = entries[-1]['name']


def copy_aside(account: swift_account.Account, path: str) -> str:
    """Copy an object and its segments; return the path of the copy.

    :raises errors.NotFound: there is no such object
    :raises errors.StoreUnavailable: it cannot be copied now
    """
    answer = account.ask('HEAD', path)
    swift_account.require(answer, 'HEAD of an object', 200, 204)
    aside = listing.aside_name(path)
    segments = swift_upload.segments_of(account, path, answer.headers)
    if not segments:
        _copy(account, path, aside)
        return aside
    for number, segment in enumerate(segments, start=1):
        _copy(account, segment, f'{aside}-{number:05}')
    headers = {
        'Content-Type': 'application/octet-stream',
        'Content-Length': '0',
        'X-Object-Manifest': servers.quoted(f'{aside}-'),
    }
    answer = account.ask('PUT', aside, headers)
    swift_account.require(answer, 'PUT of a manifest', 201)
    return aside


def _copy(account: swift_account.Account, path: str, to: str) -> None:
    headers = {'Destination': servers.quoted(to)}
    answer = account.ask('COPY', path, headers)
    swift_account.require(answer, 'COPY of an object', 201)
