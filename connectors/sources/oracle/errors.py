"""What python-oracledb and the server say, as Offramp's errors.

Numbers: "Database Error Messages" of Oracle Database (ORA-…), and "Troubleshooting Errors" of
python-oracledb's documentation (DPY-…, in thick mode also DPI-…). The driver wraps some of the server's
numbers in its own."""

from __future__ import annotations

import re

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
    ValueTooLarge,
)
from core.model.connection import Connection

NO_SUCH_TABLE, NO_PRIVILEGE, NO_OBJECT, NONE_DEPENDENT = "ORA-00942", "ORA-01031", "ORA-31603", "ORA-31608"

_LOST = {
    "DPY-4011", "DPY-1001", "DPI-1010", "DPI-1080", "ORA-00028", "ORA-01012", "ORA-01089", "ORA-01092",
    "ORA-02396", "ORA-02399", "ORA-03113", "ORA-03114", "ORA-03135", "ORA-12537", "ORA-12547", "ORA-12570",
    "ORA-01033", "ORA-01034", "ORA-01109", "ORA-25408", "ORA-12153", "ORA-12583", "ORA-00603",
}  # fmt: skip
_INTERRUPTED = {
    "ORA-01013": ("The query was cancelled", ""),
    "DPY-4024": (
        "The server was silent for too long",
        "Raise the connection's read_timeout, or set it to 0.",
    ),
    "DPI-1067": (
        "The server was silent for too long",
        "Raise the connection's read_timeout, or set it to 0.",
    ),
    "ORA-03136": ("The server was silent for too long", ""),
    "ORA-00054": ("Somebody's lock didn't come free in time", ""),
    "ORA-30006": ("Somebody's lock didn't come free in time", ""),
    "ORA-04021": ("Somebody's lock didn't come free in time", "Look in DBA_DDL_LOCKS who holds it."),
    "ORA-00060": ("The server gave up the query for a deadlock", ""),
    "ORA-02391": ("The account has as many sessions as it may have", ""),
    "ORA-01652": ("The server's temporary tablespace is full", "Have it enlarged, or export fewer objects."),
    "ORA-04036": ("The server lacks memory", ""),
    "ORA-04031": ("The server lacks memory", ""),
}
_GONE = {
    "ORA-01555": "Raise undo_retention (and the undo tablespace), or read less at once; then start again.",
    "ORA-22924": "Raise the LOB column's RETENTION or PCTVERSION, or read less at once; then start again.",
    "ORA-08180": "Undo doesn't reach back that far: start again, as of now.",
    "ORA-08181": "That SCN is none of this database's, which may have been restored. Start again.",
    "ORA-08186": "That SCN is none of this database's, which may have been restored. Start again.",
}
_CHANGED = {
    "ORA-01466": "its definition is newer than the point in time",
    "ORA-08103": "it was truncated or dropped meanwhile",
    "ORA-00904": "a column is gone",
    "DPY-3038": "a column has another type",
    "DPY-2069": "it has another number of columns",
}
_RIGHTS = {"ORA-00942", "ORA-01031", "ORA-00990", "ORA-28113", "ORA-01720", "ORA-41900"}
_MISSING = {"ORA-31603", "ORA-04043", "ORA-02289", "ORA-00942", "ORA-24372"}
_BROKEN = {
    "ORA-04063",
    "ORA-01578",
    "ORA-01110",
    "ORA-00980",
    "ORA-24344",
    "ORA-29400",
    "ORA-22288",
    "ORA-00600",
}
_BROKEN_VIEW = {"ORA-00942", "ORA-00904", "ORA-01722", "ORA-01427", "ORA-01476", "ORA-06503", "ORA-06575"}
_TOO_LARGE = {"ORA-01795", "ORA-03146", "ORA-22813", "ORA-40478", "DPY-8002"}


def code(error: BaseException) -> str:
    """`ORA-01555`, `DPY-4011`; empty where there is none."""
    said = error.args[0] if error.args else None
    return str(getattr(said, "full_code", "") or "")


def words(error: BaseException) -> str:
    """What was said, in one line, without the driver's numbers for connections and links to its manual."""
    said = error.args[0] if error.args else None
    lines = str(getattr(said, "message", error)).split("\n")
    kept = " ".join(line for line in lines if not line.startswith("Help:"))
    kept = re.sub(r"\s*\(CONNECTION_ID=[^)]*\)", "", kept)
    return shown(" ".join(kept.split())).rstrip(".") or type(error).__name__


def login_error(error: Exception, connection: Connection, user: str) -> ConnectError:
    """Why `connection` could not be opened as `user`."""
    place = f"connection {connection.name!r} ({connection.place})"
    text = words(error)
    for pattern, kind, happened, hint in _REFUSALS:
        if re.search(pattern, text, re.IGNORECASE):
            what = happened.format(place=place, user=user)
            return kind(f"{what[0].upper()}{what[1:]}: {text}.", hint)
    return Unreachable(f"Login at {place} failed: {text}.", "Look into the listener's and the server's logs.")


def silent(connection: Connection, seconds: float) -> Unreachable:
    """What answers says nothing, or not enough, within the time for getting in."""
    return Unreachable(
        f"No login at connection {connection.name!r} ({connection.place}) within {seconds:g} s.",
        "Check host, port and firewalls; the connection's connect_timeout may be raised.",
    )


