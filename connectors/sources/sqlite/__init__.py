"""SQLite: a file read by the standard library's driver, exactly, whatever the column says.

`source`    ways in, and their test          `catalog`   which objects there are, and how large
`opening`   path, rights, the open file      `shape`     what must be known to read a table
`session`   the way in that is open          `ddl`       schemas
`reading`   rows to columns, memory bounded  `split`     parts along a key
`assemble`  columns to chunks                `dialect`   how SQL for the sqlite3 client is written
"""

from connectors.sources.sqlite.source import SqliteSource

__all__ = ["SqliteSource"]
