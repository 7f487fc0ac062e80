"""Cutting a table into parts: by ROWIDs, or along its key.

A heap table is cut by ranges of ROWIDs, which the server compares and finds by block: their bounds come from
a sample of its blocks. A row keeps its ROWID as long as the table doesn't let rows move (ROW MOVEMENT); where
it does, and in index-organised tables, whose ROWIDs have no order, the server walks the key instead. Either
way the parts are open at both ends, so that rows which come or go meanwhile belong to exactly one of them
too."""

from __future__ import annotations

from connectors.base import TableShape
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.catalog import TableFacts
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.types import ColumnType
from connectors.words import shown
from core.model.task import PartPlan

MAX_PARTS = 1000
_LABEL_LENGTH = 60
# Blocks of a sample for each part: parts are then equal within a fifth or so.
_SAMPLED_BLOCKS = 25


def split(
    link: Link, schema: str, shape: TableShape, facts: TableFacts, rows_per_part: int, *, where: str | None
) -> list[PartPlan]:
    """Parts of about `rows_per_part` rows, or more where there would be more than MAX_PARTS. Raises
    oracledb.Error."""
    whole = [PartPlan(number=0, rows=shape.rows)]
    if shape.rows is not None and shape.rows <= rows_per_part:
        return whole
    if facts.heap and not facts.moves and shape.rows is not None:
        return _by_rowid(link, schema, shape, facts, rows_per_part, where=where) or whole
    if facts.ordered:
        return _by_key(link, schema, shape, facts, rows_per_part, where=where) or whole
    return whole


def _by_rowid(
    link: Link, schema: str, shape: TableShape, facts: TableFacts, rows_per_part: int, *, where: str | None
) -> list[PartPlan]:
    rows = shape.rows or 0
    pieces = min(MAX_PARTS, -(-rows // rows_per_part))
    percent = 100.0
    if facts.blocks:
        percent = min(100.0, 100.0 * _SAMPLED_BLOCKS * pieces / facts.blocks)
    found = link.rows(sql.rowid_bounds(schema, shape.ref.name, percent, pieces, where))
    # The last is the sample's end, not the table's.
    bounds = [str(bound) for (bound,) in found if bound is not None][:-1]
    if not bounds:
        return []
    parts = []
    for number in range(len(bounds) + 1):
        low = bounds[number - 1] if number else None
        high = bounds[number] if number < len(bounds) else None
        after = f"after {low}" if low else ""
        until = f"up to {high}" if high else ""
        parts.append(
            PartPlan(
                number=number,
                condition=sql.rowid_between(low, high),
                label=" ".join(filter(None, ("ROWID", after, until))),
                rows=rows // (len(bounds) + 1),
            )
        )
    return parts


def _by_key(
    link: Link, schema: str, shape: TableShape, facts: TableFacts, rows_per_part: int, *, where: str | None
) -> list[PartPlan]:
    step = max(rows_per_part, -(-(shape.rows or 0) // MAX_PARTS))
    keys = [sql.identifier(name) for name in facts.ordered]
    types = [facts.types[name] for name in facts.ordered]
    texts = [_text(key, held) for key, held in zip(keys, types, strict=True)]
    behind = sql.source(schema, shape.ref.name)
    bounds: list[tuple[str, ...]] = []
    labels: list[str] = []
    while len(bounds) < MAX_PARTS - 1:
        after = sql.compared(keys, ">", bounds[-1]) if bounds else None
        found = link.row(sql.next_key(behind, keys, texts, step - 1, after, where))
        if not found or any(value is None for value in found):
            break
        bounds.append(tuple(_literal(str(v), held) for v, held in zip(found, types, strict=True)))
        label = ", ".join(shown(str(value)) for value in found)
        labels.append(label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 3] + "...")
    if not bounds:
        return []
    parts = []
    named = shown(", ".join(facts.ordered))
    for number in range(len(bounds) + 1):
        pieces = []
        words = [named]
        if number:
            pieces.append(sql.compared(keys, ">", bounds[number - 1]))
            words.append(f"after {labels[number - 1]}")
        if number < len(bounds):
            pieces.append(sql.compared(keys, "<=", bounds[number]))
            words.append(f"up to {labels[number]}")
        parts.append(
            PartPlan(
                number=number,
                condition=" AND ".join(pieces),
                label=" ".join(words),
                rows=step if number < len(bounds) else None,
            )
        )
    return parts


def _text(key: str, held: ColumnType) -> str:
    """The text of a key's value, from which `_literal` leads back to it."""
    if held.plain == "NUMBER":
        return sql.number(key)
    if held.plain in ("DATE", "TIMESTAMP"):
        return sql.moment(key, 9 if held.plain == "TIMESTAMP" else None)
    return sql.raw_text(key) if held.plain == "RAW" else key


def _literal(text: str, held: ColumnType) -> str:
    if held.plain == "NUMBER":
        return sql.number_literal(text)
    if held.plain == "DATE":
        return sql.date_literal(text)
    if held.plain == "TIMESTAMP":
        return sql.timestamp_literal(text)
    return sql.raw_literal(text) if held.plain == "RAW" else sql.literal(text)
