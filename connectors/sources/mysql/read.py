"""Reading rows: the statement, and the chunks that come of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from pymysql.err import MySQLError

from connectors.base import ReadRequest
from connectors.sources.mysql import query as queries
from connectors.sources.mysql.catalog import TableFacts
from connectors.sources.mysql.floats import shorten
from connectors.sources.mysql.kill import name_of
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.snapshot import SnapshotState
from connectors.sources.mysql.sql import comment, conditions, identifier
from connectors.sources.mysql.types import ColumnFacts, expression, is_float
from connectors.sources.mysql.wire import read_prepared, read_text
from connectors.words import shown
from core.chunk import Chunk, TextChunk
from core.errors import ConnectionLost
from core.model.vocabulary import ObjectType

# How EXPLAIN says that the rows are found by an index ("EXPLAIN Output Format" of the MySQL manual).
_BY_INDEX = ("const", "eq_ref", "ref", "ref_or_null", "range", "index_merge", "fulltext", "unique_subquery")


def statement(
    request: ReadRequest,
    facts: TableFacts,
    family: Family,
    clause: str,
    *,
    walking: bool = True,
    typed: str | None = None,
) -> str:
    """The SELECT that reads a part. In the order of the clustered key where there is one: the server is
    made to walk it (`walking`), so that the order costs no sort. `typed`: by the binary protocol, for the
    session of this mark."""
    shape = request.shape
    unknown = ColumnFacts("", "", None)
    asked = [
        expression(
            ColumnFacts(c.name, c.type, facts.columns.get(c.name, unknown).charset),
            family,
            typed=typed is not None,
        )
        for c in shape.columns
    ]
    if typed is not None and family is Family.OCEANBASE:
        asked[0] += f" AS {name_of(typed)}"
    columns = ", ".join(asked)
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
    walking = _walks(link, snapshot, request, facts)
    text = statement(request, facts, link.product.family, snapshot.clause, walking=walking)
    yield from _rows(link, snapshot, request, text)


def read_typed(
    link: Link, snapshot: SnapshotState, request: ReadRequest, facts: TableFacts
) -> Iterator[Chunk]:
    """Chunks of a part, with types where the server can send all of its columns so. Else as `read`."""
    walking, family = _walks(link, snapshot, request, facts), link.product.family
    asked = (
        statement(request, facts, family, snapshot.clause, walking=walking, typed=mark)
        for mark in (link.mark, None)
    )
    yield from _typed_rows(link, snapshot, request, *asked)


def read_query(link: Link, snapshot: SnapshotState, request: ReadRequest, query: str) -> Iterator[TextChunk]:
    """Chunks of what a query gives, as `read` does it."""
    yield from _rows(link, snapshot, request, _query(link, snapshot, request, query, typed=False))


def read_query_typed(
    link: Link, snapshot: SnapshotState, request: ReadRequest, query: str
) -> Iterator[Chunk]:
    """Chunks of what a query gives, as `read_typed` does it."""
    if link.product.family is Family.OCEANBASE:
        # Its columns keep their names, and a prepared statement without a mark couldn't be ended.
        yield from read_query(link, snapshot, request, query)
        return
    asked = (_query(link, snapshot, request, query, typed=typed) for typed in (True, False))
    yield from _typed_rows(link, snapshot, request, *asked)


def _query(link: Link, snapshot: SnapshotState, request: ReadRequest, query: str, *, typed: bool) -> str:
    link.use(request.database)
    with link.saying(_what(request), reading=True), snapshot.letting_go():
        return queries.statement(link, request, query, typed=typed)


def _walks(link: Link, snapshot: SnapshotState, request: ReadRequest, facts: TableFacts) -> bool:
    """Whether the rows are found along the key that they are ordered by."""
    if request.where is None:
        return True
    link.use(request.database)
    with link.saying(_what(request), reading=True), snapshot.letting_go():
        return not _has_better_index(link, request, facts, snapshot.clause)


def _what(request: ReadRequest) -> str:
    return f"reading {shown(str(request.shape.ref))} of database {shown(request.database)}"


def _rows(link: Link, snapshot: SnapshotState, request: ReadRequest, text: str) -> Iterator[TextChunk]:
    columns = request.shape.columns
    floats = [n for n, c in enumerate(columns) if is_float(c.type)]
    with _reading(link, snapshot, request), link.busy():
        chunks = read_text(link.wire, link.mark + text, len(columns), chunk_bytes=request.chunk_bytes)
        with _given_up(link, request, chunks):
            for chunk in chunks:
                yield shorten(chunk, floats)
                del chunk  # it may be large, and so may the next one


def _typed_rows(
    link: Link, snapshot: SnapshotState, request: ReadRequest, typed: str, text: str
) -> Iterator[Chunk]:
    """Rows by the binary protocol where it has all columns exactly, else by the statement `text`."""
    # Only who reads so loads it.
    from connectors.sources.mysql.typed import forms, splitter  # noqa: PLC0415

    shape, number = request.shape, None
    with _reading(link, snapshot, request):
        # Where it is refused, it will be so in words by the other protocol, or not at all.
        with contextlib.suppress(MySQLError):
            number, found = link.open_statement(typed)
        if number is not None and forms(shape, found) is not None:
            split = partial(splitter, shape)
            with link.busy(), _closed_after(link, number):
                chunks = read_prepared(link.wire, number, split, chunk_bytes=request.chunk_bytes)
                with _given_up(link, request, chunks):
                    # Not from the chunks themselves, whose generator would be closed before this one.
                    for chunk in chunks:
                        yield chunk
                        del chunk  # it may be large, and so may the next one
            return
        if number is not None:
            link.close_statement(number)
    yield from _rows(link, snapshot, request, text)


@contextlib.contextmanager
def _reading(link: Link, snapshot: SnapshotState, request: ReadRequest) -> Iterator[None]:
    view = request.shape.ref.type is ObjectType.VIEW
    link.ready()
    with link.saying(_what(request), reading=True, view=view), snapshot.letting_go():
        yield


@contextlib.contextmanager
def _closed_after(link: Link, number: int) -> Iterator[None]:
    try:
        yield
    finally:
        if link.wire.open:
            link.close_statement(number)


@contextlib.contextmanager
def _given_up(link: Link, request: ReadRequest, chunks: Iterator[Chunk]) -> Iterator[None]:
    """Where the reader of chunks leaves amid them, their query is ended."""
    try:
        yield
    except ConnectionLost as error:
        what = _what(request)
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


def _drain(link: Link, chunks: Iterator[Chunk]) -> None:
    """End a query in the middle of its rows: killed, it stops after what is under way. Where that can't be
    said, the connection is closed with its rows."""
    if link.kill_query():
        with contextlib.suppress(MySQLError, ConnectionLost):
            for _ in chunks:
                pass
