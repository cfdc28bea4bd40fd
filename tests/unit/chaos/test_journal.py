"""tools/chaos: what an image may look like after known and lost answers."""

from typing import Any
import unittest
from unittest import mock

from tools.chaos_load import findings
from tools.chaos_load import journal

FIRST = journal.Data(3, 'aaa')
SECOND = journal.Data(4, 'bbb')


class Judging(unittest.TestCase):
    def setUp(self) -> None:
        self.image = journal.Image('id')
        self.image[journal.EXISTS].decide(True)
        self.image[journal.NAME].decide('one')

    def _kinds(self, **seen: Any) -> list[str]:
        return [f.kind for f in self.image.judge({'name': 'one', **seen})]

    def test_acknowledged_state_is_no_finding(self) -> None:
        self.image[journal.DATA].acknowledge(FIRST)
        self.assertEqual([], self._kinds(data=FIRST))

    def test_absent_image_is_lost(self) -> None:
        (found,) = self.image.judge(None)
        self.assertEqual('lost', found.kind)

    def test_image_after_acknowledged_delete_is_lost(self) -> None:
        self.image[journal.EXISTS].decide(False)
        self.assertEqual(['lost'], self._kinds())

    def test_absent_data_is_lost(self) -> None:
        self.image[journal.DATA].acknowledge(FIRST)
        self.assertEqual(['lost'], self._kinds(data=None))

    def test_other_data_is_lost(self) -> None:
        self.image[journal.DATA].acknowledge(FIRST)
        self.assertEqual(['lost'], self._kinds(data=SECOND))

    def test_name_that_was_never_sent_is_wrong(self) -> None:
        self.assertEqual(['wrong'], self._kinds(name='two'))

    def test_tag_that_was_never_sent_is_wrong(self) -> None:
        self.assertEqual(['wrong'], self._kinds(**{'tag:red': True}))

    def test_absent_acknowledged_tag_is_wrong(self) -> None:
        self.image['tag:red'].acknowledge(True)
        self.assertEqual(['wrong'], self._kinds())

    def test_members_are_compared_only_if_asked_for(self) -> None:
        self.image['member:p'].acknowledge('pending')
        self.assertEqual([], self._kinds())
        self.assertEqual(['wrong'], self._kinds(members=0))

    def test_both_outcomes_of_a_lost_answer_are_right(self) -> None:
        self.image[journal.DATA].attempt(FIRST)
        self.image[journal.EXISTS].attempt(False)
        self.assertEqual([], self._kinds(data=None))
        self.assertEqual([], self._kinds(data=FIRST))
        self.assertEqual([], self.image.judge(None))
        self.assertEqual(['lost'], self._kinds(data=SECOND))

    def test_old_attempt_is_excluded_by_acknowledgement(self) -> None:
        with mock.patch.object(journal.time, 'monotonic') as now:
            now.return_value = 100
            self.image[journal.NAME].attempt('two')
            now.return_value += journal.LATE_SECONDS - 1
            self.image[journal.NAME].acknowledge('three')
            self.assertEqual([], self._kinds(name='two'))
            now.return_value += 2
            self.image[journal.NAME].acknowledge('four')
        self.assertEqual(['wrong'], self._kinds(name='two'))
        self.assertEqual(['wrong'], self._kinds(name='three'))


class Counting(unittest.TestCase):
    def setUp(self) -> None:
        self.findings = findings.Findings()

    def test_one_subject_counts_once(self) -> None:
        self.findings.add('lost', 'image a', 'data')
        self.findings.add('lost', 'image a', 'again')
        self.findings.add('hung', 'GET /', 'no answer')
        self.assertEqual(1, self.findings.count('lost'))
        self.assertEqual(2, self.findings.total())

    def test_table_has_every_kind_and_details(self) -> None:
        self.findings.add('stuck', 'image a', 'it is saving')
        table = self.findings.table()
        for kind in findings.KINDS:
            self.assertIn(kind, table)
        self.assertIn('stuck: image a: it is saving', table)

    def test_long_lists_are_cut(self) -> None:
        for number in range(findings.MAX_LINES + 3):
            self.findings.add('wrong', f'image {number}', 'name')
        self.assertIn('wrong: 3 more', self.findings.table())

    def test_unknown_kind_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            self.findings.add('odd', 'image', 'text')
