"""Having the server understand a statement without running it: COM_STMT_PREPARE of the protocol.

The server then says which columns would come. It takes one statement only. Not the statement PREPARE, which
OceanBase refuses in a read-only session. Source: "COM_STMT_PREPARE" of the MySQL client/server protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pymysql.connections import Connection as Wire
from pymysql.constants import COMMAND
from pymysql.err import ProgrammingError
from pymysql.protocol import FieldDescriptorPacket

_ANSWER = struct.Struct("<xIHH")  # the statement's number, how many columns, how many parameters
_NUMBER = struct.Struct("<I")
PARSE_ERROR = 1064


def open_statement(wire: Wire, statement: str) -> tuple[int, Sequence[FieldDescriptorPacket]]:
    """The number by which the statement can be run, and the columns of what would come. Raises MySQLError,
    also for a place holder, for which there is no value."""
    wire._execute_command(COMMAND.COM_STMT_PREPARE, statement)
    number, columns, parameters = _ANSWER.unpack_from(wire._read_packet().get_all_data())
    _definitions(wire, parameters)
    found = _definitions(wire, columns)
    if parameters:
        close_statement(wire, number)
        raise ProgrammingError(PARSE_ERROR, "a place holder (?) has no value here")
    return number, found


def close_statement(wire: Wire, number: int) -> None:
    """Let the server forget it. There is no answer."""
    wire._execute_command(COMMAND.COM_STMT_CLOSE, _NUMBER.pack(number))


def _definitions(wire: Wire, count: int) -> list[FieldDescriptorPacket]:
    found = [wire._read_packet(FieldDescriptorPacket) for _ in range(count)]
    if count:
        wire._read_packet()  # the mark that they have ended
    return found
