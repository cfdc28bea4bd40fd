"""Write the sample files in etc/ that are made from the options.

Every option stands there with its default, as a comment. tools/reference
calls this, so that the samples follow the code.
"""

from collections.abc import Collection, Iterator
from importlib import metadata
import pathlib
import textwrap
from typing import Any, NamedTuple

from tools import reference

ETC = pathlib.Path(__file__).resolve().parent.parent / 'etc'
_WIDTH = 79
_DEFAULT = 'DEFAULT'


class Sample(NamedTuple):
    """
    :ivar head: what the file is, for its first lines
    :ivar namespaces: of the options; the file exists if the first does
    :ivar groups: the sections that the file has; empty: all
    """

    head: str
    namespaces: tuple[str, ...]
    groups: Collection[str] = ()


SAMPLES = {
    'glance-manage.conf': Sample(
        'glance-manage reads it after glance-registry.conf and '
        'glance-api.conf; what is set there need not be set here. Options of '
        'logging: oslo-config-generator --namespace oslo.log',
        ('glance.manage',),
    ),
    'glance-scrubber.conf': Sample(
        'What glance-scrubber reads.', ('glance.scrubber',)
    ),
    'glance-cache.conf': Sample(
        'What the commands of the image cache read.',
        ('glance.cache',),
    ),
    'glance-image-import.conf': Sample(
        'What glance-api reads about the import of images, if the file is '
        'named with --config-file after glance-api.conf. The sections may '
        'stand in glance-api.conf as well.',
        ('glance.api',),
        (
            'image_import_opts',
            'import_filtering_opts',
            'inject_metadata_properties',
            'image_conversion',
            'glance_download_properties',
        ),
    ),
}


def names() -> list[str]:
    """The samples of programs that exist."""
    known = metadata.entry_points(group='oslo.config.opts').names
    return [
        name
        for name, sample in SAMPLES.items()
        if sample.namespaces[0] in known
    ]


def text(name: str) -> str:
    """A sample as it has to be."""
    sample = SAMPLES[name]
    groups: dict[str, list[str]] = {}
    for namespace in sample.namespaces:
        for group, options in reference._groups(namespace):
            if sample.groups and group not in sample.groups:
                continue
            entries = groups.setdefault(group, [])
            entries += [each for one in options for each in _entry(one)]
    lines = [
        *_comment(sample.head),
        *_comment('Made by tools/reference from the options.'),
    ]
    for group in sorted(groups, key=lambda name: (name != _DEFAULT, name)):
        lines += ['', f'[{group}]', *groups[group]]
    return '\n'.join(lines) + '\n'


def _entry(option: dict[str, Any]) -> Iterator[str]:
    facts = [
        f'{word} {option[key]}'
        for key, word in reference.BOUNDS
        if option[key] is not None
    ]
    if option['choices']:
        choices = ', '.join(str(each) for each, _help in option['choices'])
        facts.append(f'one of {choices}')
    yield ''
    yield from _comment(option['help'] or option['name'])
    yield from _comment('; '.join([option['type'], *facts]))
    default = option['sample_default']
    if default is None:
        default = option['default']
    yield f'#{option["name"]} = {_value(default)}'.rstrip()


def _value(default: Any) -> str:
    found = '' if default is None else reference.value(default)
    return found.replace('\n', ' ')


def _comment(words: str) -> list[str]:
    return [
        f'# {line}'
        for line in textwrap.wrap(
            ' '.join(words.split()),
            _WIDTH - 2,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def write() -> None:
    for name in names():
        (ETC / name).write_text(text(name))
