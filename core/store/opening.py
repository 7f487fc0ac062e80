"""Opening the store: a new one is made whole or not at all, an old one is checked before it is trusted.

A store that is there but empty, cut off or no store at all is damaged, and never taken for a first run.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa

from core.errors import StoreError, StoreOnNetwork, StoreTooNew
from core.filesystems import file_system
from core.locations import HOME_VARIABLE, Locations, close_to_others
from core.locks import unreliable
from core.store.alone import alone, within
from core.store.check import check
from core.store.database import Database, damaged
from core.store.making import create
from core.store.tables import APPLICATION_ID, REVISION, version

PRIVATE_FILE = 0o600


def open_database(
    locations: Locations, *, patience: float, wait_on: Callable[[], bool] | None = None
) -> Database:
    """The store of `locations`, made if this is the first run, migrated if it is of an older version.

    While an older Offramp is at work on a store that must be migrated, that one is asked to leave; `wait_on`
    is asked again and again whether to wait for it, without it that takes `patience` seconds.

    Raises StoreDamaged, StoreTooNew, StoreBusy (another program holds it longer than `patience` seconds),
    StoreOutdated (an older Offramp is still at work on it),
    StoreOnNetwork, StoreError (another's, no right to write), NotWritable (the home can't be made).
    """
    locations.ensure()
    path = locations.store
    refuse_network(path.parent)
    if not path.exists():
        with alone(locations, within(patience)):
            if not path.exists():
                _refuse_orphans(locations)
                _refuse_bad_locks(locations)
                create(path)
    if path.stat().st_size == 0:
        raise damaged(path, "the file is empty")
    _refuse_anothers(path)
    close_to_others(path, PRIVATE_FILE)
    journal = path.with_name(f"{path.name}-journal")
    unclean = _size(journal) > 0
    database = Database(path, patience=patience)
    with ExitStack() as undo:
        undo.callback(database.close)
        found = _version(database)
        if unclean and _size(journal) == 0:
            # A writer was killed, and what it had begun has just been undone (or one has just ended).
            check(database)
        if found != REVISION:
            _refuse_newer(path, found)
            wait_on = wait_on or within(patience)
            with alone(locations, wait_on):
                # Alembic takes longer to load than most commands take to run.
                from core.store.migrate import migrate  # noqa: PLC0415

                migrate(database, locations, found, wait_on)
        undo.pop_all()
    return database


def refuse_network(directory: Path) -> None:
    """Where the system tells (Linux), refuse a directory on a network file system. Raises StoreOnNetwork."""
    found = file_system(directory)
    if found is not None and found.network:
        raise StoreOnNetwork(
            f"{str(directory)!r} is on a network file system ({found.kind}), whose locks can't be trusted.",
            "Choose a local directory for this host: offramp store move DIR. It is remembered. "
            f"Or set {HOME_VARIABLE} to one.",
        )


def _refuse_bad_locks(locations: Locations) -> None:
    """Before a home is first used: whatever its file system is called, its locks must hold."""
    wrong = unreliable(locations.locks)
    if wrong is not None:
        raise StoreError(
            f"{str(locations.home)!r} can't hold a store: {wrong}.",
            f"Choose another directory: offramp store move DIR, or set {HOME_VARIABLE}.",
        )


def _refuse_anothers(path: Path) -> None:
    """Root may open everybody's store, and would leave files in it that its owner can't write."""
    owner = path.stat().st_uid
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    raise StoreError(
        f"Store {str(path)!r} belongs to user {name!r}.",
        f"Run Offramp as that user, or set {HOME_VARIABLE} to a directory of your own.",
    )


def _version(database: Database) -> str:
    """The store's revision, once its head, its length and its tables look like a store's."""
    path = database.path
    with database.read(of_any_version=True) as connection:
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
    """A home with the traces of tasks has had a store, and so has one that was chosen for this host: it is
    lost, this is no first run."""
    if locations.origin is not None:
        raise damaged(
            locations.store, f"the file is missing, though this host's was made there for {locations.origin}"
        )
    traces = sorted((*locations.logs.glob("task-*"), *locations.locks.glob("task-*")))
    if traces:
        raise damaged(
            locations.store,
            f"the file is missing, though this home has run tasks before ({len(traces)} traces, such as "
            f"{traces[0].name!r})",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
