"""The configuration files that tools/serve writes for both daemons.

Standard library only, as in serve.py.
"""

import argparse
import os
import pathlib
import secrets

HOST = '127.0.0.1'

REGISTRY_CONF = """\
# Written by tools/serve at every start. Your own settings go into a file
# *.conf in the directory {name}.d beside this one.
[DEFAULT]
bind_host = {host}
bind_port = {registry_port}
workers = 2
trusted_auth_secret = {secret}

[metrics]
port = {registry_metrics_port}

[database]
connection = sqlite:///{data}/glance.sqlite

[paste_deploy]
flavor = trusted-auth
"""

API_CONF = """\
# Written by tools/serve at every start. Your own settings go into a file
# *.conf in the directory {name}.d beside this one.
# Without a flavor in [paste_deploy] there is no login: everybody who reaches
# the port is an administrator. glance-api accepts that on loopback only.
[DEFAULT]
bind_host = {host}
bind_port = {api_port}
workers = 2
registry_host = {host}
registry_port = {registry_port}
send_identity_headers = True
trusted_auth_secret = {secret}
node_staging_uri = {staging}
worker_self_reference_url = http://{host}:{api_port}
{stores}
[metrics]
port = {api_metrics_port}
{login}"""

ONE_STORE = """
[glance_store]
filesystem_store_datadir = {data}/images
"""

SEVERAL_STORES = """\
enabled_backends = {enabled}

[glance_store]
default_backend = {default}

[os_glance_staging_store]
filesystem_store_datadir = {data}/staging

[os_glance_tasks_store]
filesystem_store_datadir = {data}/tasks
"""

NAMED_STORE = """
[{store_id}]
filesystem_store_datadir = {data}/images-{store_id}
store_description = Directory images-{store_id}
weight = {weight}
"""


def write(args: argparse.Namespace, login: str) -> None:
    for name, text in (
        ('glance-registry', REGISTRY_CONF),
        ('glance-api', API_CONF),
    ):
        path = args.data / f'etc/{name}.conf'
        path.touch(mode=0o600)
        path.write_text(
            text.format(
                name=name,
                host=HOST,
                api_port=args.api_port,
                registry_port=args.registry_port,
                api_metrics_port=args.api_metrics_port,
                registry_metrics_port=args.registry_metrics_port,
                secret=shared_secret(args.data),
                data=args.data,
                stores=store_configuration(args),
                login=login,
                staging=(args.data / 'staging').as_uri(),
            )
        )


def store_configuration(args: argparse.Namespace) -> str:
    if not args.stores:
        return ONE_STORE.format(data=args.data)
    text = SEVERAL_STORES.format(
        enabled=', '.join(f'{each}:file' for each in args.stores),
        default=args.stores[0],
        data=args.data,
    )
    for weight, store_id in enumerate(reversed(args.stores)):
        text += NAMED_STORE.format(
            store_id=store_id, data=args.data, weight=weight
        )
    return text


def shared_secret(data: pathlib.Path) -> str:
    path = data / 'etc/secret'
    if not path.exists():
        aside = path.with_suffix('.new')
        with open(os.open(aside, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as new:
            new.write(secrets.token_urlsafe(32))
        aside.rename(path)
    return path.read_text().strip()
