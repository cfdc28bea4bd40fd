"""Responses on a namespace that is not visible to the caller."""

from tests.functional.metadefs import catalogue
from tests.functional.permissions import callers
from tests.functional.permissions import table


class TestRules(catalogue.CatalogueTestCase):
    def test_who_may_not_see_it_gets_404_for_everything(self) -> None:
        # covers 50.4-2
        self.full('n')
        rules = {rule for call in table.METADEFS for rule in call.rules}
        conf = self.service.conf
        path = callers.written(self, dict.fromkeys(rules, '!'))
        conf.set_override('policy_file', path, group='oslo_policy')
        self.service.app = self.service._pipeline()
        for call in table.METADEFS:
            if not call.rules:
                continue
            path = call.path.format(namespace='n', name='a')
            with self.subTest(f'{call.method} {path}'):
                response = self.call(
                    call.method, path, call.body, caller='admin'
                )
                self.assert_status(404, response)
