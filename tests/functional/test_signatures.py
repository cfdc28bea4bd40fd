"""Signed images, and encryption keys of images."""

import functools
import hashlib
import subprocess
import sys
from typing import Any

from castellan import key_manager
from castellan.key_manager import barbican_key_manager
from castellan.key_manager import vault_key_manager
from cursive import signature_utils

from tests import base
from tests import key_managers
from tests import signers

DATA = bytes(range(256)) * 9000  # 2.2 MiB: several pieces
CURVES = sorted(
    name
    for name in signature_utils.SignatureKeyType.REGISTERED_TYPES
    if name.startswith('ECC_')
)
KEY_TYPES = ('RSA-PSS', 'DSA', *CURVES)
#: Only one key of each type is created, because this takes time.
signer = functools.cache(signers.Signer)


class VaultTestCase(base.ServiceTestCase):
    """glance-api with castellan's Vault backend."""

    def setUp(self) -> None:
        super().setUp()
        self.vault = key_managers.Vault()
        self.enterContext(self.vault.running())
        conf = self.service.conf
        conf.register_opts(key_manager.key_manager_opts, 'key_manager')
        conf.register_opts(vault_key_manager._vault_opts, 'vault')
        conf.set_override('backend', 'vault', 'key_manager')
        conf.set_override('vault_url', self.vault.url, 'vault')
        conf.set_override('root_token_id', self.vault.token, 'vault')

    def signed(
        self,
        signed_data: bytes = DATA,
        key_type: str = 'RSA-PSS',
        method: str = 'SHA-256',
        **changes: str | None,
    ) -> str:
        """Create an image with a signature of data; return its id.

        :param changes: properties to replace; None: leave it out
        """
        by = signer(key_type)
        certificate_id = self.vault.add(by.certificate())
        properties: dict[str, str | None] = {
            **by.properties(signed_data, certificate_id, method),
            **changes,
        }
        return self.image(
            **{name: value for name, value in properties.items() if value}
        )

    def assert_refused(
        self, image_id: str, why: str, data: bytes = DATA
    ) -> None:
        before = self.show(image_id)
        response = self.put(image_id, base.Source(data))
        self.assert_status(400, response)
        self.assertIn(why, response.text)
        for secret in (self.vault.url, self.vault.token):
            self.assertNotIn(secret, response.text)
        after = self.show(image_id)
        self.assertEqual('queued', after['status'])
        self.assertIn('os_glance_failed_reason', after)
        for changing in ('updated_at', 'os_glance_failed_reason'):
            before.pop(changing, None), after.pop(changing)
        self.assertEqual(before, after)
        self.assertEqual([], self.files())


