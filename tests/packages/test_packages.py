"""The Debian packages, in a Debian that has systemd as its first process.

tools/test --packages runs this: it builds the packages, boots a fresh Debian
in a container, and runs inside.sh there.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from tests.live import before
from tests.packages import train

ROOT = pathlib.Path(__file__).parents[2]
INSIDE = pathlib.Path(__file__).with_name('inside.sh')
#: Made once; it takes 40 seconds.
BASE = ROOT / '.cache' / 'packages' / 'bookworm.tar'
INCLUDED = 'systemd,systemd-sysv,dbus,python3,adduser,curl,logrotate'
TOOLS = ('mmdebstrap', 'systemd-nspawn', 'dpkg-buildpackage', 'dh')
BUILD_SECONDS, BOOT_SECONDS = 1200, 1800
UNIT = """[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/bash /debs/inside.sh
[Install]
WantedBy=default.target
"""
STEPS = (
    *('install_before', 'configure', 'db_sync', 'start', 'image_in_and_out'),
    *('upgrade', 'aliases', 'restart_under_load', 'logs', 'secure', 'rotate'),
    'prefetch',
    *('stop', 'purge'),
    *('train_install', 'train_db_sync', 'train_start', 'train_image'),
    *('train_scrub', 'train_log', 'purge_data'),
)
#: The release before this one.
BEFORE = before.REVISIONS[0]


def _run(*command: str, seconds: int, where: pathlib.Path = ROOT) -> str:
    """Run a command; its output, also in the error when it fails."""
    done = subprocess.run(
        command,
        cwd=where,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        env={**os.environ, 'PIP': f'{sys.executable} -m pip'},
    )
    text = done.stdout.decode(errors='replace')
    if done.returncode:
        raise AssertionError(f'{command} ended with {done.returncode}: {text}')
    return text


class TestPackages(unittest.TestCase):
    result = ''

    @classmethod
    def setUpClass(cls) -> None:
        missing = [name for name in TOOLS if shutil.which(name) is None]
        if os.getuid() != 0 or missing:
            raise unittest.SkipTest(f'not root, or without {missing}')
        directory = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, directory, ignore_errors=True)
        packages = _build(directory / 'now', 'HEAD')
        cls.result = _boot(directory, packages, _packages_before(directory))

    def test_every_step(self) -> None:
        lines = self.result.splitlines()
        for name in STEPS:
            with self.subTest(step=name):
                self.assertIn(f'ok {name}', lines, self.result[-8000:])


def _build(directory: pathlib.Path, revision: str) -> list[pathlib.Path]:
    """Build the packages of a revision below a directory; the files."""
    source = directory / 'source'
    source.mkdir(parents=True)
    archive = directory / 'source.tar'
    _run('git', 'archive', '-o', str(archive), revision, seconds=60)
    _run('tar', 'xf', str(archive), '-C', str(source), seconds=60)
    _run(
        'dpkg-buildpackage', '-b', '-us', '-uc',
        seconds=BUILD_SECONDS, where=source,
    )  # fmt: skip
    return sorted(directory.glob('*.deb'))


def _packages_before(directory: pathlib.Path) -> list[pathlib.Path]:
    """Packages of the release before, built once."""
    kept = BASE.with_name(BEFORE)
    if not kept.exists():
        made = BASE.with_name(f'{BEFORE}.new')
        made.mkdir(parents=True)
        for package in _build(directory / 'before', before.revision()):
            shutil.copy(package, made)
        made.rename(kept)
    return sorted(kept.glob('*.deb'))


def make_base() -> None:
    """Make a Debian with systemd, once."""
    if BASE.exists():
        return
    BASE.parent.mkdir(parents=True, exist_ok=True)
    made = BASE.with_suffix('.new.tar')
    _run(
        'mmdebstrap', '--variant=minbase', f'--include={INCLUDED}',
        'bookworm', str(made),
        seconds=BUILD_SECONDS,
    )  # fmt: skip
    made.rename(BASE)


def _boot(
    directory: pathlib.Path,
    packages: list[pathlib.Path],
    older: list[pathlib.Path],
) -> str:
    """Boot a Debian with the packages at /debs; what inside.sh printed."""
    make_base()
    root = directory / 'root'
    root.mkdir()
    _run('tar', 'xf', str(BASE), '-C', str(root), seconds=120)
    debs = root / 'debs'
    (debs / 'before').mkdir(parents=True)
    for package in packages:
        shutil.copy(package, debs)
    for package in older:
        shutil.copy(package, debs / 'before')
    train.write(debs / 'train')
    shutil.copy(INSIDE, debs)
    units = root / 'etc/systemd/system'
    (units / 'inside.service').write_text(UNIT)
    _run('chroot', str(root), 'systemctl', 'enable', 'inside', seconds=60)
    # Whether the end of the container was tidy is not the question.
    with contextlib.suppress(AssertionError):
        _run(
            'systemd-nspawn', '-D', str(root), '--boot', '--private-network',
            '--register=no', '--keep-unit', '--console=pipe',
            seconds=BOOT_SECONDS,
        )  # fmt: skip
    result = (debs / 'result').read_text(errors='replace')
    BASE.with_name('result').write_text(result)
    return result
