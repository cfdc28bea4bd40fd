"""Which schema-image.json a start takes."""

import json
import pathlib
import tempfile
from typing import Any
import unittest

from glance.api.v2.schema import custom
from glance.common import errors

TEXT = {'type': 'string'}


class LoadTestCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name, custom.FILE)

    def load(self, document: Any) -> custom.Custom:
        if not isinstance(document, bytes):
            document = json.dumps(document).encode()
        self.path.write_bytes(document)
        return custom.load(str(self.path))

    def test_without_a_file_the_usual_names_are_known(self) -> None:
        self.assertEqual(
            {
                *('kernel_id', 'ramdisk_id', 'instance_uuid'),
                *('architecture', 'os_distro', 'os_version', 'description'),
                'cinder_encryption_key_id',
                'cinder_encryption_key_deletion_policy',
            },
            set(custom.load(None).properties),
        )

    def test_both_forms(self) -> None:
        for document, names, required in (
            ({}, [], ()),
            ({'a': TEXT}, ['a'], ()),
            ({'properties': {'a': TEXT}}, ['a'], ()),
            ({'properties': {'a': TEXT}, 'required': ['a']}, ['a'], ('a',)),
            ({'properties': {}, 'required': ['name']}, [], ('name',)),
            ({'properties': {'a': {}}, 'required': ['a']}, ['a'], ('a',)),
            # Properties that have the names of the form.
            ({'properties': TEXT}, ['properties'], ()),
            ({'properties': {}, 'a': TEXT}, ['properties', 'a'], ()),
        ):
            with self.subTest(str(document)):
                found = self.load(document)
                self.assertEqual(names, list(found.properties))
                self.assertEqual(required, found.required)

    def test_wrong_files_end_the_start_with_one_line(self) -> None:
        for document, told in (
            (b'', 'schema-image.json'),
            (b'{"a": ', 'schema-image.json'),
            (b'\xff', 'schema-image.json'),
            (b' ' * (custom.MAX_FILE_BYTES + 1), 'bytes'),
            ([], 'object'),
            (None, 'object'),
            ({'a': 'string'}, 'a: '),
            ({'a': {'type': 'text'}}, 'a: '),
            ({'a': {'type': 7}}, 'a: '),
            ({'a': {'type': 'integer'}}, 'a: '),
            ({'a': {'type': ['string', 'integer']}}, 'a: '),
            ({'a': {'type': 'null'}}, 'a: '),
            ({'a': {'pattern': '('}}, 'a: '),
            ({'a': {'anyOf': [{'pattern': '('}]}}, 'a: '),
            ({'a': {'$ref': 'file:///etc/passwd'}}, 'a: '),
            ({'a': {'$ref': '#/no/such/place'}}, 'a: '),
            ({'a': {'maxLength': -1}}, 'a: '),
            ({'name': TEXT}, 'name'),
            ({'properties': {'a': TEXT}, 'required': 'a'}, 'required'),
            ({'properties': {'a': TEXT}, 'required': ['b']}, 'required: b'),
            ({'properties': {'a': TEXT}, 'required': [[]]}, 'required: '),
            ({'properties': {}, 'required': ['status']}, 'status'),
        ):
            with (
                self.subTest(str(document)[:40]),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.load(document)
            message = str(caught.exception)
            self.assertIn('schema-image.json: ', message)
            self.assertIn(told, message)

    def test_a_file_that_cannot_be_read_ends_the_start(self) -> None:
        with self.assertRaises(errors.ConfigurationError):
            custom.load(str(self.path.parent))
