"""A query as a data set: what its columns are, and the statement that reads it.

The server understands it in two forms before anything of it runs: alone, which shows that it is one
statement, and between parentheses behind FROM, which shows that it gives rows and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.err import MySQLError
from pymysql.protocol import FieldDescriptorPacket

from connectors.base import ReadRequest, SourceColumn, TableShape
from connectors.queries import check_names
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.logical import logical
from connectors.sources.mysql.sql import comment, conditions, identifier
from connectors.sources.mysql.types import ColumnFacts, expression, kind
from connectors.words import shown
from core.model.vocabulary import ObjectRef

# A derived table may lose its order, unless there is a limit to it. The largest that there is.
_KEEPING_ORDER = "LIMIT 18446744073709551615"
_BYTES_PER_CHARACTER = 4  # results come in utf8mb4
_BINARY = 63
_NO_FIXED_DIGITS = 31
# Source: "Column Definition Protocol" of the MySQL client/server protocol.
_NAMES = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.GEOMETRY: "geometry",
    FIELD_TYPE.NULL: "null",
}
_TIMES = {FIELD_TYPE.TIME: "time", FIELD_TYPE.DATETIME: "datetime", FIELD_TYPE.TIMESTAMP: "timestamp"}
_FLOATS = {FIELD_TYPE.FLOAT: "float", FIELD_TYPE.DOUBLE: "double"}
_LONG = (
    FIELD_TYPE.BLOB,
    FIELD_TYPE.TINY_BLOB,
    FIELD_TYPE.MEDIUM_BLOB,
    FIELD_TYPE.LONG_BLOB,
)


def describe(link: Link, database: str, ref: ObjectRef, query: str) -> TableShape:
    """The shape of what a query gives. Raises StatementFailed and its kinds where the server takes it for no
    query, BrokenObject for columns that can't be told apart."""
    with link.saying(f"looking at {shown(str(ref))}", reading=True):
        found = link.prepare(query)
        check_names(ref, [str(column.name) for column in found])
        link.prepare(_derived(query))
    family = link.product.family
    columns = []
    for column in found:
        named = type_name(column)
        columns.append(
            SourceColumn(
                str(column.name),
                named,
                kind(named, family),
                nullable=not column.flags & FLAG.NOT_NULL,
                logical=logical(named, family),
            )
        )
    return TableShape(ref, tuple(columns), query=query)


def type_name(column: FieldDescriptorPacket) -> str:
    """The type of a result's column as the catalog would print it."""
    code, scale = column.type_code, column.scale
    unsigned = " unsigned" if column.flags & FLAG.UNSIGNED else ""
    if code in _NAMES:
        name = _NAMES[code]
        return name + unsigned if name.endswith("int") else name
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        # The length counts the sign and the point.
        digits = column.length - (not unsigned) - (scale > 0)
        return f"decimal({digits},{scale}){unsigned}"
    if code in _FLOATS:
        return _FLOATS[code] if scale >= _NO_FIXED_DIGITS else f"{_FLOATS[code]}({column.length},{scale})"
    if code in _TIMES:
        return f"{_TIMES[code]}({scale})" if 0 < scale < _NO_FIXED_DIGITS else _TIMES[code]
    if code == FIELD_TYPE.BIT:
        return f"bit({column.length})"
    return _text_type(column)


def _text_type(column: FieldDescriptorPacket) -> str:
    binary = column.charsetnr == _BINARY
    if column.flags & FLAG.ENUM:
        return "enum"
    if column.flags & FLAG.SET:
        return "set"
    if column.type_code in _LONG:
        return "longblob" if binary else "longtext"
    fixed = column.type_code == FIELD_TYPE.STRING
    if binary:
        return f"{'binary' if fixed else 'varbinary'}({column.length})"
    return f"{'char' if fixed else 'varchar'}({column.length // _BYTES_PER_CHARACTER})"


def statement(link: Link, request: ReadRequest, query: str, *, typed: bool = False) -> str:
    """What reads a query: itself where its values come exactly as they are, else one around it. `typed`: by
    the binary protocol."""
    said = comment(request.comment)
    family = link.product.family
    names = [identifier(column.name) for column in request.shape.columns]
    asked = [
        expression(ColumnFacts(c.name, c.type, None), family, typed=typed) for c in request.shape.columns
    ]
    if asked == names and request.where is None:
        return f"{said}{query}"
    inner = f"{query}\n{_KEEPING_ORDER}"
    if not _understood(link, _derived(inner)):
        inner = query  # it has a limit of its own
    return f"SELECT {said}{', '.join(asked)} FROM ({inner}\n) AS offramp_query{conditions(request.where)}"


def _understood(link: Link, text: str) -> Sequence[FieldDescriptorPacket] | None:
    try:
        return link.prepare(text)
    except MySQLError:
        return None


def _derived(query: str) -> str:
    return f"SELECT * FROM ({query}\n) AS offramp_query"
