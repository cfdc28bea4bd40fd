"""glance-replicator: copy images from one service to another."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
import functools
import importlib.metadata
from pathlib import Path
import re
import sys
from typing import Any

from oslo_config import cfg

from glance.cmd.replicator import copying
from glance.cmd.replicator import documents
from glance.cmd.replicator import dumps
from glance.cmd.replicator import service
from glance.cmd.replicator import service_v1
from glance.common import config
from glance.common import progress

#: Members that are not copied; --dontreplicate replaces this list.
DONT_REPLICATE = 'created_at date deleted_at location updated_at'

EPILOG = """\
SERVICE is host:port or a URL. Tokens should be those of administrators, who
see every image. sourcetoken and targettoken may also be set in [DEFAULT] of
glance-replicator.conf, where other users do not see them.

example:
  glance-replicator --sourcetoken TOKEN size http://a.example.org:9292
  glance-replicator -t TOKEN livecopy a.example.org:9292 b.example.org:9292
  glance-replicator --dry-run load b.example.org:9292 /var/backups/images

exit codes: 0 done; 1 an image failed, or wrong usage. Run the command again:
what is there is not copied a second time.
"""

_OPTS = [
    cfg.StrOpt('sourcetoken', secret=True, help='Token for the source.'),
    cfg.StrOpt('targettoken', secret=True, help='Token for the target.'),
]
_URL = re.compile(
    r'^(https?://)?([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/.*)?$'
)


class UsageError(Exception):
    """The command line is invalid; the message is for the operator."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f'{message} (see glance-replicator --help)')


def parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog='glance-replicator',
        description='Copy images, with members and tags, between services.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--version',
        action='version',
        version=importlib.metadata.version('glance-split'),
    )
    parser.add_argument('--config-file', action='append', metavar='PATH')
    _add_copying(parser)
    _add_services(parser)
    parser.add_argument(
        'command', nargs='?', help=', '.join([*_COMMANDS, 'help'])
    )
    parser.add_argument('arguments', nargs='*', metavar='SERVICE')
    return parser


