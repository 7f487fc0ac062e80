"""The database that rows go to, as it is before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from connectors.base import Credentials, Session, Source, TableShape
from connectors.target_rules import Rules, family
from connectors.targets import Target
from core.connectors import open_source, open_target
from core.errors import NotFound, SourceError, UsageError
from core.model.connection import Connection
from core.model.into import Into
from core.model.vocabulary import Mode, ObjectRef, ObjectType, SchemaFlavour

_NAME = r"`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|[\w$]+"
_REFERS = re.compile(rf"\bREFERENCES\s+(?:(?:{_NAME})\s*\.\s*)*({_NAME})\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The way there. `source` looks at what is there; `target` makes what writes into a database of it."""

    source: Source
    target: Callable[[str], Target]

    @classmethod
    def of(cls, connection: Connection, password: str | None, program: str = "offramp") -> Self:
        """Contacts nobody. Raises Unsupported where rows can't go there."""
        credentials = Credentials(password=password)

        def target(database: str) -> Target:
            return open_target(connection, credentials, database, program=program)

        target("")
        return cls(open_source(connection, credentials, program=program), target)

    @property
    def connection(self) -> Connection:
        return self.source.connection


@dataclass(slots=True)
class There:
    """What is in one database. `session` reads it while it is looked at, None for a SQLite file that isn't
    there yet. `objects` are tables, views and what else has a name among them, by name (see `find`); `refs`
    are all objects."""

    connection: Connection
    database: str
    product: str
    session: Session | None
    rules: Rules
    objects: dict[str, ObjectRef] = field(default_factory=dict)
    refs: set[ObjectRef] = field(default_factory=set)
    folds: bool = False
    _shapes: dict[str, TableShape] = field(default_factory=dict)

    @property
    def family(self) -> str:
        return family(self.connection.mode)

    def find(self, name: str) -> ObjectRef | None:
        """What has this name there, where names are compared as the server does."""
        return self.objects.get(name.casefold() if self.folds else name)

    def parents(self, name: str) -> set[str]:
        """The tables that the foreign keys of one lead to; none where this can't be seen."""
        found = self.find(name)
        if self.session is None or found is None:
            return set()
        try:
            ddl = self.session.ddl(self.database, found, SchemaFlavour.NATIVE)
        except (SourceError, NotFound) as error:
            if error.transient:
                raise
            return set()
        return {_plain(name) for text in ddl.foreign_keys for name in _REFERS.findall(text)}

    def shape(self, name: str) -> TableShape:
        """A table as it was when it was first asked for. Raises NotFound, BrokenObject."""
        if name not in self._shapes:
            if self.session is None:
                raise NotFound(f"There is no table {name!r} there.")
            found = self.find(name) or ObjectRef(ObjectType.TABLE, name)
            self._shapes[name] = self.session.describe(self.database, found)
        return self._shapes[name]


@contextmanager
def looked_at(elsewhere: Elsewhere, into: Into) -> Iterator[There]:
    """What is there, while a session for reading is open. Raises ConnectError and SourceError, UsageError,
    NotFound where there is no such database."""
    connection = elsewhere.connection
    if connection.mode is Mode.SQLITE and not Path(connection.path or "").exists():
        database = _database(into, ["main"], None)
        yield There(connection, database, "SQLite", None, elsewhere.target(database).rules)
        return
    with elsewhere.source.connect() as session:
        database = _database(into, session.databases(), connection.begins_in or session.begins_in)
        there = There(connection, database, session.server.product, session, elsewhere.target(database).rules)
        there.folds = session.folds_names
        for info in session.objects(database):
            there.refs.add(info.ref)
            # Tables share their names with what rows can be read from, and with sequences; routines don't.
            if info.ref.type.has_data or info.ref.type is ObjectType.SEQUENCE:
                there.objects[info.ref.name.casefold() if there.folds else info.ref.name] = info.ref
        try:
            yield there
        finally:
            there.session = None


def _plain(name: str) -> str:
    """A name without its quotes."""
    quote = name[0]
    return name[1:-1].replace(quote * 2, quote) if quote in '`"' else name


def _database(into: Into, known: list[str], usual: str | None) -> str:
    wanted = into.database or usual
    if wanted is None:
        if len(known) == 1:
            return known[0]
        raise UsageError(
            f"Connection {into.connection!r} has no database of its own for rows to go into.",
            f"Write connection:{into.connection}/DATABASE.",
        )
    if wanted not in known:
        raise NotFound(
            f"Connection {into.connection!r} leads to no database {wanted!r}, or its account doesn't see it.",
            "Make it, or name another one.",
        )
    return wanted
