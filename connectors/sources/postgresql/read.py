"""Reading rows: the statement, and the chunks that come of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import psycopg

from connectors.base import ReadRequest, TableShape
from connectors.sources.postgresql import query as queries
from connectors.sources.postgresql.catalog import TableFacts
from connectors.sources.postgresql.copy import Copy
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.snapshot import SnapshotState
from connectors.sources.postgresql.sql import comment, conditions
from connectors.sources.postgresql.types import ColumnType, expression, without_modifier
from connectors.words import shown
from core.chunk import TextChunk
from core.errors import ConnectionLost

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)

# For a table: no view may have taken its place, whose functions would run with this account's rights
# (CVE-2024-7348; in versions that know how to say so); and several processes would give its rows in another
# order each time.
_TABLES_ONLY = """
SELECT pg_catalog.set_config(s.name, w.value, true) FROM pg_catalog.pg_settings s
JOIN (VALUES ('restrict_nonsystem_relation_kind', 'view'),
             ('max_parallel_workers_per_gather', '0')) AS w(name, value) ON s.name = w.name
"""

_CHANGED = """
SELECT EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[]))
                 AS described(name, type)
               LEFT JOIN pg_catalog.pg_attribute a
                 ON a.attrelid = %s::oid AND a.attname = described.name AND a.attnum > 0
                    AND NOT a.attisdropped
               WHERE pg_catalog.format_type(a.atttypid, NULL) IS DISTINCT FROM described.type)
"""


class Way(Protocol[C_co]):
    """How columns come: what is asked for, and what is made of the answer."""

    def asked(
        self, shape: TableShape, types: Mapping[str, ColumnType], lasting: Callable[[], bool]
    ) -> list[str]:
        """What to select for each column; `types` are what the server said that they are, `lasting` tells
        whether they still are, and remain so until the rows have come."""

    def bytes_at_once(self, chunk_bytes: int) -> int:
        """How much is to be received before any of it is cut, where chunks are to have about so much."""

    def chunks(self, copy: Copy) -> Iterator[C_co]:
        """The rows. Ends and raises as `Copy.rows` does."""


class Texts:
    """As the server prints them."""

    def asked(
        self, shape: TableShape, types: Mapping[str, ColumnType], lasting: Callable[[], bool]
    ) -> list[str]:
        return [expression(c.name, types.get(c.name, ColumnType(c.type, c.type))) for c in shape.columns]

    def bytes_at_once(self, chunk_bytes: int) -> int:
        return chunk_bytes

    def chunks(self, copy: Copy) -> Iterator[TextChunk]:
        return copy.chunks()


def statement(request: ReadRequest, facts: TableFacts, asked: Sequence[str]) -> str:
    """The SELECT that reads a part, in the order in which the rows lie: by the key they would have to be
    sorted, or fetched from all over the table."""
    source = facts.source(request.database, request.shape.ref.name)
    text = f"SELECT {comment(request.comment)}{', '.join(asked)} FROM {source}"
    return text + conditions(request.part.condition, request.where)


def read(
    link: Link, snapshot: SnapshotState, request: ReadRequest, facts: TableFacts, way: Way[C]
) -> Iterator[C]:
    """Chunks of a part. An iterator that is left early ends the query on the server, and the session remains
    usable, its point in time too."""
    shape = request.shape
    what = f"reading {shown(str(shape.ref))} of schema {shown(request.database)}"
    with link.saying(what, reading=True, view=facts.view), link.letting_go():
        if not facts.view:
            link.execute(_TABLES_ONLY)
        snapshot.hold(request.database, shape.ref, facts)
        asked = way.asked(shape, facts.columns, lambda: not facts.view and _as_described(link, facts))
        if request.where is not None:
            link.look_in(request.database)
        yield from _copied(link, statement(request, facts, asked), request, way)


def read_query(link: Link, request: ReadRequest, query: str, way: Way[C]) -> Iterator[C]:
    """Chunks of what a query gives, as `read` does it."""
    what = f"reading {shown(str(request.shape.ref))} of schema {shown(request.database)}"
    with link.saying(what, reading=True), link.letting_go():

        def ask(shape: TableShape, types: Mapping[str, ColumnType]) -> list[str]:
            return way.asked(shape, types, lambda: False)

        yield from _copied(link, queries.statement(link, request, query, ask), request, way)


def _as_described(link: Link, facts: TableFacts) -> bool:
    """Whether a table that is locked has its columns in the types in which it was described."""
    types = {name: without_modifier(column.name) for name, column in facts.columns.items()}
    ((changed,),) = link.rows(_CHANGED, list(types), list(types.values()), facts.oid)
    return not changed


def _copied(link: Link, text: str, request: ReadRequest, way: Way[C]) -> Iterator[C]:
    with link.busy():
        wire = link.wire
        size = way.bytes_at_once(request.chunk_bytes)
        copy = Copy(wire, text, len(request.shape.columns), chunk_bytes=size)
        # Closed before the connection is: a thread may receive from it.
        with contextlib.ExitStack() as lost, contextlib.closing(copy):
            try:
                yield from way.chunks(copy)
            except psycopg.Error:
                raise
            except ConnectionLost:
                # What came can't be understood: nothing that follows could be.
                lost.callback(wire.close)
                raise
            except BaseException:
                if not _left(link, copy):
                    lost.callback(wire.close)
                raise


def _left(link: Link, copy: Copy) -> bool:
    """End a query in the midst of its rows: cancelled, it stops after what is under way. Whether the
    connection is of use afterwards."""
    if not link.cancel_statement():
        return False
    try:
        copy.drain()
    except psycopg.Error:
        return not link.wire.closed
    except ConnectionLost:
        return False
    return True
