"""Saved exports in the store."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa

from core.errors import Conflict, NotFound
from core.model.destination import place_of
from core.model.file_settings import check_remote
from core.model.settings import Export
from core.store import destinations, tables, watches
from core.store.database import Database
from core.store.rows import must, to_json
from core.store.schedules import plan

_t = tables.export


class Exports:
    """Saved definitions. A task keeps its own copy of the settings, so changing one changes no task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, export: Export, now: datetime | None = None) -> None:
        """It runs by itself from `now` on, by default the time of day. Raises Conflict where the name is
        taken, NotFound where its connection isn't there."""
        with self._database.write() as db:
            if db.execute(sa.select(_t.c.name).where(_t.c.name == export.name)).first() is not None:
                raise Conflict(
                    f"Export {export.name!r} exists already.", "Edit or remove it, or use another name."
                )
            _require_places(db, export)
            db.execute(sa.insert(_t).values(name=export.name, **_values(export)))
            plan(db, export, None, now or datetime.now(UTC))
            watches.plan(db, export, None, now or datetime.now(UTC))

    def replace(self, export: Export, now: datetime | None = None) -> None:
        """Change the one of this name; a schedule that differs counts from `now` on, by default the time of
        day. Raises NotFound, also where its connection isn't there."""
        with self._database.write() as db:
            _require_places(db, export)
            _replace(db, export, _get(db, export.name), now)

    def pause(self, name: str, now: datetime | None = None, *, paused: bool) -> Export:
        """Keep an export from running by itself, or have it go on from `now`; the export as it is then.
        Raises NotFound, Conflict where it has no schedule."""
        with self._database.write() as db:
            before = _get(db, name)
            if before.schedule is not None:
                schedule = msgspec.structs.replace(before.schedule, paused=paused)
                after = msgspec.structs.replace(before, schedule=schedule)
            elif before.watch is not None:
                watch = msgspec.structs.replace(before.watch, paused=paused)
                after = msgspec.structs.replace(before, watch=watch)
            else:
                raise Conflict(
                    f"Export {name!r} doesn't run by itself.", "Give it a schedule: offramp export edit."
                )
            _replace(db, after, before, now)
        return after

    def get(self, name: str) -> Export:
        """Raises NotFound."""
        with self._database.read() as db:
            return _get(db, name)

    def list(self) -> list[Export]:
        """All, by name."""
        with self._database.read() as db:
            bodies = db.execute(sa.select(_t.c.body).order_by(_t.c.name)).scalars().all()
        return [must(body, Export) for body in bodies]

    def remove(self, name: str) -> None:
        """Its tasks stay; what became of its periodic runs is forgotten. Raises NotFound."""
        with self._database.write() as db:
            if not db.execute(sa.delete(_t).where(_t.c.name == name)).rowcount:
                raise _missing(name)


def _get(db: sa.Connection, name: str) -> Export:
    body = db.execute(sa.select(_t.c.body).where(_t.c.name == name)).scalar()
    if body is None:
        raise _missing(name)
    return must(body, Export)


def _replace(db: sa.Connection, export: Export, before: Export, now: datetime | None) -> None:
    db.execute(sa.update(_t).where(_t.c.name == export.name).values(**_values(export)))
    plan(db, export, before.schedule, now or datetime.now(UTC))
    watches.plan(db, export, before, now or datetime.now(UTC))


def _values(export: Export) -> dict[str, object]:
    return {"connection": export.settings.connection, "body": to_json(export)}


def _require_places(db: sa.Connection, export: Export) -> None:
    """The connections that it uses, and its destination, which may do less than a local directory."""
    connection = tables.connection
    into = export.settings.into
    for wanted in (export.settings.connection, *([into.connection] if into is not None else [])):
        if db.execute(sa.select(connection.c.name).where(connection.c.name == wanted)).first() is None:
            raise NotFound(
                f"Export {export.name!r} uses connection {wanted!r}, which isn't there.",
                "Add it first: offramp connection add.",
            )
    name = place_of(export.directory).name if export.settings.into is None else ""
    if name and not destinations.get(db, name).local:
        check_remote(export.settings.files, latest=export.latest)


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no export {name!r}.", "See: offramp export list.")
