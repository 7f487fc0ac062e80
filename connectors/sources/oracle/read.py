"""Reading rows: which statements, how they come, and the chunks that are made of them.

Mostly by Arrow batches. Large LOBs aren't: a batch holds all of its rows' LOBs at once, so that rows with
more than a little in them are read by a second statement, one by one, through locators. Together both have
every row of the point in time once. Where none is fixed, and from views, whose rows might differ between two
statements, all rows with LOBs are read through locators; so is what Arrow can't hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import oracledb
import pyarrow as pa

from connectors.base import ReadRequest, SourceColumn
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.catalog import TableFacts
from connectors.sources.oracle.convert import MAX_CHUNK_BYTES, chunks, file_locator, table_of
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.types import Reading
from core.chunk import TextChunk
from core.errors import SchemaChanged, ValueTooLarge

BATCH_BYTES = 4 << 20
BATCH_ROWS = (16, 20_000)
# What a row's LOBs may hold together, in bytes or characters, to come with others; and how many such rows
# then.
SMALL_LOBS = 32 << 10
SMALL_LOB_ROWS = 64
# Rows with LOBs of which the server doesn't say how large they are (XML, JSON, LONG).
UNSIZED_ROWS = 4
LOCATOR_ROWS = 32
_USUAL_ROW = 200


@dataclass(frozen=True, slots=True)
class Pass:
    """One statement: `size` rows at a time, by Arrow or (`rows`) one by one."""

    statement: str
    size: int
    rows: bool = False


def passes(request: ReadRequest, behind: str, readings: Sequence[Reading], *, steady: bool) -> list[Pass]:
    """The statements that read a part of `behind`. `steady`: two statements see the same rows."""
    shape = request.shape

    def select(*more: str) -> str:
        where = sql.conditions(request.part.condition, request.where, *more)
        return sql.select([r.expression for r in readings], behind, where, request.comment)

    lobs = [r for r in readings if r.lob]
    sized = [c.name for c, r in zip(shape.columns, readings, strict=True) if r.lob and r.sized]
    if any(r.arrow is None for r in readings):
        return [Pass(select(), LOCATOR_ROWS, rows=True)]
    if not lobs:
        return [Pass(select(), _rows_of_a_batch(request))]
    if len(sized) < len(lobs):
        return [Pass(select(), UNSIZED_ROWS)]
    if not steady:
        return [Pass(select(), LOCATOR_ROWS, rows=True)]
    size = sql.lob_size(sized)
    return [
        Pass(select(f"{size} <= {SMALL_LOBS}"), SMALL_LOB_ROWS),
        Pass(select(f"{size} > {SMALL_LOBS}"), LOCATOR_ROWS, rows=True),
    ]


def _rows_of_a_batch(request: ReadRequest) -> int:
    shape = request.shape
    width = shape.bytes // shape.rows if shape.rows and shape.bytes else _USUAL_ROW
    low, high = BATCH_ROWS
    return max(low, min(high, BATCH_BYTES // max(1, width)))


def readings_of(columns: Sequence[SourceColumn], known: dict[str, Reading]) -> list[Reading]:
    """How these columns are read. Raises SchemaChanged where one isn't known any more."""
    missing = [column.name for column in columns if column.name not in known]
    if missing:
        raise SchemaChanged(
            f"There is no column {missing[0]!r} any more.",
            "Start the task again: it then reads what is there.",
        )
    return [known[column.name] for column in columns]


def read(
    link: Link,
    what: str,
    request: ReadRequest,
    found: Sequence[Pass],
    readings: Sequence[Reading],
    *,
    view: bool,
) -> Iterator[TextChunk]:
    """Chunks of a part, pass after pass. `what` is said of errors."""
    kinds = [r.kind for r in readings]
    schema = pa.schema([pa.field(f"C{n}", r.arrow or pa.large_string()) for n, r in enumerate(readings, 1)])
    with link.saying(what, reading=True, view=view):
        for each in found:
            tables = (
                _by_row(link, each, schema, request.chunk_bytes)
                if each.rows
                else link.batches(each.statement, each.size, schema)
            )
            for table in tables:
                yield from chunks(table, kinds, request.chunk_bytes)


def _by_row(link: Link, one: Pass, schema: pa.Schema, limit: int) -> Iterator[pa.Table]:
    """Rows one by one, in batches of about `limit` bytes."""
    with link.cursor(one.statement, one.size) as cursor:
        waiting: list[list[Any]] = []
        held = 0
        for row in cursor:
            values = [_value(value) for value in row]
            size = sum(len(v) for v in values if isinstance(v, str | bytes)) + 8 * len(values)
            if waiting and held + size > limit:
                yield table_of(waiting, schema)
                waiting, held = [], 0
            waiting.append(values)
            held += size
        if waiting:
            yield table_of(waiting, schema)


def _value(value: Any) -> Any:
    """A value that is no locator any more: a LOB's content, a BFILE's place. Raises ValueTooLarge."""
    if not isinstance(value, oracledb.LOB):
        return value
    if value.type is oracledb.DB_TYPE_BFILE:
        return file_locator(*value.getfilename())
    size = value.size()
    if not size:
        return b"" if value.type is oracledb.DB_TYPE_BLOB else ""
    if size > MAX_CHUNK_BYTES:
        raise ValueTooLarge(
            f"A LOB of {size} bytes or characters came, and {MAX_CHUNK_BYTES} are the limit.",
            "Leave the object or the column with such large values out.",
        )
    return value.read()


def read_table(
    link: Link, what: str, request: ReadRequest, facts: TableFacts, scn: str | None, *, fixed: bool
) -> Iterator[TextChunk]:
    """The rows of a part of a table or view, as of an SCN where one is given."""
    shape = request.shape
    readings = readings_of(shape.columns, dict(facts.readings))
    behind = sql.source(request.database, shape.ref.name, None if facts.external else scn)
    found = passes(request, behind, readings, steady=fixed and not facts.view and not facts.external)
    return read(link, what, request, found, readings, view=facts.view)
