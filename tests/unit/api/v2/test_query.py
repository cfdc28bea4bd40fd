import unittest

from glance.api.v2 import query
from glance.common import contract
from glance.common import errors

DEFAULT_SORT = [('created_at', 'desc'), ('id', 'desc')]


def parse(*pairs: tuple[str, str]) -> contract.ImageQuery:
    return query.parse(pairs, query.Pages(25, 1000))


class QueryTestCase(unittest.TestCase):
    def check_filters(
        self, table: dict[tuple[str, str], tuple[str, str, object]]
    ) -> None:
        for pair, (field, op, value) in table.items():
            with self.subTest(str(pair)):
                expected = {'field': field, 'op': op, 'value': value}
                self.assertEqual([expected], parse(pair)['filters'])

    def check_refused(self, *tables: tuple[tuple[str, str], ...]) -> None:
        for pairs in tables:
            with (
                self.subTest(str(pairs)[:80]),
                self.assertRaises(errors.BadRequest),
            ):
                parse(*pairs)


class TestDefaults(QueryTestCase):
    def test_nothing_asked(self) -> None:
        self.assertEqual(
            {
                'limit': 25,
                'marker': None,
                'sort': DEFAULT_SORT,
                'filters': [],
                'properties': [],
                'tags': [],
                'visibility': None,
                'member_status': 'accepted',
                'os_hidden': False,
            },
            parse(),
        )

    def test_the_limit_is_cut(self) -> None:
        for given, limit in (
            ('0', 0),
            ('7', 7),
            ('1000', 1000),
            ('1001', 1000),
        ):
            self.assertEqual(limit, parse(('limit', given))['limit'])

    def test_a_bad_marker_is_told_apart(self) -> None:
        with self.assertRaises(errors.InvalidMarker):
            parse(('marker', 'a/b'))

    def test_what_is_ignored(self) -> None:
        self.assertEqual(parse(), parse(('deleted', 'true')))


class TestFilters(QueryTestCase):
    def test_texts_with_operators(self) -> None:
        self.check_filters(
            {
                ('name', 'a'): ('name', 'eq', 'a'),
                ('name', ''): ('name', 'eq', ''),
                ('name', 'eq:'): ('name', 'eq', ''),
                ('name', 'eq:a:b'): ('name', 'eq', 'a:b'),
                ('id', 'in:a,b'): ('id', 'in', ['a', 'b']),
                ('status', 'in:a'): ('status', 'in', ['a']),
                ('disk_format', 'in:a,,b,'): ('disk_format', 'in', ['a', 'b']),
                ('container_format', 'in:'): ('container_format', 'in', ['']),
            }
        )

    def test_quotes(self) -> None:
        # covers 25-20
        for text, items in {
            '"a"': ['a'],
            '"a,b"': ['a,b'],
            '"a,b",c': ['a,b', 'c'],
            'c,"a,b"': ['c', 'a,b'],
            '"a\\"b"': ['a"b'],
            '"a\\\\"': ['a\\'],
            '"in:x"': ['in:x'],
            ' a , b ': [' a ', ' b '],
        }.items():
            with self.subTest(text):
                found = parse(('name', f'in:{text}'))['filters'][0]
                self.assertEqual(items, found['value'])

    def test_quotes_that_do_not_fit(self) -> None:
        self.check_refused(
            *(
                (('name', f'in:{text}'),)
                for text in ('"', '"a', 'a"', '"a"b', 'a"b"', '"a""b"', '\\"')
            )
        )

    def test_other_operators_are_refused(self) -> None:
        self.check_refused(
            (('name', 'neq:a'),),
            (('name', 'a:b'),),
            (('name', ':'),),
            (('status', 'EQ:a'),),
        )

    def test_exact_texts_have_no_operators(self) -> None:
        for name in ('owner', 'checksum', 'os_hash_algo', 'os_hash_value'):
            self.check_filters({(name, 'in:a,b'): (name, 'eq', 'in:a,b')})

    def test_numbers(self) -> None:
        self.check_filters(
            {
                ('size', '5'): ('size', 'eq', 5),
                ('size_min', '5'): ('size', 'gte', 5),
                ('size_max', '-5'): ('size', 'lte', -5),
                ('min_ram_min', '0'): ('min_ram', 'gte', 0),
                ('min_disk_max', '9'): ('min_disk', 'lte', 9),
                ('virtual_size_max', '9'): ('virtual_size', 'lte', 9),
            }
        )
        self.check_refused(
            *(
                (('size_min', text),)
                for text in ('', ' 5', '5 ', '+5', '5.0', '1_0', '٣', '9' * 20)
            )
        )

    def test_protected(self) -> None:
        self.check_filters(
            {
                ('protected', 'true'): ('protected', 'eq', True),
                ('protected', 'false'): ('protected', 'eq', False),
            }
        )
        self.check_refused((('protected', 'True'),), (('protected', ''),))

    def test_times(self) -> None:
        for given, op, text in (
            ('2020-01-02T03:04:05Z', 'eq', '2020-01-02T03:04:05Z'),
            ('gt:2020-01-02T03:04:05Z', 'gt', '2020-01-02T03:04:05Z'),
            ('neq:2020-01-02T03:04:05', 'neq', '2020-01-02T03:04:05Z'),
            ('lte:2020-01-02', 'lte', '2020-01-02T00:00:00Z'),
            ('gte:2020-01-02T03:04:05+02:00', 'gte', '2020-01-02T01:04:05Z'),
            ('lt:2020-01-02T03:04:05.999Z', 'lt', '2020-01-02T03:04:05Z'),
            ('lt:0999-01-02', 'lt', '0999-01-02T00:00:00Z'),
        ):
            self.check_filters(
                {('created_at', given): ('created_at', op, text)}
            )
        self.check_refused(
            *(
                (('updated_at', text),)
                for text in (
                    ('', 'gt:', 'noon', 'after:2020-01-01', 'gt:2020-13-01')
                    + ('in:2020-01-01', 'gt:0001-01-01T00:00:00+01:00')
                    + ('2020-01-01T25:00:00Z', '٢٠٢٠-01-01', ':')
                )
            )
        )

    def test_all_else_is_a_property(self) -> None:
        # covers 25-21
        pairs = [
            ('arch', 'in:a,b'),
            ('weight_min', '5'),
            ('', ''),
            ('size_mini', 'x'),
            ('_min', '1'),
        ]
        found = parse(*pairs)
        self.assertEqual(pairs, found['properties'])
        self.assertEqual([], found['filters'])

    def test_members_that_are_no_filters_match_nothing(self) -> None:
        for name in ('properties', 'locations', 'members'):
            found = parse((name, 'x'))
            self.assertEqual(
                [{'field': 'id', 'op': 'in', 'value': []}], found['filters']
            )

    def test_tags_add_up(self) -> None:
        found = parse(('tag', 'a'), ('tag', ' b '), ('tag', 'a'))
        self.assertEqual(['a', 'b', 'a'], found['tags'])

    def test_words(self) -> None:
        for name, value, expected in (
            ('visibility', 'all', 'all'),
            ('visibility', 'community', 'community'),
            ('member_status', 'all', 'all'),
            ('member_status', 'rejected', 'rejected'),
            ('os_hidden', 'TRUE', True),
            ('os_hidden', 'false', False),
        ):
            self.assertEqual(expected, parse((name, value))[name])  # type: ignore[literal-required]
        self.check_refused(
            (('visibility', 'Public'),),
            (('member_status', ''),),
            (('os_hidden', 'yes'),),
            (('changes-since', '2020-01-01'),),
        )

    def test_an_empty_visibility_is_none_of_the_four(self) -> None:
        self.assertNotIn(
            parse(('visibility', ''))['visibility'],
            (None, 'all', 'public', 'private', 'shared', 'community'),
        )

    def test_single_parameters_twice(self) -> None:
        self.check_refused(
            *(
                ((name, '1'), (name, '1'))
                for name in ('limit', 'marker', 'sort', 'visibility', 'name')
            )
        )

    def test_too_much(self) -> None:
        self.check_refused(
            (('tag', 'x'),) * (query.MAX_FILTERS + 1),
            (('color', 'x' * 70_000),),
            (('x' * 70_000, 'x'),),
            (('color', '\0'),),
            (('name', 'in:' + 'a,' * (query.MAX_ITEMS + 1)),),
        )
        self.assertEqual(
            query.MAX_ITEMS - 1,
            len(
                parse(('name', 'in:' + 'a,' * (query.MAX_ITEMS - 1)))[
                    'filters'
                ][0]['value']
            ),
        )


