"""A catalogue of metadata definitions to measure.

It has as many namespaces as the target has images, of 50 properties each.
"""

from typing import Any

from benchmark import client
from benchmark import target as targets

ALL = '/v2/metadefs/namespaces'
PROPERTIES = 50
_MEMBER, _ADMIN = 'member,reader', 'admin,member,reader'


def name(number: int) -> str:
    return f'bench-{number:05d}'


def fill(target: targets.Target) -> None:
    """Create the namespaces that are missing.

    :raises client.Failed: a token of the target's makes no administrator
    """
    head = target.head().replace(_MEMBER, _ADMIN)
    connection = client.Connection(target.address, '', head)
    page = f'{ALL}?limit=1&sort_key=namespace&sort_dir=desc'
    found = connection.json('GET', page)['namespaces']
    begin = int(found[0]['namespace'][-5:]) + 1 if found else 0
    for number in range(begin, target.images):
        connection.call('POST', ALL, _document(number))
    connection.close()


def _document(number: int) -> dict[str, Any]:
    one = {'title': 'A property', 'type': 'string', 'description': 'x' * 80}
    types = [{'name': 'OS::Glance::Image', 'prefix': 'hw_'}]
    return {
        'namespace': name(number),
        'display_name': f'Namespace {number}',
        'visibility': 'public',
        'properties': {f'p{i:02}': one for i in range(PROPERTIES)},
        'resource_type_associations': types,
    }
