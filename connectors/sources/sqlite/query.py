"""A query as a data set: what its columns are, and the statement that reads it.

SQLite compiles it in two forms before anything of it runs: alone, which shows that it is one statement, and
between parentheses behind FROM, which shows that it gives rows and does nothing else.
"""

from __future__ import annotations

from connectors.base import ReadRequest, SourceColumn, TableShape
from connectors.queries import check_names
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.split import condition
from connectors.sources.sqlite.statements import Statements
from core.chunk import Kind
from core.model.vocabulary import ObjectRef

NAME = "offramp_query"


def describe(ask: Statements, ref: ObjectRef, query: str) -> TableShape:
    """The shape of what a query gives: nothing is known of its columns' types but their values. Raises
    SourceError's kinds, BrokenObject for columns that can't be told apart."""
    # In this order: some PRAGMAs act while they are compiled, and between parentheses there is none.
    ask.plan(f"SELECT * FROM {source(query)}", about=str(ref))
    ask.plan(query, about=str(ref))
    names = ask.names(f"SELECT * FROM ({query}\n) LIMIT 0", about=str(ref))
    check_names(ref, names)
    return TableShape(ref, tuple(SourceColumn(name, "", Kind.TEXT) for name in names), query=query)


def source(query: str) -> str:
    """What stands behind FROM."""
    return f"({query}\n) AS {NAME}"


def statement(request: ReadRequest, query: str) -> str:
    """What reads a query: itself, but for a choice of its rows."""
    comment = f"/* {request.comment} */ " if request.comment else ""
    if request.where is None:
        return f"{comment}{query}"
    columns = ", ".join(f"{NAME}.{SQLITE.identifier(column.name)}" for column in request.shape.columns)
    return f"SELECT {comment}{columns} FROM {source(query)}{condition(request.where)}"
