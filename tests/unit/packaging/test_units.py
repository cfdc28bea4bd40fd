"""The unit files: systemd understands them, and they are hardened."""

import configparser
import pathlib
import re
import shutil
import subprocess
import unittest

from tests import base

ROOT = pathlib.Path(__file__).parents[3]
UNITS = ROOT / 'systemd'
#: systemd-analyze security says 0 (locked up) to 100 (may do everything).
MAX_EXPOSURE = 30
HAS_SYSTEMD = shutil.which('systemd-analyze') is not None


def programs() -> set[str]:
    """Names of the commands that the package installs."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    lines = setup['options.entry_points']['console_scripts'].split('\n')
    return {line.partition('=')[0].strip() for line in lines if line}


class TestUnits(unittest.TestCase):
    def units(self) -> list[pathlib.Path]:
        found = sorted(UNITS.glob('*.service'))
        self.assertTrue(found)
        return found

    def test_units_start_programs_of_the_package(self) -> None:
        for unit in self.units():
            found = re.search(
                r'^ExecStart=/usr/bin/(\S+)', unit.read_text(), re.M
            )
            assert found is not None, unit
            self.assertIn(found[1], programs())

    def test_units_have_the_names_of_both_families(self) -> None:
        for unit in self.units():
            self.assertIn(f'Alias=openstack-{unit.name}', unit.read_text())

    @unittest.skipUnless(HAS_SYSTEMD, 'systemd is not installed')
    def test_systemd_understands_the_units(self) -> None:
        directory = pathlib.Path(base.temporary_directory(self))
        for unit in self.units():
            copy = directory / unit.name
            # The programs are not installed where the tests run.
            copy.write_text(
                re.sub(
                    '/usr/bin/glance-[a-z-]+', '/bin/true', unit.read_text()
                )
            )
            done = subprocess.run(
                ['systemd-analyze', '--man=no', 'verify', str(copy)],
                capture_output=True,
                text=True,
                timeout=60,
            )
            told = [
                line for line in done.stderr.splitlines() if unit.name in line
            ]
            self.assertEqual([], told)

    @unittest.skipUnless(HAS_SYSTEMD, 'systemd is not installed')
    def test_units_are_hardened(self) -> None:
        for unit in self.units():
            done = subprocess.run(
                [
                    *('systemd-analyze', 'security', '--offline=true'),
                    *(f'--threshold={MAX_EXPOSURE}', str(unit)),
                ],
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(0, done.returncode, done.stdout[-300:])