_REFUSALS: tuple[tuple[str, type[ConnectError], str, str], ...] = (
    (
        r"ORA-(01017|01005|28000|28001|28002|01045|12650|28030|01040)|DPY-4001",
        LoginRefused,
        "The server of {place} refused user {user!r}",
        "Check user and password; the account may be locked or expired, or lack CREATE SESSION.",
    ),
    (
        r"ORA-(12660|12649|12650|12599)|DPY-3001|native network encryption",
        Unsupported,
        "The server of {place} wants native network encryption, or a way in that thin mode doesn't know",
        "Install Oracle's Instant Client and name its directory: ?thick=DIR, or --thick DIR.",
    ),
    (
        r"DPY-3010|DPY-3015|DPY-3012|DPY-3040|ORA-28040",
        Unsupported,
        "The server of {place} can't be read in thin mode",
        "Install Oracle's Instant Client and name its directory: ?thick=DIR, or --thick DIR. Thin mode "
        "speaks to versions from 12.1 on, and needs passwords with a verifier of 11g or later.",
    ),
    (
        r"DPI-1047|DPI-1072|ORA-01804|DPI-1050",
        Unsupported,
        "Oracle's client libraries for {place} can't be loaded",
        "Check the directory after thick=: it must hold libclntsh and what it needs (libaio).",
    ),
    (
        r"DPY-6001|DPY-6003|ORA-12514|ORA-12505|ORA-12521",
        LoginRefused,
        "The listener of {place} doesn't know that service or SID",
        "Check the service's name (lsnrctl services), or use sid= in its place.",
    ),
    (
        r"DPY-4000|DPY-4026|DPY-4027|DPY-4017|DPY-4018|ORA-12154|ORA-12162",
        Unreachable,
        "The TNS alias of {place} leads nowhere",
        "Check the alias, and the directory of tnsnames.ora (config_dir).",
    ),
    (
        r"DPY-2018|DPY-6002|DPY-6006|ORA-28759|ORA-288\d\d|ORA-29024|\bSSL\b|\bTLS\b|certificate|\bpem\b",
        TlsError,
        "TLS with {place} can't be had",
        "Check its TLS settings: mode, authority, wallet and the wallet's password.",
    ),
    (
        r"name or service not known|nodename nor servname|no address associated|name resolution|ORA-12545",
        UnknownHost,
        "The host of {place} is unknown",
        "Check the host name and the name service.",
    ),
    (
        r"ORA-(00018|00020|12516|12518|12519|12520|12528|12526|02391)",
        Unreachable,
        "The server of {place} takes no more connections now",
        "",
    ),
    (
        r"ORA-(01033|01034|01089|01109|27101)",
        Unreachable,
        "The server of {place} is starting or stopping",
        "",
    ),
    (
        r"connection refused|timed out|no route to host|network is unreachable|ORA-1254[123]|ORA-12170"
        r"|DPY-6005",
        Unreachable,
        "{place} can't be reached",
        "Check host, port and firewalls, and that the listener runs.",
    ),
    (
        r"DPY-4011|DPY-4035|DPY-5\d{3}|ORA-12537|ORA-12547|ORA-12570|connection reset|closed the connection",
        Unreachable,
        "What answers at {place} hung up before the login was through",
        "Check that an Oracle listener is there, and whether it wants TLS.",
    ),
)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or about to be."""
    said = error.args[0] if error.args else None
    return code(error) in _LOST or bool(getattr(said, "is_session_dead", False)) or isinstance(error, OSError)


def statement_error(
    error: Exception, what: str, *, reading: bool = False, view: bool = False
) -> OfframpError:
    """What the refusal of a statement means. `what` was being done (`reading TABLE:A`); `reading` where rows
    were asked of an object that had been described before; `view` where that is a view."""
    number, text = code(error), words(error)
    if number in _INTERRUPTED:
        happened, hint = _INTERRUPTED[number]
        return ConnectionLost(f"{happened} while {what}: {text}.", hint)
    if is_lost(error):
        return ConnectionLost(f"The connection was lost while {what}: {text}.")
    if number in _GONE:
        return SnapshotGone(
            f"The point in time is no longer kept by the server, noticed while {what}: {text}.", _GONE[number]
        )
    if number in _TOO_LARGE:
        return ValueTooLarge(f"A value is too large, noticed while {what}: {text}.", "Leave its column out.")
    return _of_the_object(number, text, what, reading=reading, view=view)


def _of_the_object(number: str, text: str, what: str, *, reading: bool, view: bool) -> OfframpError:
    result: OfframpError
    if number in _BROKEN or (view and reading and number in _BROKEN_VIEW):
        result = BrokenObject(f"The server itself fails while {what}: {text}.", "Repair or exclude it.")
    elif reading and number in _CHANGED:
        result = SchemaChanged(
            f"The object changed since it was planned ({_CHANGED[number]}), noticed while {what}: {text}.",
            "Start the task again, when no schema change is under way.",
        )
    elif reading and number in _RIGHTS:
        result = NoPrivilege(
            f"No right for {what}, or no such object: {text}.",
            "Ask for SELECT on it, and FLASHBACK for reading as of a point in time.",
        )
    elif number in _MISSING:
        result = NotFound(
            f"No such object, or no right to see its definition, noticed while {what}: {text}.",
            "Definitions of other schemas want SELECT_CATALOG_ROLE.",
        )
    elif number in _RIGHTS:
        result = NoPrivilege(f"No right for {what}: {text}.", "Ask for SELECT_CATALOG_ROLE.")
    else:
        result = StatementFailed(f"The server refused while {what}: {text}.")
    return result
