"""Unified limits and /v2/info.

The tests use the real oslo.limit, with a fixture instead of Keystone.
tests/live/test_limits.py has a real Keystone.
"""

from typing import Any
from unittest import mock

from keystoneauth1 import exceptions as keystone_exceptions
from oslo_config import cfg
from oslo_limit import exception as limit_exceptions
from oslo_limit import fixture
from oslo_limit import limit

from glance.api import parts
from glance.common import errors
from tests import base

MIB = 1024 * 1024
LIMITS = {
    'image_size_total': 10,
    'image_stage_total': 10,
    'image_count_total': 3,
    'image_count_uploading': 1,
}
#: Special limits of bob's project.
OF_BOB = {'image_count_total': 1, 'image_size_total': -1}


class LimitsTestCase(base.ServiceTestCase):
    api_options = {'use_keystone_limits': True}
    registered = LIMITS

    def setUp(self) -> None:
        for name, value in (('auth_type', 'none'), ('endpoint_id', 'here')):
            limit.CONF.set_override(name, value, group='oslo_limit')
        self.addCleanup(
            lambda: [
                limit.CONF.clear_override(name, group='oslo_limit')
                for name in ('auth_type', 'endpoint_id')
            ]
        )
        # The application would check the options of its own configuration.
        self.enterContext(mock.patch.object(parts, 'check_limits'))
        self.keystone = fixture.LimitFixture(
            dict(self.registered), {'p2': OF_BOB}
        )
        self.keystone.setUp()
        self.addCleanup(self.keystone.cleanUp)
        super().setUp()

    def usage(self, caller: str = 'alice') -> dict[str, Any]:
        response = self.call('GET', '/v2/info/usage', caller=caller)
        self.assert_status(200, response)
        self.assertEqual('application/json', response.headers['Content-Type'])
        usage: dict[str, Any] = response.json['usage']
        return usage

    def assert_over(self, name: str, response: Any) -> None:
        self.assert_status(413, response)
        self.assertIn(name, response.text)
        self.assertNotIn('Retry-After', response.headers)


class TestUnifiedLimits(LimitsTestCase):
    def test_images_are_counted_at_create(self) -> None:
        # covers 7.1-9, 18-8
        for _ in range(3):
            self.image()
        response = self.call('POST', '/v2/images', {})
        self.assert_over('image_count_total', response)
        self.image(caller='carol')  # another project
        first = self.call('GET', '/v2/images').json['images'][0]['id']
        self.call('DELETE', f'/v2/images/{first}')
        self.image()

    def test_a_project_can_have_limits_of_its_own(self) -> None:
        self.image(caller='bob')
        response = self.call('POST', '/v2/images', {}, caller='bob')
        self.assert_over('image_count_total', response)

    def test_order_of_checks_at_create(self) -> None:
        """Limits are checked after the document and after the policy."""
        # covers 7.1-9
        for _ in range(3):
            self.image()
        response = self.call('POST', '/v2/images', {'status': 'active'})
        self.assert_over('image_count_total', response)
        tags = [str(number) for number in range(200)]
        response = self.call('POST', '/v2/images', {'tags': tags})
        self.assert_status(413, response)
        self.assertIn('the limit is 128 (image_tag_quota)', response.text)
        response = self.call(
            'POST', '/v2/images', {'visibility': 'public'}, caller='rita'
        )
        self.assert_status(403, response)

    def test_sizes_are_counted_at_upload(self) -> None:
        """Sizes are checked before the image is read."""
        # covers 8.1-4, 18-8
        self.image(data=b'x' * 9 * MIB)
        source = base.Source(b'x' * (MIB + 1))
        response = self.put('no-such-image', source, length=MIB + 1)
        self.assert_over('image_size_total', response)
        self.assertEqual(0, source.bytes_read)
        image_id = self.image()
        response = self.put(
            image_id,
            base.Source(b''),
            headers={'x-openstack-image-size': str(MIB + 1)},
        )
        self.assert_over('image_size_total', response)
        self.assertEqual('queued', self.show(image_id)['status'])
        self.upload(image_id, b'x' * MIB)

    def test_a_stream_of_unknown_size_is_not_cut_but_the_next_is(self) -> None:
        image_id = self.image()
        response = self.put(image_id, base.Source(*[b'x' * MIB] * 11))
        self.assert_status(204, response)
        response = self.put(self.image(), base.Source(b'x'))
        self.assert_over('image_size_total', response)

    def test_announced_bytes_are_kept_for_an_upload_that_runs(self) -> None:
        answers: list[Any] = []
        second = self.image()

        def meanwhile() -> None:
            source = base.Source(b'x' * 6 * MIB)
            answers.append(self.put(second, source, length=6 * MIB))

        self.keystone.reglimits['image_count_uploading'] = 5
        data = b'x' * 5 * MIB
        source = base.Source(data[:MIB], meanwhile, data[MIB:])
        response = self.put(self.image(), source, length=len(data))
        self.assert_status(204, response)
        self.assert_over('image_size_total', answers[0])
        self.assertEqual('queued', self.show(second)['status'])
        self.upload(second, data)

    def test_an_upload_counts_for_the_owner_of_the_image(self) -> None:
        image_id = self.image()
        self.keystone.projlimits['p-admin'] = {'image_size_total': -1}
        source = base.Source(b'x' * 11 * MIB)
        response = self.put(image_id, source, length=11 * MIB, caller='admin')
        self.assert_over('image_size_total', response)

    def test_uploads_at_once_are_counted(self) -> None:
        """An upload that has begun already counts."""
        # covers 8.1-11, 18-8
        answers: list[Any] = []
        second = self.image()

        def meanwhile() -> None:
            answers.append(self.put(second, base.Source(b'x')))

        response = self.put(self.image(), base.Source(b'x', meanwhile, b'x'))
        self.assert_status(204, response)
        self.assert_over('image_count_uploading', answers[0])
        self.assertEqual('queued', self.show(second)['status'])
        self.assertNotIn(second, self.files())
        self.upload(second, b'x')

    def test_usage(self) -> None:
        # covers 15.5-2
        self.image(data=b'x' * (3 * MIB + 5))
        self.image()
        self.assertEqual(
            {
                'image_size_total': {'usage': 3, 'limit': 10},
                'image_stage_total': {'usage': 0, 'limit': 10},
                'image_count_total': {'usage': 2, 'limit': 3},
                'image_count_uploading': {'usage': 0, 'limit': 1},
            },
            self.usage(),
        )
        self.assertEqual(
            {'usage': 0, 'limit': -1}, self.usage('bob')['image_size_total']
        )

    def test_a_usage_is_one_round_trip(self) -> None:
        self.service.wire.requests.clear()
        self.usage()
        self.assertEqual(1, len(self.service.wire.requests))


