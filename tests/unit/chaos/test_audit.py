"""tools/chaos: what records and files tell."""

import pathlib
import unittest
from unittest import mock

from tools.chaos_load import audit
from tools.chaos_load import client


def _judge(
    statuses: dict[str, str],
    files: tuple[str, ...] = (),
    transfers: dict[str, str] | None = None,
    urls: dict[str, list[str]] | None = None,
    tasks: dict[str, str] | None = None,
    staged: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    if urls is None:
        urls = {
            name: [f'file:///store/{name}']
            for name, status in statuses.items()
            if status in audit.WITH_DATA
        }
    records = audit.Records(statuses, urls, transfers or {}, tasks or {})
    paths = [pathlib.Path('/store') / name for name in files]
    found = audit.judge_records(records, paths, staged)
    return sorted((finding.kind, finding.subject) for finding in found)


class Records(unittest.TestCase):
    def test_finished_images_are_no_finding(self) -> None:
        self.assertEqual([], _judge({'a': 'active', 'b': 'queued'}, ('a',)))

    def test_passing_status_is_stuck(self) -> None:
        for status in ('saving', 'importing', 'pending_delete'):
            self.assertEqual([('stuck', 'image a')], _judge({'a': status}))

    def test_left_claim_is_stuck(self) -> None:
        self.assertEqual(
            [('stuck', 'transfer t')],
            _judge({'a': 'queued'}, transfers={'t': 'a'}),
        )

    def test_staged_data_waits_for_its_client(self) -> None:
        self.assertEqual([], _judge({'a': 'uploading'}, staged=('a',)))
        self.assertEqual([('stuck', 'image a')], _judge({'a': 'uploading'}))
        self.assertEqual(
            [('orphaned', 'staged a')], _judge({'a': 'queued'}, staged=('a',))
        )

    def test_a_task_that_has_not_ended_is_stuck(self) -> None:
        self.assertEqual(
            [('stuck', 'task t')],
            _judge({'a': 'queued'}, tasks={'t': 'processing'}),
        )

    def test_file_without_an_image_is_orphaned(self) -> None:
        self.assertEqual([('orphaned', 'file /store/a')], _judge({}, ('a',)))

    def test_file_of_a_queued_image_is_orphaned(self) -> None:
        self.assertEqual(
            [('orphaned', 'file /store/a')], _judge({'a': 'queued'}, ('a',))
        )

    def test_image_without_its_file_is_orphaned(self) -> None:
        self.assertEqual([('orphaned', 'image a')], _judge({'a': 'active'}))

    def test_active_image_without_a_location_is_orphaned(self) -> None:
        self.assertEqual(
            [('orphaned', 'image a')], _judge({'a': 'active'}, urls={})
        )


class TestPatient(unittest.TestCase):
    def test_request_is_repeated_while_the_registry_starts(self) -> None:
        answers = [client.Answer(503, b''), client.Answer(200, b'{}')]
        with mock.patch('time.sleep'):
            answer = audit._patient(lambda: answers.pop(0))
        self.assertEqual(200, answer.status)
