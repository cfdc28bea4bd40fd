"""Invalid documents and patches of images."""

from typing import Any

from tests.functional.bad_input import inputs


def _create(
    what: str, body: bytes | dict[str, Any], status: int = 400
) -> inputs.Bad:
    raw = body if isinstance(body, bytes) else inputs.dumped(body)
    return inputs.Bad(f'create: {what}', 'POST', '/v2/images', raw, status)


def _patch(what: str, operations: Any, status: int = 400) -> inputs.Bad:
    raw = (
        operations
        if isinstance(operations, bytes)
        else inputs.dumped(operations)
    )
    return inputs.Bad(
        f'patch: {what}', 'PATCH', inputs.ONE, raw, status, inputs.PATCH
    )


def _add(name: str, value: Any) -> list[dict[str, Any]]:
    return [{'op': 'add', 'path': f'/{name}', 'value': value}]


CREATES = [
    _create('nothing', b''),
    _create('no JSON', b'name=x'),
    _create('half JSON', b'{"name": "x"'),
    _create('JSON and more', b'{} {}'),
    _create('JSON of another character set', '{"name": "é"}'.encode('utf-16')),
    _create('bytes that are no UTF-8', b'{"name": "\xff\xfe"}'),
    _create('a lone surrogate', b'{"name": "\\ud800"}'),
    _create('NaN', b'{"min_ram": NaN}'),
    _create('null', b'null'),
    _create('a string', b'"image"'),
    _create('a number', b'7'),
    _create('an array', b'[]'),
    _create('an array of images', b'[{"name": "x"}]'),
    _create('a flood of brackets', inputs.nested(40_000)),
    _create('a deep value', b'{"name": ' + inputs.nested(1000) + b'}'),
    _create('a deep property', b'{"color": ' + inputs.nested(900) + b'}'),
    _create('10 MB', b'{"name": "' + b'x' * 10_000_000 + b'"}', 413),
    _create('a name of 900 kB', b'{"name": "' + b'x' * 900_000 + b'"}'),
    _create('a name of 3 MB', b'{"name": "' + b'x' * 3_000_000 + b'"}', 413),
    _create('200,000 values', b'{"name": [' + b'[],' * 200_000 + b'1]}', 413),
    _create('129 tags of no type', {'tags': [1] * 129}, 413),
    _create(
        '129 properties of no type', dict.fromkeys(map(str, range(129))), 413
    ),
    _create('a huge integer', b'{"min_ram": ' + b'9' * 4000 + b'}'),
    _create('a huge float', b'{"min_ram": 1e300}'),
    _create('a float beyond all', b'{"min_ram": 1e999}'),
    _create('a huge exponent', b'{"min_ram": 1e100000000}'),
    _create('minus infinity', b'{"min_disk": -Infinity}'),
    _create('a fraction too small to see', b'{"min_ram": 1.0000001}'),
    _create('an integer that is none', {'min_ram': 1.5}),
    _create('a boolean for a number', {'min_disk': False}),
    _create('a string for a number', {'min_disk': '1'}),
    _create('a number for a name', {'name': 1}),
    _create('an object for a name', {'name': {}}),
    _create('a number for a boolean', {'protected': 1}),
    _create('null for a boolean', {'os_hidden': None}),
    _create('null for a visibility', {'visibility': None}),
    _create('null for tags', {'tags': None}),
    _create('null for an id', {'id': None}),
    _create('an object for tags', {'tags': {'a': 'b'}}),
    _create('null in tags', {'tags': [None]}),
    _create('a property like status', {' status ': 'x'}),
    _create('a property like a reserved one', {' os_glance_x': 'x'}),
    _create('a tag of no characters', {'tags': ['']}),
    _create('a tag of dots', {'tags': ['a', '..']}),
    _create('a tag with a part of dots', {'tags': ['a/./b']}),
    _create('a tag with a slash in front', {'tags': ['/a']}),
    _create('a tag with a line feed', {'tags': ['a\n']}),
    _create('a long name', {'name': 'x' * 256}),
    _create('a long owner', {'owner': 'x' * 256}),
    _create('a long tag', {'tags': ['x' * 256]}),
    _create('a long property name', {'x' * 256: 'x'}),
    _create('a long property value', {'color': 'x' * 65_536}),
    _create('wide characters that add up', {'color': 'é' * 40_000}),
    _create('a wide character in the name', {'name': inputs.DISC}),
    _create('a wide character in a property', {'color': inputs.DISC}),
    _create('a wide character in a property name', {inputs.DISC: 'x'}),
    _create('a wide character in a tag', {'tags': [inputs.DISC]}),
    _create('NUL in the name', {'name': 'a\0b'}),
    _create('NUL in a property', {'color': '\0'}),
    _create('NUL in a property name', {'\0': 'x'}),
    _create('NUL in a tag', {'tags': ['\0']}),
    _create('a path for an id', {'id': '../../etc/passwd'}),
    _create('an id of wrong length', {'id': inputs.IMAGE_ID + '0'}),
    _create('an id in braces', {'id': '{' + inputs.IMAGE_ID + '}'}),
    _create('an array for a property', {'color': ['red']}),
    _create('an object for a property', {'color': {'red': 1}}),
]
PATCHES = [
    _patch('nothing', b''),
    _patch('no JSON', b'name=x'),
    _patch('null', b'null'),
    _patch('an object', {}),
    _patch('numbers', [1]),
    _patch('arrays', [[]]),
    _patch('empty objects', [{}]),
    _patch('a flood of brackets', inputs.nested(40_000)),
    _patch(
        'a deep value',
        b'[{"op":"add","path":"/name","value":' + inputs.nested(900) + b'}]',
    ),
    _patch('10 MB', b'[' + b' ' * 10_000_000 + b']', 413),
    _patch('too many operations', _add('color', 'x') * 1001, 413),
    _patch('an op of another type', [{'op': {}, 'path': '/a', 'value': 'x'}]),
    _patch('no op', [{'path': '/a', 'value': 'x'}]),
    _patch('no path', [{'op': 'add', 'value': 'x'}]),
    _patch('a path of null', [{'op': 'add', 'path': None, 'value': 'x'}]),
    _patch('a path of objects', [{'op': 'add', 'path': {}, 'value': 'x'}]),
    _patch('an empty path', [{'op': 'add', 'path': '', 'value': 'x'}]),
    _patch('a long name', _add('x' * 256, 'x')),
    _patch('a long name of the image', _add('name', 'x' * 256)),
    _patch('a long value', _add('color', 'x' * 65_536)),
    _patch('a number', _add('color', 1)),
    _patch('a huge integer', _add('min_ram', 10**18)),
    _patch('infinity', b'[{"op":"add","path":"/min_ram","value":Infinity}]'),
    _patch(
        'a huge exponent', b'[{"op":"add","path":"/min_ram","value":1e400}]'
    ),
    _patch('a fraction', _add('min_disk', 0.5)),
    _patch('a negative integer', _add('min_disk', -1)),
    _patch('a wide character', _add('name', inputs.DISC)),
    _patch('a wide character in a tag', _add('tags', [inputs.DISC])),
    _patch('a wide name', _add(inputs.DISC, 'x')),
    _patch('NUL', _add('color', '\0')),
    _patch('NUL in a name', _add('a\0', 'x')),
    _patch('129 tags of no type', _add('tags', [1] * 129), 413),
    _patch('a long tag', _add('tags', ['x' * 256])),
    _patch('objects for tags', _add('tags', [{}])),
    _patch('a tag of dots', _add('tags', ['a', '.'])),
    _patch('an unknown format', _add('disk_format', 'zip')),
    _patch('null for visibility', _add('visibility', None)),
    _patch('no UTF-8', b'[{"op":"add","path":"/name","value":"\xff"}]'),
    _patch('removal of what never was', [{'op': 'remove', 'path': '/a'}], 409),
    _patch('removal of NUL', [{'op': 'remove', 'path': '/\0'}], 409),
    _patch(
        'removal of a wide name',
        [{'op': 'remove', 'path': '/' + inputs.DISC}],
        409,
    ),
    inputs.Bad('patch: plain JSON', 'PATCH', inputs.ONE, b'[]', 415),
    inputs.Bad('patch: no type', 'PATCH', inputs.ONE, b'[]', 415, ''),
    inputs.Bad('patch: a broken type', 'PATCH', inputs.ONE, b'[]', 415, ';;/'),
]


class TestImages(inputs.BadInputTestCase):
    def test_bad_images_are_refused_and_none_is_made(self) -> None:
        # covers 2.4-2, 7.1-3..4, 7.1-15
        self.check_all(CREATES)
        self.assertEqual(['one'], self.listed())

    def test_bad_patches_change_nothing(self) -> None:
        # covers 7.4.1-4, 7.4.2-1..2, 7.4.2-6..7, 7.4.3-2, 7.4.4-10
        self.check_all(PATCHES)

    def test_an_error_tells_nothing_of_the_inside(self) -> None:
        """OSSA-2013-002: errors have no file path, URL or traceback."""
        # covers 2.6-10
        image_id = self.image(data=b'hello')
        self.service.images.joinpath(image_id).unlink()
        bodies = [self.check(bad).text for bad in CREATES[:20] + PATCHES[:10]]
        bodies.append(self.raw('GET', f'/v2/images/{image_id}/file').text)
        for text in bodies:
            self.assertNotIn(self.directory, text)
            self.assertNotIn('file://', text)
            self.assertNotIn('Traceback', text)


class TestImagesMysql(TestImages):
    kind = 'mysql'


class TestImagesPostgresql(TestImages):
    kind = 'postgresql'
