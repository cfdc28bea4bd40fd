"""A database of images that tests only read, and who reads it."""

import datetime
from typing import Any
import unittest

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import models
from tests import base
from tests import databases

EARLY = datetime.datetime(2020, 1, 1, 12, 0, 0)
LATE = datetime.datetime(2020, 1, 1, 12, 0, 1)
ADMIN = context.RequestContext(
    is_admin=True, project_id='p-admin', overwrite=False
)
Row = dict[str, Any]


def caller(project: str | None, is_admin: bool) -> context.RequestContext:
    return context.RequestContext(
        project_id=project, is_admin=is_admin, overwrite=False
    )


def asked(**parameters: Any) -> contract.ImageQuery:
    """All images, in the order of their ids."""
    return base.list_query(
        **{'limit': 1000, 'sort': [('id', 'asc')], **parameters}
    )


def image_id(number: int) -> str:
    return f'7a000000-0000-4000-8000-{number:012x}'


def image_row(number: int, **values: Any) -> Row:
    return {
        'id': image_id(number),
        'name': None,
        'owner': 'p1',
        'status': 'queued',
        'visibility': 'private',
        'size': None,
        'disk_format': None,
        'container_format': None,
        'os_hidden': False,
        'deleted': False,
        'created_at': EARLY,
        'updated_at': EARLY,
        **values,
    }


class QueriesTestCase(unittest.TestCase):
    """One database for all tests of a class: they only read."""

    kind = 'sqlite'
    database: engine.Database

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        url = cls.enterClassContext(databases.TemporaryDatabase(cls.kind))
        conf = base.configuration(registry_conf, '')
        cls.database = engine.Database(url, conf.database)
        cls.addClassCleanup(cls.database.dispose)
        cls.database.write(models.metadata.create_all)
        cls.database.write(cls.fill)

    @classmethod
    def fill(cls, connection: sa.Connection) -> None:
        raise NotImplementedError

    def page(
        self, caller: context.RequestContext, query: contract.ImageQuery
    ) -> list[contract.Image]:
        return self.database.read(
            images.get_page, caller, query, self.database.dialect
        )

    def ids(
        self, caller: context.RequestContext, **parameters: Any
    ) -> list[str]:
        return [
            image['id'] for image in self.page(caller, asked(**parameters))
        ]
