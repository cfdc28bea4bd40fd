"""The index of the cache's files: an SQLite database of all workers.

The files decide; a lost index is rebuilt from them.
"""

from collections import deque
from collections.abc import Iterator, Mapping
import contextlib
import logging
import os
import pathlib
import sqlite3
import time
from typing import NamedTuple

from glance.cache import blocks

LOG = logging.getLogger(__name__)

_WAIT_SECONDS = 10
_SCHEMA = """
CREATE TABLE IF NOT EXISTS split_entries (
    id INTEGER PRIMARY KEY,
    image_id TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    size INTEGER NOT NULL,
    used INTEGER NOT NULL,
    is_complete INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    last_accessed REAL NOT NULL,
    last_modified REAL NOT NULL,
    checksum TEXT
)
"""
_ALL = (
    'SELECT id, image_id, fingerprint, size, used, is_complete, hits, '
    'last_accessed, last_modified, checksum FROM split_entries '
)


class Entry(NamedTuple):
    """One image of the cache.

    :ivar used: bytes that are reserved for its file
    :ivar last_accessed: in seconds since 1970; 0 means never
    """

    id: int
    image_id: str
    fingerprint: str
    size: int
    used: int
    is_complete: bool
    hits: int
    last_accessed: float
    last_modified: float
    checksum: str | None

    @property
    def key(self) -> blocks.Key:
        return blocks.Key(self.image_id, self.fingerprint, self.size)


class Access(NamedTuple):
    hits: int
    at: float


class Index:
    """:param path: of the database; created if it does not exist"""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._process = os.getpid()

    def prepare(self) -> None:
        """Create the table; an unreadable database is set aside."""
        try:
            self._make()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            aside = self.path.with_name(f'{self.path.name}.broken')
            LOG.error(
                'The index %s of the image cache cannot be read (%s); moved '
                'it to %s and make a new one from the files',
                self.path,
                error,
                aside.name,
            )
            self._idle.clear()
            os.replace(self.path, aside)
            for end in ('-wal', '-shm'):
                pathlib.Path(f'{self.path}{end}').unlink(missing_ok=True)
            self._make()

    def _make(self) -> None:
        with self.connection() as connection:
            connection.execute('PRAGMA journal_mode = WAL')
            connection.execute(_SCHEMA)

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection of this process to one thread."""
        if self._process != os.getpid():  # forked: do not share them
            self._idle, self._process = deque(), os.getpid()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=_WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # A lost index can be rebuilt, so do not wait for the disk.
        connection.execute('PRAGMA synchronous = OFF')
        return connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction; there is only one at a time, and errors undo it."""
        with self.connection() as connection:
            connection.execute('BEGIN IMMEDIATE')
            yield connection
            connection.execute('COMMIT')

    def get(self, image_id: str) -> Entry | None:
        with self.connection() as connection:
            row = connection.execute(
                f'{_ALL} WHERE image_id = ?', (image_id,)
            ).fetchone()
        return None if row is None else Entry._make(row)

    def all(self) -> list[Entry]:
        """Return all entries, the least recently used first."""
        with self.connection() as connection:
            rows = connection.execute(
                f'{_ALL} ORDER BY max(last_accessed, last_modified), id'
            ).fetchall()
        return [Entry._make(row) for row in rows]

    def insert(self, key: blocks.Key, used: int, checksum: str | None) -> None:
        """Add an entry for a file that is being filled."""
        self._put(key, used, False, checksum, time.time())

    def insert_complete(
        self, key: blocks.Key, checksum: str | None, modified: float
    ) -> None:
        self._put(key, key.size_bytes, True, checksum, modified)

    def _put(
        self,
        key: blocks.Key,
        used: int,
        is_complete: bool,
        checksum: str | None,
        modified: float,
    ) -> None:
        with self.transaction() as connection:
            connection.execute(
                'INSERT OR REPLACE INTO split_entries (image_id, '
                'fingerprint, size, used, is_complete, hits, last_accessed, '
                'last_modified, checksum) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?)',
                (*key, used, is_complete, modified, checksum),
            )

    def complete(self, key: blocks.Key) -> None:
        with self.transaction() as connection:
            connection.execute(
                'UPDATE split_entries SET is_complete = 1, used = size, '
                'last_modified = ? WHERE image_id = ? AND fingerprint = ?',
                (time.time(), key.image_id, key.fingerprint),
            )

    def set_used(self, image_id: str, used: int) -> None:
        with self.transaction() as connection:
            connection.execute(
                'UPDATE split_entries SET used = ? WHERE image_id = ? '
                'AND is_complete = 0',
                (used, image_id),
            )

    def reserve(self, image_id: str, more: int, limit: int) -> bool:
        """Reserve ``more`` bytes for an image, within the limit of all."""
        with self.transaction() as connection:
            (total,) = connection.execute(
                'SELECT coalesce(sum(used), 0) FROM split_entries'
            ).fetchone()
            if total + more > limit:
                return False
            changed = connection.execute(
                'UPDATE split_entries SET used = used + ? '
                'WHERE image_id = ? AND is_complete = 0',
                (more, image_id),
            )
            return changed.rowcount == 1

    def used_bytes(self) -> int:
        with self.connection() as connection:
            (total,) = connection.execute(
                'SELECT coalesce(sum(used), 0) FROM split_entries'
            ).fetchone()
        return int(total)

    def delete(self, image_id: str) -> bool:
        with self.transaction() as connection:
            gone = connection.execute(
                'DELETE FROM split_entries WHERE image_id = ?', (image_id,)
            )
            return gone.rowcount == 1

    def add_accesses(self, accesses: Mapping[str, Access]) -> None:
        """Add downloads that were served from the cache."""
        with self.transaction() as connection:
            connection.executemany(
                'UPDATE split_entries SET hits = hits + ?, '
                'last_accessed = max(last_accessed, ?) WHERE image_id = ?',
                [(a.hits, a.at, name) for name, a in accesses.items()],
            )

    def classic(self) -> dict[str, Access]:
        """Read hits and times from the table of a classic service."""
        try:
            with self.connection() as connection:
                rows = connection.execute(
                    'SELECT image_id, hits, last_accessed FROM cached_images'
                ).fetchall()
        except sqlite3.OperationalError:  # there is no such table
            return {}
        return {
            name: Access(hits or 0, float(at or 0)) for name, hits, at in rows
        }
