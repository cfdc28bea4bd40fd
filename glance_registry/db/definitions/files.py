"""Read, check and write definition files."""

from collections.abc import Iterable, Iterator
import json
import os
from pathlib import Path
import sys
from typing import Any

import jsonschema
from jsonschema import exceptions as schema_errors

from glance_registry.db.definitions import schema

Document = dict[str, Any]

#: Directory of definition files if metadata_source_path is not set.
SITE_DIRECTORY = Path('/etc/glance/metadefs')
SHARED = Path('share', 'glance', 'metadefs')
DIRECTORIES = (
    SITE_DIRECTORY,
    Path(sys.prefix, SHARED),
    Path('/usr', SHARED),
)

_LISTS = ('resource_type_associations', 'objects', 'tags')
#: Max length of a file name without its suffix; file systems allow 255 bytes
#: in UTF-8.
_MAX_STEM = 60
_CHECKER = jsonschema.Draft202012Validator(
    schema.FILE, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


class FileError(Exception):
    """A file is invalid; the message has its path and the position."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f'{path}: {reason}')


class NoFilesError(Exception):
    """There are no files to load; the message is for the operator."""


class _RepeatedError(ValueError):
    """A JSON object has a key twice."""


def find(path: str | None) -> list[Path]:
    """Return the files of a directory, sorted, or the file itself.

    :param path: None: the first of the default directories that exists
    :raises NoFilesError: there are no files
    """
    where = Path(path) if path else _usual_directory()
    if where.is_file():
        return [where]
    if not where.is_dir():
        raise NoFilesError(f'{where} does not exist.')
    paths = sorted(where.glob('*.json'))
    if not paths:
        raise NoFilesError(f'The directory {where} has no files *.json.')
    return paths


def _usual_directory() -> Path:
    for directory in DIRECTORIES:
        if directory.is_dir():
            return directory
    raise NoFilesError(
        'No definition files were found in '
        f'{", ".join(map(str, DIRECTORIES))}: name them with --path.'
    )


def read(path: Path) -> Document:
    """Read the document of a file.

    :raises FileError: the file cannot be read, or is not a definition file
    """
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_unique)
    except OSError as error:
        raise FileError(path, f'{error.strerror}.') from error
    except json.JSONDecodeError as error:
        place = f'line {error.lineno}, column {error.colno}'
        raise FileError(path, f'{place}: {error.msg}.') from error
    except (ValueError, RecursionError) as error:
        raise FileError(path, str(error)) from error
    reasons = [*_faults(content)]
    if reasons:
        raise FileError(path, ' '.join(reasons))
    document: Document = content
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        name = next(each for each in names if names.count(each) > 1)
        raise _RepeatedError(f'The key "{name}" is there twice.')
    return members


def _faults(document: Any) -> Iterator[str]:
    faults = sorted(_CHECKER.iter_errors(document), key=_place)
    for fault in faults:
        yield f'{_place(fault)}: {fault.message}.'
    if faults:
        return
    for kind in _LISTS:
        names = [each['name'] for each in document.get(kind, ())]
        for name in sorted({each for each in names if names.count(each) > 1}):
            yield f'{kind}: the name "{name}" is there twice.'


def _place(fault: schema_errors.ValidationError) -> str:
    return '/'.join(map(str, fault.absolute_path)) or 'top level'


def write(directory: Path, documents: Iterable[Document]) -> list[Path]:
    """Write a file for each namespace; replace existing files.

    :returns: the paths of the files, in the order of the documents
    """
    directory.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    written = []
    for document in documents:
        path = directory / f'{_stem(document, taken)}.json'
        aside = path.with_suffix('.new')
        aside.write_text(text(document), encoding='utf-8')
        os.replace(aside, path)
        written.append(path)
    return written


def text(document: Document) -> str:
    """Format a document as the text of its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + '\n'


def _stem(document: Document, taken: set[str]) -> str:
    """Return a unique name of a file, also if upper case is ignored."""
    name = _letters(document.get('display_name'))
    name = name or _letters(document['namespace']) or 'namespace'
    stem, number = name, 1
    while stem.lower() in taken:
        number += 1
        stem = f'{name}-{number}'
    taken.add(stem.lower())
    return stem


def _letters(name: str | None) -> str:
    return ''.join(filter(str.isalnum, name or ''))[:_MAX_STEM]
