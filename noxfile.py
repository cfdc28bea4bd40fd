"""Checks and environments, as nox sessions.

tools/check and tools/test run these; `nox --list` shows them, and
`.venv/bin/nox -s lint` runs one. The checks use the environment that runs
nox (.venv); the other sessions make one below .nox and keep it.
"""

from collections.abc import Iterator
import hashlib
import os
import pathlib
import re
import subprocess
import sys

import nox

ROOT = pathlib.Path(__file__).parent
#: The in-process tests on SQLite: no server, no process, no network.
IN_PROCESS = r'^tests\.(unit|contract|functional)\.(?!.*(Mysql|Postgresql))'
#: The same as tools/serve --with-keystone.
KEYSTONE = tuple((ROOT / 'tools/keystone.txt').read_text().split())
#: With what it asks Keystone with; setuptools: it imports pkg_resources.
SWIFT = ('swift>=2.33,<3', 'keystonemiddleware>=10.6,<14', 'setuptools<81')
#: The wire protocol of MongoDB over SQLite.
MONGODB = ('nx-27017>=0.8,<0.9',)
CINDER = ('cinder>=27,<30', 'PyMySQL>=1.1,<2')
#: The client of 2017 runs on a current Python with current libraries.
OLD_CLIENT = ('python-glanceclient==2.8.0',)
#: It pins an openstacksdk of its own.
IMAGE_MANAGER = ('openstack-image-manager==0.20261006.0',)

DOCS = (
    'sphinx>=8,<10',
    'myst-parser>=4,<6',
    'furo>=2024',
    'reno>=4,<5',
)

nox.options.default_venv_backend = 'virtualenv'
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ['format', 'lint', 'types', 'imports', 'in_process']


def newest_python() -> str | None:
    """Find the newest Python on this machine that is newer than ours."""
    pattern = re.compile(r'python3\.(\d+)')
    found = {
        int(match[1]): path
        for path in _interpreters()
        if (match := pattern.fullmatch(path.name)) and _runs(path, match[1])
    }
    newest = max(found, default=0)
    return str(found[newest]) if newest > sys.version_info.minor else None


def _interpreters() -> Iterator[pathlib.Path]:
    for directory in os.get_exec_path():
        yield from pathlib.Path(directory).glob('python3.*')
    versions = pathlib.Path(os.environ.get('PYENV_ROOT', '~/.pyenv'))
    yield from versions.expanduser().glob('versions/*/bin/python3.*')


def _runs(path: pathlib.Path, minor: str) -> bool:
    """Tell whether it is that version: a pyenv shim often is not."""
    code = f'import sys; sys.exit(sys.version_info[:2] != (3, {minor}))'
    return not subprocess.run(
        [path, '-c', code], capture_output=True, check=False
    ).returncode


def install_once(session: nox.Session, *requirements: str) -> None:
    """Install, unless the environment was made of exactly this.

    A stamp is written last, so that an interrupted installation is repeated.
    """
    made_of = [session.virtualenv.location, session.bin, *requirements]
    made_of += [(ROOT / 'setup.cfg').read_text()] * ('-e' in requirements)
    digest = hashlib.sha256('\n'.join(made_of).encode()).hexdigest()
    stamp = pathlib.Path(session.virtualenv.location) / '.made-of'
    if stamp.exists() and stamp.read_text() == digest:
        return
    session.install(*requirements)
    stamp.write_text(digest)


@nox.session(python=False)
def format(session: nox.Session) -> None:
    """Check the layout of the code."""
    _run(session, 'ruff', 'format', '--check', '--quiet', '.')


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Check the code for likely mistakes."""
    _run(session, 'ruff', 'check', '--quiet', '.')


@nox.session(python=False)
def types(session: nox.Session) -> None:
    """Check the types."""
    _run(session, 'mypy')


@nox.session(python=False)
def imports(session: nox.Session) -> None:
    """Check who imports whom."""
    _run(session, 'lint-imports', '--no-logo')


@nox.session(python=False)
def in_process(session: nox.Session) -> None:
    """Run the tests that need no server; arguments go to stestr."""
    _run(session, 'stestr', 'run', *session.posargs, IN_PROCESS)


def _run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the environment that nox itself runs in."""
    session.run(
        str(pathlib.Path(sys.executable).with_name(program)), *arguments
    )


@nox.session(python=newest_python() or False)
def newest(session: nox.Session) -> None:
    """Run the same tests on the newest Python that this machine has."""
    if newest_python() is None:
        session.skip('this machine has no newer Python than that of .venv')
    install_once(session, '-e', '.[test]')
    session.run('stestr', 'run', *session.posargs, IN_PROCESS)


@nox.session(python=sys.executable)
def keystone(session: nox.Session) -> None:
    """Make an environment with a Keystone for the live tests."""
    install_once(session, *KEYSTONE)


@nox.session(python=sys.executable)
def cinder(session: nox.Session) -> None:
    """Make an environment with a Cinder for the tests of stores."""
    install_once(session, *CINDER)


@nox.session(python=sys.executable)
def old_client(session: nox.Session) -> None:
    """Make an environment with python-glanceclient of 2017."""
    install_once(session, *OLD_CLIENT)


@nox.session(python=sys.executable)
def swift(session: nox.Session) -> None:
    """Make an environment with a Swift for the tests of stores."""
    install_once(session, *SWIFT)


@nox.session(python=sys.executable)
def mongodb(session: nox.Session) -> None:
    """Make an environment with a server like MongoDB for tests of stores."""
    install_once(session, *MONGODB)


@nox.session(python=sys.executable)
def image_manager(session: nox.Session) -> None:
    """Make an environment with openstack-image-manager."""
    install_once(session, *IMAGE_MANAGER)


@nox.session(python=sys.executable)
def docs(session: nox.Session) -> None:
    """Build the documentation in .cache/site; a dead link is an error."""
    install_once(session, *DOCS)
    site = ROOT / '.cache' / 'site'
    # What the commands say of themselves, in the environment of nox.
    session.run(
        sys.executable,
        '-W',
        'ignore',
        '-m',
        'tools.command_page',
        external=True,
    )
    session.run('reno', '--quiet', 'lint')
    session.run(
        *('sphinx-build', '--quiet', '--fail-on-warning', '--keep-going'),
        *('--nitpicky', '-d', str(site.with_name('site-doctrees'))),
        *('doc', str(site)),
    )
    session.log(f'the first page is {site / "index.html"}')
