"""Commands as a person types them, in a shell with a home of its own."""

from collections.abc import Mapping
import os
import pathlib
import subprocess
import sys

from tests.live import warm

SECONDS = 300


class Shell:
    """A bash whose PATH has the programs of this environment.

    The clients are those that wait with their modules loaded.

    :param home: HOME and working directory
    :param names: what is written in the commands -> what is used instead
    """

    def __init__(self, home: pathlib.Path, names: Mapping[str, str]) -> None:
        self._home = home
        self._names = names
        programs = pathlib.Path(sys.executable).parent
        self.variables = {
            'PATH': f'{warm.programs()}:{programs}:{os.environ["PATH"]}',
            'HOME': str(home),
            'LC_ALL': 'C.UTF-8',
            'COLUMNS': '400',
            'no_proxy': '127.0.0.1',
        }

    def replace(self, text: str) -> str:
        """Put the names of this machine into a text."""
        for name, real in self._names.items():
            text = text.replace(name, real)
        return text

    def run(self, commands: str) -> str:
        """Run commands up to the first that fails; give the output.

        :raises AssertionError: a command failed
        """
        result = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', self.replace(commands)],
            cwd=self._home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        output = result.stdout.decode(errors='replace')
        if result.returncode:
            raise AssertionError(f'{commands}\n{output}')
        return output
