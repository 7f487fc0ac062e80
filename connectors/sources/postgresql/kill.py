"""Ending sessions on the server from a second connection.

A backend's process id is no proof of whose it is: after a restart of the server it may be anybody's. So each
session has an application name that no other has, and only what has it is ended. A role sees, and may end,
its own sessions. Source: "The Cumulative Statistics System" and "Server Signaling Functions" of the
PostgreSQL manual.
"""

from __future__ import annotations

import secrets

import psycopg

from connectors.sources.postgresql.login import APPLICATION_NAME_BYTES, Login, application_name
from core.errors import ConnectError

_TOKEN_BYTES = 4


def new_name(program: str) -> str:
    """The application name of one session, which says to people whose it is."""
    return f"{left_over_name(program)}{secrets.token_hex(_TOKEN_BYTES)}"


def left_over_name(program: str) -> str:
    """What the names of all sessions of a program begin with."""
    return application_name(program)[: APPLICATION_NAME_BYTES - 2 * _TOKEN_BYTES - 1] + " "


def terminate_named(login: Login, name: str, seconds: int) -> int | None:
    """End each session of this user whose application name begins with `name`.

    Returns how many there were; None where the server couldn't be asked. `seconds` is for getting in, and
    for each answer.
    """
    try:
        side = login.open(timeout=seconds)
    except ConnectError:
        return None
    try:
        found = side.execute(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
            " WHERE pid <> pg_catalog.pg_backend_pid() AND usename = CURRENT_USER"
            " AND pg_catalog.left(application_name, %s) = %s",
            (len(name), name),
        ).fetchall()
    except psycopg.Error:
        return None
    finally:
        side.close()
    return sum(bool(ended) for (ended,) in found)
