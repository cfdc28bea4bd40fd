"""The table of calls and the rules that they ask.

Each rule is denied in turn, and each call that asks it has to notice. The
same table is told to operators: as ``operations`` of every rule, which
oslopolicy-sample-generator prints, and in doc/operations/permissions.md.
"""

import json
import pathlib
import re
from typing import Any, NamedTuple

import webob

from glance.api import app as api_app
from glance.api.policy import defaults
from tests import base
from tests.functional.permissions import callers

ONE = '/v2/images/{image_id}'
MEMBER = f'{ONE}/members/{{member_id}}'
PAGE = pathlib.Path(__file__).parents[3] / 'doc/operations/permissions.md'
#: What a call does without what it may not show.
LEAVES_OUT = 'leaves out'


class Call(NamedTuple):
    """
    :ivar rules: what the answer is when one of them is denied
    """

    method: str
    path: str
    rules: dict[str, int | str]
    body: Any = None
    kind: str = 'application/json'


def _patch(
    op: str, path: str, value: Any, rules: dict[str, int | str]
) -> Call:
    change = {'op': op, 'path': path, 'value': value}
    return Call('PATCH', ONE, rules, [change], callers.PATCH)


_PLACE = {'url': 'http://127.0.0.1/x', 'metadata': {}}
_PUBLIC, _COMMUNITY = {'visibility': 'public'}, {'visibility': 'community'}
CALLS = (
    Call('GET', '/v2/images', {'get_images': 403, 'get_image': LEAVES_OUT}),
    Call('POST', '/v2/images', {'add_image': 403}, {}),
    Call('POST', '/v2/images', {'publicize_image': 403}, _PUBLIC),
    Call('POST', '/v2/images', {'communitize_image': 403}, _COMMUNITY),
    Call('GET', ONE, {'get_image': 404}),
    Call('PATCH', ONE, {'get_image': 404}, [], callers.PATCH),
    _patch('add', '/name', 'x', {'modify_image': 403}),
    _patch('add', '/visibility', 'public', {'publicize_image': 403}),
    _patch('add', '/visibility', 'community', {'communitize_image': 403}),
    _patch('add', '/locations/-', _PLACE, {'set_image_location': 403}),
    _patch('replace', '/locations', [_PLACE], {'set_image_location': 403}),
    _patch('remove', '/locations/7', None, {'delete_image_location': 403}),
    Call('GET', f'{ONE}/file', {'download_image': 403}),
    Call(
        *('PUT', f'{ONE}/file', {'upload_image': 403}),
        *(b'data', callers.OCTETS),
    ),
    Call('PUT', f'{ONE}/tags/{{tag}}', {'modify_image': 403}),
    Call('DELETE', f'{ONE}/tags/{{tag}}', {'modify_image': 403}),
    Call(
        *('GET', f'{ONE}/members'),
        {'get_image': 404, 'get_members': 403, 'get_member': LEAVES_OUT},
    ),
    Call(
        *('POST', f'{ONE}/members', {'get_image': 404, 'add_member': 403}),
        {'member': 'p9'},
    ),
    Call('GET', MEMBER, {'get_image': 404, 'get_member': 404}),
    Call(
        *('PUT', MEMBER),
        {'get_image': 404, 'get_member': 403, 'modify_member': 403},
        {'status': 'accepted'},
    ),
    Call(
        *('DELETE', MEMBER),
        {'get_image': 404, 'get_member': 403, 'delete_member': 403},
    ),
    Call('POST', f'{ONE}/actions/deactivate', {'deactivate': 403}),
    Call('POST', f'{ONE}/actions/reactivate', {'reactivate': 403}),
    Call('GET', f'{ONE}/locations', {'fetch_image_location': 403}),
    Call(
        *('POST', f'{ONE}/locations'),
        {'get_image': 404, 'add_image_location': 403},
        {'url': 'http://127.0.0.1/x'},
    ),
    Call('DELETE', ONE, {'delete_image': 403}),
    Call('GET', '/v2/schemas/{name}', {}),
    Call('GET', '/v2/info/usage', {}),
    Call('GET', '/v2/info/features', {}),
    Call('GET', '/v2/openapi.json', {}),
)


