"""The revision of a database, and its upgrade to the newest revision.

Every change of the schema has three steps: an expand (it only adds, and old
daemons continue to run), a migration of rows, and a contract (it removes, and
no old daemon may run). Expands may run before the contracts of earlier
changes, so a database can have two revisions. The parameter ``say`` is called
with each line of output for the operator.
"""

from collections.abc import Callable, Iterable
import enum
import functools
import logging
from pathlib import Path

from alembic import command
from alembic import config as alembic_config
from alembic import script as alembic_script
from alembic import util as alembic_util
import sqlalchemy as sa

from glance_registry.db import maintenance
from glance_registry.db import migrations
from glance_registry.db.migrations import data_migrations
from glance_registry.db.migrations import steps

LOG = logging.getLogger(__name__)

Say = Callable[[str], None]
Watch = data_migrations.Watch


#: Former ids of revisions that were not yet split in expand and contract.
_RENAMED = {'pike01': 'pike_contract01', 'ocata01': 'ocata_contract01'}

#: Revisions by their number in sqlalchemy-migrate, the tool before alembic.
_NUMBERED = {
    42: 'liberty',
    43: 'mitaka01',
    44: 'mitaka02',
    45: 'ocata_contract01',
}

_stored = sa.table('alembic_version', sa.column('version_num'))
_numbers = sa.table('migrate_version', sa.column('version'))


class MigrationError(Exception):
    """The command cannot be run; the message is for the operator."""


class NextStep(enum.Enum):
    """The next step of an upgrade; the value is the exit code of ``check``."""

    NONE = 0
    EXPAND = 3
    MIGRATE = 4
    CONTRACT = 5


# The graph


def _config() -> alembic_config.Config:
    config = alembic_config.Config()
    home = Path(migrations.__file__).parent
    # ConfigParser would treat a percent sign as the start of a variable.
    where = str(home).replace('%', '%%')
    config.set_main_option('script_location', where)
    return config


@functools.cache
def _graph() -> alembic_script.ScriptDirectory:
    return alembic_script.ScriptDirectory.from_config(_config())


@functools.cache
def _head(branch: str) -> str:
    return _revision(f'{branch}@head').revision


def _revision(name: str) -> alembic_script.Script:
    try:
        revision = _graph().get_revision(name)
    except alembic_util.CommandError as error:
        raise MigrationError(f'Unknown revision: {name}.') from error
    if revision is None:
        raise MigrationError(f'Unknown revision: {name}.')
    return revision


def _behind(names: Iterable[str]) -> set[str]:
    """Return these revisions and all revisions on which they depend."""
    behind: set[str] = set()
    waiting = list(names)
    while waiting:
        revision = _revision(waiting.pop())
        if revision.revision not in behind:
            behind.add(revision.revision)
            waiting += alembic_util.to_tuple(revision.down_revision, ())
            waiting += alembic_util.to_tuple(revision.dependencies, ())
    return behind


# The revision of a database
def version(engine: sa.Engine) -> list[str]:
    """Return the stored revisions; empty for a new database.

    Former ids of revisions are replaced in the database.
    """
    revision = _read(engine)
    if set(revision) & set(_RENAMED):
        _rename(engine, revision)
        return _read(engine)
    if not revision and sa.inspect(engine).has_table('migrate_version'):
        _adopt_number(engine)
        return _read(engine)
    return revision


def _read(engine: sa.Engine) -> list[str]:
    if not sa.inspect(engine).has_table('alembic_version'):
        return []
    with engine.connect() as connection:
        return sorted(connection.scalars(sa.select(_stored.c.version_num)))


def _rename(engine: sa.Engine, tables: list[str]) -> None:
    old = next(name for name in _RENAMED if name in tables)
    LOG.info(
        'Replaced the old name of revision %s with %s.', old, _RENAMED[old]
    )
    with engine.begin() as connection:
        connection.execute(
            sa.update(_stored)
            .where(_stored.c.version_num == old)
            .values(version_num=_RENAMED[old])
        )


