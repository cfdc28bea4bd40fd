"""Each rule is denied in turn, and each call that checks it must fail.

The table of calls and rules is also published for operators: as the
``operations`` of each rule, which oslopolicy-sample-generator prints, and in
doc/operations/permissions.md.
"""

import json
import pathlib
import re
from typing import Any, ClassVar
import uuid

import webob

from glance.api import app as api_app
from glance.api import caching
from glance.api.policy import defaults
from tests import base
from tests import several_stores
from tests.functional import test_cache
from tests.functional.imports import importing
from tests.functional.metadefs import catalogue
from tests.functional.permissions import callers
from tests.functional.permissions import table

PAGE = pathlib.Path(__file__).parents[3] / 'doc/operations/permissions.md'


class Denying(base.ServiceTestCase):
    """Denies the rules of calls; subclasses create the objects for them."""

    calls: ClassVar[tuple[table.Call, ...]]
    #: Values of variables in URL paths, in addition to those of :meth:`made`.
    names: ClassVar[dict[str, str]]

    def made(self, call: table.Call) -> dict[str, str]:
        """Create objects with which the call succeeds if it is permitted.

        :returns: values of variables in its URL path
        """
        raise NotImplementedError

    def pipeline(self) -> Any:
        return self.service._pipeline()

    def deny(self, *names: str) -> None:
        """Deny these rules to all callers from now on."""
        path = callers.written(self, dict.fromkeys(names, '!'))
        conf = self.service.conf
        conf.set_override('policy_file', path, group='oslo_policy')
        self.service.app = self.pipeline()

    def answer(self, call: table.Call, made: dict[str, str]) -> webob.Response:
        headers = {
            'Content-Type': call.kind,
            'X-Identity-Status': 'Confirmed',
            'X-User-Id': 'u',
            'X-Project-Id': 'p1',
            'X-Roles': 'admin,member,reader,service',
        }
        path = call.path.format(**{**self.names, **made})
        return self.call(
            call.method, path, call.body, caller=None, headers=headers
        )

    def shown(self, response: webob.Response) -> int:
        """Return the number of items in a list's response."""
        self.assert_status(200, response)
        (found,) = (
            value for value in response.json.values() if type(value) is list
        )
        return len(found)


class DenyingTests:
    """The tests that run for every part of the table."""

    def test_what_is_not_denied_passes(self: Any) -> None:
        for call in self.calls:
            with self.subTest(f'{call.method} {call.path} {call.rules}'):
                response = self.answer(call, self.made(call))
                self.assertNotIn(response.status_int, (401, 404, 500))
                if response.status_int == 403:  # the last location stays
                    self.assertNotIn('not permitted', response.text)
                if table.LEAVES_OUT in call.rules.values():
                    self.assertLess(0, self.shown(response))

    def test_each_rule_is_asked_by_each_of_its_calls(self: Any) -> None:
        for name in sorted(
            {rule for call in self.calls for rule in call.rules}
        ):
            calls = [call for call in self.calls if name in call.rules]
            made = [self.made(call) for call in calls]
            self.deny(name)
            for call, values in zip(calls, made, strict=True):
                with self.subTest(f'{name}: {call.method} {call.path}'):
                    response = self.answer(call, values)
                    expected = call.rules[name]
                    if expected == table.LEAVES_OUT:
                        self.assertEqual(0, self.shown(response))
                    else:
                        self.assertEqual(expected, response.status_int)
                    if expected == 403:
                        self.assertIn('not permitted', response.text)
            self.deny()


class TestImages(DenyingTests, Denying):
    api_options = {'show_multiple_locations': True}
    calls = table.IMAGES
    names = {'tag': 'x', 'member_id': 'p2', 'name': 'image'}

    def made(self, call: table.Call) -> dict[str, str]:
        data = b'data'
        if call.path.endswith('/locations') and call.method == 'POST':
            data = None
        image_id = self.image(tags=['x'], data=data)
        path = f'/v2/images/{image_id}/members'
        self.assert_status(200, self.call('POST', path, {'member': 'p2'}))
        return {'image_id': image_id}

    def test_a_member_is_judged_by_its_own_id(self) -> None:
        rule = {'get_member': 'project_id:%(member_id)s'}
        image_id = self.image()
        path = f'/v2/images/{image_id}/members'
        for member in ('p1', 'p2'):
            self.call('POST', path, {'member': member})
        conf = self.service.conf
        file = callers.written(self, rule)
        conf.set_override('policy_file', file, group='oslo_policy')
        self.service.app = self.service._pipeline()
        listed = self.call('GET', path).json['members']
        self.assertEqual(['p1'], [each['member_id'] for each in listed])
        self.assert_status(200, self.call('GET', f'{path}/p1'))
        self.assert_status(404, self.call('GET', f'{path}/p2'))
        self.assert_status(403, self.call('DELETE', f'{path}/p2'))


