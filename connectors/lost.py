"""Connections that were lost: how that is said, and when a link gets in again."""

from __future__ import annotations

from core.errors import ConnectionLost, OfframpError


def naming(connection: str, error: OfframpError) -> OfframpError:
    """The same error, with the connection's name where that is what failed."""
    whose = f"Connection {connection!r}: "
    if not isinstance(error, ConnectionLost) or error.message.startswith(whose):
        return error
    return ConnectionLost(whose + error.message[0].lower() + error.message[1:], error.hint)


def gets_in_again(connection: str, *, closed: bool, alive: bool, in_transaction: bool) -> bool:
    """Whether a link has to get in again before its next statement: the connection is gone, and nothing was
    lost with it. Raises ConnectionLost where it was `closed`, or a transaction was lost."""
    if closed:
        raise ConnectionLost("The session is closed.")
    if not alive and in_transaction:
        raise naming(
            connection,
            ConnectionLost("The connection was lost, and with it the point in time that was read."),
        )
    return not alive


def not_understood(what: str) -> ConnectionLost:
    """That what a server sends is no answer, and why."""
    return ConnectionLost(
        f"What the server sends can't be understood: {what}.",
        "Something between here and the server changes or loses data, or the server is at fault.",
    )
