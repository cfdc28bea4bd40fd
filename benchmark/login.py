"""The same pair behind a real Keystone: what logging in costs a call."""

import contextlib
import json
import pathlib
from typing import Any
import urllib.request

from benchmark import databases
from benchmark import pair
from benchmark import target as targets
from tests.live import keystone

NAME = 'keystone'


def behind_keystone(
    home: pathlib.Path,
    server: databases.Server,
    workers: int,
    stack: contextlib.ExitStack,
    options: list[str],
) -> targets.Target:
    """A second pair on the same database, asked with an admin's token.

    Tokens are cached in each process, as they are without memcached.

    :raises unittest.SkipTest: no Keystone: .venv/bin/nox -s keystone
    """
    cloud = keystone.Keystone()
    stack.callback(cloud.stop)
    home = home / NAME
    home.mkdir()
    login = {
        'www_authenticate_uri': cloud.address,
        'auth_type': 'password',
        **keystone.credentials(cloud.address, keystone.SERVICE_USER),
        'service_token_roles': 'service',
        'service_token_roles_required': 'True',
    }
    settings = [
        *options,
        'api:DEFAULT.send_identity_headers=False',
        *(
            f'{daemon}:{setting}'
            for daemon in ('api', 'registry')
            for setting in (
                'paste_deploy.flavor=keystone',
                *(f'keystone_authtoken.{k}={v}' for k, v in login.items()),
            )
        ),
    ]
    made = pair.Pair(home, server, workers, stack, settings)
    return targets.Target(
        NAME,
        f'http://{pair.HOST}:{made.api.port}',
        [made.api.pid],
        [made.registry.pid],
        [server.process.pid] if server.process else [],
        server.url,
        token=_token(cloud.address),
    )


def _token(address: str) -> str:
    login = keystone.credentials(address, 'admin')
    domain = {'id': 'default'}
    document: dict[str, Any] = {
        'auth': {
            'identity': {
                'methods': ['password'],
                'password': {
                    'user': {
                        'name': login['username'],
                        'password': login['password'],
                        'domain': domain,
                    }
                },
            },
            'scope': {
                'project': {'name': login['project_name'], 'domain': domain}
            },
        }
    }
    request = urllib.request.Request(
        f'{address}/auth/tokens',
        json.dumps(document).encode(),
        {'Content-Type': 'application/json'},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return str(answer.headers['X-Subject-Token'])
