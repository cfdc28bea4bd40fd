"""Tokens that tasks need."""

import unittest

from glance.tasks import tokens


class TestTokens(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.tokens = tokens.Tokens(lambda: self.now)

    def test_a_token_is_given_once(self) -> None:
        self.tokens.keep('a', 'secret')
        self.assertEqual('secret', self.tokens.take('a'))
        self.assertIsNone(self.tokens.take('a'))

    def test_tokens_of_tasks_that_never_began_are_forgotten(self) -> None:
        self.tokens.keep('a', 'secret')
        self.now = tokens.MAX_SECONDS
        self.tokens.keep('b', 'other')
        self.assertIsNone(self.tokens.take('a'))
        self.assertEqual('other', self.tokens.take('b'))
