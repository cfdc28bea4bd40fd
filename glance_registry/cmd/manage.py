"""glance-manage: the operator's command for the database.

``glance-manage db ACTION``, or ``db_ACTION`` in older scripts. The options of
an action are flags or positional arguments.
"""

import argparse
import collections
from collections.abc import Callable
import functools
from importlib import metadata
import json
import sys
from typing import Any

from oslo_config import cfg
from oslo_log import log
from oslo_utils import strutils
import sqlalchemy as sa
from sqlalchemy import exc

from glance.common import logfiles
from glance.common import progress
from glance_registry import conf as registry_conf
from glance_registry.cmd import actions
from glance_registry.cmd import config_check
from glance_registry.cmd import definitions
from glance_registry.cmd import moving
from glance_registry.cmd.actions import Action
from glance_registry.cmd.actions import Argument
from glance_registry.cmd.actions import UsageError
from glance_registry.db import maintenance
from glance_registry.db import migration
from glance_registry.db import purge
from glance_registry.db import texts
from glance_registry.db.definitions import files

LOG = log.getLogger(__name__)

#: Default log levels of the library. The log of alembic is added to them,
#: because it shows the progress of the command.
_LEVELS = log.get_default_log_levels()

#: Programs whose configuration is read if no file is named; later files
#: override earlier ones.
_PROGRAMS = ('glance-registry', 'glance-api', 'glance-manage')


_DESCRIPTION = (
    'Make, upgrade, look after and purge the database of glance-registry, '
    'load metadata definitions, and check configuration files.'
)
_EPILOG = (
    'Without --config-file it reads the files of glance-registry, glance-api '
    'and glance-manage; the later one wins. Exit codes: 0 done; 1 refused or '
    'failed, with a line that begins with ERROR; 2 wrong usage; "db check" '
    'has codes of its own. Examples: glance-manage db sync. glance-manage '
    'db purge --age_in_days 90. glance-manage config check /etc/glance.'
)

#: Errors that are reported in one line; any other is a bug in this program.
_EXPECTED = (
    UsageError,
    migration.MigrationError,
    purge.PurgeError,
    maintenance.Locked,
    files.NoFilesError,
    exc.SQLAlchemyError,
    cfg.Error,
    log.LogConfigError,
    OSError,
)


def _version(engine: sa.Engine) -> int:
    version = migration.version(engine)
    if not version:
        print('No revision is stored. Run "glance-manage db sync".')
    for revision in version:
        print(revision)
    return 0


_ADVICE = {
    migration.NextStep.NONE: 'The database is up to date.',
    migration.NextStep.EXPAND: 'Next step: "glance-manage db expand".',
    migration.NextStep.MIGRATE: 'Next step: "glance-manage db migrate".',
    migration.NextStep.CONTRACT: 'Next step: "glance-manage db contract".',
}


def _check(engine: sa.Engine) -> int:
    step = migration.check(engine)
    print(_ADVICE[step])
    faults = texts.faults(engine)
    for fault in faults:
        print(f'ERROR: {fault}', file=sys.stderr)
    return step.value or bool(faults)


def _sync(
    engine: sa.Engine, version: str | None, current: str | None, quiet: bool
) -> int:
    say = maintenance.ignore if quiet else print
    with progress.Progress('rows', is_quiet=quiet) as shown:
        migration.sync(engine, say, shown.add)
    return 0


def _expand(engine: sa.Engine) -> int:
    migration.expand(engine, print)
    return 0


def _migrate(engine: sa.Engine, quiet: bool, is_json: bool) -> int:
    say = maintenance.ignore if quiet or is_json else print
    with progress.Progress('rows', is_quiet=quiet) as shown:
        count = migration.migrate(engine, say, shown.add)
    if is_json:
        print(json.dumps({'rows': count}))
    return 0


def _contract(engine: sa.Engine) -> int:
    migration.contract(engine, print)
    return 0


def _upgrade(engine: sa.Engine, version: str) -> int:
    migration.upgrade(engine, version, print)
    return 0


