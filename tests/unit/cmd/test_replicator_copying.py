"""The end of a copy of glance-replicator whose data is bad."""

from typing import Any
import unittest
from unittest import mock

from keystoneauth1 import exceptions

from glance.cmd.replicator import copying
from glance.cmd.replicator import documents


class TestBadCopy(unittest.TestCase):
    def test_the_reason_is_told_if_it_cannot_be_deactivated(self) -> None:
        """API v1 cannot deactivate an image."""
        image: dict[str, Any] = {
            'id': 'x',
            'status': 'active',
            'size': 1,
            'os_hash_value': 'a',
        }
        copier = copying.Copies.__new__(copying.Copies)
        copier._target = mock.Mock()
        copier._target.image.return_value = {**image, 'os_hash_value': 'b'}
        copier._target.deactivate.side_effect = exceptions.ClientException(
            'API v1 cannot deactivate an image'
        )
        copier._settings = mock.Mock(is_dry=False)
        origin: Any = mock.Mock(image=image, chunks=lambda: iter([b'x']))
        with self.assertRaises(documents.DamagedError) as caught:
            copier._send_data(origin, image)
        self.assertRegex(
            str(caught.exception),
            'os_hash_value of the target differ; .* cannot deactivate',
        )
