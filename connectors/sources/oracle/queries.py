"""A query as a data set: what its columns are, and what stands behind FROM.

The server understands it between parentheses behind FROM before anything of it runs, which shows that it is
one statement that gives rows and does nothing else. It is read as of now: AS OF can't stand behind a query
that somebody wrote. Within the read-only transaction of an account without SCNs it is read as of that.
"""

from __future__ import annotations

from typing import Any

import oracledb

from connectors.base import TableShape
from connectors.queries import check_names
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.catalog import source_column
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.script import is_one_condition
from connectors.sources.oracle.types import ColumnType, Reading, reading
from connectors.words import shown
from core.errors import StatementFailed
from core.model.vocabulary import ObjectRef

_NAMES = {
    oracledb.DB_TYPE_VARCHAR: "VARCHAR2",
    oracledb.DB_TYPE_NVARCHAR: "NVARCHAR2",
    oracledb.DB_TYPE_CHAR: "CHAR",
    oracledb.DB_TYPE_NCHAR: "NCHAR",
    oracledb.DB_TYPE_NUMBER: "NUMBER",
    oracledb.DB_TYPE_BINARY_FLOAT: "BINARY_FLOAT",
    oracledb.DB_TYPE_BINARY_DOUBLE: "BINARY_DOUBLE",
    oracledb.DB_TYPE_DATE: "DATE",
    oracledb.DB_TYPE_TIMESTAMP: "TIMESTAMP({scale})",
    oracledb.DB_TYPE_TIMESTAMP_TZ: "TIMESTAMP({scale}) WITH TIME ZONE",
    oracledb.DB_TYPE_TIMESTAMP_LTZ: "TIMESTAMP({scale}) WITH LOCAL TIME ZONE",
    oracledb.DB_TYPE_INTERVAL_DS: "INTERVAL DAY TO SECOND",
    oracledb.DB_TYPE_INTERVAL_YM: "INTERVAL YEAR TO MONTH",
    oracledb.DB_TYPE_RAW: "RAW",
    oracledb.DB_TYPE_LONG: "LONG",
    oracledb.DB_TYPE_LONG_RAW: "LONG RAW",
    oracledb.DB_TYPE_CLOB: "CLOB",
    oracledb.DB_TYPE_NCLOB: "NCLOB",
    oracledb.DB_TYPE_BLOB: "BLOB",
    oracledb.DB_TYPE_BFILE: "BFILE",
    oracledb.DB_TYPE_ROWID: "ROWID",
    oracledb.DB_TYPE_UROWID: "UROWID",
    oracledb.DB_TYPE_JSON: "JSON",
    oracledb.DB_TYPE_XMLTYPE: "XMLTYPE",
    oracledb.DB_TYPE_BOOLEAN: "BOOLEAN",
    oracledb.DB_TYPE_VECTOR: "VECTOR",
}
# An expression that has no precision of its own.
_NO_SCALE = -127


def column_type(found: Any) -> ColumnType:
    """A column's type as the driver's FetchInfo says it."""
    kind = found.type_code
    if kind is oracledb.DB_TYPE_OBJECT:
        return ColumnType(str(found.type.name), str(found.type.schema))
    name = _NAMES.get(kind, str(kind.name).removeprefix("DB_TYPE_"))
    if name != "NUMBER":
        return ColumnType(name.format(scale=found.scale), length=found.display_size or None)
    if not found.precision or found.scale == _NO_SCALE:
        return ColumnType("NUMBER")
    return ColumnType("NUMBER", precision=found.precision, scale=found.scale)


def derived(query: str) -> str:
    """What stands behind FROM. A comment at the query's end ends with its line."""
    return f"(\n{query}\n)"


def types(link: Link, ref: ObjectRef, query: str) -> dict[str, ColumnType]:
    """The result's columns. Raises oracledb.Error, StatementFailed, BrokenObject."""
    if not is_one_condition(query):
        raise StatementFailed(
            f"{shown(str(ref))} is no single query: its quotes, comments or parentheses aren't closed, or it "
            "holds a semicolon.",
            "Write one SELECT.",
        )
    found = link.columns_of(sql.all_of(derived(query)))
    names = [column.name for column in found]
    check_names(ref, names)
    return dict(zip(names, map(column_type, found), strict=True))


def describe(link: Link, ref: ObjectRef, query: str) -> TableShape:
    """The shape of what a query gives. Raises StatementFailed and its kinds, BrokenObject."""
    with link.saying(f"looking at {shown(str(ref))}", reading=True):
        columns = types(link, ref, query)
    shape = (source_column(name, held, nullable=True, virtual=False) for name, held in columns.items())
    return TableShape(ref, tuple(shape), query=query)


def readings(columns: dict[str, ColumnType]) -> dict[str, Reading]:
    return {name: reading(name, held) for name, held in columns.items()}
