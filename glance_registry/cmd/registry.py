"""Main of glance-registry."""

# Patched before anything else is imported: see server.patch().
from glance.common import server  # isort: skip

server.patch()

import importlib.metadata  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

from oslo_config import cfg  # noqa: E402

from glance.common import config  # noqa: E402
from glance.common import pipeline  # noqa: E402
from glance.common.server import service  # noqa: E402
from glance_registry import conf as registry_conf  # noqa: E402

NAME = 'glance-registry'
PASTE_FILE = os.path.join(
    os.path.dirname(registry_conf.__file__), 'glance-registry-paste.ini'
)


def main() -> int:
    """Run the daemon; the exit code says how it ended."""
    return config.run_main(_run)


def _run() -> int:
    conf = cfg.CONF
    registry_conf.register(conf)
    version = importlib.metadata.version('glance-split')
    config.load(conf, sys.argv[1:], NAME, version)
    if (conf.database.connection or '').startswith('postgres'):
        server.patch_postgresql()
    return service.serve(
        conf, lambda: pipeline.load_app(conf, NAME, PASTE_FILE), NAME
    )


if __name__ == '__main__':
    sys.exit(main())
