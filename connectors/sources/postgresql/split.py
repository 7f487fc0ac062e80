"""Cutting a table into parts along its key.

The server walks its own key: the row `rows_per_part` further on is a part's last. Every comparison, of the
walk and of the parts, is the server's, by the key's own types and collations; parts are open at both ends of
the key, so that rows which come or go meanwhile belong to exactly one of them too. Not along ctid: a row that
is updated between two parts has another one afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import TableShape
from connectors.sources.postgresql.catalog import TableFacts
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.sql import conditions, identifier, literal
from connectors.sources.postgresql.types import expression
from connectors.words import shown
from core.model.task import PartPlan

MAX_PARTS = 1000
_LABEL_LENGTH = 60

Bound = tuple[str, ...]


def split(
    link: Link,
    schema: str,
    shape: TableShape,
    facts: TableFacts,
    rows_per_part: int,
    *,
    where: str | None = None,
) -> list[PartPlan]:
    """Parts of `rows_per_part` rows, or more where there would be more than MAX_PARTS. Within a transaction.
    Only rows that meet `where` count. Raises psycopg.Error."""
    whole = [PartPlan(number=0, rows=shape.rows)]
    if not facts.ordered or (shape.rows is not None and shape.rows <= rows_per_part):
        return whole
    step = max(rows_per_part, -(-(shape.rows or 0) // MAX_PARTS))
    # The index is to be walked: the planner would rather sort the table for every step.
    link.execute("SET LOCAL enable_sort = off")
    if where is not None:
        link.look_in(schema)
    walk = _Walk(link, shape.ref.name, facts, facts.source(schema, shape.ref.name), where)
    bounds: list[Bound] = []
    labels: list[str] = []
    while len(bounds) < MAX_PARTS - 1:
        found = walk.next(bounds[-1] if bounds else None, step)
        if found is None:
            break
        bounds.append(found[0])
        labels.append(found[1])
    if not bounds:
        return whole
    parts = []
    keys = ", ".join(facts.ordered)
    for number in range(len(bounds) + 1):
        low = bounds[number - 1] if number else None
        high = bounds[number] if number < len(bounds) else None
        after = f"after {labels[number - 1]}" if low else ""
        until = f"up to {labels[number]}" if high else ""
        parts.append(
            PartPlan(
                number=number,
                condition=_between(walk.names, low, high),
                label=" ".join(filter(None, (shown(keys), after, until))),
                rows=step if high else None,
            )
        )
    return parts


class _Walk:
    """The key of a table, step by step."""

    def __init__(self, link: Link, table: str, facts: TableFacts, source: str, where: str | None) -> None:
        self._link = link
        self._table = identifier(table)
        self._source = source
        self._where = where
        self.names = [identifier(name) for name in facts.ordered]
        self._types = [facts.columns[name].base for name in facts.ordered]
        self._texts = [
            f"{identifier(name)}::pg_catalog.text"
            if facts.columns[name].plain in ("bytea", "boolean")
            else expression(name, facts.columns[name])
            for name in facts.ordered
        ]

    def next(self, last: Bound | None, step: int) -> tuple[Bound, str] | None:
        """The key of the row that is `step` rows after `last`, and what it looks like; None at the end, or
        where a literal of it doesn't lead back to it."""
        # With the table's name: a bare one would be that of a text that is asked for.
        order = ", ".join(f"{self._table}.{name}" for name in self.names)
        where = conditions(_compared(self.names, ">", last) if last else None, self._where)
        row = self._link.row(
            f"SELECT {', '.join(self._texts)} FROM {self._source}{where}"
            f" ORDER BY {order} LIMIT 1 OFFSET {step - 1}"
        )
        if not row:
            return None
        bound = tuple(f"{literal(v)}::{kind}" for v, kind in zip(row, self._types, strict=True))
        if not self._link.rows(
            f"SELECT 1 FROM {self._source} WHERE {_compared(self.names, '=', bound)} LIMIT 1"
        ):
            return None
        label = ", ".join(map(shown, row))
        return bound, label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 3] + "..."


def _between(names: Sequence[str], low: Bound | None, high: Bound | None) -> str:
    pieces = []
    if low is not None:
        pieces.append(_compared(names, ">", low))
    if high is not None:
        pieces.append(_compared(names, "<=", high))
    return " AND ".join(pieces)


def _compared(names: Sequence[str], operator: str, bound: Bound) -> str:
    """As rows: the server compares column by column, and finds them by the index."""
    return f"({', '.join(names)}) {operator} ({', '.join(bound)})"