class TestSignatures(VaultTestCase):
    # covers 19.4-1, 8.1-23
    def test_every_type_of_key(self) -> None:
        self.assertLessEqual(
            {'ECC_SECP384R1', 'ECC_SECP521R1'}, set(KEY_TYPES)
        )
        for key_type in KEY_TYPES:
            for method in signers.HASHES:
                with self.subTest(key_type, method=method):
                    image_id = self.signed(DATA, key_type, method)
                    response = self.put(image_id, base.Source(DATA))
                    self.assert_status(204, response)
                    image = self.show(image_id)
                    self.assertEqual('active', image['status'])
                    self.assertIn('img_signature', image)

    def test_other_data_than_what_was_signed(self) -> None:
        for key_type in KEY_TYPES:
            image_id = self.signed(DATA + b'x', key_type)
            self.assert_refused(image_id, 'does not match')
        self.assert_refused(self.signed(b''), 'does not match')

    def test_a_retry_works(self) -> None:
        image_id = self.signed()
        self.assert_refused(image_id, 'does not match', DATA[1:])
        self.upload(image_id, DATA)
        self.assertEqual(DATA, self.data(image_id))

    def test_cve_2015_8234_the_data_is_signed_and_not_its_md5(self) -> None:
        md5 = hashlib.md5(DATA, usedforsecurity=False)
        for signed in (md5.digest(), md5.hexdigest().encode()):
            self.assert_refused(self.signed(signed), 'does not match')

    def test_bad_properties(self) -> None:
        for why, changes in (
            ('base64', {'img_signature': 'x'}),
            ('does not match', {'img_signature': 'AAAA'}),
            ('empty', {'img_signature': '===='}),
            ('hash method', {'img_signature_hash_method': 'MD5'}),
            ('hash method', {'img_signature_hash_method': 'sha-256'}),
            ('key type', {'img_signature_key_type': 'RSA'}),
            ('key type', {'img_signature_key_type': 'ECC_SECP256R1'}),
            ('not of type DSA', {'img_signature_key_type': 'DSA'}),
            ('does not match', {'img_signature_hash_method': 'SHA-512'}),
        ):
            with self.subTest(why, changes=changes):
                self.assert_refused(self.signed(**changes), why)

    def test_fewer_than_four_properties_are_no_signature(self) -> None:
        # covers 19.4-1
        for name in signer('RSA-PSS').properties(DATA, 'x'):
            image_id = self.signed(b'something else', **{name: None})
            self.upload(image_id, DATA)
        self.assertEqual([], self.vault.requests)

    def test_bad_certificates(self) -> None:
        by = signer('RSA-PSS')
        for why, certificate_id in (
            ('could not be read from the key manager', 'f' * 32),
            ('cannot be read', self.vault.add(b'no certificate')),
            ('cannot be read', self.vault.add(by.certificate()[:-9])),
            (
                'not the id of a certificate',
                self.vault.add(b'k' * 32, 'symmetric'),
            ),
            (
                'expired or is not yet valid',
                self.vault.add(by.certificate(1, 2)),
            ),
            (
                'expired or is not yet valid',
                self.vault.add(by.certificate(-2, -1)),
            ),
        ):
            with self.subTest(why):
                image_id = self.signed(
                    img_signature_certificate_uuid=certificate_id
                )
                self.assert_refused(image_id, why)

    def test_id_of_a_certificate_is_no_path(self) -> None:
        """The service's token must not be sent to another URL path."""
        for certificate_id in (
            '../../sys/policies',
            'a/b',
            '..',
            'a?list=true',
            'a#b',
            'a%2Fb',
            'a\nb',
            'x' * 300,
        ):
            image_id = self.signed(
                img_signature_certificate_uuid=certificate_id
            )
            self.assert_refused(
                image_id, 'could not be read from the key manager'
            )
        self.assertEqual([], self.vault.requests)

    def test_key_manager_that_refuses(self) -> None:
        image_id = self.signed()
        self.vault.token = 'another'
        self.assert_refused(image_id, 'could not be read from the key manager')

    def test_key_manager_that_is_not_there(self) -> None:
        image_id = self.signed()
        for option, value, group in (
            ('backend', 'no.such.Class', 'key_manager'),
            ('backend', 'vault', 'key_manager'),
        ):
            self.service.conf.set_override(option, value, group)
            self.service.conf.set_override(
                'vault_url', 'http://127.0.0.1:1', 'vault'
            )
            self.assert_refused(
                image_id, 'could not be read from the key manager'
            )

    def test_unsafe_data_that_is_signed(self) -> None:
        data = b'QED\0'.ljust(4096, b'\0')
        response = self.put(self.signed(data), base.Source(data))
        self.assert_status(415, response)

    def test_data_that_is_cut_off(self) -> None:
        image_id = self.signed()
        response = self.put(image_id, base.Source(DATA[:-1]), length=len(DATA))
        self.assert_status(400, response)
        self.assertEqual([], self.files())
        self.upload(image_id, DATA)


class TestKeysOfImages(VaultTestCase):
    """The property ``cinder_encryption_key_id``."""

    def encrypted(self, key_id: str, policy: str | None) -> str:
        properties = {'cinder_encryption_key_id': key_id}
        if policy is not None:
            properties['cinder_encryption_key_deletion_policy'] = policy
        return self.image(data=b'secret', **properties)

    def delete(self, image_id: str) -> None:
        response = self.call('DELETE', f'/v2/images/{image_id}')
        self.assert_status(204, response)
        self.assertEqual([], self.files())

    def test_key_goes_with_the_image(self) -> None:
        # covers 7.5-9
        kept = self.vault.add(b'k', 'symmetric')
        key_id = self.vault.add(b'k', 'symmetric')
        self.delete(self.encrypted(key_id, 'on_image_deletion'))
        self.assertEqual([kept], list(self.vault.secrets))

    def test_key_stays(self) -> None:
        key_id = self.vault.add(b'k', 'symmetric')
        for policy in ('do_not_delete', None):
            self.delete(self.encrypted(key_id, policy))
        self.assertEqual([key_id], list(self.vault.secrets))
        self.assertEqual([], self.vault.requests)

    def test_key_stays_with_an_image_that_stays(self) -> None:
        key_id = self.vault.add(b'k', 'symmetric')
        image_id = self.encrypted(key_id, 'on_image_deletion')
        change = {'op': 'replace', 'path': '/protected', 'value': True}
        self.assert_status(200, self.patch(image_id, change))
        for caller, status in (('alice', 403), ('bob', 404)):
            response = self.call(
                'DELETE', f'/v2/images/{image_id}', caller=caller
            )
            self.assert_status(status, response)
        self.assertEqual([key_id], list(self.vault.secrets))

    def test_failure_is_only_logged(self) -> None:
        for key_id in ('f' * 32, '../../sys', ''):
            with self.assertLogs('glance.images.key_manager', 'WARNING'):
                self.delete(self.encrypted(key_id, 'on_image_deletion'))
        self.assertLessEqual(len(self.vault.requests), 1)


