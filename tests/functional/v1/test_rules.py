"""The policy rules that the calls of API v1 check.

Each rule is denied in turn, and each call that checks it must fail.
"""

import re
from typing import Any, NamedTuple

import webob

from glance.api import app as api_app
from tests import base
from tests.functional.permissions import callers

ONE = '/v1/images/{image_id}'
SHARER = f'{ONE}/members/{{member}}'
#: Calls on the cache; the story cache.yaml denies their rule.
_OF_CACHE = re.compile('/v1/(cached|queued)_images')
#: Result of a call that leaves out what the caller may not see.
LEAVES_OUT = 'leaves out'
_DATA = {'X-Image-Meta-Disk-Format': 'raw', 'Content-Type': callers.OCTETS}
_LISTED: dict[str, int | str] = {'get_images': 403, 'get_image': LEAVES_OUT}
_COPY = {'X-Glance-Api-Copy-From': 'http://web.example/x'}
_COPYING: dict[str, int | str] = {'upload_image': 403, 'copy_from': 403}
_PLACE = {'X-Image-Meta-Location': 'http://web.example/x'}


class Call(NamedTuple):
    """A call of API v1.

    :ivar rules: the policy rules that the call checks, each with the response
        if it is denied: a status, or another result
    """

    method: str
    path: str
    rules: dict[str, int | str]
    headers: dict[str, str] = {}
    body: Any = None
    queued: bool = False


_PUBLIC = {'X-Image-Meta-Is-Public': 'true'}
CALLS = (
    Call('GET', '/v1/', _LISTED),
    Call('GET', '/v1/images', _LISTED),
    Call('GET', '/v1/images/detail', _LISTED),
    Call('POST', '/v1/images', {'add_image': 403}),
    Call('POST', '/v1/images', {'publicize_image': 403}, _PUBLIC),
    Call('POST', '/v1/images', {'upload_image': 403}, _DATA, b'x'),
    Call('POST', '/v1/images', _COPYING, _COPY),
    Call('POST', '/v1/images', {'set_image_location': 403}, _PLACE),
    Call('HEAD', ONE, {'get_image': 404}),
    Call('GET', ONE, {'get_image': 404, 'download_image': 403}),
    Call('PUT', ONE, {'get_image': 404, 'modify_image': 403}),
    Call('PUT', ONE, {'publicize_image': 403}, _PUBLIC),
    Call('PUT', ONE, {'upload_image': 403}, _DATA, b'x', True),
    Call('PUT', ONE, _COPYING, _COPY, None, True),
    Call('PUT', ONE, {'set_image_location': 403}, _PLACE, None, True),
    Call('DELETE', ONE, {'delete_image': 403}),
    Call('GET', f'{ONE}/members', {'get_image': 404, 'get_members': 403}),
    Call(
        *('PUT', f'{ONE}/members', {'get_image': 404, 'add_member': 403}),
        *({}, {'memberships': []}),
    ),
    Call('PUT', SHARER, {'get_image': 404, 'add_member': 403}),
    Call('DELETE', SHARER, {'get_image': 404, 'delete_member': 403}),
    Call('GET', '/v1/shared-images/{member}', {}),
)


class TestRules(base.ServiceTestCase):
    def deny(self, *names: str) -> None:
        """Deny these rules to all callers from now on."""
        path = callers.written(self, dict.fromkeys(names, '!'))
        conf = self.service.conf
        conf.set_override('policy_file', path, group='oslo_policy')
        self.service.app = self.service._pipeline()

    def made(self, call: Call) -> str:
        image_id = self.image(data=None if call.queued else b'data')
        path = f'/v2/images/{image_id}/members'
        self.assert_status(200, self.call('POST', path, {'member': 'p2'}))
        return image_id

    def answer(self, call: Call, image_id: str) -> webob.Response:
        headers = {
            'X-Identity-Status': 'Confirmed',
            'X-User-Id': 'u',
            'X-Project-Id': 'p1',
            'X-Roles': 'admin,member,reader',
            **call.headers,
        }
        path = call.path.format(image_id=image_id, member='p2')
        return self.call(
            call.method, path, call.body, caller=None, headers=headers
        )

    def test_what_is_not_denied_passes(self) -> None:
        for call in CALLS:
            with self.subTest(f'{call.method} {call.path} {call.rules}'):
                response = self.answer(call, self.made(call))
                self.assertNotIn(
                    response.status_int, (401, 403, 404, 500), response.text
                )
                if LEAVES_OUT in call.rules.values():
                    self.assertTrue(response.json['images'])

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
                        self.assert_status(200, response)
                        self.assertEqual([], response.json['images'])
                    else:
                        self.assert_status(int(expected), response)
            self.deny()

    def test_every_route_is_in_the_table(self) -> None:
        router = api_app.images_api(
            self.service.conf, self.service.registry, self.service.stores
        )
        routes = {
            (method, path)
            for path, methods in router._handlers.items()
            for method in methods
            if path.startswith('/v1/') and not _OF_CACHE.match(path)
        }
        routes -= {('HEAD', path) for _, path in routes if path != ONE}
        self.assertEqual(routes, {(call.method, call.path) for call in CALLS})
