"""Concurrent requests: one succeeds, no data is lost or left over.

A request is stopped between two of its steps (while its body is read, or at
a call of the registry), and the other request runs there.
"""

from collections.abc import Callable
from concurrent import futures
import threading
from typing import Any

import webob

from glance import registry_client
from glance.images import changes
from tests import base


class Interrupting:
    """A transport that runs ``action`` before requests of one operation."""

    def __init__(
        self,
        wire: registry_client.Transport,
        method: str,
        ending: str,
        action: Callable[[], Any],
        times: int = 1,
    ) -> None:
        self._wire = wire
        self._wanted = (method, ending)
        self._action = action
        self._times = times

    def send(
        self, method: str, path: str, *rest: Any
    ) -> registry_client.Answer:
        wanted, ending = self._wanted
        if self._times and method == wanted and path.endswith(ending):
            self._times -= 1
            self._action()
        return self._wire.send(method, path, *rest)


class RaceTestCase(base.ServiceTestCase):
    def interrupt(
        self,
        method: str,
        ending: str,
        action: Callable[[], Any],
        times: int = 1,
    ) -> None:
        self.service.registry._transport = Interrupting(
            self.service.wire, method, ending, action, times
        )

    def rename(self, image_id: str, name: str) -> webob.Response:
        return self.patch(
            image_id, {'op': 'replace', 'path': '/name', 'value': name}
        )

    def color(self, image_id: str, name: str, value: str) -> webob.Response:
        return self.patch(
            image_id, {'op': 'add', 'path': f'/{name}', 'value': value}
        )

    def delete(self, image_id: str) -> webob.Response:
        return self.call('DELETE', f'/v2/images/{image_id}')

    def put_data(self, image_id: str, data: bytes) -> webob.Response:
        return self.call('PUT', f'/v2/images/{image_id}/file', data)


