"""Getting into a SQLite file, and trying whether that works."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from connectors.base import Source, TestStep
from connectors.sources.sqlite.opening import check_file, database_path
from connectors.sources.sqlite.session import SqliteSession
from core.errors import OfframpError


class SqliteSource(Source):
    """A SQLite database file. See `Source`; there is no server, and no password."""

    def connect(self) -> SqliteSession:
        return SqliteSession(self.connection)

    def test(self) -> Iterator[TestStep]:
        try:
            found = check_file(self.connection)
            yield TestStep(
                "file", ok=True, detail=f"{database_path(self.connection)}, {found.st_size:,} bytes"
            )
        except OfframpError as error:
            yield TestStep("file", ok=False, detail=str(error))
            return
        try:
            session = self.connect()
        except OfframpError as error:
            yield TestStep("open", ok=False, detail=str(error))
            return
        with session:
            yield TestStep("open", ok=True, detail="; ".join(("for reading only", *session.server.notes)))
            yield TestStep("version", ok=True, detail=f"SQLite {sqlite3.sqlite_version}")
            try:
                objects = session.objects("main")
                tables = sum(info.ref.type == "TABLE" for info in objects)
                yield TestStep(
                    "rights", ok=True, detail=f"{len(objects):,} objects, {tables:,} of them tables"
                )
            except OfframpError as error:
                yield TestStep("rights", ok=False, detail=str(error))
                return
            try:
                yield TestStep("snapshot", ok=True, detail=_snapshot_words(session))
            except OfframpError as error:
                yield TestStep("snapshot", ok=False, detail=str(error))

    def test_sys_account(self) -> Iterator[TestStep]:
        yield TestStep(
            "sys account",
            ok=False,
            detail="A sys tenant account is for OceanBase only: leave it out for SQLite.",
        )


def _snapshot_words(session: SqliteSession) -> str:
    session.begin()
    session.end()
    if session.journal_mode() == "wal":
        return "one read transaction; programs that write go on beside it (WAL mode)"
    return "one read transaction; programs that write wait while it is open (rollback journal)"
