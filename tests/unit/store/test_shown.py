"""URLs as clients see them: without credentials of older releases."""

import unittest

from glance.store import stores


class TestShown(unittest.TestCase):
    def test_credentials_are_not_shown(self) -> None:
        for url, found in (
            ('s3://KEY:SEC/R@ET@host/b/id', 's3://host/b/id'),
            ('s3+https://KEY:SECRET@host:1/b/id', 's3+https://host:1/b/id'),
            (
                'swift+http://p%3Auser:k@h/v3/c/id',
                'swift+http://h/v3/c/id',
            ),
            ('https://user:password@host/a@b', 'https://host/a@b'),
        ):
            self.assertEqual(found, stores.shown(url))

    def test_other_urls_stay(self) -> None:
        for url in (
            'file:///images/a@b',
            'rbd://fsid/pool/a@b/snap',
            'https://host/a@b',
            's3://host/b/id',
            'swift+config://ref1/c/id',
            'cinder://store/volume',
            '',
        ):
            self.assertEqual(url, stores.shown(url))