class TestUploadRaces(RaceTestCase):
    def test_the_second_upload_is_409(self) -> None:
        # covers 5-9, 8.1-9, 25-12
        image_id = self.image()
        second = []
        source = base.Source(
            b'first',
            lambda: second.append(self.put_data(image_id, b'second')),
            b' is first',
        )
        self.assert_status(204, self.put(image_id, source))
        self.assert_status(409, second[0])
        self.assertEqual(b'first is first', self.data(image_id))
        self.assertEqual([image_id], self.files())

    def test_an_upload_that_loses_at_the_claim_is_409(self) -> None:
        # covers 5-9, 8.1-10
        image_id = self.image()
        self.interrupt(
            'POST',
            '/claim-upload',
            lambda: self.upload(image_id, b'faster'),
        )
        self.assert_status(409, self.put_data(image_id, b'slower'))
        self.assertEqual(b'faster', self.data(image_id))

    def test_of_many_uploads_one_wins(self) -> None:
        image_id = self.image()
        together = threading.Barrier(6)

        def attempt(number: int) -> int:
            together.wait()
            data = bytes([number]) * 1000
            status: int = self.put_data(image_id, data).status_int
            return status

        with futures.ThreadPoolExecutor(6) as pool:
            statuses = sorted(pool.map(attempt, range(6)))
        self.assertEqual([204] + [409] * 5, statuses)
        self.assertEqual(1, len(set(self.data(image_id))))
        self.assertEqual('active', self.show(image_id)['status'])

    def test_a_deletion_during_the_upload_is_410(self) -> None:
        """OSSA-2015-003: no data of a deleted image remains."""
        # covers 5-10, 8.1-18, 25-12
        image_id = self.image()
        source = base.Source(
            b'x' * 10,
            lambda: self.assert_status(204, self.delete(image_id)),
            b'y' * 10,
        )
        self.assert_status(410, self.put(image_id, source))
        self.assertEqual([], self.files())
        response = self.call('GET', f'/v2/images/{image_id}')
        self.assert_status(404, response)

    def test_a_deletion_after_the_last_byte_is_410(self) -> None:
        image_id = self.image()
        self.interrupt('POST', '/finish-upload', lambda: self.delete(image_id))
        self.assert_status(410, self.put_data(image_id, b'data'))
        self.assertEqual([], self.files())

    def test_a_deletion_and_a_client_that_leaves(self) -> None:
        image_id = self.image()
        source = base.Source(
            b'x', lambda: self.delete(image_id), ConnectionResetError()
        )
        self.assertIn(self.put(image_id, source).status_int, (400, 410))
        self.assertEqual([], self.files())

    def test_a_patch_during_the_upload_is_kept(self) -> None:
        # covers 5-12
        image_id = self.image(name='before', color='red')
        source = base.Source(
            b'data',
            lambda: self.assert_status(200, self.rename(image_id, 'after')),
            lambda: self.color(image_id, 'color', 'blue'),
            lambda: self.call('PUT', f'/v2/images/{image_id}/tags/new'),
        )
        self.assert_status(204, self.put(image_id, source))
        image = self.show(image_id)
        self.assertEqual('after', image['name'])
        self.assertEqual('blue', image['color'])
        self.assertEqual(['new'], image['tags'])
        self.assertEqual('active', image['status'])

    def test_formats_are_frozen_during_the_upload(self) -> None:
        image_id = self.image()
        change = {'op': 'replace', 'path': '/disk_format', 'value': 'qcow2'}
        source = base.Source(
            b'data',
            lambda: self.assert_status(403, self.patch(image_id, change)),
        )
        self.assert_status(204, self.put(image_id, source))

    def test_a_format_taken_away_before_the_claim(self) -> None:
        """A format of an image whose data was uploaded cannot be changed."""
        image_id = self.image()
        self.interrupt(
            'PATCH', image_id, lambda: self.upload(image_id, b'data')
        )
        change = {'op': 'replace', 'path': '/disk_format', 'value': 'qcow2'}
        self.assert_status(403, self.patch(image_id, change))
        self.assertEqual('raw', self.show(image_id)['disk_format'])

    def test_the_owner_loses_the_image_during_the_upload(self) -> None:
        """OSSA-2015-020: the upload ends, with any visibility of the image."""
        image_id = self.image()
        change = {'op': 'replace', 'path': '/owner', 'value': 'p2'}
        source = base.Source(
            b'data', lambda: self.patch(image_id, change, caller='admin')
        )
        self.assert_status(204, self.put(image_id, source))
        self.assertEqual('active', self.show(image_id, 'bob')['status'])

    def test_the_owner_loses_the_image_and_the_upload_fails(self) -> None:
        image_id = self.image()
        change = {'op': 'replace', 'path': '/owner', 'value': 'p2'}
        source = base.Source(
            b'data',
            lambda: self.patch(image_id, change, caller='admin'),
            OSError('gone'),
        )
        self.assert_status(400, self.put(image_id, source))
        self.assertEqual('queued', self.show(image_id, 'bob')['status'])
        self.assertEqual([], self.files())


