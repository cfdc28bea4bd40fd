"""Round trips to the registry and SQL statements of each request."""

from collections.abc import Iterator
import contextlib

from sqlalchemy import event

from tests import base


class CostsTestCase(base.ServiceTestCase):
    @contextlib.contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Record the statements that the registry sends in this context."""
        found: list[str] = []

        def note(_connection, _cursor, statement, *_rest):  # type: ignore
            found.append(statement)

        engines = (self.service.database._reads, self.service.database._writes)
        for engine in engines:
            event.listen(engine, 'before_cursor_execute', note)
        try:
            yield found
        finally:
            for engine in engines:
                event.remove(engine, 'before_cursor_execute', note)

    def count(
        self, method: str, path: str, body: object, caller: str = 'alice'
    ) -> tuple[int, int]:
        """Return the numbers of round trips and of statements of a call."""
        self.service.wire.requests.clear()
        headers = {}
        if method == 'PATCH':
            headers['Content-Type'] = (
                'application/openstack-images-v2.1-json-patch'
            )
        with self.statements() as found:
            response = self.call(
                method, path, body, headers=headers, caller=caller
            )
        self.assertLess(response.status_int, 300, response.text)
        return len(self.service.wire.requests), len(found)


class TestCalls(CostsTestCase):
    """Reads call the registry once, writes twice, uploads three times."""

    def test_every_call_costs_exactly_this(self) -> None:
        image_id = self.image()
        one = f'/v2/images/{image_id}'
        rename = [{'op': 'add', 'path': '/name', 'value': 'x'}]
        for trips, statements, method, path, body in (
            (1, 2, 'POST', '/v2/images', {}),
            (1, 2, 'GET', '/v2/images', None),
            (1, 1, 'GET', one, None),
            (2, 3, 'PATCH', one, rename),
            (3, 10, 'PUT', f'{one}/file', b'data'),
            (1, 1, 'GET', f'{one}/file', None),
            (2, 5, 'PUT', f'{one}/tags/x', None),
            (2, 5, 'DELETE', f'{one}/tags/x', None),
            (2, 6, 'POST', f'{one}/members', {'member': 'p1'}),
            (1, 2, 'GET', f'{one}/members', None),
            (1, 2, 'GET', f'{one}/members/p1', None),
            (2, 6, 'DELETE', f'{one}/members/p1', None),
            (2, 3, 'POST', f'{one}/actions/deactivate', None),
            (2, 3, 'POST', f'{one}/actions/reactivate', None),
            (0, 0, 'GET', '/v2/schemas/image', None),
            (0, 0, 'GET', '/versions', None),
            (2, 8, 'DELETE', one, None),
        ):
            with self.subTest(f'{method} {path}'):
                self.assertEqual(
                    (trips, statements), self.count(method, path, body)
                )

    def test_input_that_is_wrong_by_itself_costs_none(self) -> None:
        self.service.wire.requests.clear()
        self.call('POST', '/v2/images', {'min_ram': 'x'})
        self.call('GET', '/v2/images?limit=x')
        self.call('PATCH', '/v2/images/x', [])
        self.call('PUT', '/v2/images/x/file', [])
        self.call('POST', '/v2/metadefs/namespaces', {'color': 'red'})
        self.call('GET', '/v2/metadefs/namespaces?limit=x')
        self.call('PUT', '/v2/metadefs/namespaces/n/objects/o', {})
        self.assertEqual([], self.service.wire.requests)


class TestStatements(CostsTestCase):
    def make(self, count: int) -> None:
        for number in range(count):
            self.image(name=f'i{number:03}', tags=['a', 'b'], color='red')

    def test_show_takes_one(self) -> None:
        image_id = self.image(tags=['a'], color='red', data=b'x')
        self.call('POST', f'/v2/images/{image_id}/members', {'member': 'p2'})
        with self.statements() as found:
            self.show(image_id)
        self.assertEqual(1, len(found), found)

    def test_a_page_takes_two_whatever_its_size(self) -> None:
        self.make(30)
        counts = set()
        for limit in (1, 5, 30):
            with self.statements() as found:
                self.assertEqual(limit, len(self.listed(f'?limit={limit}')))
            self.assertEqual(2, len(found), found)
            counts.add(len(found))
        self.assertEqual(1, len(counts))

    def test_a_page_behind_a_marker_takes_three(self) -> None:
        self.make(6)
        first = self.call('GET', '/v2/images?limit=3').json
        with self.statements() as found:
            self.call('GET', first['next'])
        self.assertEqual(3, len(found), found)

    def test_filters_add_none(self) -> None:
        self.make(5)
        with self.statements() as plain:
            self.listed()
        with self.statements() as filtered:
            names = self.listed(
                '?tag=a&tag=b&color=red&name=in:i001,i002&size_min=0'
                '&visibility=shared&member_status=all'
            )
        self.assertEqual([], names)
        self.assertEqual(len(plain), len(filtered))

    def test_a_create_does_not_grow_with_its_properties(self) -> None:
        counts = set()
        for size in (1, 100):
            values = {f'p{number}': 'x' for number in range(size)}
            with self.statements() as found:
                self.image(tags=list(values), **values)
            counts.add(len(found))
        self.assertEqual(1, len(counts))

    def test_members_take_the_same_whatever_their_number(self) -> None:
        image_id = self.image()
        path = f'/v2/images/{image_id}/members'
        counts = set()
        for number in range(10):
            self.call('POST', path, {'member': f'p{number}'})
            with self.statements() as found:
                self.call('GET', path)
            counts.add(len(found))
        self.assertEqual(1, len(counts))
