"""Steps that create, change and delete images."""

import copy
from typing import Any

from hypothesis import stateful
from hypothesis import strategies
import webob

from tests.functional.random import inputs
from tests.functional.random import machine
from tests.functional.random import model


class Images(machine.Machine):
    """Creation, changes and deletion of images."""

    @stateful.rule(caller=inputs.callers, document=inputs.documents)
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

    @stateful.rule(caller=inputs.callers, which=inputs.which)
    def create_again(self, caller: model.Caller, which: int) -> None:
        """An id cannot be used again, also after a deletion."""
        known = [*self.images, *self.gone]
        if known and caller.is_member:
            body = {'id': known[which % len(known)]}
            response = self.ask(caller, 'POST', '/v2/images', body)
            assert response.status_int == 409, response.text

    @stateful.rule(
        caller=inputs.anybody,
        which=inputs.which,
        asked=strategies.lists(inputs.operations, max_size=3),
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
        count = tag_count(asked)
        if refused or not image.sees(caller):
            # Limits of the document are checked before permissions.
            expected = (refused or 404, 400, 404, *too_many_tags(asked))
            assert response.status_int in expected, response.text
        elif after is None or not model.is_good(after, image, caller, count):
            # Tags are counted after duplicates are removed.
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
        caller=inputs.callers,
        is_owner=strategies.booleans(),
        which=inputs.which,
        names=strategies.lists(
            strategies.sampled_from(sorted(inputs.members)),
            min_size=2,
            max_size=5,
        ),
        values=strategies.fixed_dictionaries(inputs.members),
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
            Content_Type=inputs.PATCH,
        )

    @stateful.rule(
        caller=inputs.anybody,
        which=inputs.which,
        good=strategies.lists(inputs.operations, max_size=2),
        bad=inputs.bad_operations,
    )
    def patch_badly(
        self,
        caller: model.Caller | None,
        which: int,
        good: list[Any],
        bad: Any,
    ) -> None:
        """A patch with one bad operation changes nothing."""
        image = self.one(which)
        if image is not None:
            caller = caller or self.person(image.owner)
            response = self.change(caller, image, [*good, bad])
            expected = (400, 403, *too_many_tags(good))
            assert response.status_int in expected, response.text
            self.check_seen(image)

    @stateful.rule(
        caller=inputs.anybody,
        which=inputs.which,
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

    @stateful.rule(caller=inputs.anybody, which=inputs.which)
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


def tag_count(asked: list[dict[str, Any]]) -> int:
    """Return the length of the longest list of tags in a patch."""
    lists = [one['value'] for one in asked if one['path'] == '/tags']
    return max(map(len, lists), default=0)


def too_many_tags(asked: list[dict[str, Any]]) -> tuple[int, ...]:
    """Return the status if a patch has too many tags; empty if not."""
    return (413,) if tag_count(asked) > model.TAG_QUOTA else ()
