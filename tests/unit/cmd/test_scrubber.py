"""Flags of glance-scrubber: what they mean and what excludes what."""

import contextlib
import io
import pathlib
import sys
import tempfile
from typing import Any
import unittest
from unittest import mock

from oslo_config import cfg

from glance.cmd import scrubber
from glance.cmd.scrubber import checks
from glance.common import pacing
from tests.unit.registry.cmd import sites


class TestFlags(unittest.TestCase):
    def run_it(self, *flags: str, code: int, text: str = '') -> str:
        """Run the program with nothing behind it; what it says."""
        directory = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory())
        )
        file = directory / 'glance-scrubber.conf'
        head = '' if text.startswith('[') else '[DEFAULT]\n'
        file.write_text(head + text)
        argv = ['glance-scrubber', '--config-file', str(file), *flags]
        out = io.StringIO()
        with (
            mock.patch.object(sys, 'argv', argv),
            mock.patch.object(cfg, 'CONF', cfg.ConfigOpts()),
            mock.patch.object(scrubber.config, 'start_logging'),
            mock.patch.object(scrubber.registry_access, 'client'),
            mock.patch.object(scrubber.storage, 'from_conf'),
            mock.patch.object(scrubber.signal, 'signal'),
            contextlib.redirect_stderr(out),
        ):
            self.assertEqual(code, scrubber.main(), out.getvalue())
        return out.getvalue()

    def test_flags_that_exclude_each_other(self) -> None:
        for flags, said in (
            (('--orphans', '--verify'), '--orphans cannot be used with'),
            (('--orphans', '--daemon'), '--orphans cannot be used with'),
            (('--delete',), '--delete needs --orphans'),
            (('--orphans', '--even-if-most'), 'needs --delete'),
            (('--restore', 'x', '--verify'), 'exclude each other'),
            (('--restore', 'x', '--daemon'), 'exclude each other'),
            (('--verify', '--window', '5-6'), 'verify_window (--window)'),
        ):
            self.assertIn(said, self.run_it(*flags, code=1), flags)

    def test_files_of_sites(self) -> None:
        for site, files in sites.SITES.items():
            text = files.get('glance-scrubber.conf')
            if text is None:
                continue
            with (
                self.subTest(site),
                mock.patch.object(checks, 'verify', return_value=True),
                self.assertNoLogs(scrubber.settings.LOG, 'WARNING'),
            ):
                self.run_it('--verify', code=0, text=text)

    def test_settings_whose_meaning_would_be_lost_are_refused(self) -> None:
        said = self.run_it(
            '--verify', code=1, text='owner_is_tenant = False\n'
        )
        self.assertIn('owner_is_tenant', said)

    def test_rate_and_window_are_flags_and_options(self) -> None:
        for flags, text in (
            (('--verify', '--rate', '2.5', '--window', '01:00-02:00'), ''),
            (
                ('--verify',),
                'verify_rate = 2.5\nverify_window = 01:00-02:00\n',
            ),
        ):
            with (
                mock.patch.object(scrubber.pacing, 'Pace') as pace,
                mock.patch.object(checks, 'verify', return_value=True),
            ):
                self.run_it(*flags, code=0, text=text)
            window = pacing.window('01:00-02:00')
            self.assertEqual((2_500_000, window), pace.call_args.args[:2])

    def test_exit_codes_of_checks(self) -> None:
        for flag, name in (
            ('--verify', 'verify'),
            ('--orphans', 'find_orphans'),
        ):
            outcomes: list[tuple[Any, int]] = [(True, 0), (False, 2)]
            for outcome, code in outcomes:
                with mock.patch.object(checks, name, return_value=outcome):
                    self.run_it(flag, code=code)
            for error in (
                scrubber.errors.RegistryUnavailable,
                scrubber.errors.Conflict,
                pacing.Stopped,
            ):
                with mock.patch.object(checks, name, side_effect=error):
                    self.run_it(flag, code=1)
