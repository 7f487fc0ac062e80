"""Bringing an older store up to date. Loaded only where one is met: Alembic takes a while to import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from core.errors import StoreError
from core.locations import Locations
from core.store.alone import nobody_at_work
from core.store.backups import back_up
from core.store.database import Database, damaged
from core.store.tables import REVISION

HISTORY = Path(__file__).with_name("migrations")


def migrate(database: Database, locations: Locations, found: str, wait_on: Callable[[], bool]) -> Path | None:
    """Bring a store of revision `found` up to `REVISION`, all of it or nothing, after a backup beside it,
    whose path is returned; None where another program has done so meanwhile.

    Called by one program at a time (`alone`): an engine of the older Offramp sees that, and leaves once what
    it runs has ended. That is waited for while `wait_on` says so. Raises StoreOutdated where it took longer,
    StoreDamaged where the store is not sound, StoreError where `found` isn't known.
    """
    with database.read(of_any_version=True) as connection:
        now = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        holder = connection.exec_driver_sql("SELECT holder FROM lease").scalar()
    if now == REVISION:
        return None
    who = f" ({holder})" if holder else ""
    with nobody_at_work(locations, f"must be migrated, but an older Offramp{who}", wait_on):
        with database.read(of_any_version=True) as connection:
            said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if said != "ok":
            raise damaged(database.path, str(said))
        backup = back_up(database.path, found)
        _upgrade(database)
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
