"""Every call on an image by every kind of caller.

Each test runs with the current rules, with the legacy rules in addition
(enforce_new_defaults off), and with the policy.json of Queens to Train, in
which nearly every rule allows all callers.
"""

from tests.functional.permissions import callers


class TestImages(callers.PermissionTestCase):
    """Visibility of images, see also OSSA-2012-017."""

    # covers 7.5-3, 8.1-7, 11-3, 13-7
    # covers 6-1..2, 6-7..9, 21-1
    expected = staticmethod(callers.today)

    def check(self, visibility: str) -> None:
        image_id = self.make(visibility)
        for call in callers.CALLS:
            for caller in callers.CALLERS:
                status = self.expected(call, caller, visibility)
                with self.subTest(f'{call.method} {call.rest} {caller}'):
                    response = self.perform(caller, call, image_id)
                    self.assert_status(status, response)
                if call.method == 'DELETE' and status == 204:
                    image_id = self.renew(call, image_id, visibility)

    def renew(self, call: callers.Call, image_id: str, visibility: str) -> str:
        if not call.rest:
            return self.make(visibility)
        self.call('PUT', f'/v2/images/{image_id}{call.rest}', caller='admin')
        return image_id

    def test_private_images(self) -> None:
        # covers 25-15
        self.check('private')

    def test_shared_images(self) -> None:
        # covers 25-16
        self.check('shared')

    def test_community_images(self) -> None:
        # covers 25-15
        self.check('community')

    def test_public_images(self) -> None:
        # covers 25-15
        self.check('public')

    def test_a_refused_call_changes_nothing(self) -> None:
        """OSSA-2012-017: no data is touched on 403 and 404."""
        for visibility in ('private', 'public'):
            image_id = self.make(visibility)
            before = self.show(image_id)
            for call in callers.CALLS:
                if call.needs == 'change':
                    self.perform('other', call, image_id)
            self.assertEqual(before, self.show(image_id))
            self.assertEqual(b'data', self.data(image_id))

    def test_an_image_of_nobody_is_for_all_to_see(self) -> None:
        # covers 6-3
        created = self.ask(
            'admin',
            'POST',
            '/v2/images',
            b'{"owner": null, "disk_format": "raw", "container_format": "bare"}',  # noqa: E501
        )
        path = f'/v2/images/{created.json["id"]}'
        for caller, status in {
            'owner': 200,
            'other': 200,
            'member without project': 200,
            'no role': 200 if self.is_former else 404,
        }.items():
            with self.subTest(caller):
                self.assert_status(status, self.ask(caller, 'GET', path))
        for caller in ('owner', 'other', 'member without project'):
            for method, rest, body, kind in (
                ('PATCH', '', callers.change('name', 'x'), callers.PATCH),
                ('PUT', '/file', b'data', callers.OCTETS),
                ('PUT', '/tags/x', None, ''),
                ('POST', '/members', b'{"member": "p9"}', ''),
                ('DELETE', '', None, ''),
            ):
                with self.subTest(f'{caller} {method} {rest}'):
                    response = self.ask(
                        caller, method, path + rest, body, kind
                    )
                    self.assert_status(403, response)


class TestImagesOfLegacyDefaults(callers.LegacyDefaults, TestImages):
    # covers 21-5
    pass


class TestImagesOfOldFile(callers.OldFile, TestImages):
    # covers 21-6
    pass
