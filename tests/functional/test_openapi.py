"""GET /v2/openapi.json, and requests that are generated from it."""

import collections
from collections.abc import Callable
import itertools
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies
import openapi_spec_validator
import schemathesis
from schemathesis import checks

from glance.api import app as api_app
from glance.api import caching
from glance.api.v2 import openapi
from glance.api.v2 import operations
from glance.api.v2 import patch
from glance.store import addresses
from glance.tasks import engine
from glance.tasks import executor
from tests import base

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
EXAMPLES = 20
_CALLERS = ('alice', 'admin', 'bob', 'rita')
CALLERS = strategies.sampled_from(_CALLERS)
#: Statuses of the image of a request; None: the image does not exist.
_KINDS = ('queued', 'active', 'deactivated', None)
KINDS = strategies.sampled_from(_KINDS)
#: A URL of data that is allowed, but cannot be reached.
PLACE = 'http://web.example/image'
#: Call that only the member can make.
ACCEPT = 'PUT /v2/images/{image_id}/members'
GOOD_BODIES: dict[str, Any] = {
    'POST /v2/images/{image_id}/import': {
        'method': {'name': 'web-download', 'uri': PLACE}
    },
    'POST /v2/tasks': {'type': 'import', 'input': {'import_from': PLACE}},
}
schemathesis.serializer.alias(patch.MEDIA_TYPES, 'application/json')


class TestDocument(base.ServiceTestCase):
    def routes(self) -> set[tuple[str, str]]:
        """Return the routes of the router, without those of v1."""
        router = api_app.images_api(
            self.service.conf, self.service.registry, self.service.stores
        )
        return {
            (method, path)
            for path, methods in router._handlers.items()
            if not path.startswith('/v1/')
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
    """Requests do not fail, and each response is as in the document.

    Most of the requests are for existing images.
    """

    api_options = {'image_size_cap': 1000, 'image_member_quota': 3}

    def setUp(self) -> None:
        # No test uses the network, and all tasks run within their requests.
        for owner, name, behaviour in (
            (addresses.Filter, 'addresses', _no_network),
            (executor.Executor, 'submit', lambda _executor, job: job()),
            (
                caching.Caching,
                'fetch_queued',
                lambda found: found.prefetcher.run(),
            ),
            (engine.Engine, 'wake', lambda _engine: None),
        ):
            self.enterContext(mock.patch.object(owner, name, behaviour))
        super().setUp()
        document = self.call('GET', '/v2/openapi.json').json
        self.schema = schemathesis.openapi.from_dict(document)
        self.numbers = itertools.count()
        manage = caching.managing_factory(
            {'oslo_config_config': self.service.conf}
        )
        self.schema.app = manage(self.service.app)
        self.statuses: dict[str, set[int]] = collections.defaultdict(set)

    def make_service(self, url: str | None) -> base.Service:
        directory = {'image_cache_dir': f'{self.directory}/cache'}
        options = {**self.api_options, **directory}
        return base.Service(self.directory, options, url)

    is_good = False

    def some_image(self, kind: str) -> str:
        """Create an image of alice, with a tag and a member; return its id."""
        data = None if kind == 'queued' else b'0123456789'
        image_id = self.image(data=data, tags=['a'])
        path = f'/v2/images/{image_id}'
        self.call('POST', f'{path}/members', {'member': 'p2'})
        if kind == 'deactivated':
            self.call('POST', f'{path}/actions/deactivate')
        return image_id

    def some_task(self) -> str:
        """Create a task of alice; return its id."""
        path = f'/v2/images/{self.image()}'
        self.call('POST', f'{path}/locations', {'url': PLACE})
        task_id: str = self.call('GET', f'{path}/tasks').json['tasks'][0]['id']
        return task_id

    def some_namespace(self) -> str:
        """Create a namespace with one definition of each kind, named a."""
        namespace = f'n{next(self.numbers)}'
        one = {'title': 'A', 'type': 'string'}
        body = {
            'namespace': namespace,
            'visibility': 'public',
            'resource_type_associations': [{'name': 'a'}],
            'properties': {'a': one},
            'objects': [{'name': 'a', 'properties': {'a': one}}],
            'tags': [{'name': 'a'}],
        }
        path = '/v2/metadefs/namespaces'
        self.assert_status(201, self.call('POST', path, body, caller='admin'))
        return namespace

    def give_names(self, body: Any) -> None:
        """Set names that every database can store."""
        if isinstance(body, dict):
            for name in ('name', 'namespace'):
                if name in body:
                    body[name] = f'm{next(self.numbers)}'
            for kind in ('tags', 'objects', 'resource_type_associations'):
                for each in body.get(kind, ()):
                    self.give_names(each)

    def check(self, case: Any, caller: str, kind: str | None) -> None:
        if self.is_good:
            # Every pair, where what is drawn may lack one.
            caller, kind = next(self.pairs)
        if self.is_good and isinstance(case.body, dict) and 'url' in case.body:
            case.body, kind = {'url': PLACE}, 'queued'
        if self.is_good and 'metadefs' in case.path:
            caller = 'admin'
            self.give_names(case.body)
        if self.is_good and case.operation.label.startswith(ACCEPT):
            caller = 'bob'
        if self.is_good and case.operation.label in GOOD_BODIES:
            case.body, kind = GOOD_BODIES[case.operation.label], 'queued'
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
        if kind is not None and 'task_id' in parameters:
            case.path_parameters = {'task_id': self.some_task()}
        if kind is not None and 'namespace' in parameters:
            parameters['namespace'] = self.some_namespace()
            if 'item' in parameters and case.method != 'POST':
                parameters['item'] = 'a'
            case.path_parameters = parameters
        answer = case.call_and_validate(
            headers=base.identity(caller), checks=CHECKS
        )
        self.statuses[case.operation.label].add(answer.status_code)

    def drive(self, mode: schemathesis.GenerationMode) -> None:
        for result in self.schema.get_all_operations():
            operation = result.ok()
            self.pairs = itertools.cycle(itertools.product(_CALLERS, _KINDS))
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
            {
                f'{method} {path}'
                for (method, path), described in operations.TABLE.items()
                if described.answers and '/stores' not in path
            },
            {
                label
                for label, statuses in self.statuses.items()
                # They need several stores: gabbits/stores.yaml has them.
                if min(statuses) < 300 and '/stores' not in label
            },
        )

    def test_by_bad_requests(self) -> None:
        self.drive(schemathesis.GenerationMode.NEGATIVE)
