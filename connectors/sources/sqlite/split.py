"""Cutting a table along its key, by ranges that SQLite itself compares.

Boundaries are found by walking the key's own b-tree. Each is written once as text and stands in two
conditions, `< boundary` and `>= boundary`: every row meets exactly one of them, whatever the text means,
as long as the walk went in the order of that comparison; which SQLite's plan shows by needing no sort.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import TableShape
from connectors.sources.sqlite.catalog import Catalog, Entry
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.statements import Statements
from core.errors import BrokenObject
from core.model.task import PartPlan

MOST_PARTS = 1000


def column(table: str, name: str) -> str:
    """With the table in front: SQLite takes a quoted name that isn't there for text, but not behind a dot."""
    return f"{SQLITE.identifier(table)}.{SQLITE.identifier(name)}"


def source(table: str) -> str:
    return f"main.{SQLITE.identifier(table)}"


def condition(*terms: str | None) -> str:
    """WHERE with all of these, those that are None left out. Each ends with its line: a comment in it reaches
    no further."""
    given = [f"({term}\n)" for term in terms if term]
    return f" WHERE {' AND '.join(given)}" if given else ""


def order(ask: Statements, catalog: Catalog, entry: Entry) -> tuple[str, ...]:
    """The expressions along which a table lies on disk, so that ordering by them costs nothing; empty
    where there are none (views, virtual tables, a key indexed in another collation than its columns')."""
    if not entry.ref.type.has_data or entry.module or entry.ref.type != "TABLE":
        return ()
    rowid = catalog.rowid(entry)
    if rowid is not None:
        return (f"{SQLITE.identifier(entry.ref.name)}.{rowid}",)
    rows = ask.rows(
        "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE pk ORDER BY pk",
        entry.ref.name,
        about=str(entry.ref),
    )
    terms = tuple(column(entry.ref.name, name) for (name,) in rows)
    if not terms or not catalog.without_rowid(entry):
        return ()
    try:
        plan = ask.plan(
            f"SELECT * FROM {source(entry.ref.name)} ORDER BY {', '.join(terms)}", about=str(entry.ref)
        )
    except BrokenObject:  # a collation that only another program knows
        return ()
    return () if "TEMP B-TREE" in plan else terms


def behind(table: str, terms: Sequence[str], rowid: str | None, condition_: str | None, skip: int) -> str:
    """What follows the table's name in a statement for the rows behind the first `skip`, ordered by `terms`,
    which are its `rowid` where it has one."""
    by = f" ORDER BY {', '.join(terms)}"
    if rowid is None:
        return f"{condition(condition_)}{by} LIMIT -1 OFFSET {skip}"
    # Found once, where a limit would have each row copied. No index may be read instead of the table: it has
    # an order of its own.
    first = f"SELECT {terms[0]} FROM {source(table)}{condition(condition_)}{by} LIMIT 1 OFFSET {skip}"
    return f" NOT INDEXED{condition(condition_, f'{terms[0]} >= ({first})')}{by}"


def split(
    ask: Statements,
    catalog: Catalog,
    entry: Entry,
    shape: TableShape,
    rows_per_part: int,
    *,
    where: str | None = None,
) -> list[PartPlan]:
    """Parts of `rows_per_part` rows (the last of fewer), at most MOST_PARTS of them. Only rows that meet
    `where` count."""
    terms = order(ask, catalog, entry)
    if not terms:
        return [PartPlan(number=0, rows=shape.rows)]
    about = str(shape.ref)
    table, key = source(shape.ref.name), ", ".join(terms)
    counted = f"SELECT count(*) FROM {table}{condition(where)}"
    total = int(ask.value(counted, about=about, planned=True))
    step = max(rows_per_part, -(-total // MOST_PARTS), 1)
    left = f"({key})" if len(terms) > 1 else key
    bounds: list[str] = []
    counts = [0]
    above: str | None = None
    for _ in range((total - 1) // step):
        found = ask.row(
            f"SELECT {key} FROM {table}{condition(above, where)} ORDER BY {key} LIMIT 1 OFFSET {step}",
            about=about,
            planned=True,
        )
        if found is None:
            break
        counts[-1] += step
        literals = [_literal(value) for value in found]
        if None in literals:
            # Not to be written without changing how it compares: the part goes on over this boundary.
            return _parts(shape, left, bounds, [*counts[:-1], total - sum(counts[:-1])])
        bound = ", ".join(str(literal) for literal in literals)
        bounds.append(f"({bound})" if len(terms) > 1 else bound)
        counts.append(0)
        above = f"{left} >= {bounds[-1]}"
    counts[-1] = total - sum(counts[:-1])
    return _parts(shape, left, bounds, counts)


def _parts(shape: TableShape, left: str, bounds: list[str], counts: list[int]) -> list[PartPlan]:
    if not bounds:
        return [PartPlan(number=0, rows=counts[0])]
    parts = []
    shown = left.replace(f"{SQLITE.identifier(shape.ref.name)}.", "")
    for number, rows in enumerate(counts):
        low = bounds[number - 1] if number else None
        high = bounds[number] if number < len(bounds) else None
        conditions = [f"{left} >= {low}"] if low else []
        conditions += [f"{left} < {high}"] if high else []
        label = f"{shown} from {low or 'the first'} to before {high}" if high else f"{shown} from {low}"
        parts.append(PartPlan(number=number, condition=" AND ".join(conditions), label=label, rows=rows))
    return parts


def _literal(value: object) -> str | None:
    """A literal without affinity of its own, None for text that has none (a cast would bring affinity)."""
    match value:
        case int():
            return str(value)
        case float():
            return {"inf": "9e999", "-inf": "-9e999"}.get(repr(value), repr(value))
        case bytes():
            return f"X'{value.hex()}'"
        case str() if "\0" not in value and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
    return None
