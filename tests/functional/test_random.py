"""Many random requests of several callers, beside a model of the service.

After each step: no failure; every image is what the model says; size,
hashes and status go with the data; quotas are kept; who should not see an
image does not, by its id and in lists; pages are whole.

A failure prints the shortest story that shows it, and its seed.
GLANCE_TEST_SEED=N tells other stories, GLANCE_TEST_SEED=new ones that nobody
heard before; without it they are the same each time, so that a change is
blamed for its own faults only. GLANCE_TEST_RANDOM=long tells more of them.
"""

import copy
import json
import os
import secrets
import tempfile
from typing import Any
import unittest
from unittest import mock
import urllib.parse

import hypothesis
from hypothesis import stateful
from hypothesis import strategies
from hypothesis.internal.conjecture import engine
import webob

from tests import base
from tests.functional import model

IS_LONG = os.environ.get('GLANCE_TEST_RANDOM') == 'long'
_SEED = os.environ.get('GLANCE_TEST_SEED') or (2794662977 if IS_LONG else 1)
SEED = secrets.randbelow(2**32) if _SEED == 'new' else int(_SEED)
#: To make a failing story short; the library's own is 300.
SHRINKING_SECONDS = 40
PATCH = 'application/openstack-images-v2.1-json-patch'
OCTETS = 'application/octet-stream'
VISIBILITIES = ('private', 'shared', 'community', 'public')

#: Mostly of the projects that images belong to or are shared with.
callers = strategies.sampled_from(
    ('alice', 'alice', 'alice', 'bob', 'bob', 'admin', 'carol', 'rita')
).map(model.CALLERS.__getitem__)
#: Half of the time whom the image belongs to, or is shared with.
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
#: What no image may become, whoever asks.
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


