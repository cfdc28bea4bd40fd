"""Hashes of registered locations: given, compared, or computed."""

from typing import Any

from glance.tasks import location_import
from tests.functional.location_import import importing


class TestSecureHash(importing.ImportTestCase):
    """Hashes with do_secure_hash enabled."""

    def test_without_a_claim_it_is_active_and_then_hashed(self) -> None:
        # covers 14.1-8..9
        image_id = self.image()
        response = self.post(image_id)
        self.assert_status(202, response)
        self.assertEqual(b'', response.body)
        self.assertNotIn('json', response.headers['Content-Type'])
        self.assert_image(
            image_id,
            status='active',
            size=len(importing.DATA),
            checksum=importing.MD5,
            os_hash_algo='sha512',
            os_hash_value=importing.SHA512,
        )
        self.assertEqual(importing.DATA, self.data(image_id))

    def test_an_empty_claim_is_none(self) -> None:
        # covers 25-39
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim={}))
        self.assert_image(
            image_id, status='active', os_hash_value=importing.SHA512
        )

    def test_with_a_claim(self) -> None:
        # covers 14.1-10
        for claim in (
            importing.CLAIM,
            {**importing.CLAIM, 'os_hash_value': importing.SHA256.upper()},
        ):
            image_id = self.image()
            self.assert_status(202, self.post(image_id, claim=claim))
            self.assert_image(
                image_id,
                status='active',
                size=len(importing.DATA),
                checksum=importing.MD5,
                **importing.CLAIM,
            )

    def test_with_a_wrong_claim_it_is_queued_again(self) -> None:
        """The location is removed, also one on a web server."""
        # covers 14.1-10
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=importing.WRONG))
        self.assert_failed(
            image_id, 'The data does not have the hash os_hash_value.'
        )
        self.assert_status(202, self.post(image_id, claim=importing.CLAIM))
        self.assert_image(
            image_id, status='active', os_glance_failed_reason=None
        )

    def test_a_hash_that_cannot_be_had_is_none(self) -> None:
        """The image stays active, with null hashes."""
        gets = self.broken_after_head()
        image_id = self.image()
        self.assert_status(202, self.post(image_id))
        self.assert_image(
            image_id, status='active', checksum=None, os_hash_value=None
        )
        self.assertEqual(3, len(gets))

    def test_http_retries(self) -> None:
        gets = self.broken_after_head(2)
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=importing.CLAIM))
        self.assert_image(image_id, status='active', **importing.CLAIM)
        self.assertEqual(3, len(gets))

    def broken_after_head(self, times: int = 1000) -> list[str]:
        """Let the web server fail for a number of requests for data."""
        gets: list[str] = []

        def answer(handler: Any) -> None:
            if handler.command == 'GET' and 'Range' not in handler.headers:
                gets.append(handler.path)
                if len(gets) <= times:
                    handler.reply(503, b'')
                    return
            handler.reply(200, importing.DATA)

        self.web.answers['/a'] = answer
        return gets

    def test_data_that_grew_or_shrank_is_not_taken(self) -> None:
        """The length of the data differs from the one in HEAD's response."""
        for length in (len(importing.DATA) - 1, len(importing.DATA) + 1):

            def answer(handler: Any, length: int = length) -> None:
                size = (
                    len(importing.DATA)
                    if handler.command == 'HEAD'
                    else length
                )
                handler.reply(200, (importing.DATA + b'x')[:size])

            self.web.answers['/a'] = answer
            image_id = self.image()
            self.assert_status(202, self.post(image_id, claim=importing.CLAIM))
            if length < len(importing.DATA):
                self.assert_failed(image_id)
            else:  # the data that was read has the given hash
                self.assert_image(image_id, status='active', **importing.CLAIM)

    def test_cve_2026_71196_a_slow_server_does_not_hold_us(self) -> None:
        self.patched(location_import, 'PATIENCE_SECONDS', -1000.0)
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=importing.CLAIM))
        self.assert_failed(
            image_id, 'The server that holds the data sends it too slowly.'
        )


class TestPlainHash(importing.ImportTestCase):
    """Hashes with do_secure_hash disabled: no data is read."""

    options = {'do_secure_hash': False}

    def test_a_claim_is_believed(self) -> None:
        # covers 14.1-11
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=importing.WRONG))
        self.assert_image(
            image_id, status='active', checksum=None, **importing.WRONG
        )

    def test_without_a_claim_there_are_no_hashes(self) -> None:
        # covers 14.1-11
        image_id = self.image()
        self.assert_status(202, self.post(image_id))
        self.assert_image(
            image_id, status='active', checksum=None, os_hash_value=None
        )

    def tearDown(self) -> None:
        for method, _, headers in self.web.requests:
            if method != 'HEAD':  # only the last byte
                last = len(importing.DATA) - 1
                self.assertEqual(f'bytes={last}-{last}', headers['Range'])
        super().tearDown()
