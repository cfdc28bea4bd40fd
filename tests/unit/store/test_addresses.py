"""Which addresses may be asked."""

import ipaddress
import threading
from typing import Any
import unittest
from unittest import mock

from glance.store import addresses

PUBLIC = '93.184.216.34'
#: No name of these is looked up for real.
NAMES = {
    'public.example': [PUBLIC],
    'both.example': [PUBLIC, '127.0.0.1'],
    'inside.example': ['10.1.2.3', '192.168.1.1'],
    'mapped.example': ['::ffff:127.0.0.1'],
    'six.example': ['2001:db8::1', 'fe80::1%eth0'],
    'many.example': [f'10.0.0.{number}' for number in range(1, 30)],
}


def look_up(name: str, _port: int) -> list[str]:
    try:
        return NAMES[name]
    except KeyError:
        raise OSError('unknown') from None


def rules(**lists: Any) -> addresses.Filter:
    return addresses.Filter(addresses.AddressRules(**lists), look_up)


class TestParse(unittest.TestCase):
    """Rules 1 and 3: once, and one way only."""

    def test_parts(self) -> None:
        for url, expected in (
            ('http://a', ('http', 'a', 80, '/')),
            ('HTTP://A.Example:8080', ('http', 'a.example', 8080, '/')),
            ('https://a/b/c?d=e#f', ('https', 'a', 443, '/b/c?d=e')),
            ('https://a?d', ('https', 'a', 443, '/?d')),
            ('http://a./b', ('http', 'a', 80, '/b')),
            ('http://1.2.3.4/b', ('http', '1.2.3.4', 80, '/b')),
            ('http://[2001:DB8::1]:81/', ('http', '2001:db8::1', 81, '/')),
            ('http://a/%0d%0a@b:c', ('http', 'a', 80, '/%0d%0a@b:c')),
            ('http://xn--bcher-kva.ch', ('http', 'xn--bcher-kva.ch', 80, '/')),
            ('http://a_b-c.d/', ('http', 'a_b-c.d', 80, '/')),
        ):
            with self.subTest(url):
                target = addresses.parse(url)
                self.assertEqual(expected, tuple(target)[:4])
                again = addresses.parse(target.url)
                self.assertEqual(target, again)

    def test_what_is_refused(self) -> None:
        for url in (
            '',
            'http',
            'http:',
            'http://',
            'http:///path',
            'http:a',
            '//a/b',
            '/a',
            'a',
            'ftp://a/',
            'file:///etc/passwd',
            'http+x://a',
            'http://user@a/',
            'http://user:password@a/',
            'http://a:b@c/',
            'http://@a/',
            'http://a:/',
            'http://a:0/',
            'http://a:65536/',
            'http://a:999999/',
            'http://a:8o/',
            'http://a:-1/',
            'http://a b/',
            'http://a\t/',
            'http://a\n/',
            'http://a/\r\nX: y',
            ' http://a/',
            'http://a/ ',
            'http://a/\0',
            'http://a\\@b/',
            'http://a/b\\c',
            'http://é/',
            'http://a/é',
            'http://%61/',
            'http://a%00b/',
            'http://a..b/',
            'http://.a/',
            'http://-a/',
            'http://a-/',
            'http://a-.b/',
            'http://' + 'a' * 64 + '/',
            'http://' + 'a.' * 130 + 'a/',
            'http://[',
            'http://]/',
            'http://[]/',
            'http://[::1/',
            'http://[::1]x/',
            'http://[::1%eth0]/',
            'http://[1.2.3.4]/',
            'http://[x]/',
            'http://::1/',
            'http://a/' + 'b' * 3000,
        ):
            with self.subTest(url), self.assertRaises(addresses.Refused):
                addresses.parse(url)

    def test_ossa_2026_004_encoded_addresses(self) -> None:
        """CVE-2026-34881: all of these were 127.0.0.1 to somebody."""
        for host in (
            '2130706433',
            '0x7f000001',
            '0X7F000001',
            '0x7f.0.0.1',
            '0x7f.1',
            '017700000001',
            '0177.0.0.1',
            '0177.0.0.01',
            '127.1',
            '127.0.1',
            '127.0.0.01',
            '127.0.0.0x1',
            '0127.0.0.1',
            '127.0.0.1.1',
            '127.0.0.256',
            '1.2.3.4.',  # a name to some, an address to others
            '0x7f.0x0.0x0.0x1',
            '0x',
        ):
            with self.subTest(host), self.assertRaises(addresses.Refused):
                rules(disallowed_ports=('1',)).parse(f'http://{host}/')

    def test_one_text_for_every_refusal(self) -> None:
        texts = set()
        for url in ('http://127.0.0.1/', 'x', 'http://a:81/', 'ftp://a'):
            with self.assertRaises(addresses.Refused) as caught:
                rules().parse(url)
            texts.add(str(caught.exception))
        self.assertEqual({'The location cannot be used.'}, texts)


