"""Write doc/reference/options.md, api.md, and samples from the options.

The page has every option of our own, by daemon.

The options come from the entry points that oslo-config-generator reads, so
that the page and the sample files cannot differ from the code.
"""

from collections.abc import Iterator
import io
import json
import pathlib
import sys
from typing import Any

from oslo_config import cfg
from oslo_config import generator

PAGE = (
    pathlib.Path(__file__).resolve().parent.parent
    / 'doc'
    / 'reference'
    / 'options.md'
)
DAEMONS = {
    'glance-api': 'glance.api',
    'glance-registry': 'glance.registry',
}
#: Keys of an option's bounds, and what they are called.
BOUNDS = (('min', 'at least'), ('max', 'at most'))
HEAD = """\
# Options

Made by `tools/reference` from the options' own help; change them there.
"Not in upstream Glance" marks an option that only this service has.
Options of the libraries (`[database]`, `[keystone_authtoken]`,
`[oslo_messaging_notifications]`, `[oslo_policy]`, logging in `[DEFAULT]`)
are described by `oslo-config-generator --namespace LIBRARY`.
"""


def page() -> str:
    """The page as it has to be."""
    lines = [HEAD]
    for daemon, namespace in DAEMONS.items():
        lines += [f'## {daemon}.conf', '']
        for group, options in _groups(namespace):
            lines += [f'### [{group}]', '']
            lines += [line for one in options for line in _entry(one)]
    return '\n'.join(lines).rstrip() + '\n'


def _groups(namespace: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Groups of a daemon with their options in alphabetical order."""
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(['--namespace', namespace, '--format', 'json'])
    text = io.StringIO()
    generator.generate(conf, text)
    for group, content in sorted(
        json.loads(text.getvalue())['options'].items()
    ):
        options = [
            one for one in content['opts'] if one['namespace'] == namespace
        ]
        if options:
            yield group, sorted(options, key=lambda one: str(one['name']))


def _entry(option: dict[str, Any]) -> list[str]:
    facts = [option['type']]
    facts += [
        f'{word} {option[key]}'
        for key, word in BOUNDS
        if option[key] is not None
    ]
    if option['choices']:
        names = ', '.join(f'`{name}`' for name, _help in option['choices'])
        facts.append(f'one of {names}')
    if option['deprecated_for_removal']:
        facts.append('deprecated')
    name, default = option['name'], _default(option)
    return [
        f'- **`{name}`** = `{default}` ({", ".join(facts)})',
        f'  {" ".join(option["help"].split())}',
        '',
    ]


def _default(option: dict[str, Any]) -> str:
    default = option['default']
    return 'unset' if default is None else value(default)


def value(default: Any) -> str:
    """A default as a configuration file has it."""
    if isinstance(default, list):
        return ','.join(map(str, default))
    if isinstance(default, dict):
        return ','.join(f'{key}:{value}' for key, value in default.items())
    return str(default)


def main() -> int:
    from tools import api_page
    from tools import samples

    api_page.PAGE.write_text(api_page.page())
    PAGE.write_text(page())
    samples.write()
    return 0


if __name__ == '__main__':
    sys.exit(main())
