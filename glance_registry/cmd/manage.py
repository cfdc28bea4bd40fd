"""glance-manage: the operator's command for the database.

``glance-manage db ACTION`` and, as older scripts say it, ``db_ACTION``. The
options of an action are flags or, in order, plain words.
"""

import argparse
from collections.abc import Callable
import dataclasses
from importlib import metadata
import sys
from typing import Any

from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log
import sqlalchemy as sa
from sqlalchemy import exc

from glance_registry.db import maintenance
from glance_registry.db import migration
from glance_registry.db import purge
from glance_registry.db import texts

LOG = log.getLogger(__name__)

#: The library's own; alembic's lines are this command's progress.
_LEVELS = log.get_default_log_levels()

#: whose configuration is read when no file is named; later wins
_PROGRAMS = ('glance-registry', 'glance-api', 'glance-manage')


class UsageError(Exception):
    """An argument makes no sense; the message is for the operator."""


#: what is told in one line; anything else is a fault of ours
_EXPECTED = (
    UsageError,
    migration.MigrationError,
    purge.PurgeError,
    maintenance.Locked,
    exc.SQLAlchemyError,
    cfg.Error,
    log.LogConfigError,
    OSError,
)


@dataclasses.dataclass(frozen=True)
class Argument:
    """An option of an action: a flag, or a word in its place."""

    name: str
    default: Any
    help: str


@dataclasses.dataclass(frozen=True)
class Action:
    """What ``db NAME`` does: ``run`` gives the exit code."""

    help: str
    run: Callable[..., int]
    arguments: tuple[Argument, ...] = ()
    switches: dict[str, str] = dataclasses.field(default_factory=dict)
    creates: bool = False


def _version(engine: sa.Engine) -> int:
    found = migration.version(engine)
    if not found:
        print('No revision is stored. Run "glance-manage db sync".')
    for revision in found:
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


def _sync(engine: sa.Engine, version: str | None, current: str | None) -> int:
    migration.sync(engine, print)
    return 0


def _expand(engine: sa.Engine) -> int:
    migration.expand(engine, print)
    return 0


def _migrate(engine: sa.Engine) -> int:
    migration.migrate(engine, print)
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


def _purge(engine: sa.Engine, age_in_days: str, max_rows: str) -> int:
    age = _number(age_in_days, 'age_in_days')
    purge.purge(engine, age, _number(max_rows, 'max_rows'))
    return 0


def _purge_images(engine: sa.Engine, age_in_days: str, max_rows: str) -> int:
    age = _number(age_in_days, 'age_in_days')
    purge.purge_images_table(engine, age, _number(max_rows, 'max_rows'))
    return 0


_ROWS = Argument(
    'max_rows', '100', 'how many rows of each table at most; -1 for all'
)

ACTIONS = {
    'version': Action('print the stored revisions', _version),
    'check': Action(
        'tell the next step: exit 0 none, 3 expand, 4 migrate, 5 contract; '
        'and what cannot hold every text: exit 1',
        _check,
    ),
    'sync': Action(
        'upgrade in one go, while all daemons are stopped',
        _sync,
        (
            Argument('version', None, 'ignored; for older scripts'),
            Argument('current_version', None, 'ignored; for older scripts'),
        ),
        creates=True,
    ),
    'expand': Action(
        'rolling upgrade, first: add what is new', _expand, creates=True
    ),
    'migrate': Action('rolling upgrade, second: move rows', _migrate),
    'contract': Action(
        'rolling upgrade, last: take away what is old', _contract
    ),
    'upgrade': Action(
        'run the scripts of the schema alone',
        _upgrade,
        (Argument('version', 'heads', 'the revision to reach'),),
        creates=True,
    ),
    'version_control': Action(
        'store a revision, change nothing else',
        _version_control,
        (Argument('version', 'liberty', 'the revision to store'),),
        {'force': 'even when there are tables in the database'},
        creates=True,
    ),
    'purge': Action(
        'remove rows deleted long ago, from all tables but images',
        _purge,
        (
            Argument('age_in_days', '30', 'deleted more days ago than this'),
            _ROWS,
        ),
    ),
    'purge_images_table': Action(
        'remove images deleted long ago; their ids may be used again then',
        _purge_images,
        (
            Argument('age_in_days', '180', 'deleted more days ago than this'),
            _ROWS,
        ),
    ),
}

# The command line


def _add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    action = ACTIONS[name]
    parser.set_defaults(action=name)
    for each in action.arguments:
        flag = f'--{each.name}'
        text = f'{each.help} (default: {each.default})'
        parser.add_argument(flag, dest=f'flag_{each.name}', help=text)
    for switch, text in action.switches.items():
        parser.add_argument(
            f'--{switch}', dest=switch, action='store_true', help=text
        )
    for each in action.arguments:
        # A parser of its own would let the default win over the flag.
        parser.add_argument(
            f'word_{each.name}',
            metavar=each.name,
            nargs='?',
            help=f'the same as --{each.name}',
        )


def _add_parsers(commands: Any) -> None:
    database = commands.add_parser('db', help='the database, by action')
    actions = database.add_subparsers(dest='db_action', title='actions')
    actions.required = True
    for name, action in ACTIONS.items():
        _add_arguments(actions.add_parser(name, help=action.help), name)
        old = commands.add_parser(f'db_{name}', help=action.help)
        _add_arguments(old, name)


def _value(conf: cfg.ConfigOpts, argument: Argument) -> Any:
    for origin in ('flag', 'word'):
        found = getattr(conf.command, f'{origin}_{argument.name}')
        if found is not None:
            return found
    return argument.default


def _call(conf: cfg.ConfigOpts) -> int:
    if not conf.database.connection:
        raise UsageError('[database] connection is not set.')
    action = ACTIONS[conf.command.action]
    values = [_value(conf, argument) for argument in action.arguments]
    values += [getattr(conf.command, switch) for switch in action.switches]
    engine = maintenance.engine(conf.database.connection, action.creates)
    return action.run(engine, *values)


def _default_files(find: Callable[[str, str], list[str]]) -> list[str]:
    """What is read unless files are named; each once, later wins."""
    found = (path for prog in _PROGRAMS for path in find('glance', prog))
    return list(dict.fromkeys(found))


def _configure(argv: list[str] | None) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf.register_opts(db_options.database_opts, 'database')
    conf.register_cli_opt(
        cfg.SubCommandOpt('command', title='commands', handler=_add_parsers)
    )
    log.register_options(conf)
    log.set_defaults(default_log_levels=[*_LEVELS, 'alembic=INFO'])
    # The person who calls it shall see what is going on.
    conf.set_default('use_stderr', True)
    conf(
        argv,
        project='glance',
        prog='glance-manage',
        version=_release(),
        default_config_files=_default_files(cfg.find_config_files),
        default_config_dirs=_default_files(cfg.find_config_dirs),
    )
    log.setup(conf, 'glance')
    return conf


def _release() -> str:
    try:
        return metadata.version('glance-split')
    except metadata.PackageNotFoundError:
        return 'unreleased'


def _explain(error: Exception) -> str:
    """The words of the driver, without the statement and its values."""
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
