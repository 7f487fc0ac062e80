"""What PyMySQL and the servers say, as Offramp's errors.

Numbers: "Server Error Message Reference" and "Client Error Message Reference" of the MySQL 8.0 manual,
"MariaDB Error Codes" of MariaDB's knowledge base, "Error codes" of the OceanBase manual.
"""

from __future__ import annotations

import socket
import ssl

from pymysql.err import MySQLError

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

UNKNOWN_DATABASE = 1049
UNKNOWN_TABLE = 1109
NO_SUCH_TABLE = 1146
UNKNOWN_VARIABLE = 1193
NO_SUCH_ROUTINE = 1305
INTERRUPTED = 1317

_NO_PRIVILEGE = {1044, 1142, 1143, 1227, 1370}
_LOCKED = {1205, 3572}
_TIMED_OUT = {1969, 3024, 4012}  # max_statement_time, max_execution_time, ob_query_timeout
_CUT = {1053, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2014, 2055, 5066}
_CHANGED = {1054, 1146, 1412}
_MISSING = {1051, 1146, 1305, 1347, 1360, 1539, 4091}  # table, routine, view, trigger, event, sequence
_BROKEN_ANYWHERE = {
    1017, 1030, 1033, 1034, 1035, 1194, 1195, 1286, 1356, 1449, 1712, 1877, 1932,
}  # fmt: skip
# 1064 among them: OceanBase's own text of a view with a backtick in its name can't be parsed by itself.
_BROKEN_VIEW = {1054, 1064, 1146, 1305, 1449, 1356, 1462}
_LOGIN = {1044, 1045, 1130, 1396, 1698, 1820, 1862, 3118, 4151}
_FULL = {1040, 1129, 1135, 1203, 1226}
_PLUGIN = {1251, 1524, 2059, 2061}
_HUNG_UP = {2006, 2013}
_NO_SUCH_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def number(error: BaseException) -> int:
    """The error number, 0 where there is none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def words(error: BaseException) -> str:
    """What the server said, without its number."""
    last = error.args[-1] if error.args else ""
    return shown(str(last)).rstrip(".") or type(error).__name__


def login_error(error: BaseException, connection: Connection, user: str) -> ConnectError:
    """Why `connection` could not be opened as `user`. `error` is PyMySQL's, or of the socket or TLS below."""
    place = f"connection {connection.name!r} ({connection.place})"
    code, text = number(error), words(error)
    below = _transport_error(error, connection, place)
    if below is not None:
        return below
    if "oracle tenant" in text.lower() or "oracle mode" in text.lower():
        return oracle_mode(connection)
    kind, happened, hint = next(
        (answer for codes, answer in _REFUSALS if code in codes),
        (Unreachable, "Login at {place} failed", "Look into the server's error log."),
    )
    return kind(f"{happened.format(place=place, user=user)}: {text}.", hint)


_REFUSALS: tuple[tuple[set[int], tuple[type[ConnectError], str, str]], ...] = (
    (
        _LOGIN,
        (
            LoginRefused,
            "The server of {place} refused user {user!r}",
            "Check user and password, and from which hosts that user may log in.",
        ),
    ),
    (_PLUGIN, (Unsupported, "User {user!r} of {place} logs in by a method that isn't spoken here", "")),
    (_FULL, (Unreachable, "The server of {place} takes no more connections", "")),
    (
        _HUNG_UP,
        (
            Unreachable,
            "What answers at {place} hung up before the login was through",
            "Check that a MySQL server listens there; if so, look into its error log.",
        ),
    ),
)


def _transport_error(error: BaseException, connection: Connection, place: str) -> ConnectError | None:
    """What went wrong below the protocol: in TLS, the name service or the network; None where nothing did."""
    cause = getattr(error, "original_exception", None) or error
    if isinstance(cause, ssl.SSLError) or number(error) == 2026:
        return TlsError(
            f"TLS with {place} can't be had: {words(cause)}.", "Check the connection's TLS mode and files."
        )
    if isinstance(cause, socket.gaierror):
        # A name service that can't answer now may later; a name that it doesn't know is a slip of the pen.
        kind = UnknownHost if cause.errno in _NO_SUCH_HOST else Unreachable
        return kind(
            f"The host of {place} is unknown: {cause.strerror}.", "Check the host name and the name service."
        )
    if isinstance(cause, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return Unreachable(
            f"No answer from {place} within {connection.connect_timeout} s.",
            "Check host, port and firewalls; the connection's connect_timeout may be raised.",
        )
    if isinstance(cause, OSError):
        return Unreachable(
            f"{place[0].upper()}{place[1:]} can't be reached: {cause.strerror or words(error)}.",
            "Check that the server runs there.",
        )
    return None


def oracle_mode(connection: Connection) -> Unsupported:
    return Unsupported(
        f"Connection {connection.name!r} leads to an OceanBase tenant in Oracle mode.",
        "Its protocol has no driver here: only tenants in MySQL mode can be exported.",
    )


def statement_error(
    error: BaseException, what: str, *, reading: bool = False, view: bool = False
) -> OfframpError:
    """What the server's refusal of a statement means. `what` was being done (`reading table a.b`); `reading`
    where rows were asked of an object that had been described before; `view` where that is a view."""
    code, text = number(error), words(error)
    result: OfframpError
    if code == INTERRUPTED:
        result = ConnectionLost(f"The query was killed on the server while {what}.")
    elif code in _TIMED_OUT:
        result = ConnectionLost(
            f"The server ended the query because of its time limit while {what}: {text}.",
            "Raise the server's statement timeout for this user.",
        )
    elif code in _LOCKED:
        result = ConnectionLost(
            f"Somebody's lock didn't come free in time while {what}: {text}.",
            "See in the server's process list who holds it.",
        )
    elif code in _CUT or code == 0:
        result = ConnectionLost(f"The connection was lost while {what}: {text}.")
    elif code == 4138:  # OB_SNAPSHOT_DISCARDED
        result = SnapshotGone(
            f"The snapshot is no longer kept by the server, noticed while {what}.",
            "Raise undo_retention on the server, or export fewer objects at once, and start again.",
        )
    elif code in _NO_PRIVILEGE:
        result = NoPrivilege(f"No right for {what}: {text}.", "Ask for SELECT (and SHOW VIEW) on it.")
    elif code == UNKNOWN_DATABASE:
        result = NotFound(f"No such database, noticed while {what}: {text}.")
    elif code in _BROKEN_ANYWHERE or (view and code in _BROKEN_VIEW):
        result = BrokenObject(f"The server itself fails while {what}: {text}.", "Repair or exclude it.")
    elif reading and code in _CHANGED:
        result = SchemaChanged(
            f"The object changed since it was planned, noticed while {what}: {text}.", "Start the task again."
        )
    elif code in _MISSING:
        result = NotFound(f"No such object, noticed while {what}: {text}.")
    else:
        result = StatementFailed(f"The server refused while {what}: {text} (error {code}).")
    return result


def is_lost(error: MySQLError) -> bool:
    """Whether the connection is gone, or about to be."""
    return number(error) in _CUT or number(error) == 0


def is_cut_off(error: MySQLError) -> bool:
    """Whether the statement was ended from outside, so that its error is no answer to what was asked."""
    return is_lost(error) or number(error) in {INTERRUPTED, *_TIMED_OUT, *_LOCKED}
