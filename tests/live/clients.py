"""The clients people use, unmodified, as programs."""

from collections.abc import Sequence
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

from tests.live import keystone
from tests.live import servers
from tests.live import warm

SECONDS = 300
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANAGER = 'openstack-image-manager'
MANAGER_PROGRAM = ROOT / '.nox/image_manager/bin' / MANAGER


class Failed(Exception):
    """A client ended with an error; the text is what it said."""


class Person:
    """Somebody at a shell, logged in by OS_* variables."""

    def __init__(self, home: pathlib.Path, **logins: dict[str, str]) -> None:
        """Log in with these variables, for each client."""
        home.mkdir(parents=True, exist_ok=True)
        self._home = home
        self._env = {
            'PATH': os.environ['PATH'],
            'LC_ALL': 'C.UTF-8',
            'HOME': str(home),
            'no_proxy': '127.0.0.1',
            'COLUMNS': '400',
        }
        self._logins = logins

    def run(self, client: str, *words: object, terminal: bool = False) -> str:
        """Run a client; what it wrote to standard output.

        :param terminal: standard input is one; without it some commands
            upload what they read there
        """
        with contextlib.ExitStack() as stack:
            stdin = subprocess.DEVNULL
            if terminal:
                master, stdin = os.openpty()
                stack.callback(os.close, master)
                stack.callback(os.close, stdin)
            return self._run(client, words, stdin)

    def run_with(
        self, client: str, *words: object, source: pathlib.Path
    ) -> str:
        """Run a client that reads a file from a pipe."""
        with subprocess.Popen(['cat', source], stdout=subprocess.PIPE) as cat:
            assert cat.stdout is not None
            return self._run(client, words, cat.stdout.fileno())

    def _run(self, client: str, words: Sequence[object], stdin: int) -> str:
        program = pathlib.Path(sys.executable).parent / client
        if client == MANAGER:
            program = MANAGER_PROGRAM
        env = {**self._env, **self._logins.get(client, {})}
        if client in warm.CLIENTS:
            result = warm.run(
                client,
                [str(word) for word in words],
                cwd=self._home,
                env=env,
                stdin=stdin,
                seconds=SECONDS,
            )
        else:
            result = subprocess.run(
                [str(program), *map(str, words)],
                cwd=self._home,
                env=env,
                stdin=stdin,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        if result.returncode:
            said = (result.stderr + result.stdout).decode(errors='replace')
            raise Failed(f'{client} {" ".join(map(str, words))}: {said}')
        return result.stdout.decode()

    def openstack(self, *words: object) -> Any:
        """Run openstack -f json; give what it returned."""
        return json.loads(self.run('openstack', *words, '-f', 'json'))

    def glance(self, *words: object) -> list[dict[str, str]]:
        """Run glance; give the rows of the table it printed."""
        return table(self.run('glance', *words))

    def old_glance(self, *words: object) -> list[dict[str, str]]:
        """Run glance of 2017; give the rows of the table it printed."""
        return table(self.run('old-glance', *words))

    def old_glance_one(self, *words: object) -> dict[str, str]:
        rows = self.old_glance(*words)
        return {row['Property']: row['Value'] for row in rows}

    def glance_one(self, *words: object) -> dict[str, str]:
        """Run glance; give the properties it printed."""
        rows = self.glance(*words)
        return {row['Property']: row['Value'] for row in rows}


def table(text: str) -> list[dict[str, str]]:
    """Read a table of the glance client, which breaks long values."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if not line.startswith('|'):
            continue
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if rows and not cells[0]:
            rows[-1] = [
                above + more
                for above, more in zip(rows[-1], cells, strict=True)
            ]
        else:
            rows.append(cells)
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def without_login(home: pathlib.Path, url: str) -> Person:
    # Not both for both: each client fails on the other's variables.
    return Person(
        home,
        openstack={'OS_AUTH_TYPE': 'none', 'OS_ENDPOINT': url},
        glance={'OS_IMAGE_URL': url, 'OS_AUTH_TOKEN': 'none'},
    )


def logged_in(home: pathlib.Path, user: str, region: str) -> Person:
    login = keystone.credentials(servers.keystone(), user)
    variables = {
        'OS_REGION_NAME': region,
        'OS_IDENTITY_API_VERSION': '3',
        **{f'OS_{name.upper()}': value for name, value in login.items()},
    }
    names = (*warm.CLIENTS, 'glance-cache-manage', MANAGER)
    return Person(home, **dict.fromkeys(names, variables))


def status_of(failure: Failed) -> int | None:
    """Find the HTTP status in what a client said."""
    found = re.search(r'\b([45]\d\d)\b', str(failure).split('\n', 1)[0])
    return int(found.group(1)) if found else None
