"""Every call of python-glanceclient's module v1, as a program.

The test runs it with the Python of each client:
``python v1_calls.py ENDPOINT TOKEN URL OTHER_PROJECT``.
"""

import hashlib
import io
import sys
import time
from typing import Any

import glanceclient
from glanceclient import exc

DATA = b'0123456789' * 1000
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


def main(endpoint: str, token: str, url: str, project: str) -> None:
    client = glanceclient.Client('1', endpoint=endpoint, token=token)
    check_images(client)
    check_lists(client)
    check_sources(client, url)
    check_members(client, project)
    versions = [each['id'] for each in client.versions.list()]
    same('v1.1' in versions, True)


def same(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f'{found!r} is not {expected!r}')


def create(client: Any, **fields: Any) -> Any:
    return client.images.create(
        disk_format='raw', container_format='bare', **fields
    )


def check_images(client: Any) -> None:
    image = create(
        client,
        name='h\xfc / 100%',
        min_ram=5,
        properties={'os_distro': 'debian: 12', 'hw-bus': 'scsi'},
        data=io.BytesIO(DATA),
    )
    got = client.images.get(image)
    same(got.status, 'active')
    same((got.size, got.min_ram, got.is_public), (len(DATA), 5, False))
    same(got.checksum, MD5)
    # The clients read headers as Latin-1.
    same(got.name.encode('latin-1').decode(), 'h\xfc / 100%')
    same(got.properties, {'os_distro': 'debian: 12', 'hw_bus': 'scsi'})
    data = b''.join(client.images.data(image))
    same(data, DATA)
    got.update(properties={'a': 'b'}, min_disk=3)
    got = client.images.get(image.id)
    same(sorted(got.properties), ['a', 'hw_bus', 'os_distro'])
    same(got.min_disk, 3)
    client.images.update(image, purge_props=True, properties={'c': 'd'})
    same(client.images.get(image).properties, {'c': 'd'})
    client.images.update(image, protected=True, name='other')
    try:
        client.images.delete(image)
        raise AssertionError('deleted')
    except exc.HTTPForbidden:
        client.images.update(image, protected=False)
    client.images.delete(image)
    try:
        client.images.get(image)
        raise AssertionError('not deleted')
    except exc.HTTPNotFound as error:
        same(error.code, 404)


def check_lists(client: Any) -> None:
    made = [
        create(client, name=f'l{each}', size=each + 1) for each in range(4)
    ]
    ids = [image.id for image in made]
    found = client.images.list(
        page_size=2, sort_key='name', sort_dir='asc', filters={'size_max': 9}
    )
    same([each.id for each in found if each.id in ids], ids)
    limited = list(client.images.list(limit=2, filters={'name': 'l1'}))
    same([each.id for each in limited], [ids[1]])
    marked = client.images.list(filters={'properties': {'mark': ids[0]}})
    same(list(marked), [])
    made[0].update(properties={'mark': ids[0]})
    marked = client.images.list(filters={'properties': {'mark': ids[0]}})
    same([each.id for each in marked], [ids[0]])
    mine = client.images.list(owner=made[0].owner, page_size=100)
    same(set(ids) <= {each.id for each in mine}, True)
    same(list(client.images.list(owner='nobody')), [])
    for image in made:
        image.delete()


def check_sources(client: Any, url: str) -> None:
    queued = create(client)
    same(queued.status, 'queued')
    client.images.update(queued, data=io.BytesIO(DATA))
    same(client.images.get(queued).status, 'active')
    placed = create(client, location=url)
    same(b''.join(client.images.data(placed))[:4], b'data')
    copied = create(client, copy_from=url)
    while client.images.get(copied).status in ('queued', 'saving'):
        time.sleep(0.1)
    same(client.images.get(copied).status, 'active')
    for image in (queued, placed, copied):
        image.delete()


def check_members(client: Any, project: str) -> None:
    image = create(client)
    members = client.image_members
    members.create(image, project, can_share=True)
    (found,) = members.list(image=image)
    same((found.member_id, found.can_share), (project, True))
    (shared,) = [
        each
        for each in members.list(member=project)
        if each.image_id == image.id
    ]
    same(shared.can_share, True)
    members.replace(image, [{'member_id': project, 'can_share': False}])
    same(members.list(image=image)[0].can_share, False)
    # The client has this call, but v1 never had its URL.
    try:
        members.get(image.id, project)
        raise AssertionError('a member was shown')
    except exc.HTTPMethodNotAllowed:
        pass
    members.delete(image.id, project)  # this call takes no object
    same(members.list(image=image), [])
    image.delete()


if __name__ == '__main__':
    main(*sys.argv[1:])