class TestLists(unittest.TestCase):
    """Rules 2, 5 and 6; the lists of [import_filtering_opts]."""

    def permits(self, url: str, **lists: Any) -> bool:
        checked = rules(**lists)
        try:
            checked.addresses(checked.parse(url))
        except addresses.Refused:
            return False
        return True

    def test_schemes(self) -> None:
        url = 'http://public.example/'
        self.assertTrue(self.permits(url))
        self.assertFalse(self.permits(url, allowed_schemes=('https',)))
        self.assertTrue(self.permits(url, allowed_schemes=('HTTP',)))
        lists = {'allowed_schemes': (), 'disallowed_schemes': ('http',)}
        self.assertFalse(self.permits(url, **lists))
        lists = {'allowed_schemes': ('http',), 'disallowed_schemes': ('http',)}
        self.assertTrue(self.permits(url, **lists))

    def test_ports(self) -> None:
        name = 'public.example'
        self.assertFalse(self.permits(f'http://{name}:8080/'))
        self.assertTrue(
            self.permits(f'http://{name}:8080/', allowed_ports=('8080',))
        )
        lists = {'allowed_ports': (), 'disallowed_ports': ('80',)}
        # Written in the URL or not.
        self.assertFalse(self.permits(f'http://{name}/', **lists))
        self.assertFalse(self.permits(f'http://{name}:80/', **lists))
        self.assertTrue(self.permits(f'https://{name}/', **lists))

    def test_hosts(self) -> None:
        for url, lists, expected in (
            ('http://public.example', {}, True),
            ('http://public.example', {'allowed_hosts': ('other',)}, False),
            (
                'http://PUBLIC.example.',
                {'allowed_hosts': ('Public.Example',)},
                True,
            ),
            (
                'http://public.example.',
                {'disallowed_hosts': ('public.example',)},
                False,
            ),
            # An address that is not wanted, whatever leads to it.
            ('http://public.example', {'disallowed_hosts': (PUBLIC,)}, False),
            (
                'http://[2001:db8::1]',
                {'disallowed_hosts': ('2001:DB8:0::1',)},
                False,
            ),
            (
                'http://[::ffff:10.1.2.3]',
                {'disallowed_hosts': ('10.1.2.3',)},
                False,
            ),
            (
                'http://public.example',
                {
                    'allowed_hosts': ('public.example',),
                    'disallowed_hosts': ('public.example',),
                },
                True,
            ),
        ):
            with self.subTest(f'{url} {lists}'):
                self.assertEqual(expected, self.permits(url, **lists))

    def test_private_networks_are_not_refused(self) -> None:
        self.assertTrue(self.permits('http://inside.example/'))
        self.assertTrue(self.permits('http://10.0.0.1/'))
        self.assertTrue(self.permits('http://[fd00::1]/'))

    def test_cve_2026_71197_special_addresses(self) -> None:
        for host in (
            '127.0.0.1',
            '127.255.255.254',
            '0.0.0.0',
            '0.1.2.3',
            '169.254.169.254',
            '224.0.0.1',
            '239.255.255.255',
            '255.255.255.255',
            '240.0.0.1',
            '[::1]',
            '[::]',
            '[fe80::1]',
            '[febf::1]',
            '[ff02::1]',
            '[::ffff:127.0.0.1]',
            '[::ffff:7f00:1]',
            '[::ffff:169.254.169.254]',
            '[::127.0.0.1]',
            '[64:ff9b::7f00:1]',
            '[64:ff9b::169.254.169.254]',
            '[2002:7f00:1::]',
            '[2002:a9fe:a9fe::1]',
        ):
            with self.subTest(host):
                self.assertFalse(self.permits(f'http://{host}/'))
                name = host.strip('[]')
                self.assertTrue(
                    self.permits(f'http://{host}/', allowed_hosts=(name,))
                )

    def test_every_address_of_a_name_is_judged(self) -> None:
        for name in ('both', 'mapped', 'six', 'many'):
            with self.subTest(name):
                self.assertFalse(self.permits(f'http://{name}.example/'))

    def test_a_name_that_the_operator_wants_may_be_anywhere(self) -> None:
        wanted = ('both.example',)
        self.assertTrue(
            self.permits('http://both.example/', allowed_hosts=wanted)
        )
        # Its address is another host, which nobody named.
        self.assertFalse(
            self.permits('http://127.0.0.1/', allowed_hosts=wanted)
        )

    def test_the_addresses(self) -> None:
        found = rules().addresses(addresses.parse('http://inside.example/'))
        self.assertEqual(
            [ipaddress.ip_address(text) for text in NAMES['inside.example']],
            found,
        )
        with self.assertRaises(OSError):
            rules().addresses(addresses.parse('http://unknown.example/'))


class TestResolve(unittest.TestCase):
    def test_a_name(self) -> None:
        self.assertIn('127.0.0.1', addresses.resolve('127.0.0.1', 80))

    def test_only_some_at_a_time(self) -> None:
        """Slow names do not hold every native thread."""
        go, running = threading.Event(), threading.Semaphore(0)

        def slow(*_args: Any, **_rest: Any) -> list[Any]:
            running.release()
            go.wait(30)
            return [(0, 0, 0, '', ('10.0.0.1', 80))]

        self.addCleanup(go.set)
        with (
            mock.patch.object(addresses.socket, 'getaddrinfo', slow),
            mock.patch.object(addresses, 'LOOKUP_SECONDS', 0.01),
        ):
            threads = [
                threading.Thread(target=addresses.resolve, args=('a', 80))
                for _ in range(addresses.MAX_LOOKUPS)
            ]
            for thread in threads:
                thread.start()
            for _ in threads:
                self.assertTrue(running.acquire(timeout=30))
            with self.assertRaises(OSError):
                addresses.resolve('b', 80)
            go.set()
            for thread in threads:
                thread.join(30)
            self.assertEqual(['10.0.0.1'], addresses.resolve('b', 80))
