"""Main of glance-api."""

# Patch before any other import; see server.patch().
from glance.common import server  # isort: skip

server.patch()

import importlib.metadata  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from wsgiref.types import WSGIApplication  # noqa: E402

from oslo_config import cfg  # noqa: E402

from glance.api import conf as api_conf  # noqa: E402
from glance.api import known_settings  # noqa: E402
from glance.api import registry_access  # noqa: E402
from glance.api import storage  # noqa: E402
from glance.common import config  # noqa: E402
from glance.common import pipeline  # noqa: E402
from glance.common import settings  # noqa: E402
from glance.common.server import service  # noqa: E402

NAME = 'glance-api'
PASTE_FILE = os.path.join(
    os.path.dirname(os.path.dirname(api_conf.__file__)), 'glance-api-paste.ini'
)

DESCRIPTION = (
    'glance-api, the public half of the image service: it speaks the Images '
    'API v2 (port 9292) and moves the data of images between clients and the '
    'store. It gets metadata from glance-registry.'
)


def main() -> int:
    """Run the daemon; return its exit code."""
    return config.run_main(_run)


def _run() -> int:
    conf = cfg.CONF
    api_conf.register(conf)
    version = importlib.metadata.version('glance-split')
    config.load(conf, sys.argv[1:], NAME, version, description=DESCRIPTION)
    storage.register(conf)
    checker = settings.Checker(
        conf, known_settings.TABLE, api_conf.list_opts()
    )
    checker.report()

    def load_app() -> WSGIApplication:
        checker.refuse()
        return pipeline.load_app(conf, NAME, PASTE_FILE)

    with storage.removing_new_directory(conf):
        return service.serve(
            conf,
            load_app,
            NAME,
            lambda: registry_access.check_login(conf),
        )


if __name__ == '__main__':
    sys.exit(main())
