"""The file store on NFS 3 and 4.2, in user-mode Linux.

The kernel of this machine may have no NFS. A user-mode kernel is an ordinary
process, which has server and client.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

from tests.live import keystone
from tests.live import processes

HERE = pathlib.Path(__file__).with_name('nfs')
LIMIT_SECONDS = 900
#: At least so many tests run in there.
LEAST_TESTS = 60


class TestNFS(unittest.TestCase):
    def test_the_suite_of_all_stores_passes_on_nfs(self) -> None:
        if os.getuid():
            raise unittest.SkipTest('user-mode Linux needs root for this')
        kernel = processes.find('linux.uml', 'user-mode-linux')
        processes.find('rpc.nfsd', 'nfs-kernel-server')
        processes.find('mount.nfs', 'nfs-common')
        compiler = processes.find('gcc', 'gcc')
        directory = processes.private_directory()
        preloaded = directory / 'registers.so'
        processes.run(
            [
                *(compiler, '-shared', '-fPIC', '-o', preloaded),
                HERE / 'registers.c',
            ],
            60,
        )
        job = directory / 'job'
        job.write_text(
            f'cd {shlex.quote(str(keystone.ROOT))}\n'
            f'exec {sys.executable} -W ignore -m testtools.run '
            'tests.stores.nfs.inside\n'
        )
        result = directory / 'result'
        output = self._run(kernel, preloaded, job, result)
        told = f'{output[-20_000:]}'
        if not result.with_suffix('.ready').exists():
            raise unittest.SkipTest(
                f'user-mode Linux has no NFS here: {output[-300:]}'
            )
        self.assertTrue(result.exists(), told)
        self.assertEqual('0', result.read_text().strip(), told)
        ran = re.search(r'Ran (\d+) tests', output)
        self.assertGreater(int(ran[1]) if ran else 0, LEAST_TESTS, told)

    def _run(
        self,
        kernel: pathlib.Path,
        preloaded: pathlib.Path,
        job: pathlib.Path,
        result: pathlib.Path,
    ) -> str:
        """Run a job in user-mode Linux; return what it printed."""
        done = subprocess.run(
            [
                *(kernel, 'mem=1024M', 'rootfstype=hostfs', 'rootflags=/'),
                *('rw', f'init={HERE}/init', 'con=null', 'con0=fd:0,fd:1'),
                *('quiet', f'JOB={job}', f'RESULT={result}'),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'LD_PRELOAD': str(preloaded)},
            timeout=LIMIT_SECONDS,
        )
        return done.stdout.decode(errors='replace')
