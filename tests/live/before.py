"""The release before this one, beside it: its code, from a tag."""

import functools
import pathlib
import subprocess
import sys
import unittest

from tests.live import processes

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: The tag of its release, and the commit for a checkout without tags.
REVISIONS = ('0.1.0', '661d64b1b3c3e41445c922745bf7e927ee08612a')
SECONDS = 120
PROGRAMS = {
    'glance-api': 'glance.cmd.api',
    'glance-registry': 'glance_registry.cmd.registry',
    'glance-manage': 'glance_registry.cmd.manage',
}
PROGRAM = """\
#!{python}
import sys
sys.path.insert(0, {source!r})
from {module} import main
sys.exit(main())
"""


def revision() -> str:
    """:raises unittest.SkipTest: it is not in this checkout"""
    for name in REVISIONS:
        done = subprocess.run(
            ['git', 'cat-file', '-e', f'{name}^{{commit}}'],
            cwd=ROOT,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        if not done.returncode:
            return name
    raise unittest.SkipTest(f'none of {REVISIONS} in this checkout')


@functools.cache
def _directory() -> pathlib.Path:
    directory = processes.private_directory()
    archive = directory / 'source.tar'
    processes.run(
        ['git', '-C', ROOT, 'archive', '-o', archive, revision()], SECONDS
    )
    source = directory / 'source'
    source.mkdir()
    processes.run(['tar', 'xf', archive, '-C', source], SECONDS)
    # Its entry points; those of this release name modules it has not.
    subprocess.run(
        [sys.executable, 'setup.py', '--quiet', 'egg_info'],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    for name, module in PROGRAMS.items():
        path = directory / name
        path.write_text(
            PROGRAM.format(
                python=sys.executable, source=str(source), module=module
            )
        )
        path.chmod(0o755)
    return directory


def program(name: str) -> pathlib.Path:
    """Find a program of the release before; skip the test without it."""
    return _directory() / name
