"""Ending statements on the server from a second connection.

A connection's number alone is no proof of whose it is: after a restart of the server it may be anybody's.
So every statement begins with a comment that no other session's has (`sql.comment`), and only what begins
with that mark is ended. OceanBase shows prepared statements without their comments: there, the first of their
columns is called so (`name_of`). The process list shows an account at least what it runs itself.
Source: "The INFORMATION_SCHEMA PROCESSLIST Table" and "KILL Statement" of the MySQL manual.
"""

from __future__ import annotations

import secrets

from pymysql.cursors import Cursor
from pymysql.err import MySQLError

from connectors.sources.mysql.errors import number
from connectors.sources.mysql.login import Login
from connectors.sources.mysql.sql import comment, identifier, literal
from core.errors import ConnectError

NO_SUCH_THREAD = 1094


def new_mark(program: str) -> str:
    """A comment for the statements of one session, which says to people whose it is."""
    return comment(f"{program} {secrets.token_hex(4)}")


def left_over_mark(program: str) -> str:
    """What the marks of all sessions of a program begin with."""
    return comment(program).removesuffix("*/ ")


def name_of(mark: str) -> str:
    """A mark as a column's name."""
    return identifier(mark.removeprefix("/* ").removesuffix(" */ "))


def kill_marked(login: Login, mark: str, verb: str, seconds: int) -> int | None:
    """Say `verb` (KILL, KILL QUERY) to each session whose statement begins with `mark`.

    Returns how many there were; None where the server couldn't be asked. `seconds` is for getting in, and
    for each answer.
    """
    try:
        side = login.open(timeout=seconds)
    except ConnectError:
        return None
    named = name_of(mark).removesuffix("`")
    found = 0
    try:
        with Cursor(side) as cursor:
            cursor.execute(
                "SELECT ID FROM information_schema.PROCESSLIST"
                f" WHERE ID <> CONNECTION_ID() AND (LEFT(INFO, {len(mark)}) = {literal(mark)}"
                f" OR COMMAND = 'Execute' AND LOCATE({literal(named)}, INFO) > 0)"
            )
            for (session,) in cursor.fetchall():
                try:
                    cursor.execute(f"{verb} {int(session)}")
                except MySQLError as error:
                    if number(error) != NO_SUCH_THREAD:
                        raise
                else:
                    found += 1
    except (MySQLError, OSError):
        return None
    finally:
        side.close()
    return found