class TestSort(QueryTestCase):
    def check(self, *tables: tuple[str, list[tuple[str, str]]]) -> None:
        for text, expected in tables:
            pairs = [
                (name, value)
                for name, _, value in (
                    part.partition('=') for part in text.split('&')
                )
            ]
            with self.subTest(text):
                self.assertEqual(expected, parse(*pairs)['sort'])

    def test_classic(self) -> None:
        # covers 25-22
        self.check(
            (
                'sort_key=name',
                [('name', 'desc'), ('created_at', 'desc'), ('id', 'desc')],
            ),
            (
                'sort_key=name&sort_dir=asc',
                [('name', 'asc'), ('created_at', 'asc'), ('id', 'asc')],
            ),
            (
                'sort_key=name&sort_key=size&sort_dir=asc',
                [
                    ('name', 'asc'),
                    ('size', 'asc'),
                    ('created_at', 'asc'),
                    ('id', 'asc'),
                ],
            ),
            (
                'sort_dir=asc&sort_key=name&sort_dir=desc&sort_key=id',
                [('name', 'asc'), ('id', 'desc'), ('created_at', 'desc')],
            ),
            ('sort_dir=asc', [('created_at', 'asc'), ('id', 'asc')]),
            (
                'sort_key=created_at&sort_dir=asc',
                [('created_at', 'asc'), ('id', 'asc')],
            ),
        )

    def test_compact(self) -> None:
        self.check(
            (
                'sort=name:asc,size',
                [
                    ('name', 'asc'),
                    ('size', 'desc'),
                    ('created_at', 'desc'),
                    ('id', 'desc'),
                ],
            ),
            (
                'sort= name : asc ',
                [('name', 'asc'), ('created_at', 'asc'), ('id', 'asc')],
            ),
            (
                'sort=id:asc,created_at',
                [('id', 'asc'), ('created_at', 'desc')],
            ),
        )

    def test_an_id_is_always_among_the_keys(self) -> None:
        for key in query.SORT_KEYS:
            for way in ('asc', 'desc'):
                found = parse(('sort', f'{key}:{way}'))['sort']
                self.assertIn('id', dict(found))
                self.assertEqual(len(dict(found)), len(found))

    def test_refused(self) -> None:
        self.check_refused(
            (('sort_key', 'owner'),),
            (('sort_key', ''),),
            (('sort_key', 'Name'),),
            (('sort_dir', 'ASC'),),
            (('sort_dir', ''),),
            (('sort_dir', 'asc'), ('sort_dir', 'asc')),
            (
                ('sort_key', 'name'),
                ('sort_dir', 'asc'),
                ('sort_dir', 'asc'),
            ),
            (('sort_key', 'name'), ('sort_key', 'name')),
            (('sort', ''),),
            (('sort', 'name,'),),
            (('sort', 'name:asc:desc'),),
            (('sort', 'name'), ('sort_dir', 'asc')),
        )
