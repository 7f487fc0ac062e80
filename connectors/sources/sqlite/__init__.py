"""SQLite: a file read by the standard library's driver, exactly, whatever the column says.

`source`    ways in, and their test          `catalog`   which objects there are, and how large
`opening`   path, rights, the open file      `shape`     what must be known to read a table
`session`   the way in that is open          `ddl`       schemas
`reading`   rows to columns, memory bounded  `split`     parts along a key
`assemble`  columns to chunks                `dialect`   how SQL for the sqlite3 client is written
`settle`    one type for each column         `marks`     what tells new rows

Large tables are read by a process beside the session, into Arrow:

`beside`    when, and that it sees the same  `companion`, `companion_process`, `frames`   the process
`uniform`   what it may read, and the proof  `sending`, `shared`   how rows come from it
`storage`   the types of values              `columns`   what it sends, to chunks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.sources.sqlite.source import SqliteSource

__all__ = ["SqliteSource"]


def __getattr__(name: str) -> object:
    """`SqliteSource`, loaded where it is asked for: the process beside a session has to be there soon, and
    needs a fraction of it."""
    if name != "SqliteSource":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from connectors.sources.sqlite.source import SqliteSource  # noqa: PLC0415 - see above

    return SqliteSource
