"""Reading rows: the statement, and the chunks that come of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pymysql.err import MySQLError

from connectors.base import ReadRequest
from connectors.sources.mysql import query as queries
from connectors.sources.mysql.catalog import TableFacts
from connectors.sources.mysql.floats import shorten
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.snapshot import SnapshotState
from connectors.sources.mysql.sql import comment, conditions, identifier
from connectors.sources.mysql.types import ColumnFacts, expression, is_float
from connectors.sources.mysql.wire import read_text
from connectors.words import shown
from core.chunk import TextChunk
from core.errors import ConnectionLost
from core.model.vocabulary import ObjectType

# How EXPLAIN says that the rows are found by an index ("EXPLAIN Output Format" of the MySQL manual).
_BY_INDEX = ("const", "eq_ref", "ref", "ref_or_null", "range", "index_merge", "fulltext", "unique_subquery")


def statement(
    request: ReadRequest, facts: TableFacts, family: Family, clause: str, *, walking: bool = True
) -> str:
    """The SELECT that reads a part. In the order of the clustered key where there is one: the server is
    made to walk it (`walking`), so that the order costs no sort."""
    shape = request.shape
    unknown = ColumnFacts("", "", None)
    columns = ", ".join(
        expression(
            ColumnFacts(c.name, c.type, facts.columns.get(c.name, unknown).charset),
            family,
        )
        for c in shape.columns
    )
    table = identifier(shape.ref.name)
    hint, force = "", ""
    if facts.ordered and walking:
        if family is Family.OCEANBASE:
            hint = f"/*+ FULL({table}) */ " if "`" not in shape.ref.name else ""
        else:
            force = " FORCE INDEX (PRIMARY)"
    text = f"SELECT {hint}{comment(request.comment)}{columns} FROM {identifier(request.database)}.{table}"
    text += clause + force
    text += conditions(request.part.condition, request.where)
    if facts.ordered:
        text += f" ORDER BY {', '.join(map(identifier, facts.ordered))}"
    return text


def read(link: Link, snapshot: SnapshotState, request: ReadRequest, facts: TableFacts) -> Iterator[TextChunk]:
    """Chunks of a part. An iterator that is left early ends the query on the server, and the session remains
    usable, its point in time too."""
    what = _what(request)
    walking = True
    if request.where is not None:
        link.use(request.database)
        with link.saying(what, reading=True), snapshot.letting_go():
            walking = not _has_better_index(link, request, facts, snapshot.clause)
    text = link.mark + statement(request, facts, link.product.family, snapshot.clause, walking=walking)
    yield from _rows(link, snapshot, request, text)


def read_query(link: Link, snapshot: SnapshotState, request: ReadRequest, query: str) -> Iterator[TextChunk]:
    """Chunks of what a query gives, as `read` does it."""
    link.use(request.database)
    with link.saying(_what(request), reading=True), snapshot.letting_go():
        text = link.mark + queries.statement(link, request, query)
    yield from _rows(link, snapshot, request, text)


def _what(request: ReadRequest) -> str:
    return f"reading {shown(str(request.shape.ref))} of database {shown(request.database)}"


def _rows(link: Link, snapshot: SnapshotState, request: ReadRequest, text: str) -> Iterator[TextChunk]:
    shape, what = request.shape, _what(request)
    floats = [n for n, c in enumerate(shape.columns) if is_float(c.type)]
    link.ready()
    with (
        link.saying(what, reading=True, view=shape.ref.type is ObjectType.VIEW),
        snapshot.letting_go(),
        link.busy(),
    ):
        chunks = read_text(link.wire, text, len(shape.columns), chunk_bytes=request.chunk_bytes)
        try:
            for chunk in chunks:
                yield shorten(chunk, floats)
        except ConnectionLost as error:
            raise ConnectionLost(f"{error.message.rstrip('.')}, noticed while {what}.", error.hint) from error
        except GeneratorExit:
            _drain(link, chunks)
            raise


def _has_better_index(link: Link, request: ReadRequest, facts: TableFacts, clause: str) -> bool:
    """Whether the server, left alone, would find the rows of a condition by another index than the one that
    their order goes along: few rows, that are sorted at less cost than all of them are walked."""
    family = link.product.family
    if family is Family.OCEANBASE:
        return True  # it weighs the cost of sorting itself
    plan = link.rows_by_name(f"EXPLAIN {statement(request, facts, family, clause, walking=False)}")
    return bool(plan) and plan[0].get("type") in _BY_INDEX and plan[0].get("key") != "PRIMARY"


def _drain(link: Link, chunks: Iterator[TextChunk]) -> None:
    """End a query in the middle of its rows: killed, it stops after what is under way. Where that can't be
    said, the connection is closed with its rows."""
    if link.kill_query():
        with contextlib.suppress(MySQLError, ConnectionLost):
            for _ in chunks:
                pass
