"""The largest accepted input is stored and returned completely."""

from tests.functional.bad_input import inputs


class TestLimits(inputs.BadInputTestCase):
    def test_longest_texts(self) -> None:
        # covers 18-9
        longest = {
            'name': 'é' * 255,
            'tags': ['x' * 255],
            'x' * 255: 'y' * 65_535,
            'color': '\uffff' * 100,
        }
        image_id = self.image(**longest)
        shown = self.show(image_id)
        self.assertEqual(longest, {name: shown[name] for name in longest})

    def test_every_property_quota_used(self) -> None:
        properties = {f'p{number}': 'x' * 1000 for number in range(128)}
        tags = [f't{number}' for number in range(128)]
        shown = self.show(self.image(tags=tags, **properties))
        self.assertEqual(sorted(tags), sorted(shown['tags']))
        self.assertEqual(properties, {k: shown[k] for k in properties})


class TestLimitsMysql(TestLimits):
    kind = 'mysql'


class TestLimitsPostgresql(TestLimits):
    kind = 'postgresql'
