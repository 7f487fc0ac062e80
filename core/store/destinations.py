"""Destinations in the store."""

from __future__ import annotations

import sqlalchemy as sa

from core.errors import Conflict, NotFound
from core.model.destination import Destination
from core.model.vocabulary import TaskStatus
from core.store import tables
from core.store.database import Database
from core.store.rows import must, to_json

_t = tables.destination


class Destinations:
    """Named places that files go to. Passwords are no part of them: only references are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, destination: Destination) -> None:
        """Raises Conflict where the name is taken."""
        with self._database.write() as db:
            if db.execute(sa.select(_t.c.name).where(_t.c.name == destination.name)).first() is not None:
                raise Conflict(
                    f"Destination {destination.name!r} exists already.",
                    "Edit it, remove it first, or use another name.",
                )
            db.execute(sa.insert(_t).values(name=destination.name, body=to_json(destination)))

    def replace(self, destination: Destination) -> None:
        """Change the one of this name; its last test no longer counts. Raises NotFound."""
        with self._database.write() as db:
            changed = sa.update(_t).where(_t.c.name == destination.name)
            if not db.execute(changed.values(body=to_json(destination), test=None)).rowcount:
                raise missing(destination.name)

    def get(self, name: str) -> Destination:
        """Raises NotFound."""
        with self._database.read() as db:
            return get(db, name)

    def list(self) -> list[Destination]:
        """All, by name."""
        with self._database.read() as db:
            bodies = db.execute(sa.select(_t.c.body).order_by(_t.c.name)).scalars().all()
        return [must(body, Destination) for body in bodies]

    def by_name(self) -> dict[str, Destination]:
        return {destination.name: destination for destination in self.list()}

    def exports(self, name: str) -> tuple[str, ...]:
        """The saved exports that go there, by name."""
        with self._database.read() as db:
            return _exports(db, name)

    def tasks(self, name: str) -> tuple[int, ...]:
        """The numbers of the tasks that go there and haven't ended."""
        with self._database.read() as db:
            return _tasks(db, name)

    def remove(self, name: str) -> None:
        """Raises NotFound; Conflict while a saved export or a task that hasn't ended uses it."""
        with self._database.write() as db:
            users = [f"export {export!r}" for export in _exports(db, name)]
            users += [f"task {task}" for task in _tasks(db, name)]
            if users:
                shown = ", ".join(users[:8]) + (f" and {len(users) - 8} more" if len(users) > 8 else "")
                raise Conflict(
                    f"Destination {name!r} is used by {shown}.",
                    "Remove those exports first; let the tasks end, or abort them.",
                )
            if not db.execute(sa.delete(_t).where(_t.c.name == name)).rowcount:
                raise missing(name)

    def record_test(self, name: str, record: dict[str, object]) -> None:
        """Keep the outcome of a test, whatever JSON it is. Raises NotFound."""
        with self._database.write() as db:
            changed = sa.update(_t).where(_t.c.name == name).values(test=to_json(record))
            if not db.execute(changed).rowcount:
                raise missing(name)

    def tests(self) -> dict[str, dict[str, object]]:
        """The outcomes of the last tests, of those that were tested."""
        with self._database.read() as db:
            rows = db.execute(sa.select(_t.c.name, _t.c.test).where(_t.c.test.is_not(None))).all()
        return {row.name: must(row.test, dict[str, object]) for row in rows}


def get(db: sa.Connection, name: str) -> Destination:
    """Within a transaction. Raises NotFound."""
    body = db.execute(sa.select(_t.c.body).where(_t.c.name == name)).scalar()
    if body is None:
        raise missing(name)
    return must(body, Destination)


def missing(name: str) -> NotFound:
    return NotFound(f"There is no destination {name!r}.", "See: offramp destination list.")


def _exports(db: sa.Connection, name: str) -> tuple[str, ...]:
    place = sa.func.json_extract(tables.export.c.body, "$.directory")
    found = sa.select(tables.export.c.name).where(_begins(place, name)).order_by(tables.export.c.name)
    return tuple(db.execute(found).scalars())


def _tasks(db: sa.Connection, name: str) -> tuple[int, ...]:
    ended = [str(status) for status in TaskStatus if status.ended]
    task = tables.task
    found = sa.select(task.c.id).where(_begins(task.c.output, name), task.c.status.not_in(ended))
    return tuple(db.execute(found.order_by(task.c.id)).scalars())


def _begins(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    return sa.func.substr(column, 1, len(name) + 1) == f"{name}:"
