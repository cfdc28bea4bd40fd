"""Values for random requests."""

from hypothesis import strategies

from tests.functional.random import model

PATCH = 'application/openstack-images-v2.1-json-patch'
OCTETS = 'application/octet-stream'
VISIBILITIES = ('private', 'shared', 'community', 'public')
#: Mostly callers of projects that own images, or are members of them.
callers = strategies.sampled_from(
    ('alice', 'alice', 'alice', 'bob', 'bob', 'admin', 'carol', 'rita')
).map(model.CALLERS.__getitem__)
#: In half of the cases None, for a caller who may change the image.
anybody = callers | strategies.none()
texts = strategies.text(
    strategies.characters(
        max_codepoint=0xFFFF,
        exclude_categories=('Cs',),
        exclude_characters='\x00',
    ),
    max_size=6,
)
names = strategies.sampled_from(('a', 'B', 'b,c', 'eq:d', 'é')) | texts
colors = strategies.sampled_from(('red', 'in:red', '')) | texts
tags = strategies.sampled_from(('t', 'T', 'ü', 'x y', 'u'))
projects = strategies.sampled_from(('p1', 'p2', 'p2', 'p3', 'p9'))
members = {
    'name': names | strategies.none(),
    'visibility': strategies.sampled_from(VISIBILITIES),
    'protected': strategies.booleans(),
    'os_hidden': strategies.booleans(),
    'min_ram': strategies.sampled_from((0, 1, 2**31 - 1)),
    'tags': strategies.lists(tags, max_size=4),
    'owner': strategies.sampled_from(('p1', 'p2', None)),
    'disk_format': strategies.sampled_from(('raw', 'raw', 'raw', 'ami', None)),
    'container_format': strategies.sampled_from(
        ('bare', 'bare', 'bare', 'ovf', None)
    ),
    **dict.fromkeys(('color', 'os_distro', 'x/y~z', 'four'), colors),
}
FORMATS = {'disk_format': 'raw', 'container_format': 'bare'}
documents = strategies.fixed_dictionaries({}, optional=members).map(
    lambda given: FORMATS | given
)
operations = strategies.sampled_from(sorted(members)).flatmap(
    lambda name: strategies.fixed_dictionaries(
        {
            'op': strategies.sampled_from(('add', 'replace', 'remove')),
            'path': strategies.just(f'/{name}'),
            'value': members[name],
        }
    )
)
#: Operations that are refused for all callers.
bad_operations = strategies.sampled_from(
    (
        {'op': 'replace', 'path': '/status', 'value': 'active'},
        {'op': 'add', 'path': '/os_glance_x', 'value': 'y'},
        {'op': 'replace', 'path': '/min_ram', 'value': -1},
        {'op': 'replace', 'path': '/name', 'value': 'x' * 256},
        {'op': 'add', 'path': '/color', 'value': 5},
        {'op': 'replace', 'path': '/checksum', 'value': None},
        {'op': 'remove', 'path': '/size'},
        {'op': 'add', 'path': '/a/b', 'value': 'x'},
        {'op': 'test', 'path': '/name', 'value': 'x'},
        'nonsense',
    )
)
data = strategies.binary(max_size=40) | strategies.integers(0, 3100).map(
    lambda size: bytes(index % 251 for index in range(size))
)
which = strategies.integers(0, 5)
ODD_HEADERS = (
    *('Accept', 'Range', 'Content_Range', 'If_None_Match', 'Content_Type'),
    *('X_OpenStack_Request_ID', 'X_Roles_'),
)
header_texts = strategies.sampled_from(
    ('bytes=0-', 'bytes 0-1/2', '*', '"1"', 'application/json;q=2', 'text/*')
) | strategies.text(strategies.characters(max_codepoint=255), max_size=80)
PARAMETERS = strategies.sampled_from(
    ('limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'name', 'tag')
    + ('visibility', 'member_status', 'os_hidden', 'size', 'size_min')
    + ('protected', 'created_at', 'id', 'status', 'owner', 'color')
)
