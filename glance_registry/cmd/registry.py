"""Main of glance-registry."""

# Patched before anything else is imported: see server.patch().
from glance.common import server  # isort: skip

server.patch()

import importlib.metadata  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from wsgiref.types import WSGIApplication  # noqa: E402

from oslo_config import cfg  # noqa: E402
from oslo_db import exception as db_exception  # noqa: E402
from oslo_log import log  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from glance.common import config  # noqa: E402
from glance.common import pipeline  # noqa: E402
from glance.common import settings  # noqa: E402
from glance.common.server import service  # noqa: E402
from glance_registry import app  # noqa: E402
from glance_registry import conf as registry_conf  # noqa: E402
from glance_registry import known_settings  # noqa: E402
from glance_registry.db import servers  # noqa: E402
from glance_registry.db import texts  # noqa: E402

LOG = log.getLogger(__name__)

NAME = 'glance-registry'
PASTE_FILE = os.path.join(
    os.path.dirname(registry_conf.__file__), 'glance-registry-paste.ini'
)

DESCRIPTION = (
    'glance-registry, the internal half of the image service: it owns the '
    'database of image metadata and serves glance-api only (port 9191). '
    'Make its tables with "glance-manage db sync" first.'
)


def main() -> int:
    """Run the daemon; return its exit code."""
    return config.run_main(_run)


def _run() -> int:
    conf = cfg.CONF
    registry_conf.register(conf)
    version = importlib.metadata.version('glance-split')
    config.load(conf, sys.argv[1:], NAME, version, description=DESCRIPTION)
    checker = settings.Checker(
        conf, known_settings.TABLE, registry_conf.list_opts()
    )
    checker.report()
    if (conf.database.connection or '').startswith('postgres'):
        server.patch_postgresql()
    _check_texts(conf)

    def load_app() -> WSGIApplication:
        checker.refuse()
        return pipeline.load_app(conf, NAME, PASTE_FILE)

    return service.serve(conf, load_app, NAME, lambda: app.check_login(conf))


def _check_texts(conf: cfg.ConfigOpts) -> None:
    """Log which columns of the database cannot store every text.

    The daemon starts nevertheless: it can serve the stored data, and it
    rejects a text that a column cannot store.
    """
    try:
        url = servers.parse_url(conf.database.connection or 'sqlite://')
        if url.get_backend_name() == 'sqlite':
            return
        engine = servers.make_engine(url, conf.database, autocommit=True)
        for fault in texts.faults(engine):
            LOG.error('%s', fault)
        engine.dispose()
    except (sa.exc.SQLAlchemyError, db_exception.DBError) as error:
        LOG.warning('Could not check the columns of the database: %s', error)


if __name__ == '__main__':
    sys.exit(main())
