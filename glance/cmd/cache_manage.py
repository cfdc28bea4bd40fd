"""glance-cache-manage: list and change the image cache of one host."""

import argparse
from collections.abc import Callable, Sequence
import datetime
import importlib.metadata
import os
import sys
import time
from typing import Any, NamedTuple, NoReturn
import urllib.parse
import uuid

from keystoneauth1 import exceptions
from keystoneauth1 import identity
from keystoneauth1 import plugin
from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint

NAME = 'glance-cache-manage'
TIMEOUT_SECONDS = 600
EXIT_FAILED = 1
EPILOG = """\
glance-api of the host must use the filter "cachemanage", for instance by
flavor = keystone+cachemanagement; the calls are for administrators.

example:
  glance-cache-manage --host 192.0.2.7 list-cached
  glance-cache-manage -f queue-image 71c675ab-d94f-49cd-a114-e12490b328d9

exit codes: 0 done, or the answer to a question was no; 1 it failed; 2 wrong
usage of a flag.
"""


class Failure(Exception):
    """The command failed; the message is for the operator."""


class Command(NamedTuple):
    """A command and the request that it sends.

    :ivar question: must be confirmed unless --force is given; {} is the id
    :ivar done: printed with --verbose; {} is the id or the number of images
    """

    help: str
    method: str
    path: str
    question: str = ''
    done: str = ''

    @property
    def has_id(self) -> bool:
        return '{}' in self.path


