"""The blocks of code in README.md, and in other pages."""

import pathlib

README = pathlib.Path(__file__).resolve().parents[2] / 'README.md'


def blocks(heading: str, page: pathlib.Path = README) -> list[str]:
    """The blocks of a section, without their fences."""
    text = page.read_text()
    section = text.partition(f'\n## {heading}\n')[2].partition('\n## ')[0]
    assert section, heading
    parts = section.split('```')[1::2]
    return [part.partition('\n')[2] for part in parts]


def session(block: str) -> tuple[list[str], str]:
    """What a block says is typed, and what it says is printed."""
    typed: list[str] = []
    printed = ''
    continues = False
    for line in block.splitlines():
        if continues:
            typed[-1] += f'\n{line}'
        elif line.startswith('$ '):
            typed.append(line.removeprefix('$ '))
        else:
            printed += f'{line}\n'
            continue
        continues = line.endswith('\\')
    return typed, printed
