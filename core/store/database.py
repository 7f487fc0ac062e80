"""The store's one connection: transactions, and SQLite's errors in Offramp's words.

The rules of SQLite that this holds: a rollback journal in TRUNCATE mode with synchronous FULL, BEGIN
IMMEDIATE for whoever writes, a bounded wait for locks, no connection across a fork, and nothing else in
this process ever opens the file (closing another descriptor of it would drop SQLite's POSIX locks:
https://www.sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

import sqlalchemy as sa

from core.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreTooNew
from core.store.tables import REVISION

CHANGES = "PRAGMA user_version"
NO_TEXT = "what should be text in it isn't"
# It is a signed number of 32 bits.
_MOST_CHANGES = 0x7FFFFFFF
_MISSING = re.compile("no such (column|table)|has no column named")


class Database:
    """One connection to the store's file, for any thread of the process that made it, one at a time.

    `patience` is how long a lock of another process is waited for, in seconds, before StoreBusy. `path`
    must exist. Raises StoreError and its kinds, here and from the transactions.
    """

    def __init__(self, path: Path, *, patience: float) -> None:
        self.path = path
        self._process = os.getpid()
        self._lock = threading.RLock()

        def connect() -> sqlite3.Connection:
            # `mode=rw`: a file that has gone meanwhile is an error and never a new, empty store.
            raw = sqlite3.connect(
                f"{path.as_uri()}?mode=rw",
                uri=True,
                timeout=patience,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "foreign_keys=ON"):
                    raw.execute(f"PRAGMA {pragma}")
            except sqlite3.Error:
                raw.close()
                raise
            return raw

        self._engine = sa.create_engine(
            "sqlite://", creator=connect, poolclass=sa.pool.NullPool, hide_parameters=True
        )
        with explained(path):
            self._connection = self._engine.connect()
        self._file = _identity(path)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def read(self, *, of_any_version: bool = False) -> Iterator[sa.Connection]:
        """A short read transaction: everything read in it is of one moment. Raises StoreTooNew when the store
        was migrated meanwhile, unless one `of_any_version` will do."""
        with self._transaction("BEGIN") as connection:
            if not of_any_version:
                self._require_version(connection)
            yield connection

    @contextmanager
    def write(self, *, counts: bool = True) -> Iterator[sa.Connection]:
        """A write transaction that holds the store from its beginning; durable when it ends without an
        exception, undone with one. Raises StoreTooNew when the store was migrated meanwhile. With `counts`
        it is a change that whoever looks (`changes`) must see."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            self._require_version(connection)
            yield connection
            if counts:
                changes = (_changes(connection) + 1) & _MOST_CHANGES
                connection.exec_driver_sql(f"PRAGMA user_version = {changes}")

    def _require_version(self, connection: sa.Connection) -> None:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if found != REVISION:
            raise StoreTooNew(
                f"A newer Offramp has migrated store {str(self.path)!r} to version {found} meanwhile.",
                "Leave this one, and start the newer.",
            )

    @contextmanager
    def rebuild(self) -> Iterator[sa.Connection]:
        """A write transaction for a migration, which may remake tables: foreign keys are checked at its end
        instead of at each statement (https://www.sqlite.org/lang_altertable.html#otheralter)."""
        with self._lock, explained(self.path):
            self._connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            self._connection.rollback()
            try:
                with self._transaction("BEGIN IMMEDIATE") as connection:
                    yield connection
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                    if broken is not None:
                        raise damaged(self.path, f"table {broken[0]} refers to what isn't there")
            finally:
                self._connection.exec_driver_sql("PRAGMA foreign_keys=ON")
                self._connection.rollback()

    def changes(self) -> int:
        """A number that differs once anybody has changed anything in the store, but for an engine that says
        that it lives. Asked many times a second by whoever waits, and so of SQLite itself, as one statement:
        a transaction of several through SQLAlchemy takes ten times as long."""
        self._require_file()
        with self._lock, explained(self.path):
            raw = cast("sqlite3.Connection", self._connection.connection.driver_connection)
            # To its end: a statement that waits with rows holds a lock.
            ((changes,),) = raw.execute(CHANGES).fetchall()
        return int(changes)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        self._require_file()
        with self._lock, explained(self.path):
            connection = self._connection
            try:
                connection.exec_driver_sql(begin)
                yield connection
                connection.commit()
            finally:
                # After a commit there is nothing to roll back, and this does nothing.
                connection.rollback()

    def _require_file(self) -> None:
        """Raises StoreError in a process that was forked off, StoreDamaged where the store's file isn't the
        one that was opened."""
        if os.getpid() != self._process:
            raise StoreError("The store's connection can't be used by a process that was forked off.")
        if _identity(self.path) != self._file:
            # SQLite would go on with a file that nobody else sees any more.
            raise StoreDamaged(
                f"Store {str(self.path)!r} was removed or replaced while this program used it.",
                "Start it again once the store is in its place.",
            )


