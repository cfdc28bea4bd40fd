"""Compares service, database and store with what was acknowledged."""

from collections.abc import Callable, Iterable
import json
import pathlib
import time
from typing import Any, NamedTuple
import urllib.parse

import sqlalchemy as sa

from tools.chaos_load import client
from tools.chaos_load import findings
from tools.chaos_load import journal
from tools.chaos_load import load

#: How long the service may answer 503 before that is a fault.
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5
#: No image may stay in one of these.
PASSING = frozenset(('saving', 'importing', 'uploading', 'pending_delete'))
WITH_DATA = frozenset(('active', 'deactivated'))
_IMAGES = sa.table(
    'images',
    sa.column('id', sa.String),
    sa.column('status', sa.String),
    sa.column('deleted', sa.Boolean),
)
_LOCATIONS = sa.table(
    'image_locations',
    sa.column('image_id', sa.String),
    sa.column('value', sa.Text),
    sa.column('deleted', sa.Boolean),
)
_TASKS = sa.table(
    'tasks', sa.column('id', sa.String), sa.column('status', sa.String)
)
_TRANSFERS = sa.table(
    'image_transfers', sa.column('id', sa.String), sa.column('image_id')
)


class Records(NamedTuple):
    """What the database holds.

    :ivar statuses: of all images that are not deleted, and of those that
        are on their way there
    :ivar urls: of each such image
    :ivar transfers: the image of each claim
    :ivar tasks: the status of each that has not ended
    """

    statuses: dict[str, str]
    urls: dict[str, list[str]]
    transfers: dict[str, str]
    tasks: dict[str, str]


def read_records(engine: sa.Engine) -> Records:
    with engine.connect() as connection:
        images = connection.execute(
            sa.select(_IMAGES.c.id, _IMAGES.c.status).where(
                sa.or_(
                    _IMAGES.c.deleted == sa.false(),
                    _IMAGES.c.status.in_(PASSING),
                )
            )
        )
        statuses = {row.id: row.status for row in images}
        urls: dict[str, list[str]] = {}
        locations = sa.select(_LOCATIONS.c.image_id, _LOCATIONS.c.value)
        for row in connection.execute(
            locations.where(_LOCATIONS.c.deleted == sa.false())
        ):
            urls.setdefault(row.image_id, []).append(row.value)
        transfers = connection.execute(
            sa.select(_TRANSFERS.c.id, _TRANSFERS.c.image_id)
        )
        tasks = connection.execute(
            sa.select(_TASKS.c.id, _TASKS.c.status).where(
                _TASKS.c.status.in_(('pending', 'processing'))
            )
        )
        return Records(
            statuses,
            urls,
            {row.id: row.image_id for row in transfers},
            {row.id: row.status for row in tasks},
        )


def judge_records(
    records: Records,
    files: Iterable[pathlib.Path],
    staged: Iterable[str] = (),
) -> list[findings.Finding]:
    """Find what is stuck and what is orphaned.

    :param files: everything in the store's directory
    :param staged: names of files with staged data; an image whose data is
        staged waits for its client
    """
    kept = set(staged)
    waiting = {
        image_id
        for image_id, status in records.statuses.items()
        if status == 'uploading' and image_id in kept
    }
    found = [
        findings.Finding('stuck', f'image {image_id}', f'it is {status}')
        for image_id, status in records.statuses.items()
        if status in PASSING and image_id not in waiting
    ]
    found += [
        findings.Finding('stuck', f'task {task}', f'it is {status}')
        for task, status in records.tasks.items()
    ]
    found += [
        findings.Finding('orphaned', f'staged {name}', 'nobody needs it')
        for name in kept - waiting
    ]
    found += [
        findings.Finding('stuck', f'transfer {transfer}', f'of {image_id}')
        for transfer, image_id in records.transfers.items()
    ]
    there = {str(path) for path in files}
    expected = {}
    for image_id, status in records.statuses.items():
        for url in records.urls.get(image_id, []):
            path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
            expected[path] = image_id
        if status in WITH_DATA and image_id not in records.urls:
            text = f'it is {status} without a location'
            found.append(
                findings.Finding('orphaned', f'image {image_id}', text)
            )
    found += [
        findings.Finding('orphaned', f'image {expected[path]}', 'no file')
        for path in expected.keys() - there
    ]
    found += [
        findings.Finding('orphaned', f'file {path}', 'no image has it')
        for path in there - expected.keys()
    ]
    return found


def judge_images(
    requests: client.Client, notes: journal.Journal
) -> list[findings.Finding]:
    """Ask for each image and its data, and compare."""
    found = []
    for image in notes.images.values():
        try:
            found += image.judge(_look(requests, image.id))
        except ValueError as error:
            found.append(
                findings.Finding('wrong', f'image {image.id}', str(error))
            )
    return found


def _look(requests: client.Client, image_id: str) -> dict[str, Any] | None:
    """Give all that the service shows of an image.

    :raises ValueError: it contradicts itself, or does not answer
    """
    path = f'/v2/images/{image_id}'
    answer = _patient(lambda: requests.json('GET', path))
    if answer.status == 404:
        return None
    document = _document(answer, path)
    address = f'{path}/members'
    members = _document(
        _patient(lambda: requests.json('GET', address)), address
    )
    seen = load.things(document)
    seen['members'] = len(members['members'])
    for member in members['members']:
        seen[f'member:{member["member_id"]}'] = member['status']
    seen[journal.DATA] = _data(requests, path, document)
    return seen


def _patient(ask: Callable[[], client.Answer]) -> client.Answer:
    """Repeat a request while the registry is started again.

    The last kill may have been that of the registry: until it listens again
    503 is the right answer.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    answer = ask()
    while answer.status == 503 and time.monotonic() < end:
        time.sleep(RETRY_SECONDS)
        answer = ask()
    return answer


def _document(answer: client.Answer, path: str) -> dict[str, Any]:
    if answer.status != 200:
        raise ValueError(f'GET {path} is answered with {answer.status}')
    document: dict[str, Any] = json.loads(answer.content)
    return document


def _data(
    requests: client.Client, path: str, document: dict[str, Any]
) -> journal.Data | None:
    if document['status'] != 'active':
        return None
    data = None

    def download() -> client.Answer:
        nonlocal data
        answer, data = requests.download(f'{path}/file')
        return answer

    _patient(download)
    if data is None:
        return None  # lost, if there must be any
    told = document['size'], document['os_hash_value']
    if told != data:
        raise ValueError(f'the record says {told}, the body is {data}')
    return data
