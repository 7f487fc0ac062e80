"""Is the store sound? Three depths: its structure, its indexes too, and what its rows say."""

from __future__ import annotations

import sqlalchemy as sa

from core.model.connection import Connection
from core.model.destination import Destination
from core.store import rows, tables
from core.store.database import Database, damaged


def check(database: Database) -> None:
    """Read the whole file and check its structure and its references. Raises StoreDamaged."""
    _check(database, "quick_check")


def check_thoroughly(database: Database) -> None:
    """Check the indexes and the meaning of every row, too. Raises StoreDamaged."""
    _check(database, "integrity_check")
    with database.read() as db:
        for row in db.execute(sa.select(tables.task, sa.null().label("position"))).mappings():
            rows.task_from(row)
        for row in db.execute(sa.select(tables.task_object)).mappings():
            rows.object_from(row)
        for body in db.execute(sa.select(tables.connection.c.body)).scalars():
            rows.must(body, Connection)
        for body in db.execute(sa.select(tables.destination.c.body)).scalars():
            rows.must(body, Destination)


def _check(database: Database, pragma: str) -> None:
    with database.read(of_any_version=True) as db:
        said = db.exec_driver_sql(f"PRAGMA {pragma}(1)").scalar_one()
        orphan = db.exec_driver_sql("PRAGMA foreign_key_check").first()
    if said != "ok":
        raise damaged(database.path, str(said))
    if orphan is not None:
        raise damaged(database.path, f"a row of table {orphan[0]} refers to what isn't there")