def _add_copying(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is copied, and how."""
    parser.add_argument(
        *('-c', '--chunksize'),
        type=int,
        default=65536,
        metavar='BYTES',
        help='how much is read at a time (default: 65536)',
    )
    parser.add_argument(
        *('-D', '--dontreplicate'),
        default=DONT_REPLICATE,
        metavar='NAMES',
        help=f'names that are not copied (default: "{DONT_REPLICATE}")',
    )
    parser.add_argument(
        *('-m', '--metaonly'),
        action='store_true',
        help='copy no data: only complete images that the target has',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='say what would be done, and do nothing',
    )
    parser.add_argument(
        '--quiet',
        action='store_true',
        help=progress.QUIET,
    )


def _add_services(parser: argparse.ArgumentParser) -> None:
    """Add the options for the connections to both services."""
    parser.add_argument('-t', '--token', help='token for both services')
    parser.add_argument(
        *('-M', '--mastertoken', '--sourcetoken'),
        dest='sourcetoken',
        help='token for the source',
    )
    parser.add_argument(
        *('-S', '--slavetoken', '--targettoken'),
        dest='targettoken',
        help='token for the target',
    )
    parser.add_argument(
        '--api-version',
        type=int,
        choices=(1, 2),
        default=2,
        help='of both services (default: 2). API v1 has no tags, and an '
        'upload that breaks off cannot be repeated',
    )
    parser.add_argument(
        '--cacert', metavar='PATH', help='certificate authorities of TLS'
    )
    parser.add_argument(
        '--insecure', action='store_true', help='check no certificate'
    )


class Run:
    """One run of a command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._is_v1 = options.api_version == 1
        self._copy_settings = copying.Settings(
            options.dontreplicate.split(), options.metaonly, options.dry_run
        )

    def _copies(self, target: service.Service) -> copying.Copies:
        return copying.Copies(target, self._copy_settings, print, self._tell)

    def _tell(self, text: str) -> None:
        """Print what was done or is in order, unless --quiet is given."""
        if not self._options.quiet:
            print(text)

    def source(self, url: str) -> service.Service:
        return self._service(url, self._options.sourcetoken)

    def target(self, url: str) -> service.Service:
        target = self._service(url, self._options.targettoken)
        target.require_answer()
        return target

    def _service(self, url: str, token: str | None) -> service.Service:
        if not _URL.match(url):
            raise UsageError(f'{url} is neither host:port nor a URL.')
        url = url if '://' in url else f'http://{url}'
        verify = self._options.cacert or not self._options.insecure
        token = token or self._options.token
        made = service_v1.ServiceV1 if self._is_v1 else service.Service
        return made(url.rstrip('/'), token, verify)

    def _watched(
        self, image: service.Image, chunks: Iterable[bytes]
    ) -> Iterator[bytes]:
        """Pass the chunks on and show the progress."""
        watched = progress.Progress(
            'B', image.get('size'), is_quiet=self._options.quiet
        )
        try:
            for chunk in chunks:
                yield chunk
                watched.add(len(chunk))
        finally:
            watched.close()

    def size(self, url: str) -> int:
        sizes = [
            image.get('size') or 0
            for image in self.source(url).images()
            if image['status'] in copying.WITH_DATA
        ]
        total = sum(sizes)
        print(f'{len(sizes)} images, {total} bytes ({_human(total)})')
        return 0

    def dump(self, url: str, directory: str) -> int:
        source, options = self.source(url), self._options
        dump = dumps.Dump(Path(directory), options.chunksize)
        if not options.dry_run:
            dump.make()
        failures = 0
        for image in source.images():
            try:
                self._dump(source, dump, image)
            except (*service.FAILURES, documents.DamagedError) as error:
                failures += 1
                print(f'{image["id"]}: FAILED: {error}')
        return _result(failures)

    def _dump(
        self, source: service.Service, dump: dumps.Dump, image: service.Image
    ) -> None:
        image_id, is_dry = image['id'], self._options.dry_run
        has_data = image['status'] in copying.WITH_DATA
        if has_data and not self._options.metaonly:
            if dump.has_data(image):
                self._tell(f'{image_id}: its data is there')
            elif is_dry:
                self._tell(
                    f'{image_id}: would be dumped ({image["size"]} bytes)'
                )
            else:
                dump.fetch(
                    source, image, functools.partial(self._watched, image)
                )
                self._tell(f'{image_id}: dumped ({image["size"]} bytes)')
        if not is_dry and not dump.has_document(image_id):
            is_shared = image.get('visibility') == 'shared'
            dump.write(image, source.members(image_id) if is_shared else {})

    def load(self, url: str, directory: str) -> int:
        dump = dumps.Dump(Path(directory), self._options.chunksize)
        copies = self._copies(self.target(url))
        for document in dump.images():
            image = documents.from_dump(document)
            members = functools.partial(dump.members, document['id'])
            if self._is_v1:
                image = documents.for_v1(image)
                members = functools.partial(_without_status, members)
            has_data = dump.has_data(image)
            if has_data and image.get('size') is None:
                image['size'] = dump.size_bytes(image)
            copies.bring(
                copying.Origin(
                    image,
                    members,
                    functools.partial(self._read, dump, image)
                    if has_data
                    else None,
                )
            )
        return _result(copies.failures)

    def _read(self, dump: dumps.Dump, image: service.Image) -> Iterator[bytes]:
        return self._watched(image, dump.data(image))

    def livecopy(self, source_url: str, target_url: str) -> int:
        source = self.source(source_url)
        target = self.target(target_url)
        copies = self._copies(target)
        for image in self._images(source):
            copies.bring(
                copying.Origin(
                    image,
                    functools.partial(source.members, image['id']),
                    functools.partial(self._download, source, image),
                )
            )
        return _result(copies.failures)

    def _images(self, source: service.Service) -> Iterator[service.Image]:
        """Yield the images as the target would have them."""
        for image in source.images():
            yield documents.for_v1(image) if self._is_v1 else image

    def _download(
        self, source: service.Service, image: service.Image
    ) -> Iterator[bytes]:
        chunks = source.data(image['id'], self._options.chunksize)
        return self._watched(image, chunks)

    def compare(self, source_url: str, target_url: str) -> int:
        source = self.source(source_url)
        target = self.target(target_url)
        for image in self._images(source):
            image_id = image['id']
            copy = target.image(image_id)
            if copy is None:
                print(f'WARNING: {image_id}: the target does not have it')
                continue
            names = {
                *documents.differences(
                    image, copy, self._copy_settings.without
                ),
                *documents.differing_data(image, copy),
            }
            if image.get('visibility') == 'shared' and (
                source.members(image_id) != target.members(image_id)
            ):
                names.add('members')
            for name in sorted(names):
                print(f'WARNING: {image_id}: {name} is different')
            if not names:
                self._tell(f'{image_id}: equal')
        return 0


#: Command -> its method, its number of arguments.
_COMMANDS: dict[str, tuple[Callable[..., int], int]] = {
    'size': (Run.size, 1),
    'dump': (Run.dump, 2),
    'load': (Run.load, 2),
    'livecopy': (Run.livecopy, 2),
    'compare': (Run.compare, 2),
}


def _without_status(members: Callable[[], dict[str, str]]) -> dict[str, str]:
    return dict.fromkeys(members(), documents.V1_MEMBER_STATUS)


def _result(failures: int) -> int:
    if failures:
        print(f'{failures} images failed.')
    return bool(failures)


def _human(size: int) -> str:
    number = float(size)
    for unit in ('B', 'KiB', 'MiB', 'GiB', 'TiB'):
        if number < 1024:
            return f'{number:.1f} {unit}'
        number /= 1024
    return f'{number:.1f} PiB'


def main(argv: Sequence[str] | None = None) -> int:
    try:
        options = parser().parse_args(argv)
        if options.command in (None, 'help'):
            parser().print_help()
            return 0
        command = _COMMANDS.get(options.command)
        if command is None:
            raise UsageError(f'There is no command {options.command}.')
        run, count = command
        if len(options.arguments) != count:
            raise UsageError(
                f'{options.command} needs {count} arguments, for instance '
                f'{options.command}{" host:port" * count}.'
            )
        if options.chunksize < 1:
            raise UsageError('--chunksize is at least 1.')
        _read_configuration(options)
        return run(Run(options), *options.arguments)
    except (
        UsageError,
        cfg.Error,
        documents.DamagedError,
        *service.FAILURES,
    ) as error:
        print(f'ERROR: {config.one_line(error)}', file=sys.stderr)
        return 1


def _read_configuration(options: argparse.Namespace) -> None:
    conf = cfg.ConfigOpts()
    conf.register_opts(_OPTS)
    files = options.config_file or config.find_files('glance-replicator')
    conf([], project=config.PROJECT, default_config_files=files)
    options.sourcetoken = options.sourcetoken or conf.sourcetoken
    options.targettoken = options.targettoken or conf.targettoken


if __name__ == '__main__':
    sys.exit(main())
