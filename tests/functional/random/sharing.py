"""Steps that change tags and members."""

import urllib.parse

from hypothesis import stateful
from hypothesis import strategies

from tests.functional.random import inputs
from tests.functional.random import machine
from tests.functional.random import model


class Sharing(machine.Machine):
    """Creation and deletion of tags and members."""

    @stateful.rule(caller=inputs.anybody, which=inputs.which, tag=inputs.tags)
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

    @stateful.rule(caller=inputs.anybody, which=inputs.which, tag=inputs.tags)
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

    @stateful.rule(
        caller=inputs.anybody, which=inputs.which, project=inputs.projects
    )
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
        caller=inputs.anybody,
        which=inputs.which,
        project=inputs.projects,
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

    @stateful.rule(
        caller=inputs.anybody, which=inputs.which, project=inputs.projects
    )
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