def _version_control(engine: sa.Engine, version: str, force: bool) -> int:
    migration.version_control(engine, version, print, force)
    return 0


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(f'{name} is not a whole number: {text}') from error


def _purge(engine: sa.Engine, *arguments: Any) -> int:
    return _purged(engine, purge.purge, *arguments)


def _purge_images(engine: sa.Engine, *arguments: Any) -> int:
    return _purged(engine, purge.purge_images_table, *arguments)


def _purged(
    engine: sa.Engine,
    work: Callable[..., int],
    age_in_days: str,
    max_rows: str,
    quiet: bool,
    is_json: bool,
) -> int:
    age = _number(age_in_days, 'age_in_days')
    limit = _number(max_rows, 'max_rows')
    tables: collections.Counter[str] = collections.Counter()
    with progress.Progress('rows', is_quiet=quiet) as shown:

        def watch(table: str, amount: int) -> None:
            tables[table] += amount
            shown.add(amount)

        total = work(engine, age, limit, watch)
    if is_json:
        print(json.dumps({'rows': total, 'tables': dict(+tables)}))
    elif not quiet:
        parts = [f'{tables[name]} of {name}' for name in sorted(+tables)]
        told = f': {", ".join(parts)}' if parts else ''
        print(f'{total} rows were purged{told}.')
    return 0


_ROWS = Argument(
    'max_rows', '100', 'how many rows of each table at most; -1 for all'
)

ACTIONS = {
    'version': Action(
        'print the stored revisions',
        _version,
        example='glance-manage db version',
    ),
    'check': Action(
        'tell the next step: exit 0 none, 3 expand, 4 migrate, 5 contract; '
        'and what cannot hold every text: exit 1',
        _check,
        example='glance-manage db check; echo $?',
    ),
    'sync': Action(
        'upgrade in one go, while all daemons are stopped',
        _sync,
        (
            Argument('version', None, 'ignored; for older scripts'),
            Argument('current_version', None, 'ignored; for older scripts'),
        ),
        flags=actions.QUIET,
        creates=True,
        example='glance-manage db sync',
    ),
    'expand': Action(
        'rolling upgrade, first: add what is new',
        _expand,
        creates=True,
        example='glance-manage db expand',
    ),
    'migrate': Action(
        'rolling upgrade, second: move rows',
        _migrate,
        flags=actions.LONG,
        example='glance-manage db migrate',
    ),
    'contract': Action(
        'rolling upgrade, last: take away what is old',
        _contract,
        example='glance-manage db contract',
    ),
    'upgrade': Action(
        'run the scripts of the schema alone',
        _upgrade,
        (Argument('version', 'heads', 'the revision to reach'),),
        creates=True,
        example='glance-manage db upgrade --version heads',
    ),
    'version_control': Action(
        'store a revision, change nothing else',
        _version_control,
        (Argument('version', 'liberty', 'the revision to store'),),
        {'force': 'even when there are tables in the database'},
        creates=True,
        example='glance-manage db version_control --version liberty',
    ),
    'purge': Action(
        'remove rows deleted long ago, from all tables but images',
        _purge,
        (
            Argument('age_in_days', '30', 'deleted more days ago than this'),
            _ROWS,
        ),
        flags=actions.LONG,
        example='glance-manage db purge --age_in_days 90 --max_rows -1',
    ),
    'purge_images_table': Action(
        'remove images deleted long ago; their ids may be used again then',
        _purge_images,
        (
            Argument('age_in_days', '180', 'deleted more days ago than this'),
            _ROWS,
        ),
        flags=actions.LONG,
        example='glance-manage db purge_images_table --age_in_days 180',
    ),
    **definitions.ACTIONS,
}

# The command line


