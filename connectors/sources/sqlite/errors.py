"""What SQLite's error codes mean for a person.

Result codes: https://www.sqlite.org/rescode.html. Primary codes are the low byte of extended ones.
"""

from __future__ import annotations

import sqlite3

from core.errors import (
    BrokenObject,
    ConnectError,
    ConnectionLost,
    LoginRefused,
    OfframpError,
    SchemaChanged,
    SourceError,
    StatementFailed,
    Unreachable,
    Unsupported,
    ValueTooLarge,
)

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_UNREADABLE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM)
# SQLite has no code of its own for what is missing: only its words tell.
_MISSING = ("no such table", "no such column", "no such view", "no such index")
_FOREIGN_CODE = (
    "no such module",
    "no such function",
    "no such collation",
    "no query solution",  # a WITHOUT ROWID table stored in the order of such a collation
    "unsafe use of",
)


def primary_code(error: sqlite3.Error) -> int:
    """The primary result code, 0 where the driver itself raised."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def words(error: Exception) -> str:
    """SQLite's own words, on one line without control characters."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(error)) or type(error).__name__


def while_opening(error: sqlite3.Error, name: str, path: str) -> OfframpError:  # noqa: PLR0911  (one for each kind)
    """Why the database file of connection `name` can't be opened and read."""
    code = primary_code(error)
    extended = getattr(error, "sqlite_errorcode", None) or 0
    what = f"Connection {name!r}: {path!r}"
    if code == sqlite3.SQLITE_NOTADB:
        return Unsupported(
            f"{what} is not a SQLite database, or it is encrypted.",
            "Check the path. An encrypted file must be decrypted with the program that made it.",
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return ConnectError(
            f"{what} is damaged: {words(error)}.",
            "Restore it from a backup, or try `sqlite3 FILE .recover`.",
        )
    if code in _LOCKED:
        return Unreachable(
            f"{what} is locked by another program.",
            "Try again when that has finished, or raise the connection's connect timeout.",
        )
    if extended == sqlite3.SQLITE_READONLY_ROLLBACK:
        return ConnectError(
            f"{what} holds an unfinished transaction of a program that died.",
            "Open it once with a program that may write (`sqlite3 FILE .tables`): that rolls it back.",
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return LoginRefused(
            f"{what} can't be opened: {words(error)}.",
            "A database in WAL mode needs its -wal and -shm files, or the right to make them in its "
            "directory: grant that, or copy the database elsewhere with `sqlite3 FILE .backup`.",
        )
    if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_PERM):
        return LoginRefused(f"{what} may not be read: {words(error)}.", "Check the file's permissions.")
    return ConnectError(f"{what} can't be read: {words(error)}.")


def while_reading(  # noqa: PLR0911  (one return for each kind)
    error: Exception, name: str, what: str, *, planned: bool = False
) -> OfframpError:
    """Why a statement about `what` failed on connection `name`.

    `planned` says that the object was described before: what is missing now has changed since.
    """
    place = f"Connection {name!r}: {what}"
    code = primary_code(error) if isinstance(error, sqlite3.Error) else 0
    text = words(error)
    if code == sqlite3.SQLITE_INTERRUPT:
        return ConnectionLost(f"{place}: the read was interrupted.")
    if code in _LOCKED:
        return ConnectionLost(
            f"{place}: the database is locked by another program.",
            "Trying again helps when that has finished.",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StatementFailed(
            f"{place}: the database file is damaged: {text}.",
            "Run `PRAGMA integrity_check`, and restore a backup or try `sqlite3 FILE .recover`.",
        )
    if code in _UNREADABLE or isinstance(error, MemoryError):
        return SourceError(f"{place}: the file can't be read: {text}.", "Check the disk and free memory.")
    if code == sqlite3.SQLITE_SCHEMA or (planned and text.startswith(_MISSING)):
        return SchemaChanged(f"{place} has changed since it was looked at: {text}.", "Start the task again.")
    if code == sqlite3.SQLITE_TOOBIG:
        return ValueTooLarge(f"{place}: a value is larger than SQLite's limit: {text}.")
    if any(part in text for part in _FOREIGN_CODE):
        return BrokenObject(
            f"{place}: {text}.",
            "It uses a module, function or collation that only the program which made it brings along.",
        )
    if text.startswith((*_MISSING, "ambiguous column", "malformed", "expected ", "view ")):
        return BrokenObject(f"{place}: {text}.", "Repair or drop it, or leave it out of the export.")
    return StatementFailed(f"{place}: {text}.")
