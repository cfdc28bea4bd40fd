"""GET /v2/openapi.json, and what the service does when driven by it."""

import collections
from collections.abc import Callable
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies
import openapi_spec_validator
import schemathesis
from schemathesis import checks

from glance.api import app as api_app
from glance.api.v2 import openapi
from glance.api.v2 import operations
from glance.api.v2 import patch
from glance.store import addresses
from glance.tasks import executor
from tests import base

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
EXAMPLES = 20
CALLERS = strategies.sampled_from(('alice', 'admin', 'bob', 'rita'))
#: Of the image that is asked for; None: of no image.
KINDS = strategies.sampled_from(('queued', 'active', 'deactivated', None))
#: A place for data that may be named, and cannot be reached.
PLACE = 'http://web.example/image'
schemathesis.serializer.alias(patch.MEDIA_TYPES, 'application/json')


class TestDocument(base.ServiceTestCase):
    def routes(self) -> set[tuple[str, str]]:
        """The router's own table."""
        router = api_app.images_api(
            self.service.conf, self.service.registry, self.service.store
        )
        return {
            (method, path)
            for path, methods in router._handlers.items()
            for method in methods.keys() - {'HEAD'}  # as GET
        }

    def document(self) -> dict[str, Any]:
        response = self.call('GET', '/v2/openapi.json')
        self.assert_status(200, response)
        self.assertEqual('application/json', response.headers['Content-Type'])
        document: dict[str, Any] = response.json
        return document

    def test_every_route_is_described(self) -> None:
        routes = self.routes()
        self.assertEqual([], openapi.undescribed(sorted(routes)))
        described = {
            (method.upper(), path)
            for path, item in self.document()['paths'].items()
            for method in item
            if method != 'parameters'
        }
        self.assertEqual(routes, described)

    def test_it_is_openapi(self) -> None:
        document = self.document()
        self.assertEqual('3.1.0', document['openapi'])
        openapi_spec_validator.validate(document)

    def test_schemas_are_those_that_validate(self) -> None:
        found = self.document()['components']['schemas']
        image = self.call('GET', '/v2/schemas/image').json
        self.assertEqual(image['properties'], found['Image']['properties'])
        member = self.call('GET', '/v2/schemas/member').json
        self.assertEqual(member['properties'], found['Member']['properties'])
        self.assertNotIn('status', found['NewImage']['properties'])

    def test_every_error_has_a_text(self) -> None:
        for described in operations.TABLE.values():
            self.assertLessEqual(set(described.errors), set(operations.ERRORS))
            self.assertLessEqual(
                set(described.answers), set(operations.ANSWERS)
            )

    def test_any_token_and_no_body(self) -> None:
        path = '/v2/openapi.json'
        self.assert_status(200, self.call('GET', path, caller='nobody'))
        self.assert_status(401, self.call('GET', path, caller=None))
        self.assert_status(400, self.call('GET', path, b'x'))
        self.assert_status(405, self.call('POST', path, {}))


def _no_network(*_args: Any) -> list[Any]:
    raise OSError('no network in tests')


class TestDriven(base.ServiceTestCase):
    """No failure, no answer that is not in the document.

    Most of the calls are for images that are there.
    """

    api_options = {'image_size_cap': 1000, 'image_member_quota': 3}

    def setUp(self) -> None:
        # No test asks the network, and none is left by its tasks.
        for owner, name, behaviour in (
            (addresses.Filter, 'addresses', _no_network),
            (executor.Executor, 'submit', lambda _executor, job: job()),
        ):
            self.enterContext(mock.patch.object(owner, name, behaviour))
        super().setUp()
        document = self.call('GET', '/v2/openapi.json').json
        self.schema = schemathesis.openapi.from_dict(document)
        self.schema.app = self.service.app
        self.statuses: dict[str, set[int]] = collections.defaultdict(set)

    is_good = False

    def some_image(self, kind: str) -> str:
        """A new image of alice, with a tag and a member."""
        data = None if kind == 'queued' else b'0123456789'
        image_id = self.image(data=data, tags=['a'])
        path = f'/v2/images/{image_id}'
        self.call('POST', f'{path}/members', {'member': 'p2'})
        if kind == 'deactivated':
            self.call('POST', f'{path}/actions/deactivate')
        return image_id

    def check(self, case: Any, caller: str, kind: str | None) -> None:
        if self.is_good and isinstance(case.body, dict) and 'url' in case.body:
            case.body, kind = {'url': PLACE}, 'queued'
        parameters = dict(case.path_parameters or {})
        if kind is not None and 'image_id' in parameters:
            there = {'tag': 'a', 'member': 'p2'}
            parameters |= {
                name: value
                for name, value in there.items()
                if name in parameters
            }
            parameters['image_id'] = self.some_image(kind)
            case.path_parameters = parameters
        answer = case.call_and_validate(
            headers=base.identity(caller), checks=CHECKS
        )
        self.statuses[case.operation.label].add(answer.status_code)

    def drive(self, mode: schemathesis.GenerationMode) -> None:
        for found in self.schema.get_all_operations():
            operation = found.ok()
            with self.subTest(operation.label):
                self.run_one(operation.as_strategy(generation_mode=mode))

    def run_one(self, cases: Any) -> None:
        test: Callable[[], None] = hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )(hypothesis.given(cases, CALLERS, KINDS)(self.check))
        test()

    def test_by_good_requests(self) -> None:
        self.is_good = True
        self.drive(schemathesis.GenerationMode.POSITIVE)
        self.assertEqual(
            {f'{method} {path}' for method, path in operations.TABLE},
            {
                label
                for label, statuses in self.statuses.items()
                if min(statuses) < 300
            },
        )

    def test_by_bad_requests(self) -> None:
        self.drive(schemathesis.GenerationMode.NEGATIVE)