class TestMetadataRaces(RaceTestCase):
    def test_of_two_patches_none_is_lost(self) -> None:
        image_id = self.image(name='before')
        self.interrupt(
            'PATCH',
            image_id,
            lambda: self.assert_status(
                200, self.color(image_id, 'second', 'kept')
            ),
        )
        self.assert_status(200, self.color(image_id, 'first', 'kept'))
        image = self.show(image_id)
        self.assertEqual('kept', image['first'])
        self.assertEqual('kept', image['second'])

    def test_a_patch_is_decided_on_the_newest_image(self) -> None:
        """Removing a property that was removed meanwhile is a conflict."""
        image_id = self.image(color='red')
        gone = {'op': 'remove', 'path': '/color'}
        self.interrupt('PATCH', image_id, lambda: self.patch(image_id, gone))
        self.assert_status(409, self.patch(image_id, gone))

    def test_a_patch_that_never_gets_its_turn_is_409(self) -> None:
        image_id = self.image()

        def meddle() -> None:
            self.call('PUT', f'/v2/images/{image_id}/tags/x')

        self.interrupt('PATCH', image_id, meddle, times=changes.TRIES)
        self.assert_status(409, self.rename(image_id, 'never'))
        self.assertIsNone(self.show(image_id)['name'])

    def test_many_patches_at_once(self) -> None:
        image_id = self.image()
        together = threading.Barrier(4)

        def attempt(number: int) -> int:
            together.wait()
            answer = self.color(image_id, f'p{number}', 'x')
            status: int = answer.status_int
            return status

        with futures.ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(attempt, range(4)))
        self.assertEqual([200] * 4, statuses)
        image = self.show(image_id)
        for number in range(4):
            self.assertEqual('x', image[f'p{number}'])

    def test_a_patch_of_an_image_that_vanishes_is_404(self) -> None:
        image_id = self.image()
        self.interrupt('PATCH', image_id, lambda: self.delete(image_id))
        self.assert_status(404, self.rename(image_id, 'gone'))

    def test_of_two_deletions_one_is_404(self) -> None:
        image_id = self.image(data=b'data')
        self.interrupt(
            'DELETE',
            image_id,
            lambda: self.assert_status(204, self.delete(image_id)),
        )
        self.assert_status(404, self.delete(image_id))
        self.assertEqual([], self.files())

    def test_an_image_protected_in_the_last_moment_stays(self) -> None:
        image_id = self.image(data=b'data')
        keep = {'op': 'replace', 'path': '/protected', 'value': True}
        self.interrupt('DELETE', image_id, lambda: self.patch(image_id, keep))
        self.assert_status(403, self.delete(image_id))
        self.assertEqual(b'data', self.data(image_id))

    def test_an_image_unshared_in_the_last_moment(self) -> None:
        image_id = self.image()
        hide = {'op': 'replace', 'path': '/visibility', 'value': 'private'}
        self.interrupt('POST', '/members', lambda: self.patch(image_id, hide))
        response = self.call(
            'POST', f'/v2/images/{image_id}/members', {'member': 'p2'}
        )
        self.assert_status(403, response)

    def test_of_many_creations_of_an_id_one_wins(self) -> None:
        # covers 7.1-16, 25-45
        image_id = '7a000000-0000-4000-8000-00000000000a'
        together = threading.Barrier(4)

        def attempt(_number: int) -> int:
            together.wait()
            answer = self.call('POST', '/v2/images', {'id': image_id})
            status: int = answer.status_int
            return status

        with futures.ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(attempt, range(4)))
        self.assertEqual([201, 409, 409, 409], statuses)

    def test_many_tags_and_members_at_once(self) -> None:
        image_id = self.image()
        together = threading.Barrier(4)

        def attempt(number: int) -> list[int]:
            together.wait()
            tag = self.call('PUT', f'/v2/images/{image_id}/tags/t{number}')
            member = self.call(
                'POST', f'/v2/images/{image_id}/members', {'member': 'p9'}
            )
            return [tag.status_int, member.status_int]

        with futures.ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(attempt, range(4)))
        self.assertEqual([204] * 4, [tag for tag, _ in statuses])
        self.assertEqual(
            [200, 409, 409, 409], sorted(member for _, member in statuses)
        )
        self.assertEqual(4, len(self.show(image_id)['tags']))


class TestQuotaRaces(RaceTestCase):
    """The registry checks counts in its transaction (CVE-2016-8611)."""

    api_options = {'image_tag_quota': 1, 'image_member_quota': 1}

    def test_the_last_tag_is_given_once(self) -> None:
        # covers 13-5, 25-46
        image_id = self.image()
        path = f'/v2/images/{image_id}/tags'
        self.interrupt('PUT', '/tags/a', lambda: self.call('PUT', f'{path}/b'))
        self.assert_status(413, self.call('PUT', f'{path}/a'))
        self.assertEqual(['b'], self.show(image_id)['tags'])

    def test_the_last_member_is_taken_once(self) -> None:
        # covers 12-13, 25-46
        image_id = self.image()
        path = f'/v2/images/{image_id}/members'
        self.interrupt(
            'POST',
            '/members',
            lambda: self.call('POST', path, {'member': 'b'}),
        )
        self.assert_status(413, self.call('POST', path, {'member': 'a'}))


class TestUploadRacesMysql(TestUploadRaces):
    kind = 'mysql'


class TestUploadRacesPostgresql(TestUploadRaces):
    kind = 'postgresql'


class TestMetadataRacesMysql(TestMetadataRaces):
    kind = 'mysql'


class TestMetadataRacesPostgresql(TestMetadataRaces):
    kind = 'postgresql'


class TestQuotaRacesMysql(TestQuotaRaces):
    kind = 'mysql'


class TestQuotaRacesPostgresql(TestQuotaRaces):
    kind = 'postgresql'
