"""Which callers may create which images, and who sees them in lists."""

import json
from typing import Any

from tests.functional.permissions import callers

#: Values of a new image, and the status for each caller.
CREATIONS: tuple[tuple[Any, dict[str, callers.Status]], ...] = (
    (
        {},
        {
            'owner': 201,
            'reader': (403, 201),
            'no role': (403, 201),
            'odd role': (403, 201),
            'member without project': 403,
            'admin': 201,
            'capital admin': 201,
            'admin without project': 201,
        },
    ),
    (
        {'owner': 'p1'},
        {
            'owner': 201,
            'reader': (403, 201),
            'other': 403,
            'member without project': 403,
            'admin': 201,
        },
    ),
    (
        {'owner': None},
        {'owner': 403, 'member without project': 403, 'admin': 201},
    ),
    ({'visibility': 'public'}, {'owner': 403, 'admin': 201}),
    (
        {'visibility': 'community'},
        {'owner': 201, 'reader': (403, 201), 'admin': 201},
    ),
    ({'visibility': 'private'}, {'owner': 201, 'reader': (403, 201)}),
)


class TestCreation(callers.PermissionTestCase):
    def test_who_creates_what(self) -> None:
        # covers 7.1-7..8, 2.2-4..5
        for values, table in CREATIONS:
            body = json.dumps(values).encode()
            for caller, status in table.items():
                with self.subTest(f'{caller} {values}'):
                    response = self.ask(caller, 'POST', '/v2/images', body)
                    self.assert_answer(status, response)

    def test_who_lists(self) -> None:
        # covers 25-50
        for caller in callers.CALLERS:
            listed = self.ask(caller, 'GET', '/v2/images')
            with self.subTest(caller):
                lists = self.is_former or (
                    caller not in (*callers.ROLELESS, 'member without project')
                )
                self.assert_status(200 if lists else 403, listed)

    def test_any_token_reads_schemas(self) -> None:
        for caller in callers.CALLERS:
            with self.subTest(caller):
                response = self.ask(caller, 'GET', '/v2/schemas/image')
                self.assert_status(200, response)

    def test_an_admin_without_project_owns_nothing(self) -> None:
        # covers 2.2-8
        response = self.ask(
            'admin without project', 'POST', '/v2/images', b'{}'
        )
        self.assertIsNone(response.json['owner'])


class TestCreationOfLegacyDefaults(callers.LegacyDefaults, TestCreation):
    # covers 21-5
    pass


class TestCreationOfOldFile(callers.OldFile, TestCreation):
    # covers 21-6
    pass