class TestUnregistered(LimitsTestCase):
    registered: dict[str, int] = {}

    def test_what_is_not_registered_is_zero(self) -> None:
        # covers 18-8
        response = self.call('POST', '/v2/images', {})
        self.assert_over('image_count_total', response)
        source = base.Source(b'x')
        response = self.put('x', source, length=1)
        self.assert_over('image_size_total', response)
        self.assertEqual(
            {'usage': 0, 'limit': 0}, self.usage()['image_size_total']
        )


class TestTrouble(LimitsTestCase):
    """Errors of Keystone: 503, a reason in the log, and later recovery."""

    def test_keystone_that_does_not_answer(self) -> None:
        for error in (
            keystone_exceptions.ConnectFailure('no route'),
            limit_exceptions.SessionInitError('bad password'),
            ValueError('Endpoint not found'),
        ):
            with (
                self.subTest(str(error)),
                mock.patch.object(limit, 'Enforcer', side_effect=error),
                self.assertLogs('glance.images.limit_service') as log,
            ):
                response = self.call('POST', '/v2/images', {})
                self.assert_status(503, response)
                self.assertNotIn(str(error), response.text)
                self.assertIn(str(error), log.output[0])
                response = self.call('GET', '/v2/info/usage')
                self.assert_status(503, response)
        self.image()

    def test_limits_that_cannot_be_read(self) -> None:
        self.usage()
        error = keystone_exceptions.Forbidden('not your limits')
        connection = self.keystone.mock_conn
        works, connection.limits.side_effect = (
            connection.limits.side_effect,
            error,
        )
        self.assert_status(503, self.call('GET', '/v2/info/usage'))
        connection.limits.side_effect = works
        self.usage()


class TestOff(base.ServiceTestCase):
    def test_usage_is_empty(self) -> None:
        # covers 15.5-1
        response = self.call('GET', '/v2/info/usage')
        self.assertEqual({'usage': {}}, response.json)

    def test_features(self) -> None:
        response = self.call('GET', '/v2/info/features', caller='rita')
        self.assertEqual(
            {
                'conditional_requests',
                'import_progress',
                'import_source_hash',
                'upload_failure_reason',
            },
            response.json['features'].keys(),
        )

    def test_hashes_of_imported_data_are_told(self) -> None:
        response = self.call('GET', '/v2/info/features')
        self.assertEqual(
            {
                'property': 'source_hash',
                'algorithms': ['md5', 'sha1', 'sha256', 'sha384', 'sha512'],
            },
            response.json['features']['import_source_hash'],
        )

    def test_other_methods_and_bodies(self) -> None:
        for path in ('/v2/info/usage', '/v2/info/features'):
            response = self.call('POST', path, {})
            self.assert_status(405, response)
            self.assertEqual('GET, HEAD', response.headers['Allow'])
            self.assert_status(400, self.call('GET', path, {}))


class TestFeatures(base.ServiceTestCase):
    api_options = {'user_storage_quota': '1KB'}

    def test_a_quota_is_told(self) -> None:
        response = self.call('GET', '/v2/info/features')
        found = response.json['features']['storage_quota']
        self.assertEqual({'bytes': 1024}, found)


class TestOptions(base.ServiceTestCase):
    """Options that cannot work are refused at start."""

    def check(self, **options: str) -> None:
        conf = cfg.ConfigOpts()
        declared = ('auth_type', 'timeout', *parts.LIMIT_ENDPOINT)
        conf.register_opts(
            [cfg.StrOpt(name) for name in declared], 'oslo_limit'
        )
        for name, value in options.items():
            conf.set_override(name, value, group='oslo_limit')
        parts.check_limits(conf)

    def test_what_is_missing_is_named(self) -> None:
        for options, missing in (
            ({}, 'auth_type'),
            ({'auth_type': 'password'}, 'endpoint_id'),
        ):
            with self.assertRaisesRegex(errors.ConfigurationError, missing):
                self.check(**options)
        self.check(auth_type='password', endpoint_id='x')
        self.check(auth_type='password', endpoint_service_type='image')
