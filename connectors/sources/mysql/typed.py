"""Rows with types, for files with types: which columns the binary protocol has exactly, and as what.

A column is asked for so that what comes is either the value itself (numbers with a sign and a size, floating
point to the last bit, dates) or the text that the text protocol has. What comes is known from the server's
definitions of the columns, before the statement runs; where one of them can't be had so, the statement is
read by the text protocol.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.protocol import FieldDescriptorPacket

from connectors.base import TableShape
from connectors.sources.mysql.wire_binary import BinarySplitter, Form, Number, Text
from connectors.sources.mysql.wire_moments import Moment
from core.arrow import arrow_type
from core.errors import SchemaChanged
from core.logical import Holds, LogicalType

# Source: "Column Definition Protocol" and "Binary Protocol Value" of the MySQL client/server protocol.
_INTEGER_BYTES = {
    FIELD_TYPE.TINY: 1,
    FIELD_TYPE.SHORT: 2,
    FIELD_TYPE.INT24: 4,
    FIELD_TYPE.LONG: 4,
    FIELD_TYPE.LONGLONG: 8,
}
_FLOAT_BYTES = {FIELD_TYPE.FLOAT: 4, FIELD_TYPE.DOUBLE: 8}
_MOMENTS = {
    FIELD_TYPE.DATE: Holds.DATE,
    FIELD_TYPE.DATETIME: Holds.TIMESTAMP,
    FIELD_TYPE.TIMESTAMP: Holds.TIMESTAMP,
}
_WITH_LENGTH = {
    FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL, FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING,
    FIELD_TYPE.TINY_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB, FIELD_TYPE.ENUM,
    FIELD_TYPE.SET, FIELD_TYPE.BIT, FIELD_TYPE.JSON, FIELD_TYPE.GEOMETRY,
}  # fmt: skip


def forms(shape: TableShape, found: Sequence[FieldDescriptorPacket]) -> list[Form] | None:
    """How the values of each column lie in a row, None where one can't be had exactly so."""
    if len(found) != len(shape.columns):
        return None
    chosen = []
    for column, definition in zip(shape.columns, found, strict=True):
        form = _form(column.logical, definition)
        if form is None:
            return None
        chosen.append(form)
    return chosen


def splitter(shape: TableShape, found: Sequence[FieldDescriptorPacket]) -> BinarySplitter:
    """What cuts rows of these definitions. Raises SchemaChanged."""
    chosen = forms(shape, found)
    if chosen is None:
        raise SchemaChanged(
            "The server answered with columns of other types than it said before.",
            "Start the task again: it then reads the object as it is now.",
        )
    return BinarySplitter(chosen)


def _form(logical: LogicalType, definition: FieldDescriptorPacket) -> Form | None:
    code, kind = definition.type_code, arrow_type(logical)
    if code in _WITH_LENGTH:
        return Text(kind if pa.types.is_binary(kind) else pa.string())
    if code in _INTEGER_BYTES:
        sign = "u" if definition.flags & FLAG.UNSIGNED else "i"
        wire = np.dtype(f"<{sign}{_INTEGER_BYTES[code]}")
        if logical.holds is Holds.INTEGER and np.can_cast(wire, kind.to_pandas_dtype()):
            return Number(wire, kind)
    if code in _FLOAT_BYTES and logical.holds is Holds.FLOAT and logical.bits == 8 * _FLOAT_BYTES[code]:
        return Number(np.dtype(f"<f{_FLOAT_BYTES[code]}"), kind)
    if code in _MOMENTS and logical.holds is _MOMENTS[code]:
        return Moment(kind, definition.scale)
    return None
