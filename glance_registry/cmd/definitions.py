"""Actions of glance-manage on the catalogue of metadata definitions."""

import json
from pathlib import Path
import sys

import sqlalchemy as sa
from sqlalchemy import exc

from glance.common import progress
from glance_registry.cmd import actions
from glance_registry.db import maintenance
from glance_registry.db.definitions import exporting
from glance_registry.db.definitions import files
from glance_registry.db.definitions import loading

#: The mode for the values of the switches merge, prefer_new and overwrite.
_MODES = {
    (False, False, False): loading.Mode.SKIP,
    (True, False, False): loading.Mode.MERGE,
    (True, True, False): loading.Mode.PREFER_NEW,
    (True, False, True): loading.Mode.OVERWRITE,
}

_PATH = actions.Argument(
    'path',
    None,
    'a directory with files *.json, or one file; without it '
    'metadata_source_path of the configuration, then /etc/glance/metadefs, '
    'then the files that were installed with this program',
    'metadata_source_path',
)


def _load(
    engine: sa.Engine,
    path: str | None,
    merge: bool,
    prefer_new: bool,
    overwrite: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    mode = _MODES.get((merge, prefer_new, overwrite))
    if mode is None:
        raise actions.UsageError(
            '--prefer_new and --overwrite need --merge, and exclude each '
            'other. Nothing was loaded.'
        )
    documents, faults = _read(files.find(path))
    total, results = len(documents), []
    with (
        maintenance.lock(engine),
        progress.Progress('files', total, is_quiet=quiet) as shown,
    ):
        for file, document in documents.items():
            name = document['namespace']
            try:
                with engine.begin() as connection:
                    done = str(loading.load(connection, document, mode))
            except exc.IntegrityError as error:
                faults.append(f'{file}: {error.orig}')
                continue
            finally:
                shown.add()
            results.append(
                {'file': str(file), 'namespace': name, 'result': done}
            )
            if not quiet and not is_json:
                shown.say(f'{file}: {name} was {done}.')
    if is_json:
        print(json.dumps({'namespaces': results, 'errors': faults}))
    return _told(faults)


def _read(paths: list[Path]) -> tuple[dict[Path, files.Document], list[str]]:
    """Read files; return the documents, and messages on invalid files."""
    documents: dict[Path, files.Document] = {}
    homes: dict[str, Path] = {}
    faults = []
    for path in paths:
        try:
            document = files.read(path)
        except files.FileError as error:
            faults.append(str(error))
            continue
        home = homes.setdefault(document['namespace'], path)
        if home is not path:
            name = document['namespace']
            faults.append(f'{path}: {home} defines the namespace {name}, too.')
            continue
        documents[path] = document
    return documents, faults


def _told(faults: list[str]) -> int:
    """Print every fault; return the exit code."""
    for fault in faults:
        print(f'ERROR: {fault}', file=sys.stderr)
    if faults:
        print(
            f'ERROR: {len(faults)} of the files cannot be loaded.',
            file=sys.stderr,
        )
    return bool(faults)


def _unload(engine: sa.Engine) -> int:
    with maintenance.lock(engine), engine.begin() as connection:
        count = loading.unload(connection)
    print(f'{count} namespaces were deleted.')
    return 0


def _export(engine: sa.Engine, path: str | None) -> int:
    directory = Path(path) if path else files.SITE_DIRECTORY
    with engine.connect() as connection:
        documents = list(exporting.documents(connection))
    written = files.write(directory, documents)
    for file, document in zip(written, documents, strict=True):
        print(f'{file}: {document["namespace"]} was written.')
    # Rows that other programs wrote may be invalid in a file.
    _, faults = _read(written)
    return _told(faults)


ACTIONS = {
    'load_metadefs': actions.Action(
        'load metadata definitions from files; without --merge, namespaces '
        'that exist are skipped',
        _load,
        (_PATH,),
        {
            'merge': 'add to namespaces that exist what they lack',
            'prefer_new': 'with --merge: update what is there, too',
            'overwrite': 'with --merge: replace namespaces that exist',
        },
        flags=actions.LONG,
        words_switch=True,
        example=(
            'glance-manage db load_metadefs\n'
            'glance-manage db load_metadefs --path site.json --merge '
            '--prefer_new'
        ),
    ),
    'unload_metadefs': actions.Action(
        'delete all metadata definitions, protected ones too',
        _unload,
        example='glance-manage db unload_metadefs',
    ),
    'export_metadefs': actions.Action(
        'write each namespace of metadata definitions to a file',
        _export,
        (
            actions.Argument(
                'path',
                None,
                'directory of the files, which is made if it does not '
                'exist; without it metadata_source_path of the '
                'configuration, then /etc/glance/metadefs',
                'metadata_source_path',
            ),
        ),
        example='glance-manage db export_metadefs --path /srv/metadefs',
    ),
}