def _add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    action = ACTIONS[name]
    parser.set_defaults(action=name)
    for each in action.arguments:
        flag = f'--{each.name}'
        text = f'{each.help} (default: {each.default})'
        parser.add_argument(
            flag,
            dest=f'flag_{each.name}',
            metavar=each.name.upper(),
            help=text,
        )
    for switch, text in (action.switches | action.flags).items():
        parser.add_argument(
            f'--{switch}', dest=switch, action='store_true', help=text
        )
    for each in action.arguments:
        # Separate destinations, so that the default of the positional
        # argument does not override the flag.
        parser.add_argument(
            f'word_{each.name}',
            metavar=each.name,
            nargs='?',
            help=f'the same as --{each.name}',
        )
    for switch in action.switches if action.words_switch else ():
        parser.add_argument(
            f'word_{switch}',
            metavar=switch,
            nargs='?',
            type=functools.partial(strutils.bool_from_string, strict=True),
            help=f'True is the same as --{switch}',
        )


def _add_parsers(commands: Any) -> None:
    config_check.add_parser(commands)
    database = commands.add_parser('db', help='the database, by action')
    by_name = database.add_subparsers(dest='db_action', title='actions')
    by_name.required = True
    for name, action in ACTIONS.items():
        for parsers, command in ((by_name, name), (commands, f'db_{name}')):
            parser = parsers.add_parser(
                command,
                help=action.help,
                description=f'{action.help[:1].upper()}{action.help[1:]}.',
                epilog=action.examples(),
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            _add_arguments(parser, name)
    moving.add_parser(by_name, moving.NAME)
    moving.add_parser(commands, f'db_{moving.NAME}')


def _value(conf: cfg.ConfigOpts, argument: Argument) -> Any:
    for origin in ('flag', 'word'):
        value = getattr(conf.command, f'{origin}_{argument.name}')
        if value is not None:
            return value
    if argument.option is not None:
        return conf[argument.option] or argument.default
    return argument.default


def _is_on(conf: cfg.ConfigOpts, switch: str) -> bool:
    words = getattr(conf.command, f'word_{switch}', None)
    return bool(getattr(conf.command, switch) or words)


def _call(conf: cfg.ConfigOpts) -> int:
    if hasattr(conf.command, 'start'):
        return int(conf.command.start(conf))
    if hasattr(conf.command, 'run'):
        return int(conf.command.run(conf.command))
    if not conf.database.connection:
        raise UsageError('[database] connection is not set.')
    action = ACTIONS[conf.command.action]
    values = [_value(conf, argument) for argument in action.arguments]
    values += [_is_on(conf, name) for name in action.switches | action.flags]
    engine = maintenance.engine(conf.database.connection, action.creates)
    return action.run(engine, *values)


def _default_files(find: Callable[[str, str], list[str]]) -> list[str]:
    """Return the default files, each once; later ones override earlier."""
    paths = (path for prog in _PROGRAMS for path in find('glance', prog))
    return list(dict.fromkeys(paths))


def _configure(argv: list[str] | None) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    registry_conf.register_manage(conf)
    conf.register_cli_opt(
        cfg.SubCommandOpt('command', title='commands', handler=_add_parsers)
    )
    log.register_options(conf)
    log.set_defaults(default_log_levels=[*_LEVELS, 'alembic=INFO'])
    # The operator sees the log on the terminal.
    conf.set_default('use_stderr', True)
    conf(
        argv,
        project='glance',
        prog='glance-manage',
        version=_release(),
        description=_DESCRIPTION,
        epilog=_EPILOG,
        default_config_files=_default_files(cfg.find_config_files),
        default_config_dirs=_default_files(cfg.find_config_dirs),
    )
    logfiles.prepare(conf)
    log.setup(conf, 'glance')
    return conf


def _release() -> str:
    try:
        return metadata.version('glance-split')
    except metadata.PackageNotFoundError:
        return 'unreleased'


def _explain(error: Exception) -> str:
    """Return the driver's message, without the statement and its values."""
    return str(getattr(error, 'orig', None) or error)


def main(argv: list[str] | None = None) -> int:
    try:
        return _call(_configure(argv))
    except _EXPECTED as error:
        LOG.debug('The command failed.', exc_info=True)
        print(f'ERROR: {_explain(error)}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
