"""What psycopg, libpq and the server say, as Offramp's errors.

SQLSTATEs: "PostgreSQL Error Codes" of the PostgreSQL manual. libpq gives none for a login that failed, only
the server's words, which may be in its own language: the ones known here are the English ones.
"""

from __future__ import annotations

import re

import psycopg

from connectors.words import shown
from core.errors import (
    BrokenObject,
    ConnectError,
    ConnectionLost,
    LoginRefused,
    NoPrivilege,
    NotFound,
    OfframpError,
    SchemaChanged,
    SnapshotGone,
    StatementFailed,
    TlsError,
    UnknownHost,
    Unreachable,
    Unsupported,
)
from core.model.connection import Connection

CANCELED = "57014"
LOCK_NOT_AVAILABLE = "55P03"
NO_PRIVILEGE = "42501"

_MISSING = {"42P01", "42704", "42883", "3F000", "3D000"}  # object, function, schema, database
_CHANGED = {"42P01", "42703", "42804", "0A000", "42883", "42704", "3F000"}
_BROKEN_VIEW = {"42P01", "42703", "42883", "42704", "42804", "2BP01", "42P17"}
_OF_A_VIEW = {"22", "P0", "38", "39", "2F"}  # what its functions and expressions fail with
_DAMAGED = {"XX000", "XX001", "XX002", "58030", "58P01", "55000"}


_ENDED = ("The server ended the connection", "")
# By SQLSTATE or its class.
_INTERRUPTED = {
    CANCELED: ("The query was cancelled on the server", ""),
    LOCK_NOT_AVAILABLE: (
        "Somebody's lock didn't come free in time",
        "See in pg_locks and pg_stat_activity who holds it.",
    ),
    **dict.fromkeys(("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"), _ENDED),
    "40": (
        "The server gave up the query",
        "On a standby server, raise max_standby_streaming_delay or set hot_standby_feedback.",
    ),
    "53": ("The server lacks something that it needs", ""),
}


def words(error: psycopg.Error) -> str:
    """What the server said, or libpq where it said nothing; one line."""
    said = error.diag.message_primary or str(error).strip()
    return shown(" ".join(said.split())).rstrip(".") or type(error).__name__


# What psycopg and libpq put around the reason, which the message says in words of its own.
_LIBPQ_PLACE = re.compile(
    r"^(?:connection (?:failed|is bad): )?"
    r"(?:connection to server (?:at|on socket) \".*?\"(?: \([^)]*\))?(?:, port \d+)? failed: )?(?:FATAL: )?"
)
_LIBPQ_ASKS = re.compile(r" Is the server running [^?]*\?$")


def login_error(error: psycopg.Error, connection: Connection, user: str) -> ConnectError:
    """Why `connection` could not be opened as `user`."""
    place = f"connection {connection.name!r} ({connection.place})"
    said = words(error)
    text = _LIBPQ_ASKS.sub("", _LIBPQ_PLACE.sub("", said)) or said
    for pattern, kind, happened, hint in _REFUSALS:
        if re.search(pattern, said, re.IGNORECASE):
            what = happened.format(place=place, user=user)
            return kind(f"{what[0].upper()}{what[1:]}: {text}.", hint)
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return Unreachable(
            f"No answer from {place} within {connection.connect_timeout} s.",
            "Check host, port and firewalls; the connection's connect_timeout may be raised.",
        )
    gone = error.pgconn
    if gone is not None and gone.used_password:
        return LoginRefused(
            f"The server of {place} refused user {user!r}: {text}.", "Check user, password and database."
        )
    return Unreachable(f"Login at {place} failed: {text}.", "Look into the server's log.")