def _changes(connection: sa.Connection) -> int:
    """How many changes were counted, in the file's header, whose page each transaction writes anyhow: PRAGMA
    user_version is the program's own, and part of the transaction
    (https://www.sqlite.org/pragma.html#pragma_user_version). data_version would differ with each renewal of
    the lease too."""
    return int(connection.exec_driver_sql(CHANGES).scalar_one())


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to, None for none. Looks at it without opening it."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what SQLite says about the store `path` into a StoreError of the right kind."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        # A constraint that refuses is this program's mistake, and no fault of the store.
        if isinstance(error.orig, sqlite3.Error) and not isinstance(error, sa.exc.IntegrityError):
            _raise(error.orig, path)
        raise
    except sqlite3.Error as error:
        _raise(error, path)
    except UnicodeDecodeError:
        # The driver fails to read even what SQLite says, where that quotes a name from a damaged page.
        raise damaged(path, NO_TEXT) from None
    except OverflowError:
        # core.store.tables.Instant
        raise damaged(path, "a time in it is out of all bounds") from None
    except MemoryError:
        raise StoreError(
            f"Store {str(path)!r} takes more memory to read than there is.",
            "Where the machine has enough, it is damaged: see offramp store check.",
        ) from None


def _raise(error: sqlite3.Error, path: Path) -> NoReturn:
    # Extended codes carry the primary one in their low byte: https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name = f"Store {str(path)!r}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise StoreBusy(f"{name} is held by another program.", "Try again in a moment.") from None
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        raise damaged(path, str(error)) from None
    if str(error) == "unsupported file format":
        raise damaged(path, "its head names a format that SQLite doesn't have") from None
    if str(error).startswith("Could not decode to UTF-8"):
        # It goes on with the text, which says nothing to anybody.
        raise damaged(path, NO_TEXT) from None
    if code == sqlite3.SQLITE_ERROR and _MISSING.search(str(error)):
        # The version was looked at first: a bad byte spells otherwise what a store of that version has.
        raise damaged(path, str(error)) from None
    if code == sqlite3.SQLITE_FULL:
        raise StoreFull(
            f"{name} can't grow: its disk is full{_room(path)}.",
            "Make room there, then try again; what waits in the queue goes on by itself.",
        ) from None
    if code == sqlite3.SQLITE_READONLY and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        raise damaged(path, "its head says that it is for reading only, and its rights don't") from None
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        raise StoreError(
            f"{name} can't be opened for writing: {error}.",
            "Check the rights of the file and of its directory.",
        ) from None
    raise StoreError(f"{name} failed: {error}.", "Check the disk that it lies on.") from error


def _room(path: Path) -> str:
    """How much is free where the store is, in words."""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return ""
    return f" ({free >> 10} KiB free in {str(path.parent)!r})"


def damaged(path: Path, what: str) -> StoreDamaged:
    """The refusal of a store that can't be trusted."""
    found = sorted(path.parent.glob(f"{path.name}.backup-*"))
    ways = (
        f"offramp store restore puts a backup in its place ({len(found)} in {str(path.parent)!r}: offramp "
        "store show); offramp store restore --empty begins anew."
        if found
        else "There is no backup of it: offramp store restore FILE takes one from elsewhere, offramp store "
        "restore --empty begins anew."
    )
    return StoreDamaged(
        f"Store {str(path)!r} is damaged: {what}.",
        f"Nothing was changed. {ways} The damaged one is kept aside; exported files are not affected.",
    )
