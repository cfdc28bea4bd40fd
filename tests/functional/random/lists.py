"""Steps that list images, and send unusual queries."""

from typing import Any
import urllib.parse

from hypothesis import stateful
from hypothesis import strategies

from tests.functional.random import inputs
from tests.functional.random import machine
from tests.functional.random import model


class Lists(machine.Machine):
    """Lists, page by page, and requests with unusual headers."""

    @stateful.rule(
        caller=inputs.callers,
        visibility=strategies.sampled_from(
            (None, 'all', *inputs.VISIBILITIES)
        ),
        hidden=strategies.booleans(),
        sort_key=strategies.sampled_from(
            ('name', 'status', 'size', 'id', 'created_at', 'disk_format')
        ),
        way=strategies.sampled_from(('asc', 'desc')),
        limit=strategies.sampled_from((None, 1, 2, 100)),
        wanted=strategies.sampled_from(
            (None, 'name', 'tag', 'color', 'status', 'owner', 'protected')
        ),
        which=inputs.which,
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
        """All pages together have each visible image exactly once."""
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
        """Add a filter to the query; return the images that match it."""
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

    @stateful.rule(
        caller=inputs.callers,
        query=strategies.lists(
            strategies.tuples(inputs.PARAMETERS | inputs.texts, inputs.names),
            max_size=3,
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

    @stateful.rule(
        caller=inputs.anybody,
        which=inputs.which,
        name=strategies.sampled_from(inputs.ODD_HEADERS),
        text=inputs.header_texts,
    )
    def ask_oddly(
        self, caller: model.Caller | None, which: int, name: str, text: str
    ) -> None:
        """No header shows more images to a caller, or changes anything."""
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


def _sortable(value: Any) -> tuple[bool, Any]:
    """Return a sort key; null sorts as the smallest value."""
    return value is not None, value
