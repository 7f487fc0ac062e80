"""A query as a data set: what its columns are, and the statement that reads it.

The server understands it in two forms before anything of it runs: alone, which shows that it is one
statement, and between parentheses behind FROM, which shows that it gives rows and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.base import ReadRequest, SourceColumn, TableShape
from connectors.queries import check_names
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.sql import comment, conditions
from connectors.sources.postgresql.types import ColumnType, kind, logical
from connectors.words import shown
from core.errors import SchemaChanged
from core.model.vocabulary import ObjectRef

# Parameters: the types' oids, and their modifiers. A domain is followed down to what is none.
_TYPES = """
WITH RECURSIVE given AS (
  SELECT * FROM ROWS FROM (pg_catalog.unnest(%s::oid[]), pg_catalog.unnest(%s::int4[])) WITH ORDINALITY
         AS g(oid, mod, number)
), below(number, oid, mod) AS (
  SELECT number, oid, mod FROM given
  UNION ALL
  SELECT b.number, t.typbasetype, t.typtypmod
  FROM below b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT pg_catalog.format_type(g.oid, g.mod), pg_catalog.format_type(b.oid, b.mod),
       EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castsource = b.oid
               AND k.casttarget = 'pg_catalog.text'::regtype AND k.castmethod = 'f')
FROM given g JOIN below b USING (number) JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
ORDER BY g.number
"""
# Tables that this transaction has touched and that were rewritten since its point in time: as of then they
# look empty. pg_class is read as of the point in time, pg_relation_filenode tells of now.
_REWRITTEN = """
SELECT c.oid::regclass::text FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'm')
  AND c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)
LIMIT 1
"""
# Several processes would give rows in another order each time.
_ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"


def describe(link: Link, schema: str, ref: ObjectRef, query: str) -> TableShape:
    """The shape of what a query gives. Within `letting_go`. Raises StatementFailed and its kinds where the
    server takes it for no query, BrokenObject for columns that can't be told apart."""
    with link.saying(f"looking at {shown(str(ref))}", reading=True):
        types = _types(link, schema, ref, query)
        link.look_in(schema)
        link.prepare(_derived("*", query))
    columns = (
        SourceColumn(name, column.name, kind(column), logical=logical(column))
        for name, column in types.items()
    )
    return TableShape(ref, tuple(columns), query=query)


def statement(
    link: Link,
    request: ReadRequest,
    query: str,
    ask: Callable[[TableShape, dict[str, ColumnType]], list[str]],
) -> str:
    """What reads a query, its columns as `ask` has them. Within a transaction, in which it locks what the
    query touches, and sees that nothing of that has been rewritten since its point in time. Raises
    SchemaChanged, psycopg.Error."""
    link.execute(_ALONE)
    shape = request.shape
    types = _types(link, request.database, shape.ref, query)
    asked = ask(shape, types)
    link.look_in(request.database)
    link.execute(f"{_derived('*', query)} LIMIT 0")
    rewritten = link.row(_REWRITTEN)
    if rewritten:
        raise SchemaChanged(
            f"{shown(rewritten[0])}, which {shown(str(shape.ref))} reads, has been rewritten (TRUNCATE, "
            "ALTER, VACUUM FULL, REFRESH …) since the point in time was fixed, and can't be read as of then.",
            "Start the task again.",
        )
    return comment(request.comment) + _derived(", ".join(asked), query) + conditions(request.where)


def _types(link: Link, schema: str, ref: ObjectRef, query: str) -> dict[str, ColumnType]:
    """The columns of what would come. Raises BrokenObject, psycopg.Error."""
    link.look_in(schema)
    found = link.prepare(query)
    numbers = range(found.nfields)
    names = [(found.fname(number) or b"").decode() for number in numbers]
    check_names(ref, names)
    # Types are printed with their schemas, as everywhere.
    link.execute("SET LOCAL search_path = ''")
    rows = link.rows(_TYPES, [found.ftype(n) for n in numbers], [found.fmod(n) for n in numbers])
    return {name: ColumnType(*row) for name, row in zip(names, rows, strict=True)}


def _derived(asked: str, query: str) -> str:
    return f"SELECT {asked} FROM ({query}\n) AS offramp_query"