def asked() -> dict[str, set[str]]:
    """Rules by call, from the table."""
    found: dict[str, set[str]] = {}
    for call in CALLS:
        name = f'{call.method} {call.path}'
        found.setdefault(name, set()).update(call.rules)
    return found


class TestCalls(base.ServiceTestCase):
    api_options = {'show_multiple_locations': True}

    def deny(self, *names: str) -> None:
        """Let nobody pass these rules from now on."""
        path = callers.written(self, dict.fromkeys(names, '!'))
        conf = self.service.conf
        conf.set_override('policy_file', path, group='oslo_policy')
        self.service.app = self.service._pipeline()

    def made(self, call: Call) -> str:
        """An image on which nothing but permission stops the call."""
        data = b'data'
        if call.path.endswith('/locations') and call.method == 'POST':
            data = None
        image_id = self.image(tags=['x'], data=data)
        path = f'/v2/images/{image_id}/members'
        self.assert_status(200, self.call('POST', path, {'member': 'p2'}))
        return image_id

    def answer(self, call: Call, image_id: str) -> webob.Response:
        path = call.path.format(
            image_id=image_id, tag='x', member_id='p2', name='image'
        )
        headers = {
            'Content-Type': call.kind,
            'X-Identity-Status': 'Confirmed',
            'X-User-Id': 'u',
            'X-Project-Id': 'p1',
            'X-Roles': 'admin,member,reader,service',
        }
        return self.call(
            call.method, path, call.body, caller=None, headers=headers
        )

    def shown(self, response: webob.Response) -> int:
        """How many images or members a list has."""
        self.assert_status(200, response)
        document = response.json
        return len(document.get('images', document.get('members')))

    def test_what_is_not_denied_passes(self) -> None:
        for call in CALLS:
            with self.subTest(f'{call.method} {call.path} {call.rules}'):
                response = self.answer(call, self.made(call))
                self.assertNotIn(response.status_int, (401, 404, 500))
                if response.status_int == 403:  # the last location stays
                    self.assertNotIn('not permitted', response.text)
                if LEAVES_OUT in call.rules.values():
                    self.assertLess(0, self.shown(response))

    def test_each_rule_is_asked_by_each_of_its_calls(self) -> None:
        for name in sorted({rule for call in CALLS for rule in call.rules}):
            calls = [call for call in CALLS if name in call.rules]
            made = [self.made(call) for call in calls]
            self.deny(name)
            for call, image_id in zip(calls, made, strict=True):
                with self.subTest(f'{name}: {call.method} {call.path}'):
                    response = self.answer(call, image_id)
                    expected = call.rules[name]
                    if expected == LEAVES_OUT:
                        self.assertEqual(0, self.shown(response))
                    else:
                        self.assertEqual(expected, response.status_int)
                    if expected == 403:
                        self.assertIn('not permitted', response.text)
            self.deny()

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


class TestTable(base.ServiceTestCase):
    """Nothing is missing in the table, nor where it is told."""

    def test_every_route_is_in_the_table(self) -> None:
        router = api_app.images_api(
            self.service.conf, self.service.registry, self.service.store
        )
        routes = {
            f'{method} {path}'.replace('{member}', '{member_id}')
            for path, methods in router._handlers.items()
            for method in methods.keys() - {'HEAD'}  # asks what GET asks
        }
        self.assertEqual(routes, asked().keys())

    def test_rules_name_the_calls_that_ask_them(self) -> None:
        known = asked()
        told: dict[str, set[str]] = {name: set() for name in known}
        for rule in defaults.list_rules():
            for operation in getattr(rule, 'operations', ()):
                name = f'{operation["method"]} {operation["path"]}'
                if name in known:  # others are of calls to come
                    told[name].add(rule.name)
        self.assertEqual(known, told)

    def test_the_page_for_operators_has_the_table(self) -> None:
        rows = re.findall(
            r'^\| `([A-Z]+ /[^`]*)` \| (.*?) \|$', PAGE.read_text(), re.M
        )
        told = {call: set(re.findall('`(.*?)`', text)) for call, text in rows}
        self.assertEqual(asked(), told, json.dumps(self.rows(), indent=0))

    def rows(self) -> list[str]:
        """The lines that the page should have."""
        return [
            f'| `{call}` | '
            + (', '.join(f'`{name}`' for name in sorted(rules)) or 'none')
            + ' |'
            for call, rules in asked().items()
        ]
