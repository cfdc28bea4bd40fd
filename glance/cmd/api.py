"""Main of glance-api."""

# Patched before anything else is imported: see server.patch().
from glance.common import server  # isort: skip

server.patch()

import importlib.metadata  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

from oslo_config import cfg  # noqa: E402

from glance.api import conf as api_conf  # noqa: E402
from glance.common import config  # noqa: E402
from glance.common import pipeline  # noqa: E402
from glance.common.server import service  # noqa: E402

NAME = 'glance-api'
PASTE_FILE = os.path.join(
    os.path.dirname(api_conf.__file__), 'glance-api-paste.ini'
)


def main() -> int:
    """Run the daemon; the exit code says how it ended."""
    return config.run_main(_run)


def _run() -> int:
    conf = cfg.CONF
    api_conf.register(conf)
    version = importlib.metadata.version('glance-split')
    config.load(conf, sys.argv[1:], NAME, version)
    return service.serve(
        conf, lambda: pipeline.load_app(conf, NAME, PASTE_FILE), NAME
    )


if __name__ == '__main__':
    sys.exit(main())