class TestMetadefs(DenyingTests, Denying, catalogue.CatalogueTestCase):
    # covers 50.4-1, 50.4-5
    calls = table.METADEFS
    names = {'name': 'a', 'metadef': 'tag'}

    def made(self, call: table.Call) -> dict[str, str]:
        namespace = uuid.uuid4().hex
        self.full(namespace)
        return {'namespace': namespace}


class TestImports(DenyingTests, Denying, importing.ImportTestCase):
    calls = table.IMPORTS
    names = {}
    options = {'enabled_import_methods': ['glance-direct', 'copy-image']}

    def make_service(self, url: str | None) -> base.Service:
        several_stores.write(self.directory)
        return super().make_service(url)

    def made(self, call: table.Call) -> dict[str, str]:
        image_id: str = self.image()
        wants_data = 'copy_image' in call.rules
        if not call.path.endswith('/stage'):
            self.assert_status(204, self.stage(image_id))
        if wants_data or 'tasks' in call.path:
            self.assert_status(202, self.post(image_id))
        task_id = ''
        if 'task_id' in call.path:
            task_id = self.task(image_id)['id']
        return {'image_id': image_id, 'task_id': task_id}


class TestStores(DenyingTests, Denying):
    calls = table.STORES
    names = {'store': 'cheap'}

    def make_service(self, url: str | None) -> base.Service:
        several_stores.write(self.directory)
        return base.Service(self.directory, {}, url)

    def made(self, call: table.Call) -> dict[str, str]:
        return {'image_id': self.image(data=b'data')}


class TestCache(DenyingTests, Denying, test_cache.CacheTestCase):
    calls = table.CACHE
    names = {}

    def setUp(self) -> None:
        super().setUp()
        self.service.app = self.pipeline()

    def pipeline(self) -> Any:
        conf = {'oslo_config_config': self.service.conf}
        return caching.managing_factory(conf)(super().pipeline())

    def made(self, call: table.Call) -> dict[str, str]:
        image_id = self.image(data=b'data')
        if call.method == 'DELETE':
            kind = 'queued_images' if 'queued' in call.path else 'cache'
            path = f'/v2/{kind}/{image_id}'
            self.assertIn(
                self.call('PUT', path, caller='admin').status_int,
                (200, 202, 204),
            )
            self.wait_for_fills()
        return {'image_id': image_id}


class TestTable(base.ServiceTestCase):
    """The table is complete, and so is its documentation."""

    def test_every_route_is_in_the_table(self) -> None:
        router = api_app.images_api(
            self.service.conf, self.service.registry, self.service.stores
        )
        routes = {
            f'{method} {path}'.replace('{member}', '{member_id}').replace(
                '{item}', '{name}'
            )
            for path, methods in router._handlers.items()
            for method in methods.keys() - {'HEAD'}  # same as GET
            if not path.startswith('/v1/')  # functional/v1/test_rules.py
        }
        asked = {name.partition('?')[0] for name in table.asked()}
        self.assertEqual(routes, asked)

    def test_rules_name_the_calls_that_ask_them(self) -> None:
        known = table.asked()
        told: dict[str, set[str]] = {name: set() for name in known}
        for rule in defaults.list_rules():
            for operation in getattr(rule, 'operations', ()):
                if operation['path'].startswith('/v1/'):
                    continue  # functional/v1/test_rules.py
                name = f'{operation["method"]} {operation["path"]}'
                told[name].add(rule.name)
        self.assertEqual(known, told)

    def test_the_page_for_operators_has_the_table(self) -> None:
        rows = re.findall(
            r'^\| `([A-Z]+ /[^`]*)` \| (.*?) \|$', PAGE.read_text(), re.M
        )
        told = {call: set(re.findall('`(.*?)`', text)) for call, text in rows}
        self.assertEqual(
            table.asked(), told, json.dumps(self.rows(), indent=0)
        )

    def rows(self) -> list[str]:
        """Return the lines that the page must have."""
        return [
            f'| `{call}` | '
            + (', '.join(f'`{name}`' for name in sorted(rules)) or 'none')
            + ' |'
            for call, rules in table.asked().items()
        ]
