"""Opening the store: a new one is made whole or not at all, an old one is checked before it is trusted.

A store that is there but empty, cut off or no store at all is damaged, and never taken for a first run.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from core.errors import StoreBusy, StoreError, StoreTooNew
from core.locations import Locations
from core.locks import FileLock
from core.store.database import Database, damaged, explained
from core.store.tables import APPLICATION_ID, REVISION, lease, metadata, version

# POSIX locks over a network are not to be relied on: https://www.sqlite.org/howtocorrupt.html, 2.1.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "glusterfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"}
)


def open_database(locations: Locations, *, patience: float) -> Database:
    """The store of `locations`, made if this is the first run, migrated if it is of an older version.

    Raises StoreDamaged, StoreTooNew, StoreBusy (another program holds it longer than `patience` seconds),
    StoreError (network file system, no right to write), NotWritable (the home can't be made).
    """
    locations.ensure()
    path = locations.store
    _refuse_network(path.parent)
    if not path.exists():
        with _alone(locations, patience):
            if not path.exists():
                _refuse_orphans(locations)
                _create(path)
    if path.stat().st_size == 0:
        raise damaged(path, "the file is empty")
    database = Database(path, patience=patience)
    try:
        found = _version(database)
        if found != REVISION:
            _refuse_newer(path, found)
            with _alone(locations, patience):
                # Alembic takes longer to load than most commands take to run.
                from core.store.migrate import migrate  # noqa: PLC0415

                migrate(database, locations, found)
    except BaseException:
        database.close()
        raise
    return database


def check(database: Database) -> None:
    """Read the whole store and check its structure and its references. Raises StoreDamaged."""
    with database.read() as connection:
        said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if said != "ok":
        raise damaged(database.path, str(said))
    if orphan is not None:
        raise damaged(database.path, f"a row of table {orphan[0]} refers to a task that isn't there")


def _version(database: Database) -> str:
    """The store's revision, once its head, its length and its tables look like a store's."""
    path = database.path
    with database.read() as connection:
        # Under the shared lock that this read takes nobody else writes, so the length holds still.
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        identity = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        table = connection.exec_driver_sql(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        ).scalar_one()
        if path.stat().st_size < pages * size:
            raise damaged(path, "the file is shorter than it says it is")
        if identity != APPLICATION_ID or not table:
            raise damaged(path, "it is a database, but not one that Offramp made")
        found = connection.execute(sa.select(version.c.version_num)).scalars().all()
    if len(found) != 1 or not found[0].isdecimal():
        raise damaged(path, "it doesn't say which version it is of")
    return str(found[0])


def _refuse_newer(path: Path, found: str) -> None:
    if int(found) > int(REVISION):
        raise StoreTooNew(
            f"Store {str(path)!r} is of version {int(found)}; "
            f"this Offramp knows versions up to {int(REVISION)}.",
            "Use the newer Offramp that wrote it, or set OFFRAMP_HOME to another directory.",
        )


def _refuse_orphans(locations: Locations) -> None:
    """A home with the traces of tasks has had a store: it is lost, this is no first run."""
    traces = sorted((*locations.logs.glob("task-*"), *locations.locks.glob("task-*")))
    if traces:
        raise damaged(
            locations.store,
            f"the file is missing, though this home has run tasks before ({len(traces)} traces, such as "
            f"{traces[0].name!r}; move them away too to begin anew)",
        )


def _create(path: Path) -> None:
    """Make the store beside its place and rename it there: no other program ever sees half of one."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(draft, isolation_level=None),
            poolclass=sa.pool.NullPool,
        )
        with explained(path), engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            metadata.create_all(connection)
            connection.execute(sa.insert(version).values(version_num=REVISION))
            connection.execute(sa.insert(lease).values(id=1, epoch=0, counter=0))
        draft.rename(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreError(
            f"Store {str(path)!r} can't be made: {error.strerror}.", "Check the rights and the space there."
        ) from None


@contextmanager
def _alone(locations: Locations, patience: float) -> Iterator[None]:
    """One program at a time makes or migrates the store."""
    lock = FileLock(locations.locks / "store.lock")
    if not lock.acquire(timeout=patience):
        raise StoreBusy(
            f"Store {str(locations.store)!r} is being made or migrated by another program.",
            "Try again in a moment.",
        )
    try:
        yield
    finally:
        lock.release()


def _refuse_network(directory: Path) -> None:
    """Where the system tells (Linux), refuse a directory on a network file system."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return
    for line in mounts.splitlines():
        # proc(5): id, parent, major:minor, root, mount point, options, optional fields, "-", type, …
        fields = line.split(" ")
        if fields[2] == wanted:
            kind = fields[fields.index("-") + 1]
            if kind in NETWORK_FILE_SYSTEMS:
                raise StoreError(
                    f"{str(directory)!r} is on a network file system ({kind}), whose locks can't be trusted.",
                    "Set OFFRAMP_HOME to a directory on a local disk.",
                )
            return