class TestBarbican(base.ServiceTestCase):
    """castellan's Barbican backend, which uses the token of the caller."""

    def setUp(self) -> None:
        super().setUp()
        self.barbican = key_managers.Barbican()
        self.enterContext(self.barbican.running())
        url = self.barbican.url
        conf = self.service.conf
        conf.register_opts(key_manager.key_manager_opts, 'key_manager')
        conf.register_opts(barbican_key_manager._barbican_opts, 'barbican')
        conf.set_override('barbican_endpoint', url, 'barbican')
        conf.set_override('auth_endpoint', f'{url}/v3', 'barbican')
        self.barbican.owners = {'t-alice': 'alice', 't-bob': 'bob'}
        by = signer('RSA-PSS')
        certificate_id = self.barbican.add_certificate(
            'alice', by.certificate()
        )
        self.properties = by.properties(DATA, certificate_id)

    def put_as(self, caller: str, token: str | None) -> Any:
        image_id = self.image(caller=caller, **self.properties)
        headers = {'X-Auth-Token': token} if token else {}
        return self.put(
            image_id, base.Source(DATA), caller=caller, headers=headers
        )

    def test_certificate_of_the_caller(self) -> None:
        self.assert_status(204, self.put_as('alice', 't-alice'))
        tokens = {
            token
            for _, path, token in self.barbican.requests
            if '/secrets/' in path
        }
        self.assertEqual({'t-alice-rescoped'}, tokens)

    def test_certificate_of_somebody_else(self) -> None:
        response = self.put_as('bob', 't-bob')
        self.assert_status(400, response)
        self.assertIn('could not be read from the key manager', response.text)

    def test_token_that_is_none(self) -> None:
        for token in ('t-expired', None):
            with self.assertLogs() as logs:
                response = self.put_as('alice', token)
            self.assert_status(400, response)
            said = response.text + ''.join(logs.output)
            self.assertNotIn('t-expired', said)

    def test_key_goes_with_the_image_if_it_is_the_callers(self) -> None:
        kept = self.barbican.add('bob', b'k', 'symmetric')
        gone = self.barbican.add('alice', b'k', 'symmetric')
        for key_id in (kept, gone):
            image_id = self.image(
                cinder_encryption_key_id=key_id,
                cinder_encryption_key_deletion_policy='on_image_deletion',
            )
            response = self.call(
                'DELETE',
                f'/v2/images/{image_id}',
                headers={'X-Auth-Token': 't-alice'},
            )
            self.assert_status(204, response)
        self.assertIn(kept, self.barbican.secrets)
        self.assertNotIn(gone, self.barbican.secrets)


IMPORTS = """
import sys, tempfile
from tests import base
heavy = ('cursive', 'castellan', 'cryptography')
class Test(base.ServiceTestCase):
    def runTest(self):
        self.image(container_format='ova', data=b'x')
        assert not [name for name in heavy if name in sys.modules]
        image_id = self.image(data=b'x', img_signature='x')
        self.call('DELETE', f'/v2/images/{image_id}')
        assert not [name for name in heavy[:2] if name in sys.modules]
import unittest
result = unittest.TestResult()
Test().run(result)
for _, problem in result.errors + result.failures:
    print(problem)
sys.exit(not result.wasSuccessful())
"""


class TestImports(base.ServiceTestCase):
    def test_nothing_is_imported_that_nobody_needs(self) -> None:
        done = subprocess.run(
            [sys.executable, '-c', IMPORTS],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
