"""Ending sessions on the server from a second connection, where the account may (ALTER SYSTEM).

A session's number is no proof of whose it is: each session here has a client identifier that no other has,
and only what has it is ended. Source: "V$SESSION" of the "Database Reference", ALTER SYSTEM KILL SESSION of
the "SQL Language Reference".
"""

from __future__ import annotations

import contextlib
import secrets

import oracledb

from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.login import IDENTIFIER_BYTES, Login
from core.errors import ConnectError

_TOKEN_BYTES = 4


def new_name(program: str) -> str:
    """The client identifier of one session, which says to people whose it is."""
    return f"{left_over_name(program)}{secrets.token_hex(_TOKEN_BYTES)}"


def left_over_name(program: str) -> str:
    """What the identifiers of all sessions of a program begin with."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in program)
    return plain[: IDENTIFIER_BYTES - 2 * _TOKEN_BYTES - 1] + " "


def end_named(login: Login, name: str, seconds: int) -> int | None:
    """End each session of this user whose client identifier begins with `name`.

    Returns how many were ended; None where the server couldn't be reached. An account that may see or end
    no sessions ends none. `seconds` is for getting in, and for each answer.
    """
    try:
        side = login.open(timeout=seconds)
    except ConnectError:
        return None
    ended = 0
    try:
        with side.cursor() as cursor:
            for sid, serial, instance in cursor.execute(sql.SESSIONS, name=name).fetchall():
                with contextlib.suppress(oracledb.DatabaseError):
                    cursor.execute(sql.kill(sid, serial, instance))
                    ended += 1
    except oracledb.Error:
        return ended
    finally:
        with contextlib.suppress(oracledb.Error, OSError):
            side.close()
    return ended