COMMANDS = {
    'list-cached': Command('list cached images', 'GET', 'cached_images'),
    'list-queued': Command('list queued images', 'GET', 'queued_images'),
    'queue-image': Command(
        'queue an image, so that it is fetched into the cache',
        'PUT',
        'queued_images/{}',
        'Queue image {} for caching?',
        'Queued image {} for caching',
    ),
    'delete-cached-image': Command(
        'remove an image from the cache',
        'DELETE',
        'cached_images/{}',
        'Delete cached image {}?',
        'Deleted cached image {}',
    ),
    'delete-all-cached-images': Command(
        'remove all images from the cache',
        'DELETE',
        'cached_images',
        'Delete all cached images?',
        'Deleted {} cached images',
    ),
    'delete-queued-image': Command(
        'remove an image from the queue',
        'DELETE',
        'queued_images/{}',
        'Delete queued image {}?',
        'Deleted queued image {}',
    ),
    'delete-all-queued-images': Command(
        'remove all images from the queue',
        'DELETE',
        'queued_images',
        'Delete all queued images?',
        'Deleted {} queued images',
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = parser().parse_args(argv)
    started = time.monotonic()
    try:
        code = _run(options)
    except (Failure, exceptions.ClientException, OSError) as error:
        if options.debug:
            raise
        print(f'ERROR: {_explained(error)}', file=sys.stderr)
        return EXIT_FAILED
    if options.verbose:
        print(f'Completed in {time.monotonic() - started:.4f} sec.')
    return code


def _run(options: argparse.Namespace) -> int:
    name, given = options.command, list(options.arguments)
    if name in (None, 'help'):
        return _help(given)
    command = _command(name)
    _check(name, command, given)
    question = command.question.format(*given)
    if question and not options.force and not _confirms(question):
        return 0
    document = _Service(options).ask(command, *given)
    if name == 'list-cached':
        _show_cached(document['cached_images'])
    elif name == 'list-queued':
        _show_queued(document['queued_images'])
    elif options.verbose:
        count = (document or {}).get('num_deleted')
        print(command.done.format(*given or [count]))
    return 0


def _check(name: str, command: Command, given: list[str]) -> None:
    """:raises Failure: the command does not accept these arguments"""
    if len(given) != command.has_id:
        raise Failure(
            f'{name} needs {"one image id" if command.has_id else "no id"}.'
        )
    for image_id in given:
        _require_uuid(image_id)


def _command(name: str) -> Command:
    """:raises Failure: there is no command with that name"""
    try:
        return COMMANDS[name]
    except KeyError:
        raise Failure(
            f'There is no command {name}; see {NAME} --help.'
        ) from None


def _help(names: list[str]) -> int:
    if not names:
        parser().print_help()
        return 0
    for name in names:
        command = _command(name)
        needed = ' IMAGE_ID' if command.has_id else ''
        print(f'usage: {NAME} [flags] {name}{needed}\n\n{command.help}')
    return 0


def _require_uuid(image_id: str) -> None:
    try:
        uuid.UUID(image_id)
    except ValueError:
        raise Failure(
            f'{image_id} is not the id of an image (UUID).'
        ) from None


def _confirms(question: str) -> bool:
    try:
        said = input(f'{question} [y/N] ')
    except EOFError:
        return False
    return said.strip().lower() in ('y', 'yes')


def _explained(error: Exception) -> str:
    """What an operator can do about an error."""
    if isinstance(error, exceptions.NotFound):
        return (
            'The service has no management of the image cache: set '
            'image_cache_dir, and use the filter "cachemanage" of the paste '
            'file, for instance by flavor = keystone+cachemanagement.'
        )
    if isinstance(error, exceptions.Forbidden):
        return 'You are not permitted to manage the image cache (403).'
    if isinstance(error, exceptions.Unauthorized):
        return 'The service needs another login (401); see --os-auth-url.'
    return ' '.join(str(error).split()) or type(error).__name__


class _Service:
    """glance-api of one host."""

    def __init__(self, options: argparse.Namespace) -> None:
        host = options.host
        if '://' not in host:
            host = f'http://{host}'
        parts = urllib.parse.urlsplit(host)
        place = parts.netloc
        if parts.port is None:
            place = f'{place}:{options.port}'
        self._url = f'{parts.scheme}://{place}'
        self._session = keystone_session.Session(
            auth=_login(options, self._url),
            verify=not options.insecure,
            timeout=TIMEOUT_SECONDS,
            additional_user_agent=[(NAME, '2')],
        )

    def ask(self, command: Command, *given: str) -> Any:
        """The document of the response; None if it has none."""
        path = command.path.format(*given)
        response = self._session.request(
            f'{self._url}/v2/{path}',
            command.method,
            redirect=False,
            log=False,
        )
        if response.status_code != 200:
            raise Failure(
                f'{self._url} responds with {response.status_code}; is it '
                'glance-api?'
            )
        return response.json()


def _login(
    options: argparse.Namespace, url: str
) -> plugin.BaseAuthPlugin | None:
    """Authentication by a token or by a user of Keystone; None for no login.

    :raises Failure: an option that the login needs is missing
    """
    if options.os_auth_token:
        return token_endpoint.Token(url, options.os_auth_token)
    if options.os_auth_strategy == 'noauth' and not options.os_auth_url:
        return None
    for name in ('os_auth_url', 'os_username', 'os_password'):
        if not getattr(options, name):
            flag = name.replace('_', '-')
            raise Failure(f'--{flag} or {name.upper()} is needed to log in.')
    domain = options.os_domain_id
    return identity.Password(
        options.os_auth_url,
        username=options.os_username,
        password=options.os_password,
        project_id=options.os_project_id,
        project_name=options.os_project_name,
        user_domain_id=options.os_user_domain_id or domain,
        project_domain_id=options.os_project_domain_id or domain,
    )


def _show_cached(images: list[dict[str, Any]]) -> None:
    if not images:
        print('No cached images.')
        return
    print(f'Found {len(images)} cached images...')
    rows = [
        (
            each['image_id'],
            _time(each['last_accessed']),
            _time(each['last_modified']),
            str(each['size']),
            str(each['hits']),
        )
        for each in images
    ]
    _print_table(
        {
            'ID': '<36',
            'Last Accessed (UTC)': '<19',
            'Last Modified (UTC)': '<19',
            'Size': '>14',
            'Hits': '>10',
        },
        rows,
    )


def _show_queued(ids: list[str]) -> None:
    if not ids:
        print('No queued images.')
        return
    print(f'Found {len(ids)} queued images...')
    _print_table({'ID': '<36'}, [(image_id,) for image_id in ids])


def _time(seconds: float) -> str:
    if not seconds:
        return 'N/A'
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return at.replace(tzinfo=None).isoformat(timespec='seconds')


def _print_table(
    columns: dict[str, str], rows: Sequence[tuple[str, ...]]
) -> None:
    """:param columns: title -> alignment and width of the cells"""
    widths = columns.values()
    rules = ['-' * int(width[1:]) for width in widths]
    for row in (tuple(columns), rules, *rows):
        cells = zip(row, widths, strict=True)
        print(' '.join(format(cell, width) for cell, width in cells).rstrip())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f'ERROR: {message} (see {NAME} --help)\n')


def parser() -> argparse.ArgumentParser:
    """The command line, with the flags of the classic program."""
    commands = '\n'.join(
        f'  {name:26}{command.help}' for name, command in COMMANDS.items()
    )
    command_line = _Parser(
        prog=NAME,
        description='Manage the image cache of one host.',
        epilog=f'commands:\n  help [COMMAND]\n{commands}\n\n{EPILOG}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version('glance-split')
    add: Callable[..., Any] = command_line.add_argument
    add('--version', action='version', version=version)
    add('-v', '--verbose', action='store_true', help='say what was done')
    add('-d', '--debug', action='store_true', help='show where it failed')
    add('-H', '--host', default='0.0.0.0', help='of glance-api, or its URL')  # noqa: S104
    add('-p', '--port', type=int, default=9292, help='of glance-api')
    add(
        *('-k', '--insecure'),
        action='store_true',
        help='check no certificate',
    )
    add('-f', '--force', action='store_true', help='ask no question')
    _add_login(add)
    add('command', nargs='?', metavar='COMMAND')
    add('arguments', nargs='*', metavar='IMAGE_ID')
    return command_line


def _add_login(add: Callable[..., Any]) -> None:
    for name, short, older, help_ in (
        ('auth-token', '-A', (), 'token; no login is needed then'),
        ('username', '-I', (), 'user of Keystone'),
        ('password', '-K', (), 'its password; better in OS_PASSWORD'),
        ('region-name', '-R', (), 'without effect: --host says where'),
        ('project-id', None, ('tenant-id',), 'project to log in to'),
        ('project-name', '-T', ('tenant-name',), 'the same by name'),
        ('user-domain-id', None, (), 'domain of the user'),
        ('project-domain-id', None, (), 'domain of the project'),
        ('domain-id', None, (), 'domain of both (default: default)'),
        ('auth-url', '-N', (), 'URL of Keystone'),
        ('auth-strategy', '-S', (), 'noauth or keystone'),
    ):
        names = [
            f'--os{separator}{each.replace("-", separator)}'
            for each in (name, *older)
            for separator in '-_'
        ]
        variables = [
            f'OS_{each.upper().replace("-", "_")}' for each in (name, *older)
        ]
        given = (os.environ.get(each) for each in variables)
        default = next(filter(None, given), _DEFAULTS.get(name))
        add(
            *([short] if short else []),
            *names,
            dest=f'os_{name.replace("-", "_")}',
            default=default,
            metavar='VALUE',
            help=f'{help_} (environment: {variables[0]})',
        )


_DEFAULTS = {'domain-id': 'default', 'auth-strategy': 'noauth'}


if __name__ == '__main__':
    sys.exit(main())
