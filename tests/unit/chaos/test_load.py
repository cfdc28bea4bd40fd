"""tools/chaos: when a client may try again what was cut."""

import json
import unittest
from unittest import mock

from tools.chaos_load import client
from tools.chaos_load import findings
from tools.chaos_load import journal
from tools.chaos_load import load

QUEUED = {'status': 'queued', 'name': 'one', 'tags': []}


class TestCutUpload(unittest.TestCase):
    """A request that was cut a moment ago may not have begun yet."""

    def setUp(self) -> None:
        self.requests = mock.Mock(spec=client.Client)
        self.requests.json.return_value = client.Answer(
            200, json.dumps(QUEUED).encode()
        )
        self.requests.upload.return_value = client.CUT
        notes = journal.Journal()
        self.worker = load.Worker(
            self.requests, findings.Findings(), notes, 'seed'
        )
        self.image = notes.new('id')
        self.image[journal.EXISTS].decide(True)
        self.image[journal.NAME].decide('one')
        self.now = self.enterContext(
            mock.patch.object(journal.time, 'monotonic', return_value=100.0)
        )
        self.worker._upload(self.image)

    def test_no_other_follows_at_once(self) -> None:
        self.now.return_value += journal.LATE_SECONDS - 1
        self.worker._upload(self.image)
        self.requests.upload.assert_called_once()
        self.assertEqual(2, len(self.image[journal.DATA].possible()))

    def test_another_follows_when_it_must_have_failed(self) -> None:
        self.now.return_value += journal.LATE_SECONDS + 1
        self.worker._upload(self.image)
        self.assertEqual(2, self.requests.upload.call_count)
        self.assertEqual(2, len(self.image[journal.DATA].possible()))