def _adopt_number(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        number = connection.scalar(sa.select(sa.func.max(_numbers.c.version)))
    if number not in _NUMBERED:
        raise MigrationError(
            f'This database stands at the old migration {number}; only '
            'Liberty (42) to Ocata (45) are known. Upgrade it with Liberty.'
        )
    LOG.info(
        'The database was at migration %s; recorded it as revision %s.',
        number,
        _NUMBERED[number],
    )
    _stamp(engine, _NUMBERED[number])


def check(engine: sa.Engine) -> NextStep:
    """Return the next step, by the stored revisions and by the rows."""
    done = _behind(version(engine))
    if _head('contract') in done:
        return NextStep.NONE
    if _head('expand') not in done:
        return NextStep.EXPAND
    if _is_data_pending(engine):
        return NextStep.MIGRATE
    return NextStep.CONTRACT


def _is_data_pending(engine: sa.Engine) -> bool:
    return any(
        module.has_migrations(engine)
        for module in data_migrations.IN_GRAPH_ORDER
    )


def _is_populated(engine: sa.Engine) -> bool:
    return bool(_read(engine)) or sa.inspect(engine).has_table('images')


# The steps; each takes the lock, and then reads the revision again


def sync(
    engine: sa.Engine, say: Say, watch: Watch = maintenance.ignore
) -> None:
    """Do all steps of an upgrade; no daemon may run."""
    with maintenance.lock(engine):
        if check(engine) is NextStep.NONE:
            say('The database is already up to date.')
            return
        _expand(engine, say, has_old_daemons=False)
        _migrate(engine, say, watch)
        _contract(engine, say)
        say('The database is in sync.')


def expand(engine: sa.Engine, say: Say) -> None:
    """Add new tables and columns; daemons of the last release may run."""
    with maintenance.lock(engine):
        _expand(engine, say, has_old_daemons=True)


def migrate(
    engine: sa.Engine, say: Say, watch: Watch = maintenance.ignore
) -> int:
    """Migrate the rows, as the next contract requires.

    :param watch: called with the number of rows of each batch
    :returns: the number of rows
    """
    with maintenance.lock(engine):
        return _migrate(engine, say, watch)


def contract(engine: sa.Engine, say: Say) -> None:
    """Remove what no daemon uses any more from the schema."""
    with maintenance.lock(engine):
        _contract(engine, say)


def upgrade(engine: sa.Engine, target: str, say: Say) -> None:
    """Run only the scripts for the schema, up to a revision."""
    target = _RENAMED.get(target, target)
    with maintenance.lock(engine):
        _upgrade(engine, target)
        now = f'The database stands at: {_join(version(engine))}.'
        say(now if target == 'heads' else f'Upgraded to {target}. {now}')


def version_control(
    engine: sa.Engine, target: str, say: Say, force: bool = False
) -> None:
    """Store a revision and change nothing else.

    A wrong revision makes the next upgrade repeat or skip steps. Therefore a
    database that has tables is changed only with ``force``.
    """
    name = _revision(_RENAMED.get(target, target)).revision
    with maintenance.lock(engine):
        if _is_populated(engine) and not force:
            raise MigrationError(
                'There are tables in this database, and a wrong revision '
                'would damage it at the next upgrade. If it is right, '
                'repeat this with --force.'
            )
        _stamp(engine, name)
        say(f'The database is marked as standing at {name}.')


def _expand(engine: sa.Engine, say: Say, has_old_daemons: bool) -> None:
    stored = version(engine)
    done = _behind(stored)
    if _head('contract') in done:
        say('The database is up to date; no migrations needed.')
        return
    if _head('expand') in done:
        say('The database is expanded already; no expansion needed.')
        return
    # A database that is created by this run has no daemons yet.
    _upgrade(engine, _head('expand'), has_old_daemons and bool(stored))
    _verify(engine, 'expand')
    say(
        f'Expanded to {_head("expand")}. '
        f'The database stands at: {_join(version(engine))}.'
    )


def _migrate(engine: sa.Engine, say: Say, watch: Watch) -> int:
    done = _behind(version(engine))
    if _head('contract') in done:
        say('The database is up to date; no migrations needed.')
        return 0
    _require_expanded(done)
    if not _is_data_pending(engine):
        say('No rows need to be migrated.')
        return 0
    count = sum(
        module.migrate(engine, watch)
        for module in data_migrations.IN_GRAPH_ORDER
    )
    say(f'Migrated {count} rows.')
    return count


def _contract(engine: sa.Engine, say: Say) -> None:
    done = _behind(version(engine))
    if _head('contract') in done:
        say('The database is up to date; no migrations needed.')
        return
    _require_expanded(done)
    if _is_data_pending(engine):
        raise MigrationError(
            'Rows wait to be migrated; run "db migrate" first.'
        )
    _upgrade(engine, _head('contract'))
    _verify(engine, 'contract')
    say(
        f'Contracted to {_head("contract")}. '
        f'The database stands at: {_join(version(engine))}.'
    )


def _require_expanded(done: set[str]) -> None:
    if _head('expand') not in done:
        raise MigrationError('The database is not expanded; run "db expand".')


def _verify(engine: sa.Engine, branch: str) -> None:
    if _head(branch) not in _behind(version(engine)):
        raise MigrationError(
            f'The database did not reach {_head(branch)}; it stands at: '
            f'{_join(version(engine))}.'
        )


def _join(names: list[str]) -> str:
    return ', '.join(names)


# Calls of alembic


def _upgrade(
    engine: sa.Engine, target: str, has_old_daemons: bool = False
) -> None:
    if not version(engine):
        _refuse_unknown(engine)
    _run(
        engine,
        lambda config: command.upgrade(config, target),
        triggers=has_old_daemons,
    )


def _refuse_unknown(engine: sa.Engine) -> None:
    """Fail if there are tables without a revision, of an unknown origin.

    An empty table of revisions is allowed: it comes from our first step, if
    that was interrupted, and the step can be repeated.
    """
    inspector = sa.inspect(engine)
    if inspector.has_table('images') and not inspector.has_table(
        'alembic_version'
    ):
        raise MigrationError(
            'There are tables in this database, and no revision is stored. '
            'Say where it stands: "db version_control --version REVISION '
            '--force".'
        )


def _stamp(engine: sa.Engine, target: str) -> None:
    _run(engine, lambda config: command.stamp(config, target, purge=True))


def _run(
    engine: sa.Engine,
    what: Callable[[alembic_config.Config], None],
    triggers: bool = False,
) -> None:
    config = _config()
    with engine.connect() as connection:
        if engine.dialect.name == 'sqlite':
            # A table is changed by replacing it with a copy, which foreign
            # keys that refer to it must not prevent. The setting ends with
            # the connection.
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - tells mypy, cannot be
            driver.execute('PRAGMA foreign_keys=OFF')
        config.attributes['connection'] = connection
        config.attributes['triggers'] = triggers
        try:
            what(config)
        except (alembic_util.CommandError, steps.Refused) as error:
            raise MigrationError(str(error)) from error