class Story(stateful.RuleBasedStateMachine):
    """Requests in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.service = base.Service(
            self.directory.name,
            {
                'image_tag_quota': model.TAG_QUOTA,
                'image_property_quota': model.PROPERTY_QUOTA,
                'image_member_quota': model.MEMBER_QUOTA,
                'image_size_cap': model.SIZE_CAP,
                'limit_param_default': model.PAGE,
            },
        )
        self.images: dict[str, model.Image] = {}
        self.gone: list[str] = []
        hypothesis.note(f'GLANCE_TEST_SEED={SEED}')

    def teardown(self) -> None:
        for image in self.images.values():
            self.check_seen(image)
        stored = {
            one.id for one in self.images.values() if one.data is not None
        }
        assert set(base.names_in(str(self.service.images))) == stored
        self.service.close()
        self.directory.cleanup()

    # -- asking -----------------------------------------------------------

    def ask(
        self,
        caller: model.Caller,
        method: str,
        path: str,
        body: Any = None,
        **headers: str,
    ) -> webob.Response:
        sent = {'Accept': 'application/json', **base.identity(caller.name)}
        if not isinstance(body, (bytes, type(None))):
            body = json.dumps(body).encode()
        request = webob.Request.blank(path, method=method, headers=sent)
        request.headers.update(
            {name.replace('_', '-'): text for name, text in headers.items()}
        )
        if body is not None:
            request.body = body
        response = request.get_response(self.service.app)
        assert response.status_int < 500, response.text
        return response

    def one(self, which: int) -> model.Image | None:
        found = list(self.images.values())
        return found[which % len(found)] if found else None

    def person(self, project: str | None) -> model.Caller:
        """Somebody who may do something for the project."""
        for caller in model.CALLERS.values():
            if caller.project == project and caller.is_member:
                return caller
        return model.CALLERS['admin']

    # -- what holds after a step ------------------------------------------

    def check_seen(self, image: model.Image) -> None:
        """Everybody sees what they should, and nobody else anything."""
        for caller in model.CALLERS.values():
            response = self.ask(caller, 'GET', f'/v2/images/{image.id}')
            if not image.sees(caller):
                assert response.status_int == 404, (caller, response.text)
                continue
            assert response.status_int == 200, (caller, response.text)
            self.check_document(response.json, image)

    def check_document(
        self, document: dict[str, Any], image: model.Image
    ) -> None:
        shown = dict(document)
        assert shown.pop('created_at') <= shown.pop('updated_at')
        shown['tags'] = sorted(shown['tags'])
        expected = image.document()
        assert shown == expected, (shown, expected)

    @stateful.invariant()
    def what_is_gone_is_gone(self) -> None:
        for image_id in self.gone[-1:]:
            admin = model.CALLERS['admin']
            response = self.ask(admin, 'GET', f'/v2/images/{image_id}')
            assert response.status_int == 404

    # -- steps ------------------------------------------------------------

    @stateful.initialize(given=documents)
    def begin(self, given: dict[str, Any]) -> None:
        """Three images: one new, one with data, one that bob shares."""
        alice, bob = model.CALLERS['alice'], model.CALLERS['bob']
        self.create(alice, given | {'owner': 'p1', 'visibility': 'private'})
        self.create(alice, FORMATS | {'visibility': 'shared', 'tags': ['t']})
        self.create(bob, FORMATS | {'name': 'a', 'color': 'red'})
        shared = len(self.images) - 2
        self.upload(alice, shared, b'0123456789', None, chunked=False)
        self.share(alice, shared, 'p2')
        self.share(bob, shared + 1, 'p1')

    @stateful.rule(caller=callers, document=documents)
    def create(self, caller: model.Caller, document: dict[str, Any]) -> None:
        response = self.ask(caller, 'POST', '/v2/images', document)
        image = model.Image('', document.get('owner', caller.project))
        made = model.patched(
            image,
            [
                {'op': 'add', 'path': f'/{name}', 'value': value}
                for name, value in document.items()
            ],
        )
        assert made is not None
        count = len(document.get('tags', ()))
        if not caller.is_member or not model.is_good(
            made, None, caller, count
        ):
            assert response.status_int in (403, 413), response.text
            return
        assert response.status_int == 201, response.text
        made.id = response.json['id']
        self.images[made.id] = made
        self.check_seen(made)

    @stateful.rule(caller=callers, which=which)
    def create_again(self, caller: model.Caller, which: int) -> None:
        """No id is given out twice."""
        known = [*self.images, *self.gone]
        if known and caller.is_member:
            body = {'id': known[which % len(known)]}
            response = self.ask(caller, 'POST', '/v2/images', body)
            assert response.status_int == 409, response.text

    @stateful.rule(
        caller=anybody,
        which=which,
        asked=strategies.lists(operations, max_size=3),
    )
    def patch(
        self,
        caller: model.Caller | None,
        which: int,
        asked: list[dict[str, Any]],
    ) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        response = self.change(caller, image, asked)
        after = model.patched(image, asked) if asked else image
        refused = image.refusal(caller) if asked else None
        count = max(
            [len(one['value']) for one in asked if one['path'] == '/tags'],
            default=0,
        )
        if refused or not image.sees(caller):
            assert response.status_int in (refused or 404, 400, 404), (
                response.text
            )
        elif after is None or not model.is_good(after, image, caller, count):
            # Tags are a set by the time they are counted.
            if response.status_int == 200:
                assert after is not None
                assert len(after.tags) <= model.TAG_QUOTA < count
                self.images[image.id] = after
            else:
                assert response.status_int in (403, 409, 413), response.text
        else:
            assert response.status_int == 200, response.text
            self.check_document(response.json, after)
            self.images[image.id] = after
        self.check_seen(self.images[image.id])

    @stateful.rule(
        caller=callers,
        is_owner=strategies.booleans(),
        which=which,
        names=strategies.lists(
            strategies.sampled_from(sorted(members)), min_size=2, max_size=5
        ),
        values=strategies.fixed_dictionaries(members),
    )
    def set_some(
        self,
        caller: model.Caller,
        is_owner: bool,
        which: int,
        names: list[str],
        values: dict[str, Any],
    ) -> None:
        """Patches that are often good, one after the other."""
        for name in names:
            change = {'op': 'add', 'path': f'/{name}', 'value': values[name]}
            self.patch(None if is_owner else caller, which, [change])

    def change(
        self, caller: model.Caller, image: model.Image, asked: Any
    ) -> webob.Response:
        asked = copy.deepcopy(asked)
        for one in asked:
            if isinstance(one, dict) and one['path'] == '/x/y~z':
                one['path'] = '/x~1y~0z'
        return self.ask(
            caller,
            'PATCH',
            f'/v2/images/{image.id}',
            asked,
            Content_Type=PATCH,
        )

    @stateful.rule(
        caller=anybody,
        which=which,
        good=strategies.lists(operations, max_size=2),
        bad=bad_operations,
    )
    def patch_badly(
        self,
        caller: model.Caller | None,
        which: int,
        good: list[Any],
        bad: Any,
    ) -> None:
        """All or nothing."""
        image = self.one(which)
        if image is not None:
            caller = caller or self.person(image.owner)
            response = self.change(caller, image, [*good, bad])
            assert response.status_int in (400, 403), response.text
            self.check_seen(image)

    @stateful.rule(
        caller=anybody,
        which=which,
        body=data,
        said=strategies.sampled_from((None, None, 0, 1, -1)),
        chunked=strategies.booleans(),
    )
    def upload(
        self,
        caller: model.Caller | None,
        which: int,
        body: bytes,
        said: int | None,
        chunked: bool,
    ) -> None:
        """``said``: by how many bytes the size header is wrong."""
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        headers = {'Content_Type': OCTETS}
        if said is not None:
            headers['x_openstack_image_size'] = str(len(body) + said)
        response = self.put(caller, image, body, chunked, headers)
        is_right = (
            len(body) <= model.SIZE_CAP
            and not said
            and image.disk_format is not None
            and image.container_format is not None
        )
        if said is not None and len(body) + said < 0:
            assert response.status_int == 400
        elif image.refusal(caller):
            assert response.status_int == image.refusal(caller), response.text
        elif image.status == 'queued' and is_right:
            assert response.status_int == 204, response.text
            image.status, image.data = 'active', body
        else:
            assert response.status_int in (400, 409, 413), response.text
        self.check_seen(image)

    def put(
        self,
        caller: model.Caller,
        image: model.Image,
        body: bytes,
        chunked: bool,
        headers: dict[str, str],
    ) -> webob.Response:
        path = f'/v2/images/{image.id}/file'
        if not chunked:
            return self.ask(caller, 'PUT', path, body, **headers)
        request = webob.Request.blank(
            path, method='PUT', headers=base.identity(caller.name)
        )
        request.headers.update(
            {name.replace('_', '-'): text for name, text in headers.items()}
        )
        request.headers['Transfer-Encoding'] = 'chunked'
        request.environ['wsgi.input'] = base.Source(body[:7], body[7:])
        response = request.get_response(self.service.app)
        assert response.status_int < 500, response.text
        return response

    @stateful.rule(
        caller=anybody,
        which=which,
        first=strategies.none() | strategies.integers(0, 50),
        last=strategies.none() | strategies.integers(0, 50),
    )
    def download(
        self,
        caller: model.Caller | None,
        which: int,
        first: int | None,
        last: int | None,
    ) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        asked = f'bytes={_text(first)}-{_text(last)}'
        response = self.ask(
            caller, 'GET', f'/v2/images/{image.id}/file', Range=asked
        )
        expected: int | tuple[int, bytes]
        if not image.sees(caller):
            expected = 404
        elif not caller.is_member or (
            image.status == 'deactivated' and not caller.is_admin
        ):
            expected = 403
        elif image.data is None:
            expected = 204
        else:
            expected = _part(image.data, first, last)
        if isinstance(expected, int):
            assert response.status_int == expected, (asked, response.text)
        else:
            got = response.status_int, response.body
            assert got == expected, (asked, got, expected)

    @stateful.rule(
        caller=anybody,
        which=which,
        name=strategies.sampled_from(ODD_HEADERS),
        text=header_texts,
    )
    def ask_oddly(
        self, caller: model.Caller | None, which: int, name: str, text: str
    ) -> None:
        """Whatever a header says, nobody sees more and nothing changes."""
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        for method, rest in (('GET', ''), ('GET', '/file'), ('DELETE', '')):
            headers = {name: text}
            if method == 'DELETE':
                headers['If_Match'] = '"no version"'
            path = f'/v2/images/{image.id}{rest}'
            response = self.ask(caller, method, path, **headers)
            if not image.sees(caller):
                assert response.status_int in (400, 404, 431), response.text
            elif method == 'DELETE':
                assert response.status_int in (400, 403, 412, 431), (
                    response.text
                )
        self.check_seen(image)

    @stateful.rule(
        caller=callers,
        query=strategies.lists(
            strategies.tuples(PARAMETERS | texts, names), max_size=3
        ),
    )
    def list_oddly(
        self, caller: model.Caller, query: list[tuple[str, str]]
    ) -> None:
        path = f'/v2/images?{urllib.parse.urlencode(query)}'
        response = self.ask(caller, 'GET', path)
        if response.status_int == 200:
            for one in response.json['images']:
                assert self.images[one['id']].sees(caller)
        else:
            assert response.status_int == 400, response.text

    @stateful.rule(caller=anybody, which=which, tag=tags)
    def tag(self, caller: model.Caller | None, which: int, tag: str) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        path = f'/v2/images/{image.id}/tags/{urllib.parse.quote(tag)}'
        response = self.ask(caller, 'PUT', path)
        after = image.tags | {tag}
        if image.refusal(caller):
            assert response.status_int == image.refusal(caller), response.text
        elif len(after) > model.TAG_QUOTA:
            assert response.status_int == 413, response.text
        else:
            assert response.status_int == 204, response.text
            image.tags = after
        self.check_seen(image)

    @stateful.rule(caller=anybody, which=which, tag=tags)
    def untag(self, caller: model.Caller | None, which: int, tag: str) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        path = f'/v2/images/{image.id}/tags/{urllib.parse.quote(tag)}'
        response = self.ask(caller, 'DELETE', path)
        if image.refusal(caller):
            assert response.status_int == image.refusal(caller), response.text
        elif tag not in image.tags:
            assert response.status_int == 404, response.text
        else:
            assert response.status_int == 204, response.text
            image.tags -= {tag}
        self.check_seen(image)

    @stateful.rule(caller=anybody, which=which, project=projects)
    def share(
        self, caller: model.Caller | None, which: int, project: str
    ) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        path = f'/v2/images/{image.id}/members'
        response = self.ask(caller, 'POST', path, {'member': project})
        if not image.sees(caller):
            assert response.status_int == 404, response.text
        elif image.visibility != 'shared' or not image.owned(caller):
            assert response.status_int == 403, response.text
        elif project in image.members:
            assert response.status_int == 409, response.text
        elif len(image.members) >= model.MEMBER_QUOTA:
            assert response.status_int == 413, response.text
        else:
            assert response.status_int == 200, response.text
            image.members[project] = 'pending'
        self.check_members(image)

    @stateful.rule(
        caller=anybody,
        which=which,
        project=projects,
        status=strategies.sampled_from(('accepted', 'rejected', 'pending')),
    )
    def answer(
        self,
        caller: model.Caller | None,
        which: int,
        project: str,
        status: str,
    ) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(project)
        path = f'/v2/images/{image.id}/members/{project}'
        response = self.ask(caller, 'PUT', path, {'status': status})
        is_member = caller.project == project and image.owner != project
        if not image.sees(caller):
            assert response.status_int == 404, response.text
        elif (
            image.visibility == 'shared'
            and project in image.members
            and (caller.is_admin or (is_member and caller.is_member))
        ):
            assert response.status_int == 200, response.text
            image.members[project] = status
        else:
            assert response.status_int in (403, 404), response.text
        self.check_members(image)

    @stateful.rule(caller=anybody, which=which, project=projects)
    def unshare(
        self, caller: model.Caller | None, which: int, project: str
    ) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        path = f'/v2/images/{image.id}/members/{project}'
        response = self.ask(caller, 'DELETE', path)
        if (
            image.visibility == 'shared'
            and project in image.members
            and image.owned(caller)
        ):
            assert response.status_int == 204, response.text
            del image.members[project]
        else:
            assert response.status_int in (403, 404), response.text
        self.check_members(image)

    def check_members(self, image: model.Image) -> None:
        self.check_seen(image)
        for caller in model.CALLERS.values():
            path = f'/v2/images/{image.id}/members'
            response = self.ask(caller, 'GET', path)
            if image.visibility != 'shared' or not image.sees(caller):
                assert response.status_int in (403, 404), response.text
                continue
            if caller.is_admin or image.owner == caller.project:
                seen = image.members
            elif caller.project in image.members:
                seen = {caller.project: image.members[caller.project]}
            else:
                assert response.status_int == 403, response.text
                continue
            found = {
                one['member_id']: one['status']
                for one in response.json['members']
            }
            assert found == seen, (caller, found, seen)

    @stateful.rule(
        caller=anybody,
        which=which,
        action=strategies.sampled_from(('deactivate', 'reactivate')),
    )
    def act(
        self, caller: model.Caller | None, which: int, action: str
    ) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        path = f'/v2/images/{image.id}/actions/{action}'
        response = self.ask(caller, 'POST', path)
        if image.refusal(caller):
            assert response.status_int == image.refusal(caller), response.text
        elif image.status == 'queued':
            assert response.status_int == 403, response.text
        else:
            assert response.status_int == 204, response.text
            image.status = {
                'deactivate': 'deactivated',
                'reactivate': 'active',
            }[action]
        self.check_seen(image)

    @stateful.rule(caller=anybody, which=which)
    def delete(self, caller: model.Caller | None, which: int) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        response = self.ask(caller, 'DELETE', f'/v2/images/{image.id}')
        if image.refusal(caller):
            assert response.status_int == image.refusal(caller), response.text
        elif image.protected:
            assert response.status_int == 403, response.text
        else:
            assert response.status_int == 204, response.text
            del self.images[image.id]
            self.gone.append(image.id)
            return
        self.check_seen(image)

    @stateful.rule(
        caller=callers,
        visibility=strategies.sampled_from((None, 'all', *VISIBILITIES)),
        hidden=strategies.booleans(),
        sort_key=strategies.sampled_from(
            ('name', 'status', 'size', 'id', 'created_at', 'disk_format')
        ),
        way=strategies.sampled_from(('asc', 'desc')),
        limit=strategies.sampled_from((None, 1, 2, 100)),
        wanted=strategies.sampled_from(
            (None, 'name', 'tag', 'color', 'status', 'owner', 'protected')
        ),
        which=which,
    )
    def list_images(
        self,
        caller: model.Caller,
        visibility: str | None,
        hidden: bool,
        sort_key: str,
        way: str,
        limit: int | None,
        wanted: str | None,
        which: int,
    ) -> None:
        """All pages together are what should be seen, once each."""
        query: dict[str, Any] = {'sort': f'{sort_key}:{way}'}
        if visibility is not None:
            query['visibility'] = visibility
        if hidden:
            query['os_hidden'] = 'true'
        if limit is not None:
            query['limit'] = limit
        expected = {
            image.id: image
            for image in self.images.values()
            if image.os_hidden == hidden and image.listed(caller, visibility)
        }
        if wanted is not None:
            expected = self.filtered(expected, wanted, which, query)
        found = self.pages(caller, query, limit or model.PAGE)
        assert len(found) == len({one['id'] for one in found}), found
        assert {one['id'] for one in found} == set(expected), (
            caller,
            query,
            {one['id'] for one in found} ^ set(expected),
        )
        for one in found:
            self.check_document(one, expected[one['id']])
        if sort_key != 'name':  # its order is the database's collation
            keys = [_sortable(one[sort_key]) for one in found]
            assert keys == sorted(keys, reverse=way == 'desc'), (query, keys)

    def filtered(
        self,
        images: dict[str, model.Image],
        wanted: str,
        which: int,
        query: dict[str, Any],
    ) -> dict[str, model.Image]:
        """Add a filter to the query; which of the images it lets through."""
        example = self.one(which) or model.Image('', None)
        value: Any
        if wanted == 'tag':
            value = min(example.tags, default='t')
            matching = {k for k, one in images.items() if value in one.tags}
        elif wanted == 'color':
            value = example.properties.get('color', 'red')
            matching = {
                k
                for k, one in images.items()
                if one.properties.get('color') == value
            }
        else:
            value = getattr(example, wanted)
            matching = {
                k
                for k, one in images.items()
                if getattr(one, wanted) == value and value is not None
            }
        text = '' if value is None else str(value)
        if wanted in ('name', 'status'):
            text = f'eq:{text}'
            if value is None:
                matching = {k for k, o in images.items() if o.name == ''}
        elif wanted == 'protected':
            text = text.lower()
        elif wanted == 'owner' and value is None:
            text = 'nobody'
        query[wanted] = text
        return {k: one for k, one in images.items() if k in matching}

    def pages(
        self, caller: model.Caller, query: dict[str, Any], limit: int
    ) -> list[dict[str, Any]]:
        path = f'/v2/images?{urllib.parse.urlencode(query)}'
        found: list[dict[str, Any]] = []
        while path:
            response = self.ask(caller, 'GET', path)
            assert response.status_int == 200, (path, response.text)
            page = response.json
            assert len(page['images']) <= limit
            assert ('next' in page) == (len(page['images']) == limit), path
            found += page['images']
            path = page.get('next', '')
            assert len(found) <= len(self.images), path
        return found


def _text(number: int | None) -> str:
    return '' if number is None else str(number)


def _sortable(value: Any) -> tuple[bool, Any]:
    """Null is the smallest."""
    return value is not None, value


def _part(
    whole: bytes, first: int | None, last: int | None
) -> int | tuple[int, bytes]:
    """The answer to a range by RFC 9110, and by images-v2 section 8.2."""
    if first is None and last is None:
        return 416
    if not whole:
        return 416
    if first is None:
        assert last is not None
        return 206, whole[-last:] if last else whole
    if first >= len(whole) or (last is not None and last < first):
        return 416
    return 206, whole[first : None if last is None else last + 1]


class TestStories(unittest.TestCase):
    def test_any_story_is_as_the_model_says(self) -> None:
        shrinking = mock.patch.object(
            engine, 'MAX_SHRINKING_SECONDS', SHRINKING_SECONDS
        )
        self.enterContext(shrinking)
        stateful.run_state_machine_as_test(
            hypothesis.seed(SEED)(Story),
            settings=hypothesis.settings(
                max_examples=120 if IS_LONG else 20,
                stateful_step_count=80 if IS_LONG else 50,
                deadline=None,
                database=None,
                print_blob=True,
                phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
