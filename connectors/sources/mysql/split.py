"""Cutting a table into parts along its key.

The server walks its own key: the row `rows_per_part` further on is a part's last. Every comparison, of the
walk and of the parts, is the server's, with its collation; parts are open at both ends of the key, so that
rows which come or go meanwhile belong to exactly one of them too.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import TableShape
from connectors.sources.mysql.catalog import TableFacts
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.sql import conditions, identifier
from connectors.sources.mysql.types import range_literal
from connectors.words import shown
from core.model.task import PartPlan

MAX_PARTS = 1000

Bound = tuple[str, ...]


class Splitter:
    """`where`: only rows that meet it count."""

    def __init__(self, link: Link, facts: TableFacts, clause: str, where: str | None = None) -> None:
        self._link = link
        self._facts = facts
        self._clause = clause
        self._where = where

    def split(self, database: str, shape: TableShape, rows_per_part: int) -> list[PartPlan]:
        """Parts of `rows_per_part` rows, or more where there would be more than MAX_PARTS."""
        whole = [PartPlan(number=0, rows=shape.rows)]
        columns = self._columns(shape)
        # Only the clustered key: any other would be walked at the price of reading the table in its order.
        if not columns or (shape.rows is not None and shape.rows <= rows_per_part):
            return whole
        step = max(rows_per_part, -(-(shape.rows or 0) // MAX_PARTS))
        table = f"{identifier(database)}.{identifier(shape.ref.name)}{self._clause}"
        bounds: list[Bound] = []
        labels: list[str] = []
        while len(bounds) < MAX_PARTS - 1:
            found = self._next(table, columns, bounds[-1] if bounds else None, step)
            if found is None:
                break
            bound, label = found
            bounds.append(bound)
            labels.append(label)
        if not bounds:
            return whole
        return self._parts(columns, bounds, labels, step)

    def _columns(self, shape: TableShape) -> list[tuple[str, str, str]]:
        """The leading columns of the clustered key that can be cut: quoted name, expression, literal."""
        usable = []
        for name in self._facts.ordered:
            forms = range_literal(self._facts.columns[name].type)
            if forms is None:
                break
            usable.append((identifier(name), *forms))
        return usable

    def _next(
        self, table: str, columns: Sequence[tuple[str, str, str]], last: Bound | None, step: int
    ) -> tuple[Bound, str] | None:
        """The key of the row that is `step` rows after `last`, and what it looks like; None at the end, or
        where a literal of it doesn't lead back to it."""
        order = ", ".join(name for name, _, _ in columns)
        above = _above([c[0] for c in columns], last) if last else None
        where = conditions(above, self._where)
        asked = ", ".join(form.format(name) for name, form, _ in columns)
        row = self._link.row(
            f"SELECT {asked}, {order} FROM {table}{where} ORDER BY {order} LIMIT 1 OFFSET {step - 1}"
        )
        if not row:
            return None
        half = len(columns)
        bound = tuple(text.format(_digits(v)) for (_, _, text), v in zip(columns, row[:half], strict=True))
        # Text that has no exact counterpart in utf8mb4 gives a literal of something else: not a bound then.
        same = " AND ".join(f"{name} = {value}" for (name, _, _), value in zip(columns, bound, strict=True))
        if not self._link.rows(f"SELECT 1 FROM {table} WHERE {same} LIMIT 1"):
            return None
        label = ", ".join(shown(_digits(v)) for v in row[half:])
        return bound, label if len(label) <= 60 else label[:57] + "..."

    def _parts(
        self,
        columns: Sequence[tuple[str, str, str]],
        bounds: Sequence[Bound],
        labels: Sequence[str],
        step: int,
    ) -> list[PartPlan]:
        names = [name for name, _, _ in columns]
        key = ", ".join(names).replace("`", "")
        parts = []
        for number in range(len(bounds) + 1):
            low = bounds[number - 1] if number else None
            high = bounds[number] if number < len(bounds) else None
            after = f"after {labels[number - 1]}" if low else ""
            until = f"up to {labels[number]}" if high else ""
            parts.append(
                PartPlan(
                    number=number,
                    condition=_between(names, low, high),
                    label=" ".join(filter(None, (shown(key), after, until))),
                    rows=step if high else None,
                )
            )
        return parts


def _digits(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "backslashreplace")
    return str(value)


def _between(names: Sequence[str], low: Bound | None, high: Bound | None) -> str:
    """`low` < key <= `high` for a composite key, with what both have in common said once: so the server finds
    the narrowest range of its index."""
    common = 0
    if low is not None and high is not None:
        while common < len(names) - 1 and low[common] == high[common]:
            common += 1
    pieces = [f"{n} = {v}" for n, v in zip(names[:common], (low or ())[:common], strict=True)]
    if low is not None:
        pieces.append(_above(names[common:], low[common:]))
    if high is not None:
        pieces.append(_until(names[common:], high[common:]))
    return " AND ".join(pieces)


def _above(names: Sequence[str], bound: Bound) -> str:
    """(a, b) > (x, y), spelled so that an index is used: (a > x OR (a = x AND b > y))."""
    return _ordered(names, bound, ">", ">")


def _until(names: Sequence[str], bound: Bound) -> str:
    return _ordered(names, bound, "<", "<=")


def _ordered(names: Sequence[str], bound: Bound, inner: str, last: str) -> str:
    if len(names) == 1:
        return f"{names[0]} {last} {bound[0]}"
    rest = _ordered(names[1:], bound[1:], inner, last)
    head, value = names[0], bound[0]
    return f"({head} {inner} {value} OR ({head} = {value} AND {rest}))"
