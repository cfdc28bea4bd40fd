"""Caches: which host has which images in its cache."""

from typing import Any

from glance.common import errors
from tests.contract.registry import callers

ONE, TWO = 'http://one:9292', 'http://two:9292'


def cached(image_id: str, **values: Any) -> Any:
    return {
        'image_id': image_id,
        'size': 2**40,
        'hits': 3,
        'last_accessed': 0,
        'last_modified': 1.5e9,
        'checksum': None,
        **values,
    }


class TestCache(callers.RegistryTestCase):
    def report(self, node: str, *images: Any, **rest: Any) -> list[str]:
        document = {'node': node, 'cached': [*images], 'removed': [], **rest}
        found: list[str] = self.client.report_cache(
            callers.ADMIN,
            document,  # type: ignore[arg-type]
        )
        return found

    def nodes(self, image_id: str) -> list[str]:
        return self.client.list_cached_nodes(callers.ADMIN, image_id)

    def test_report_cache(self) -> None:
        first, second = self.create()['id'], self.create()['id']
        for _ in range(2):  # the request is idempotent
            self.assertEqual([], self.report(ONE, cached(first)))
        self.report(TWO, cached(first), cached(second, hits=2**40))
        self.assertEqual([ONE, TWO], self.nodes(first))
        self.assertEqual([TWO], self.nodes(second))
        self.report(TWO, removed=[first, 'unknown'])
        self.assertEqual([ONE], self.nodes(first))
        self.report(TWO, cached(first), is_all=True)
        self.assertEqual([], self.nodes(second))

    def test_deleted_images_are_told_to_the_host(self) -> None:
        image = self.create()
        self.report(ONE, cached(image['id']), cached('of-nobody'))
        self.client.delete_image(
            callers.ALICE,
            image['id'],
            {'row_version': None},  # type: ignore[typeddict-item]
        )
        self.assertEqual({image['id'], 'of-nobody'}, set(self.report(ONE)))
        self.report(ONE, removed=[image['id'], 'of-nobody'])
        self.assertEqual([], self.report(ONE))

    def test_url_that_cannot_be_stored(self) -> None:
        for node in ('', 'x' * 256):
            self.expect(errors.BadRequest, self.report, node)

    def test_list_cached_nodes(self) -> None:
        image = self.create(visibility='private')
        self.assertEqual([], self.nodes(image['id']))
        self.expect(
            errors.NotFound,
            self.client.list_cached_nodes,
            callers.BOB,
            image['id'],
        )
