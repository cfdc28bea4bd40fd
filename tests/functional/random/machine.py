"""The base of all steps of a story."""

import json
import os
import secrets
import tempfile
from typing import Any

import hypothesis
from hypothesis import stateful
import webob

from tests import base
from tests.functional.random import model

IS_LONG = os.environ.get('GLANCE_TEST_RANDOM') == 'long'
_SEED = os.environ.get('GLANCE_TEST_SEED') or (2794662977 if IS_LONG else 1)
SEED = secrets.randbelow(2**32) if _SEED == 'new' else int(_SEED)


class Machine(stateful.RuleBasedStateMachine):
    """Sends requests, and compares what callers see with the model."""

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
        """Return a caller who may change images of the project."""
        for caller in model.CALLERS.values():
            if caller.project == project and caller.is_member:
                return caller
        return model.CALLERS['admin']

    def check_seen(self, image: model.Image) -> None:
        """Check that exactly the right callers see the image."""
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
        if shown.pop('os_glance_failed_reason', None) is not None:
            assert image.has_failed, document
        shown['tags'] = sorted(shown['tags'])
        expected = image.document()
        assert shown == expected, (shown, expected)

    @stateful.invariant()
    def what_is_gone_is_gone(self) -> None:
        for image_id in self.gone[-1:]:
            admin = model.CALLERS['admin']
            response = self.ask(admin, 'GET', f'/v2/images/{image_id}')
            assert response.status_int == 404
