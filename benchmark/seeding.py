"""Fill an image database quickly with images like those of a real cloud.

One project owns four fifths of the images and shares some of them, a fifth
is public and belongs to many others, and a rare project owns ten private
images, the oldest of all, which a list has to find behind everything else.
The same seed makes the same rows; a second run adds what is missing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
import dataclasses
import datetime
import hashlib
import io
from typing import Any
import uuid

import sqlalchemy as sa

DISTROS = ('debian', 'ubuntu', 'fedora', 'centos', 'suse', 'arch', 'gentoo')
DISTROS += ('alpine', 'rocky', 'windows')
PROPERTIES = ('os_distro', 'os_version', 'architecture', 'hw_disk_bus')
RARE_IMAGES = 10
BATCH = 5000
_PREFIX = 'img-'
_FIRST = datetime.datetime(2024, 1, 1)

#: What is written, by table. Everything else takes the server's default.
COLUMNS = {
    'images': ('id', 'name', 'size', 'status', 'created_at', 'updated_at')
    + ('deleted', 'disk_format', 'container_format', 'checksum', 'owner')
    + ('min_disk', 'min_ram', 'protected', 'visibility', 'os_hidden')
    + ('os_hash_algo', 'os_hash_value'),
    'image_properties': ('image_id', 'name', 'value')
    + ('created_at', 'updated_at', 'deleted'),
    'image_tags': ('image_id', 'value', 'created_at', 'updated_at', 'deleted'),
    'image_locations': ('image_id', 'value', 'meta_data', 'status')
    + ('created_at', 'updated_at', 'deleted'),
    'image_members': ('image_id', 'member', 'status', 'can_share')
    + ('created_at', 'updated_at', 'deleted'),
}
Rows = dict[str, list[tuple[Any, ...]]]


class Unusable(Exception):
    """The database cannot be filled; the message is for the person."""


@dataclasses.dataclass(frozen=True)
class Mix:
    """What the images look like.

    :ivar owner: project of four fifths of the images
    :ivar rare: project of ten old private images
    :ivar member: project that every fiftieth image is shared with
    """

    properties: int = 5
    tags: int = 3
    owner: str = 'p1'
    rare: str = 'rare'
    member: str = 'p9'
    seed: int = 1


def fill(
    url: str,
    images: int,
    mix: Mix,
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Add images until there are as many as wanted; the number added.

    :raises Unusable: the tables are not there, or not those of today
    """
    engine = sa.create_engine(url, hide_parameters=True)
    try:
        _check(engine)
        connection = engine.raw_connection()
        try:
            return _fill(
                connection.driver_connection,
                engine.dialect.name,
                images,
                mix,
                say,
            )
        finally:
            connection.close()
    except sa.exc.SQLAlchemyError as error:
        raise Unusable(f'The database cannot be used: {error}') from error
    finally:
        engine.dispose()


