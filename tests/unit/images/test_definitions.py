"""Which texts a definition of the catalogue allows."""

import unittest

from glance.images import definitions


class TestIsAllowed(unittest.TestCase):
    def test_types(self) -> None:
        for kind, right, wrong in (
            ('string', ('', 'x', '1'), ()),
            ('integer', ('5', '-5', '+5', '007'), ('', 'x', '1.5', '5 ')),
            ('number', ('5', '1.5', '-.5', '1e3'), ('', 'x', 'nan', '1e')),
            ('boolean', ('true', 'False', 'yes', '0'), ('', 'on', '2')),
            ('object', ('{}', 'x'), ()),
            ('array', ('', 'a', 'a,b'), ()),
        ):
            for text in right:
                self.assert_allowed(True, text, type=kind)
            for text in wrong:
                self.assert_allowed(False, text, type=kind)

    def assert_allowed(self, expected: bool, text: str, **keywords) -> None:
        with self.subTest(text=text, **keywords):
            self.assertIs(expected, definitions.is_allowed(keywords, text))

    def test_keywords(self) -> None:
        for text, is_right, keywords in (
            ('1', True, {'type': 'integer', 'minimum': 1}),
            ('0', False, {'type': 'integer', 'minimum': 1}),
            ('2.5', False, {'type': 'number', 'maximum': 2}),
            ('ab', True, {'minLength': 2, 'maxLength': 2}),
            ('a', False, {'minLength': 2}),
            ('abc', False, {'maxLength': 2}),
            ('a1', True, {'pattern': '^a[0-9]$'}),
            ('b1', False, {'pattern': '^a[0-9]$'}),
            ('b1', True, {'pattern': '('}),
            ('b' * 1001, True, {'pattern': '^a'}),
            ('1', True, {'type': 'integer', 'enum': ['1', '2']}),
            ('3', False, {'type': 'integer', 'enum': ['1', '2']}),
        ):
            self.assert_allowed(is_right, text, **keywords)

    def test_operators_and_lists(self) -> None:
        one = {'enum': ['a', 'b'], 'operators': ['<or>']}
        many = {'type': 'array', 'items': {'type': 'string', 'enum': ['a']}}
        for text, is_right, keywords in (
            ('<or> a <or> b', True, one),
            ('<or> a <or> c', False, one),
            ('a', True, one),
            ('a, a', True, many),
            ('a,b', False, many),
            ('<all-in> a', True, {**many, 'operators': ['<all-in>']}),
            ('a,a', False, {**many, 'uniqueItems': True}),
            ('a,a', False, {**many, 'maxItems': 1}),
            ('', False, {**many, 'minItems': 1}),
        ):
            self.assert_allowed(is_right, text, **keywords)
