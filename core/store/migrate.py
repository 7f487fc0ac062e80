"""Bringing an older store up to date. Loaded only where one is met: Alembic takes a while to import."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from core.errors import StoreBusy, StoreError
from core.locations import Locations
from core.locks import FileLock, is_locked
from core.store.database import Database, damaged, explained
from core.store.tables import REVISION

HISTORY = Path(__file__).with_name("migrations")


def migrate(database: Database, locations: Locations, found: str) -> Path | None:
    """Bring a store of revision `found` up to `REVISION`, all of it or nothing, after a backup beside it,
    whose path is returned; None where another program has done so meanwhile.

    Called with the store to itself. Raises StoreBusy while an engine or a worker of the older Offramp is
    at work on it, StoreDamaged where the store is not sound, StoreError where `found` isn't known.
    """
    with database.read() as connection:
        now = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if now == REVISION:
        return None
    if said != "ok":
        raise damaged(database.path, str(said))
    engine = FileLock(locations.engine_lock)
    if not engine.acquire(timeout=1.0) or any(map(is_locked, locations.locks.glob("task-*.lock"))):
        engine.release()
        raise StoreBusy(
            f"Store {str(database.path)!r} must be migrated, but an older Offramp is still at work on it.",
            "Wait until its tasks have ended, and stop it (offramp --headless), then try again.",
        )
    try:
        backup = _back_up(database.path, found)
        _upgrade(database)
    finally:
        engine.release()
    return backup


def _back_up(path: Path, found: str) -> Path:
    """A copy by SQLite's backup API, complete or not there. Mode 0600 as its directory's other files."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    backup = path.with_name(f"{path.name}.backup-{found}-{stamp}")
    try:
        backup.touch(mode=0o600, exist_ok=False)
        # Its own connection through SQLite, which is safe beside the other; only a plain open would not be.
        with (
            explained(path),
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(backup)) as target,
        ):
            source.backup(target)
    except (OSError, StoreError):
        with suppress(OSError):
            backup.unlink()
        raise
    return backup


def _upgrade(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(HISTORY).replace("%", "%%"))
    with database.rebuild() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, REVISION)
        except CommandError as error:
            raise StoreError(
                f"Store {str(database.path)!r} can't be migrated: {error}.",
                "It was changed by an Offramp that this one doesn't know.",
            ) from None