def _check(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    present = set(inspector.get_table_names())
    for table, wanted in COLUMNS.items():
        found: set[str] = set()
        if table in present:
            found = {column['name'] for column in inspector.get_columns(table)}
        missing = set(wanted) - found
        if missing:
            raise Unusable(
                f'The database is not migrated: table {table} lacks '
                f'{", ".join(sorted(missing))}. '
                'Run "glance-manage db sync" first.'
            )


def _fill(
    connection: Any,
    dialect: str,
    images: int,
    mix: Mix,
    say: Callable[[str], None],
) -> int:
    cursor = connection.cursor()
    live = 'false' if dialect == 'postgresql' else '0'
    cursor.execute(
        f'SELECT count(*) FROM images WHERE deleted = {live} '
        f"AND name LIKE '{_PREFIX}%'"
    )
    have = cursor.fetchone()[0]
    _prepare(cursor, dialect)
    write = _WRITERS[dialect]
    for start in range(have, images, BATCH):
        end = min(start + BATCH, images)
        rows = _batch(range(start, end), mix, dialect)
        for table, content in rows.items():
            if content:
                write(cursor, table, COLUMNS[table], content)
        connection.commit()
        say(f'{end} of {images} images')
    if images > have:
        _finish(cursor, dialect)
        connection.commit()
    return max(images - have, 0)


def _prepare(cursor: Any, dialect: str) -> None:
    if dialect in ('mysql', 'mariadb'):
        # The rows are known to be unique and complete.
        cursor.execute('SET unique_checks = 0, foreign_key_checks = 0')
    elif dialect == 'sqlite':
        # Ids are random: the indexes have to stay in memory.
        cursor.execute('PRAGMA cache_size = -500000')
        cursor.execute('PRAGMA synchronous = OFF')


def _finish(cursor: Any, dialect: str) -> None:
    """Statistics, without which no planner chooses well."""
    if dialect in ('mysql', 'mariadb'):
        cursor.execute(f'ANALYZE TABLE {", ".join(COLUMNS)}')
        cursor.fetchall()
        return
    for table in COLUMNS:
        cursor.execute(f'ANALYZE {table}')


def _insert(mark: str) -> Callable[..., None]:
    def write(
        cursor: Any,
        table: str,
        columns: Sequence[str],
        rows: list[tuple[Any, ...]],
    ) -> None:
        marks = ', '.join([mark] * len(columns))
        names = ', '.join(columns)
        # PyMySQL and mysqlclient make one statement of many rows.
        cursor.executemany(
            f'INSERT INTO {table} ({names}) VALUES ({marks})', rows
        )

    return write


def _copy(
    cursor: Any,
    table: str,
    columns: Sequence[str],
    rows: list[tuple[Any, ...]],
) -> None:
    # No value holds a tab, a newline or a backslash.
    text = '\n'.join('\t'.join(map(str, row)) for row in rows)
    names = ', '.join(columns)
    cursor.copy_expert(f'COPY {table} ({names}) FROM STDIN', io.StringIO(text))


_WRITERS: dict[str, Callable[..., None]] = {
    'sqlite': _insert('?'),
    'mysql': _insert('%s'),
    'mariadb': _insert('%s'),
    'postgresql': _copy,
}


def _batch(numbers: Iterable[int], mix: Mix, dialect: str) -> Rows:
    rows: Rows = {table: [] for table in COLUMNS}
    for number in numbers:
        image_id = id_of(mix.seed, number)
        when = _moment(number, dialect)
        times = (when, when, 0)
        rows['images'].append(_image(image_id, number, when, mix))
        rows['image_properties'] += [
            (image_id, name, value, *times)
            for name, value in properties_of(number, mix.properties)
        ]
        rows['image_tags'] += [
            (image_id, tag, *times) for tag in tags_of(number, mix.tags)
        ]
        rows['image_locations'].append(
            (
                image_id,
                f'file:///var/lib/glance/images/{image_id}',
                '{"store": "file"}',
                'active',
                *times,
            )
        )
        rows['image_members'] += [
            (image_id, member, status, 0, *times)
            for member, status in _members(number, mix)
        ]
    return rows


def id_of(seed: int, number: int) -> str:
    digest = hashlib.sha256(f'{seed}/{number}'.encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _moment(number: int, dialect: str) -> str:
    text = str(_FIRST + datetime.timedelta(seconds=number))
    # SQLAlchemy compares SQLite's times as text, fraction included.
    return f'{text}.000000' if dialect == 'sqlite' else text


def _image(image_id: str, number: int, when: str, mix: Mix) -> tuple[Any, ...]:
    owner, visibility = _owner(number, mix)
    digest = hashlib.sha512(image_id.encode()).hexdigest()
    return (
        image_id,
        f'{_PREFIX}{number:07d}',
        (number % 997 + 1) << 20,
        'active',
        when,
        when,
        0,
        'qcow2' if number % 3 else 'raw',
        'bare',
        digest[:32],
        owner,
        number % 40,
        512 * (number % 8),
        0,
        visibility,
        0,
        'sha512',
        digest,
    )


def _owner(number: int, mix: Mix) -> tuple[str, str]:
    if number < RARE_IMAGES:
        return mix.rare, 'private'
    if number % 5 == 0:
        return f'other-{number // 5 % 50}', 'public'
    return mix.owner, 'shared'


def _members(number: int, mix: Mix) -> Iterator[tuple[str, str]]:
    if number < RARE_IMAGES or number % 5 == 0:
        return
    status = 'pending' if number % 3 == 0 else 'accepted'
    if number % 50 == 1:
        yield mix.member, status
    if number % 2000 == 11:
        yield mix.rare, status


def properties_of(number: int, count: int) -> list[tuple[str, str]]:
    """Custom properties of an image; the first is worth filtering by."""
    common = (
        DISTROS[number // 5 % len(DISTROS)],
        f'{number % 50}.04',
        'x86_64' if number % 8 else 'aarch64',
        'virtio',
    )
    extra = [
        (f'x_property_{index}', f'value {number % 1000}')
        for index in range(count - len(PROPERTIES))
    ]
    return [*zip(PROPERTIES, common, strict=True)][:count] + extra


def tags_of(number: int, count: int) -> list[str]:
    return ['seeded', f'tag-{number % 20}', f'team-{number % 211}'][:count] + [
        f'more-{index}' for index in range(count - 3)
    ]
