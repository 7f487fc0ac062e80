"""Opening a database file: never making one, never writing to it.

URI file names: https://www.sqlite.org/uri.html. `immutable` is not used: it would read a file that another
program is writing without its locks. Nor is the file ever opened beside SQLite: closing any descriptor of
it drops the POSIX locks of every SQLite connection of this process
(https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

from connectors.sources.sqlite.errors import while_opening
from core.errors import ConnectError, LoginRefused, Unsupported
from core.model.connection import Connection

# The first version whose pragmas tell tables without rowid and generated columns.
OLDEST = (3, 31, 0)


def database_path(connection: Connection) -> Path:
    """The absolute path of a connection's file."""
    return Path(os.path.abspath(str(connection.path)))  # noqa: PTH100  (Path.resolve would follow links)


def uri(path: Path) -> str:
    """A read-only URI for `path`, every byte of it that means something in a URI percent-encoded."""
    return "file://" + quote(os.fsencode(path), safe="/") + "?mode=ro"


def check_file(connection: Connection) -> os.stat_result:
    """What is at the path. Raises ConnectError where it is no file, LoginRefused where it may not be read."""
    path = database_path(connection)
    what = f"Connection {connection.name!r}: {str(path)!r}"
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConnectError(f"{what} does not exist.", "Check the path; no file is made.") from error
    except PermissionError as error:
        raise LoginRefused(f"{what} is in a directory that may not be entered.") from error
    except OSError as error:
        raise ConnectError(f"{what} can't be looked at: {error.strerror}.") from error
    if stat.S_ISDIR(found.st_mode):
        raise ConnectError(f"{what} is a directory.", "Name the database file in it.")
    if not stat.S_ISREG(found.st_mode):  # a FIFO would block the open for ever
        raise ConnectError(f"{what} is not a regular file.")
    if not os.access(path, os.R_OK):
        raise LoginRefused(f"{what} may not be read.", "Check the file's owner and permissions.")
    return found


def open_file(connection: Connection) -> sqlite3.Connection:
    """The file of a connection, open for reading only, its header and schema read once.

    Text comes as bytearray and blobs as bytes: so every byte is kept and the two are told apart. Raises
    ConnectError and its kinds.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        raise Unsupported(
            f"This Python brings SQLite {sqlite3.sqlite_version}, which is too old.",
            f"Version {'.'.join(map(str, OLDEST))} or newer is needed: use a Python that is linked with one.",
        )
    check_file(connection)
    path = database_path(connection)
    try:
        driver = sqlite3.connect(
            uri(path),
            uri=True,
            timeout=connection.connect_timeout,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise while_opening(error, connection.name, str(path)) from error
    try:
        driver.text_factory = bytearray
        driver.execute("PRAGMA query_only = 1")
        # Views and triggers of a foreign file call no function that has effects.
        driver.execute("PRAGMA trusted_schema = 0")
        driver.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        driver.close()
        raise while_opening(error, connection.name, str(path)) from error
    return driver
