"""The Containerfile: built without a registry of images, and run.

tools/test --packages runs this where buildah is installed. Instead of
Debian's image it builds on the Debian of the other test.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.packages import test_packages

ROOT = test_packages.ROOT
BASE = 'localhost/debian:bookworm'
IMAGE = 'localhost/glance:test'
SECONDS = 1800
#: What runs in the container: both daemons, an image in and out.
SCRIPT = r"""
set -eu
[ "$(id -un)" = glance ]
export OS_DATABASE__CONNECTION=sqlite:////var/lib/glance/glance.sqlite
export OS_DEFAULT__BIND_HOST=127.0.0.1
glance-manage db sync
glance-registry & glance-api &
python3 - <<'PYTHON'
import json, time, urllib.request
API = 'http://127.0.0.1:9292'
def ask(method, path, body=None, kind='application/json'):
    request = urllib.request.Request(
        API + path, method=method, data=body, headers={'Content-Type': kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()
end = time.monotonic() + 120
while True:
    try:
        ask('GET', '/v2/images')
        break
    except OSError:
        assert time.monotonic() < end, 'glance-api does not answer'
        time.sleep(0.2)
made = ask('POST', '/v2/images', json.dumps(
    {'disk_format': 'raw', 'container_format': 'bare'}).encode())
path = '/v2/images/' + json.loads(made)['id'] + '/file'
ask('PUT', path, b'data' * 1000, 'application/octet-stream')
assert ask('GET', path) == b'data' * 1000
PYTHON
kill -TERM %1 %2
wait
echo it works
"""


def buildah(*arguments: str) -> str:
    done = subprocess.run(
        ['buildah', '--storage-driver', 'vfs', *arguments],
        cwd=ROOT,
        env={**os.environ, 'BUILDAH_ISOLATION': 'chroot'},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    text = done.stdout.decode(errors='replace')
    if done.returncode:
        raise AssertionError(f'{arguments} failed: {text[-4000:]}')
    return text


def pip_of_this_machine(directory: pathlib.Path) -> list[str]:
    """Where pip of this machine gets packages, also for the container.

    The certificates are elsewhere, because a package of the image writes the
    usual file.
    """
    configuration = directory / 'pip.conf'
    configuration.write_text('[global]\ncert = /srv/certificates.crt\n')
    pairs = (
        (configuration, '/etc/pip.conf'),
        ('/etc/ssl/certs/ca-certificates.crt', '/srv/certificates.crt'),
        ('/etc/xdg/pip', '/etc/xdg/pip'),
        ('/opt', '/opt'),
    )
    return [
        f'--volume={source}:{target}:ro'
        for source, target in pairs
        if pathlib.Path(source).exists()
    ]


class TestContainer(unittest.TestCase):
    def test_image_has_both_daemons(self) -> None:
        if os.getuid() != 0 or shutil.which('buildah') is None:
            self.skipTest('not root, or without buildah')
        test_packages.make_base()
        directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        root = ['--root', str(directory / 'storage')]
        container = buildah(*root, 'from', 'scratch').split()[-1]
        buildah(*root, 'add', container, str(test_packages.BASE), '/')
        buildah(*root, 'commit', container, BASE)
        buildah(
            *(
                *root,
                'build',
                '--network=host',
                *pip_of_this_machine(directory),
            ),
            *(f'--build-arg=BASE={BASE}', '--tag', IMAGE, '.'),
        )
        container = buildah(*root, 'from', IMAGE).split()[-1]
        said = buildah(
            *(*root, 'run', '--network=none', container, '--'),
            *('bash', '-c', SCRIPT),
        )
        self.assertIn('it works', said)
