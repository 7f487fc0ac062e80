"""Rows to a server of the MySQL family by LOAD DATA LOCAL, from memory instead of from a file.

The server answers the statement with the name of a file, which is not looked at: what it gets are the rows,
whatever it asked for. Source: "LOCAL INFILE Request" of the MySQL client/server protocol; "LOAD DATA
Statement" and "Security Considerations for LOAD DATA LOCAL" of the MySQL 8.0 manual.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from pymysql.connections import Connection as Wire
from pymysql.constants import COMMAND
from pymysql.err import MySQLError, OperationalError
from pymysql.protocol import OKPacketWrapper

PACKET_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """What the server says of a load: rows that it has taken, and how many warnings it has about them."""

    rows: int
    warnings: int


def send_rows(wire: Wire, statement: str, pieces: Iterable[bytes | memoryview]) -> Taken:
    """Run a LOAD DATA LOCAL and send `pieces` as its file. Whatever `pieces` raises comes out when the server
    has been told that there is no more: what it got is loaded then. Raises MySQLError."""
    wire._execute_command(COMMAND.COM_QUERY, statement.encode("utf-8", "surrogateescape"))
    asked = wire._read_packet()
    if not asked.is_load_local_packet():
        raise OperationalError(2000, "the server took LOAD DATA LOCAL without asking for the rows")
    try:
        for piece in pieces:
            view = memoryview(piece)
            for begin in range(0, len(view), PACKET_BYTES):
                wire.write_packet(bytes(view[begin : begin + PACKET_BYTES]))
    except BaseException:
        # An error on the way here is what happened; that the connection has gone with it follows from it.
        with contextlib.suppress(MySQLError, OSError):
            _end(wire)
        raise
    return _end(wire)


def _end(wire: Wire) -> Taken:
    wire.write_packet(b"")
    packet = wire._read_packet()
    if not packet.is_ok_packet():
        raise OperationalError(2000, "the server didn't say how the load ended")
    said = OKPacketWrapper(packet)
    return Taken(rows=said.affected_rows, warnings=said.warning_count)
