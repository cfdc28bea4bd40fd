"""The suites of the other stores, with files: what they ask is possible."""

from typing import Any
import unittest

from tests import base
from tests.stores import contract
from tests.stores import interop
from tests.stores import service


class TestFiles(contract.Driver, unittest.TestCase):
    kind = 'file'
    part_bytes = contract.MIB

    def settings(self) -> dict[str, Any]:
        self.directory = base.temporary_directory(self)
        return {'filesystem_store_datadir': self.directory}

    def held(self) -> list[str]:
        return base.names_in(self.directory)


class TestFilesServed(service.Service, unittest.TestCase):
    kind = 'file'

    @classmethod
    def settings(cls) -> dict[str, Any]:
        cls.files = cls.directory / 'files'
        return {'filesystem_store_datadir': cls.files}

    @classmethod
    def held(cls) -> list[str]:
        return [path.name for path in cls.files.iterdir()]


class TestFilesInterop(interop.Interop, unittest.TestCase):
    kind = 'file'

    def setUp(self) -> None:
        self.directory = base.temporary_directory(self)
        super().setUp()

    def settings(self) -> dict[str, Any]:
        return {'filesystem_store_datadir': self.directory}

    library_settings = settings

    def other_settings(self) -> dict[str, Any]:
        directory = base.temporary_directory(self)
        return {'filesystem_store_datadir': directory}

    def held(self) -> list[str]:
        return base.names_in(self.directory)
