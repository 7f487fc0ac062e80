"""A new store: whole at its place, or not there."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from core.errors import StoreError
from core.store.database import explained
from core.store.tables import APPLICATION_ID, REVISION, lease, metadata, version


def create(path: Path, *, last_task: int = 0) -> None:
    """Make an empty store at `path`, where there is none; its tasks begin after number `last_task`."""
    with draft_of(path) as draft:
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(draft, isolation_level=None),
            poolclass=sa.pool.NullPool,
        )
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            metadata.create_all(connection)
            connection.execute(sa.insert(version).values(version_num=REVISION))
            connection.execute(sa.insert(lease).values(id=1, epoch=0, counter=0))
            if last_task:
                connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES ('task', ?)", (last_task,))
        draft.rename(path)
        sync_directory(path.parent)


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, 0600, to be filled and renamed there: no other program ever sees half of
    a store. What is left of it is removed. Raises StoreError."""
    draft = path.with_name(f"{path.name}.new")
    try:
        with explained(path):
            # One that was killed may have left a journal too, which SQLite would take for the new one's.
            _remove(draft)
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            yield draft
    except OSError as error:
        raise StoreError(
            f"Store {str(path)!r} can't be made: {error.strerror}.", "Check the rights and the space there."
        ) from None
    finally:
        # Where it can't be removed, the next one removes it, or says why not.
        with suppress(OSError):
            _remove(draft)


def _remove(draft: Path) -> None:
    for path in (draft.with_name(f"{draft.name}-journal"), draft):
        path.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
