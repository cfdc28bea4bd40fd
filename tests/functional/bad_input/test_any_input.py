"""Any input leads to a client error, or to a valid image."""

from typing import Any
import urllib.parse

import hypothesis
from hypothesis import strategies
import webob

from tests.functional.bad_input import inputs

TEXT = strategies.text(max_size=20)
ANYTHING = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=10,
)
MEMBERS = strategies.sampled_from(
    ('name', 'tags', 'min_ram', 'visibility', 'protected', 'disk_format')
    + ('container_format', 'owner', 'color', 'kernel_id', 'os_hidden')
)
WORDS = strategies.sampled_from(
    ('raw', 'bare', 'public', 'private', 'community', 'shared', 'p1', '')
)
VALUES = WORDS | ANYTHING | strategies.lists(TEXT, max_size=3)
OPERATIONS = strategies.lists(
    strategies.fixed_dictionaries(
        {
            'op': strategies.sampled_from(('add', 'replace', 'remove')),
            'path': MEMBERS.map('/{}'.format) | TEXT,
            'value': VALUES,
        }
    )
    | ANYTHING,
    max_size=4,
)
PARAMETERS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(
            ('limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'name')
            + ('tag', 'visibility', 'member_status', 'os_hidden', 'size')
            + ('protected', 'created_at', 'id', 'status', 'size_min', 'color')
        )
        | TEXT,
        strategies.sampled_from(
            ('1', 'name', 'asc', 'in:a,b', 'gt:2020-01-01', 'all', 'true')
        )
        | TEXT,
    ),
    max_size=4,
)
BOUNDED = hypothesis.settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


class TestAnyInput(inputs.BadInputTestCase):
    def check_answer(self, response: webob.Response) -> None:
        self.assertLess(response.status_int, 500, response.text[:500])

    def check_image(self, image: dict[str, Any]) -> None:
        self.assertEqual('queued', image['status'])
        self.assertIsNone(image['size'])
        self.assertIn(image['visibility'], ('private', 'shared', 'community'))
        self.assertEqual('p1', image['owner'])
        self.assertIsInstance(image['min_ram'], int)
        self.assertIsInstance(image['protected'], bool)
        self.assertEqual(len(set(image['tags'])), len(image['tags']))
        self.assertEqual(f'/v2/images/{image["id"]}', image['self'])

    @BOUNDED
    @hypothesis.given(
        strategies.dictionaries(MEMBERS | TEXT, VALUES) | ANYTHING
    )
    def test_create(self, document: Any) -> None:
        response = self.raw('POST', '/v2/images', inputs.dumped(document))
        self.check_answer(response)
        if response.status_int == 201:
            image = response.json
            self.check_image(image)
            self.assertEqual(image, self.show(image['id']))
            for name, value in document.items():
                if name != 'tags':
                    self.assertEqual(value, image[name])

    @BOUNDED
    @hypothesis.given(OPERATIONS | ANYTHING)
    def test_patch(self, operations: Any) -> None:
        before = self.show(inputs.IMAGE_ID)
        response = self.raw(
            'PATCH', inputs.ONE, inputs.dumped(operations), inputs.PATCH
        )
        self.check_answer(response)
        after = self.show(inputs.IMAGE_ID)
        self.check_image(after)
        expected = response.json if response.status_int == 200 else before
        self.assertEqual(expected, after)

    @BOUNDED
    @hypothesis.given(PARAMETERS)
    def test_list(self, parameters: list[tuple[str, str]]) -> None:
        query = urllib.parse.urlencode(parameters, errors='replace')
        response = self.raw('GET', f'/v2/images?{query}')
        self.check_answer(response)
        if response.status_int == 200:
            self.assertLessEqual(len(response.json['images']), 1)

    @BOUNDED
    @hypothesis.given(strategies.binary(max_size=40))
    def test_paths(self, tail: bytes) -> None:
        quoted = urllib.parse.quote(tail)
        for prefix in (
            '/',
            '/v2/',
            '/v2/images/',
            f'{inputs.ONE}/',
            f'{inputs.ONE}/tags/',
        ):
            self.check_answer(self.raw('GET', prefix + quoted))


class TestAnyInputMysql(TestAnyInput):
    kind = 'mysql'


class TestAnyInputPostgresql(TestAnyInput):
    kind = 'postgresql'
