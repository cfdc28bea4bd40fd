"""Invalid parameters of lists."""

from tests.functional.bad_input import inputs


def _list(query: str, status: int = 400) -> inputs.Bad:
    return inputs.Bad(
        f'list: {query}', 'GET', f'/v2/images?{query}', None, status
    )


LISTS = [
    _list('limit=-1'),
    _list('limit=1.5'),
    _list('limit=%20'),
    _list('limit=' + '9' * 5000),
    _list('limit=%D9%A3'),  # a digit of another script
    _list('limit=1_0'),
    _list('limit=%00'),
    _list('marker=nothing'),
    _list('marker=..%2F..'),
    _list('marker=%00'),
    _list('marker=%F0%9F%92%BF'),
    _list('marker=' + 'x' * 5000),
    _list('marker=' + inputs.IMAGE_ID.replace('7a', '7b')),
    _list('sort_key=password'),
    _list('sort_key=id%3Bdrop'),
    _list('sort_key=%00'),
    _list('sort_dir=sideways'),
    _list('sort=name:sideways'),
    _list('sort=:'),
    _list('sort=,'),
    _list('sort=name:asc,name:desc'),
    _list('visibility=everyone'),
    _list('member_status=none'),
    _list('os_hidden=perhaps'),
    _list('protected=TRUE'),
    _list('size_min=big'),
    _list('size_max='),
    _list('size=1e3'),
    _list('min_ram_min=%00'),
    _list('created_at=noon'),
    _list('created_at=gt:'),
    _list('created_at=like:2020-01-01'),
    _list('created_at=gt:0000-00-00T00:00:00Z'),
    _list('created_at=gt:9999-12-31T23:59:59-14:00'),
    _list('created_at=gt:0001-01-01T00:00:00%2B14:00'),
    _list('name=like:x%25'),
    _list('name=in:%22'),
    _list('id=neq:x'),
    _list('name=a&name=b'),
    _list('changes-since=x'),
    _list('color=%00'),
    _list('%00=x'),
    _list('color=' + 'x' * 70_000),
    _list('&'.join(['tag=x'] * 100)),
    _list('name=in:' + 'a,' * 5000),
    _list('name=%FF'),
    _list('%FF=x'),
    _list('tag=%C3%28'),
    _list('color=%F0%9F%92%BF', 200),
    _list('name=%F0%9F%92%BF', 200),
    _list('tag=%F0%9F%92%BF', 200),
    *(
        _list(f'{name}={value}', status)
        for name in (
            *('size', 'min_ram', 'min_disk', 'virtual_size', 'size_min'),
            *('size_max', 'min_ram_min', 'virtual_size_max', 'limit'),
        )
        for value, status in (
            ('9223372036854775807', 200),
            ('-0', 200),
            ('0' * 5000 + '1', 200),
            ('9223372036854775808', 400),
            ('-9223372036854775809', 400),
            ('9' * 5000, 400),
            ('', 400),
            ('1.0', 400),
            ('NaN', 400),
            ('Infinity', 400),
        )
    ),
    _list('size=-1', 200),
    _list('min_ram=-9223372036854775808', 200),
    _list('virtual_size_max=-9223372036854775808', 200),
    _list('id=in:', 200),
    _list('name=in:' + ','.join(map(str, range(900))), 200),
    _list('=', 200),
    _list('&&&', 200),
    _list('%', 200),
    _list('%zz=%', 200),
    _list("name='%20OR%201=1%20--", 200),
]


class TestLists(inputs.BadInputTestCase):
    def test_bad_lists_have_a_status(self) -> None:
        # covers 7.2.1-2, 7.2.3-13
        self.check_all(LISTS)


class TestListsMysql(TestLists):
    kind = 'mysql'


class TestListsPostgresql(TestLists):
    kind = 'postgresql'
