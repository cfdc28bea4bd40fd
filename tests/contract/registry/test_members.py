"""Members of images."""

from glance.common import contract
from glance.common import errors
from tests.contract.registry import callers


class TestMembers(callers.RegistryTestCase):
    def test_create_member(self) -> None:
        image_id = self.create()['id']
        new: contract.NewMember = {'member': 'p2', 'quota': 1}
        member = self.client.create_member(callers.ALICE, image_id, new)
        self.assertEqual(contract.Member.__required_keys__, member.keys())
        self.assertEqual('pending', member['status'])
        create = self.client.create_member
        self.expect(errors.Duplicate, create, callers.ALICE, image_id, new)
        more: contract.NewMember = {'member': 'p3', 'quota': 1}
        self.expect(
            errors.LimitExceeded, create, callers.ALICE, image_id, more
        )
        private = self.create(visibility='private')['id']
        self.expect(errors.Forbidden, create, callers.ALICE, private, new)
        self.expect(errors.NotFound, create, callers.BOB, private, new)

    def test_list_members(self) -> None:
        image_id = self.create()['id']
        for project in ('p2', 'p3'):
            self.client.create_member(
                callers.ALICE, image_id, {'member': project, 'quota': -1}
            )
        for caller, seen, member in (
            (callers.ALICE, ['p2', 'p3'], None),
            (callers.ADMIN, ['p2', 'p3'], None),
            (callers.BOB, ['p2'], 'p2'),
        ):
            found = self.client.list_members(caller, image_id)
            self.assertEqual(seen, [m['member_id'] for m in found['members']])
            self.assertEqual(member, found['image']['member'])
        self.expect(
            errors.NotFound,
            self.client.list_members,
            callers.caller('p9'),
            image_id,
        )

    def test_update_member(self) -> None:
        image_id = self.create()['id']
        self.client.create_member(
            callers.ALICE, image_id, {'member': 'p2', 'quota': -1}
        )
        update = self.client.update_member
        for status in ('accepted', 'rejected', 'pending'):
            changed = update(callers.BOB, image_id, 'p2', status)
            self.assertEqual(status, changed['status'])
        self.expect(
            errors.BadRequest, update, callers.BOB, image_id, 'p2', 'maybe'
        )
        self.expect(
            errors.NotFound, update, callers.ADMIN, image_id, 'p9', 'pending'
        )

    def test_delete_member(self) -> None:
        image_id = self.create()['id']
        delete = self.client.delete_member
        for member in ('a/b', 'p2'):
            self.client.create_member(
                callers.ALICE, image_id, {'member': member, 'quota': -1}
            )
            delete(callers.ALICE, image_id, member)
            self.expect(
                errors.NotFound, delete, callers.ALICE, image_id, member
            )
        self.expect(
            errors.NotFound, self.client.get_image, callers.BOB, image_id
        )


class TestMembersMysql(TestMembers):
    kind = 'mysql'


class TestMembersPostgresql(TestMembers):
    kind = 'postgresql'
