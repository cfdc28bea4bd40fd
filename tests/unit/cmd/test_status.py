"""glance-status upgrade check."""

import contextlib
import io
import json
from pathlib import Path
import unittest

from glance.cmd import status
from tests import base


class StatusTest(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = Path(base.temporary_directory(self), 'glance-api.conf')
        self.conf.write_text('')

    def call(self, *argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = status.main(argv)
            except SystemExit as end:
                code = int(end.code or 0)
        return code, out.getvalue(), err.getvalue()

    def results(self, text: str, code: int) -> dict[str, str]:
        """Details of the checks that are not successful."""
        self.conf.write_text(text)
        found, out, _ = self.call(
            *('--config-file', str(self.conf), 'upgrade', 'check', '--json')
        )
        self.assertEqual(code, found, out)
        return {
            each['check']: each['details']
            for each in json.loads(out)['checks']
            if each['result']
        }

    def test_all_is_well(self) -> None:
        self.assertEqual({}, self.results('[DEFAULT]\nworkers = 2\n', 0))
        self.conf.with_name('policy.yaml').write_text('default: "!"\n')
        self.assertEqual({}, self.results('', 0))

    def test_the_table(self) -> None:
        code, out, _ = self.call(
            *('--config-file', str(self.conf), 'upgrade', 'check')
        )
        self.assertEqual(0, code)
        self.assertIn('| Check: Sheepdog store ', out)
        self.assertIn('| Result: Success ', out)

    def test_sheepdog_is_a_warning(self) -> None:
        for text in (
            '[DEFAULT]\nenabled_backends = a:file, b:sheepdog\n',
            '[glance_store]\nstores = file,sheepdog\n',
        ):
            found = self.results(text, 1)
            self.assertIn('names sheepdog', found['Sheepdog store'])

    def test_a_policy_in_json_is_a_warning(self) -> None:
        self.conf.with_name('policy.json').write_text('{"default": "!"}')
        found = self.results('', 1)
        self.assertIn('policy.json', found['Format of the policy file'])

    def test_a_policy_that_cannot_be_read(self) -> None:
        self.conf.with_name('policy.yaml').write_text('[x')
        found = self.results('', 2)
        self.assertIn('policy.yaml', found['Format of the policy file'])

    def test_users_as_owners(self) -> None:
        found = self.results('[DEFAULT]\nowner_is_tenant = False\n', 2)
        self.assertEqual(['Owners of images are projects'], list(found))

    def test_other_settings_that_lose_their_meaning(self) -> None:
        found = self.results('[DEFAULT]\nadmin_role = boss\n', 2)
        self.assertEqual(['No other setting loses its meaning'], list(found))

    def test_wrong_values(self) -> None:
        found = self.results('[DEFAULT]\nworkers = many\n', 2)
        self.assertIn('workers', found['Values of options are valid'])

    def test_usage(self) -> None:
        self.assertEqual(2, self.call()[0])
        code, out, _ = self.call('--help')
        self.assertEqual(0, code)
        self.assertIn('Example: ', out)
        code, _, err = self.call('--config-file', '/none', 'upgrade', 'check')
        self.assertEqual(255, code)
        self.assertIn('/none', err)