_REFUSALS: tuple[tuple[str, type[ConnectError], str, str], ...] = (
    (
        r"could not (translate|resolve|parse network address)|name or service not known"
        r"|nodename nor servname|no address associated|failed to resolve host",
        UnknownHost,
        "The host of {place} is unknown",
        "Check the host name and the name service.",
    ),
    (
        r"no pg_hba\.conf entry.*(no encryption|ssl off)|requires SSL",
        TlsError,
        "The server of {place} lets user {user!r} in by TLS only, or not at all",
        "Set the connection's TLS mode to require, or ask who keeps the server's pg_hba.conf.",
    ),
    (
        r"no pg_hba\.conf entry|authentication failed|password|role .* (does not exist|is not permitted)"
        r"|permission denied for database",
        LoginRefused,
        "The server of {place} refused user {user!r}",
        "Check user and password, and from which hosts that user may log in (pg_hba.conf).",
    ),
    (
        r"database .* does not exist",
        LoginRefused,
        "The server of {place} has no such database",
        "Check the connection's database.",
    ),
    (
        r"too many (clients|connections)|remaining connection slots|connection limit exceeded",
        Unreachable,
        "The server of {place} takes no more connections",
        "",
    ),
    (
        r"is (starting up|shutting down|not (yet|currently) accepting)|in recovery mode",
        Unreachable,
        "The server of {place} takes no connections now",
        "",
    ),
    (r"\bSSL\b|\bTLS\b|certificate", TlsError, "TLS with {place} can't be had", "Check its TLS settings."),
    (
        r"connection refused|no such file or directory|no route to host|network is unreachable"
        r"|permission denied|is the server running",
        Unreachable,
        "{place} can't be reached",
        "Check that the server runs there.",
    ),
    (
        r"closed the connection unexpectedly|invalid response|expected authentication request"
        r"|received (unexpected|invalid)|connection reset|consuming input failed",
        Unreachable,
        "What answers at {place} hung up before the login was through",
        "Check that a PostgreSQL server listens there; if so, look into its log.",
    ),
    (
        r"authentication method .* not supported|unsupported frontend protocol",
        Unsupported,
        "User {user!r} of {place} logs in by a method that isn't spoken here",
        "",
    ),
)


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, or about to be."""
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (
        state is None or state.startswith("08") or state in ("57P01", "57P02", "57P03", "57P04", "57P05")
    )


def statement_error(
    error: psycopg.Error, what: str, *, reading: bool = False, view: bool = False
) -> OfframpError:
    """What the server's refusal of a statement means. `what` was being done (`reading TABLE:a`); `reading`
    where rows were asked of an object that had been described before; `view` where that is a view."""
    state, text = error.sqlstate or "", words(error)
    result: OfframpError | None = _cut_off(error, state, text, what)
    if result is not None:
        return result
    if state == "72000":
        result = SnapshotGone(
            f"The snapshot is no longer kept by the server, noticed while {what}.",
            "Raise old_snapshot_threshold on the server, or export fewer objects at once; start again.",
        )
    elif state == NO_PRIVILEGE and "row-level security" in text:
        result = NoPrivilege(
            f"Row security would hide rows from this user while {what}: {text}.",
            "Use an account that bypasses it (BYPASSRLS), or the table's owner.",
        )
    elif state == NO_PRIVILEGE:
        result = NoPrivilege(
            f"No right for {what}: {text}.", "Ask for USAGE on the schema and SELECT on the object."
        )
    elif state in _DAMAGED or (view and (state in _BROKEN_VIEW or state[:2] in _OF_A_VIEW)):
        result = BrokenObject(f"The server itself fails while {what}: {text}.", "Repair or exclude it.")
    elif reading and state in _CHANGED:
        result = SchemaChanged(
            f"The object changed since it was planned, noticed while {what}: {text}.", "Start the task again."
        )
    elif state in _MISSING:
        result = NotFound(f"No such object, noticed while {what}: {text}.")
    else:
        result = StatementFailed(f"The server refused while {what}: {text} (error {state or 'unknown'}).")
    return result


def _cut_off(error: psycopg.Error, state: str, text: str, what: str) -> ConnectionLost | None:
    """Where a statement wasn't answered to its end, which another attempt may be."""
    if state in _INTERRUPTED:
        happened, hint = _INTERRUPTED[state]
    elif state[:2] in _INTERRUPTED:
        happened, hint = _INTERRUPTED[state[:2]]
    elif is_lost(error) or not state:
        happened, hint = "The connection was lost", ""
    else:
        return None
    return ConnectionLost(f"{happened} while {what}: {text}.", hint)
