"""nginx, as a web server or in front of a store; it logs what it sends."""

import contextlib
import pathlib
import shutil
import subprocess

from benchmark import pair

_CONFIGURATION = """\
daemon off;
user root;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  log_format sent '$body_bytes_sent';
  {http}
}}
"""


def program() -> str | None:
    """Its program, which is often outside of the PATH of users."""
    return shutil.which('nginx', path='/usr/sbin:/usr/local/sbin:/usr/bin')


class Nginx:
    """It runs until the end of ``stack``.

    :param http: its servers; those that log write to ``{home}/sent.log`` in
        the format ``sent``
    :param port: one that it listens on
    :raises pair.Failed: there is no nginx, or it does not start
    """

    def __init__(
        self,
        home: pathlib.Path,
        http: str,
        port: int,
        stack: contextlib.ExitStack,
    ) -> None:
        found = program()
        if found is None:
            raise pair.Failed('These items need nginx (nginx-light).')
        home.mkdir(parents=True, exist_ok=True)
        self._log = home / 'sent.log'
        config = home / 'nginx.conf'
        config.write_text(_CONFIGURATION.format(home=home, http=http))
        out = home / 'nginx.out'
        with out.open('ab') as file:
            self.process = subprocess.Popen(
                [found, '-c', config, '-e', home / 'nginx-error.log'],
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        stack.callback(pair.stop, self.process)
        pair.wait_for(self.process, port, out)
        self._before = 0
        self._before = self.sent_bytes()

    def sent_bytes(self) -> int:
        """The bytes of all responses that ended."""
        sent = sum(map(int, self._log.read_text().split()))
        return sent - self._before
