"""web-download from faulty servers: its result and its messages."""

import random
import threading
from typing import Any

from glance.images.importing import web
from tests import troubled
from tests import webserver
from tests.functional.imports import importing

MIB = troubled.MIB


class TestTroubles(importing.ImportTestCase):
    options = {
        'import_downloads.timeout': 0.3,
        'import_downloads.tries': 3,
        'image_size_cap': 4 * MIB,
    }

    def setUp(self) -> None:
        super().setUp()
        self.patched(web, 'FIRST_PAUSE_SECONDS', 0.0)
        self.served = troubled.Served()
        self.web.answers['/a'] = self.served

    def run_import(self, **members: Any) -> str:
        image_id = self.image()
        method = self.web_method(**members)
        self.assert_status(202, self.post(image_id, method))
        return image_id

    def succeeds(self) -> None:
        self.assert_imported(self.run_import(), troubled.DATA)

    def fails(self, reason: str) -> None:
        self.assert_failed(self.run_import(), reason)

    def test_it_goes_on_after_a_reset_for_each_mebibyte(self) -> None:
        self.served.every_time, self.served.resets = MIB, True
        self.succeeds()

    def test_it_goes_on_after_a_truncated_response(self) -> None:
        self.served.stops_after = [MIB]
        self.succeeds()

    def test_it_goes_on_after_a_stall(self) -> None:
        self.served.stalls = threading.Event()
        self.addCleanup(self.served.stalls.set)
        self.served.stops_after = [MIB]
        self.succeeds()

    def test_it_goes_on_after_status_500_twice(self) -> None:
        self.served.first_statuses = [500, 500]
        self.succeeds()

    def test_it_fails_after_status_500_each_time(self) -> None:
        self.served.first_statuses = [500] * 9
        self.fails('responded with the status 500')

    def test_it_fails_if_the_server_always_stalls(self) -> None:
        self.served.stalls = threading.Event()
        self.addCleanup(self.served.stalls.set)
        self.served.every_time = 0
        self.fails('after 0 of 3145739 bytes')

    def test_it_fails_if_the_announced_length_is_a_lie(self) -> None:
        self.served.announced = len(troubled.DATA) + 5
        self.served.knows_ranges = False
        self.fails('bytes; 3 tries in a row brought no more')

    def test_it_fails_if_the_data_changes(self) -> None:
        def change() -> None:
            self.served.etag = '"two"'
            self.served.data = random.Random(8).randbytes(3 * MIB)

        self.served.stops_after = [MIB]
        self.served.after_one = change
        self.fails('changed while it was downloaded')

    def test_it_fails_beyond_the_cap_while_it_runs(self) -> None:
        self.served.is_chunked = True
        self.served.data = bytes(5 * MIB)
        self.fails('image_size_cap')

    def test_redirects_to_where_nothing_may_be_asked_have_one_reason(
        self,
    ) -> None:
        for place in (
            'http://169.254.169.254/latest/meta-data/',
            'http://[::1]/',
            'http://0x7f.1/',
            'file:///etc/passwd',
            f'http://127.0.0.1:{webserver.closed_port()}/',
        ):
            self.web.redirect('/a', place)
            self.fails(web.UNUSABLE)
