"""Real images: an installer ISO of Debian, the same as qcow2, random bytes.

They are made once and kept in .cache of the checkout, each with its digests.
"""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.live import processes

CACHE = pathlib.Path(__file__).resolve().parent.parent.parent / '.cache/inputs'
INSTALLER = 'debian-installer-12-netboot-amd64'
DOWNLOAD_SECONDS = 600
CHUNK = 1 << 20
DIGESTS = ('md5', 'sha256', 'sha512')
IS_LARGE = os.environ.get('GLANCE_TEST_LARGE') == '1'
LARGE_BYTES = (2 << 30) if IS_LARGE else (256 << 20)


@dataclasses.dataclass(frozen=True)
class Input:
    path: pathlib.Path
    disk_format: str
    size: int
    md5: str
    sha256: str
    sha512: str


@contextlib.contextmanager
def _locked():
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kept(name: str, disk_format: str, make) -> Input:
    """Give what was made under this name, or make it."""
    path = CACHE / name
    facts = CACHE / f'{name}.json'
    with _locked():
        if not facts.exists() or not path.exists():
            aside = CACHE / f'{name}.new'
            make(aside)
            aside.rename(path)
            facts.write_text(json.dumps(digests(path)))
        known = json.loads(facts.read_text())
    return Input(path, disk_format, path.stat().st_size, **known)


def digests(path: pathlib.Path) -> dict[str, str]:
    sums = {name: hashlib.new(name) for name in DIGESTS}
    with path.open('rb') as source:
        while chunk := source.read(CHUNK):
            for each in sums.values():
                each.update(chunk)
    return {name: each.hexdigest() for name, each in sums.items()}


def sha256(path: pathlib.Path) -> str:
    with path.open('rb') as source:
        return hashlib.file_digest(source, 'sha256').hexdigest()


@functools.cache
def iso() -> Input:
    """Give Debian's installer as ISO, from the package that carries it."""
    return _kept('installer.iso', 'iso', _unpack_installer)


def _unpack_installer(target: pathlib.Path) -> None:
    if shutil.which('apt-get') is None or shutil.which('dpkg-deb') is None:
        raise unittest.SkipTest(f'no apt-get to download {INSTALLER}')
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        where = pathlib.Path(directory)
        where.chmod(0o755)
        try:
            _download(where)
        except subprocess.SubprocessError as error:
            raise unittest.SkipTest(
                f'{INSTALLER} could not be downloaded'
            ) from error
        (package,) = where.glob('*.deb')
        processes.run(
            ['dpkg-deb', '-x', package, where / 'tree'], DOWNLOAD_SECONDS
        )
        _make_iso(where / 'tree', target)


def _make_iso(tree: pathlib.Path, target: pathlib.Path) -> None:
    """Put the installer on a disc image: the package is made for netboot."""
    xorriso = processes.find('xorriso', 'xorriso')
    (installer,) = tree.glob('usr/lib/debian-installer/images/12/*/text')
    processes.run(
        [
            *(xorriso, '-as', 'mkisofs', '-quiet', '-r', '-J'),
            *('-V', 'DEBIAN_12', '-o', target, installer),
        ],
        DOWNLOAD_SECONDS,
    )


def _download(where: pathlib.Path) -> None:
    def fetch() -> None:
        subprocess.run(
            ['apt-get', 'download', INSTALLER],
            cwd=where,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DOWNLOAD_SECONDS,
            check=True,
        )

    try:
        fetch()
    except subprocess.CalledProcessError:
        if os.getuid() != 0:
            raise
        processes.run(['apt-get', 'update'], DOWNLOAD_SECONDS)
        fetch()


@functools.cache
def qcow2() -> Input:
    """Give the installer ISO as qemu-img writes it."""
    source = iso()
    convert = processes.find('qemu-img', 'qemu-utils')

    def make(target: pathlib.Path) -> None:
        words = [convert, 'convert', '-O', 'qcow2', source.path, target]
        processes.run(words, DOWNLOAD_SECONDS)

    return _kept('installer.qcow2', 'qcow2', make)


@functools.cache
def raw(size: int = LARGE_BYTES) -> Input:
    """Give random bytes: 2 GiB with GLANCE_TEST_LARGE=1, else 256 MiB."""

    def make(target: pathlib.Path) -> None:
        with target.open('wb') as output:
            for _ in range(size // CHUNK):
                output.write(os.urandom(CHUNK))

    return _kept(f'random-{size}.raw', 'raw', make)
