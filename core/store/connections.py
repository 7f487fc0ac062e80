"""Connections in the store."""

from __future__ import annotations

import sqlalchemy as sa

from core.errors import Conflict, NotFound
from core.model.connection import Connection
from core.model.vocabulary import TaskStatus
from core.store import tables
from core.store.database import Database
from core.store.rows import must, to_json

_t = tables.connection


class Connections:
    """Named ways into databases. Passwords are no part of them: only references are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, connection: Connection) -> None:
        """Raises Conflict where the name is taken."""
        with self._database.write() as db:
            if _exists(db, connection.name):
                raise Conflict(
                    f"Connection {connection.name!r} exists already.", "Remove it first, or use another name."
                )
            db.execute(sa.insert(_t).values(name=connection.name, body=to_json(connection)))

    def replace(self, connection: Connection) -> None:
        """Change the one of this name; its last test no longer counts. Raises NotFound."""
        with self._database.write() as db:
            done = db.execute(
                sa.update(_t).where(_t.c.name == connection.name).values(body=to_json(connection), test=None)
            )
            if not done.rowcount:
                raise _missing(connection.name)

    def get(self, name: str) -> Connection:
        """Raises NotFound."""
        with self._database.read() as db:
            body = db.execute(sa.select(_t.c.body).where(_t.c.name == name)).scalar()
        if body is None:
            raise _missing(name)
        return must(body, Connection)

    def list(self) -> list[Connection]:
        """All, by name."""
        with self._database.read() as db:
            bodies = db.execute(sa.select(_t.c.body).order_by(_t.c.name)).scalars().all()
        return [must(body, Connection) for body in bodies]

    def remove(self, name: str) -> None:
        """Raises NotFound; Conflict while a saved export or a task that hasn't ended uses it."""
        ended = [str(status) for status in TaskStatus if status.ended]
        with self._database.write() as db:
            if not _exists(db, name):
                raise _missing(name)
            export = db.execute(
                sa.select(tables.export.c.name)
                .where(
                    sa.or_(
                        tables.export.c.connection == name, _into(tables.export.c.body, name, "$.settings")
                    )
                )
                .limit(1)
            ).scalar()
            if export is not None:
                raise Conflict(f"Connection {name!r} is used by export {export!r}.", "Remove that first.")
            task = db.execute(
                sa.select(tables.task.c.id)
                .where(
                    sa.or_(tables.task.c.connection == name, _into(tables.task.c.settings, name, "$")),
                    tables.task.c.status.not_in(ended),
                )
                .limit(1)
            ).scalar()
            if task is not None:
                raise Conflict(
                    f"Connection {name!r} is used by task {task}.", "Wait for it to end, or abort it."
                )
            db.execute(sa.delete(_t).where(_t.c.name == name))

    def record_test(self, name: str, record: dict[str, object]) -> None:
        """Keep the outcome of a connection test, whatever JSON it is. Raises NotFound."""
        with self._database.write() as db:
            done = db.execute(sa.update(_t).where(_t.c.name == name).values(test=to_json(record)))
            if not done.rowcount:
                raise _missing(name)

    def last_test(self, name: str) -> dict[str, object] | None:
        """The outcome of the last test, None before the first. Raises NotFound."""
        with self._database.read() as db:
            row = db.execute(sa.select(_t.c.test).where(_t.c.name == name)).first()
        if row is None:
            raise _missing(name)
        return None if row[0] is None else must(row[0], dict[str, object])


def _into(body: sa.Column[str], name: str, path: str) -> sa.ColumnElement[bool]:
    """Whether the settings at `path` of a body lead rows into the connection of this name."""
    return sa.func.json_extract(body, f"{path}.into.connection") == name


def _exists(db: sa.Connection, name: str) -> bool:
    return db.execute(sa.select(_t.c.name).where(_t.c.name == name)).first() is not None


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no connection {name!r}.", "See: offramp connection list.")
