"""Schemas, as SQLite keeps them: the text that made each object.

SQLite normalises no more than the beginning, up to the name (`CREATE UNIQUE INDEX name …`), and drops
TEMP, IF NOT EXISTS and the schema's name there. https://www.sqlite.org/schematab.html
"""

from __future__ import annotations

import hashlib
import re
import sqlite3

from connectors.base import ObjectDdl
from connectors.sources.sqlite.catalog import Catalog, Entry
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.statements import Statements
from core.errors import BrokenObject
from core.model.vocabulary import ObjectRef, ObjectType

_INDEX_HEAD = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!IF\s+NOT\s+EXISTS\b)", re.IGNORECASE)


def ddl(ask: Statements, catalog: Catalog, ref: ObjectRef) -> ObjectDdl:
    """Raises NotFound, BrokenObject."""
    entry = catalog.entry(ref)
    notes: list[str] = []
    shape = [_statement(entry, notes)]
    rest: list[str] = []
    needs: tuple[ObjectRef, ...] = ()
    match ref.type:
        case ObjectType.TABLE:
            shape += [_statement(e, notes) for e in catalog.belonging(ref.name, ObjectType.INDEX)]
            rest = _sequence(ask, ref) if catalog.counters else []
        case ObjectType.INDEX:
            # The table brings its indexes along: here it is made only where that hasn't been loaded.
            shape = [_INDEX_HEAD.sub(lambda head: head.group() + "IF NOT EXISTS ", shape[0], count=1)]
            notes.append(f"Also part of TABLE:{entry.table}, and made only where it isn't there yet.")
            needs = _owner(catalog, entry)
        case ObjectType.TRIGGER:
            needs = _owner(catalog, entry)
        case _:
            needs = _read_by_view(ask, catalog, ref)
    create = (*shape, *rest)
    return ObjectDdl(
        drop=f"DROP {ref.type} IF EXISTS {SQLITE.identifier(ref.name)}",
        create=create,
        create_bare=create,
        needs=needs,
        fingerprint=hashlib.sha256("\0".join(shape).encode()).hexdigest(),
        notes=tuple(notes),
    )


def _statement(entry: Entry, notes: list[str]) -> str:
    """An entry's text, safe to put a semicolon behind."""
    try:
        entry.sql.encode()
    except UnicodeEncodeError as error:
        raise BrokenObject(
            f"{entry.ref}: its schema holds bytes that are no UTF-8.", "Make it anew."
        ) from error
    if "\r\n" in entry.sql:
        notes.append(f"The text of {entry.ref} holds CR LF, which the sqlite3 client reads as LF.")
    # The text of a view may end in a comment, which would swallow what follows.
    return entry.sql if sqlite3.complete_statement(entry.sql + ";") else entry.sql + "\n"


def _sequence(ask: Statements, ref: ObjectRef) -> list[str]:
    """What sets an AUTOINCREMENT counter. Loaded before the rows, which raise it at most to what it is."""
    seq = ask.value(
        "SELECT seq FROM sqlite_sequence WHERE name = ? AND typeof(seq) = 'integer'", ref.name, about=str(ref)
    )
    if seq is None:
        return []
    quoted = "'" + ref.name.replace("'", "''") + "'"
    return [f"INSERT INTO sqlite_sequence(name, seq) VALUES({quoted}, {seq})"]


def _owner(catalog: Catalog, entry: Entry) -> tuple[ObjectRef, ...]:
    owner = catalog.named(entry.table)
    return (owner.ref,) if owner else ()


def _read_by_view(ask: Statements, catalog: Catalog, ref: ObjectRef) -> tuple[ObjectRef, ...]:
    """The tables and views that a view reads, as SQLite itself says while it compiles a query of it."""
    read: set[str] = set()

    def note(action: int, table: str | None, _column: str | None, _db: str | None, inner: str | None) -> int:
        if action == sqlite3.SQLITE_READ:
            read.update(name for name in (table, inner) if name)
        return sqlite3.SQLITE_OK

    ask.driver.set_authorizer(note)
    try:
        ask.rows(f"EXPLAIN SELECT * FROM main.{SQLITE.identifier(ref.name)}", about=str(ref))
    finally:
        ask.driver.set_authorizer(None)
    found = {entry.ref for name in read if (entry := catalog.named(name))}
    return tuple(sorted(found - {ref}))
