"""Which objects a file has, and about how large they are.

The schema table: https://www.sqlite.org/schematab.html. Names that begin with `sqlite_` are SQLite's own.
A virtual table keeps its content in ordinary tables named `<table>_<suffix>`, its shadow tables: they are
part of it and no objects here (https://www.sqlite.org/vtab.html#xshadowname).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from connectors.base import ObjectInfo
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.statements import Statements
from core.errors import BrokenObject, NotFound, StatementFailed
from core.model.vocabulary import ObjectRef, ObjectType

TYPES = (ObjectType.TABLE, ObjectType.INDEX, ObjectType.VIEW, ObjectType.TRIGGER)

# Sizes of single objects are summed over all of their pages: only in files up to this size.
DBSTAT_BYTES = 64 << 20
# A row takes at least a cell pointer, two length bytes and a header: a bound for guesses by rowid.
_ROW_BYTES = 5

_NAME = r"""(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|'(?:[^']|'')*'|\[[^]]*\]|\w+)"""
_VIRTUAL = re.compile(rf"CREATE\s+VIRTUAL\s+TABLE\s+{_NAME}\s*USING\s+[\"'`\[]?(\w+)", re.IGNORECASE)
_SHADOWS = {
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "rtree": ("node", "parent", "rowid"),
    "rtree_i32": ("node", "parent", "rowid"),
    "geopoly": ("node", "parent", "rowid"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the schema table. `sql` is as it was written; `module` is what makes a virtual table, in
    lower case, None for all else."""

    ref: ObjectRef
    table: str
    sql: str
    module: str | None = None


class Catalog:
    """The schema as it was when this was made; sizes and counts as of the first question for them."""

    def __init__(self, statements: Statements) -> None:
        self._ask = statements
        rows = statements.rows(
            "SELECT type, name, tbl_name, sql, rootpage FROM sqlite_master"
            " WHERE sql IS NOT NULL AND lower(substr(name, 1, 7)) <> 'sqlite_'",
            about="the schema",
        )
        entries = [_entry(*row) for row in rows]
        self.shadows = {
            f"{entry.ref.name}_{suffix}".lower(): entry.ref.name
            for entry in entries
            if entry.module
            for suffix in _SHADOWS.get(entry.module, ())
        }
        self._entries = {entry.ref: entry for entry in entries if entry.table.lower() not in self.shadows}
        self._hidden = {entry.ref for entry in entries} - set(self._entries)
        self._named = {ref.name.lower(): e for ref, e in self._entries.items() if ref.type.has_data}
        # A look into the schema table reads all of it: asked once, not for each table.
        self.counters = bool(
            statements.rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'", about="the schema")
        )
        self._without_rowid: dict[str, bool] = {}
        self._belonging: dict[tuple[str, ObjectType], list[Entry]] = {}
        for entry in sorted(self._entries.values(), key=lambda entry: entry.ref.name):
            self._belonging.setdefault((entry.table.lower(), entry.ref.type), []).append(entry)

    def entry(self, ref: ObjectRef) -> Entry:
        """The entry of an object. Raises NotFound, which says where a shadow table belongs."""
        if ref in self._entries:
            return self._entries[ref]
        if ref in self._hidden:
            owner = self.shadows.get(ref.name.lower(), "a virtual table")
            raise NotFound(
                f"Connection {self._ask.name!r}: {ref} is a part of the virtual table {owner!r}.",
                "Export that: its parts are made again when it is loaded.",
            )
        same = [str(other) for other in self._entries if other.name.lower() == ref.name.lower()]
        raise NotFound(
            f"Connection {self._ask.name!r} has no {ref}.", f"It has {', '.join(same)}." if same else ""
        )

    def named(self, name: str) -> Entry | None:
        """The table or view of that name, in any case, None where there is none."""
        return self._named.get(name.lower())

    def belonging(self, table: str, kind: ObjectType) -> list[Entry]:
        """Indexes or triggers of a table, sorted by name."""
        return self._belonging.get((table.lower(), kind), [])

    def objects(self, types: Sequence[ObjectType] | None, search: str | None) -> list[ObjectInfo]:
        wanted = TYPES if types is None else types
        part = (search or "").casefold()
        found = [
            entry
            for entry in self._entries.values()
            if entry.ref.type in wanted and part in entry.ref.name.casefold()
        ]
        return sorted(map(self._info, found), key=lambda info: (TYPES.index(info.ref.type), info.ref.name))

    def _info(self, entry: Entry) -> ObjectInfo:
        ref, note = entry.ref, ""
        readable = ref.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if readable != ref.name:
            ref, note = ObjectRef(ref.type, readable), "its name is no UTF-8: rename it to export it"
        elif entry.module:
            count = sum(owner == ref.name for owner in self.shadows.values())
            note = f"virtual table ({entry.module})" + ("; its shadow tables are part of it" if count else "")
        elif ref.type in (ObjectType.INDEX, ObjectType.TRIGGER):
            note = f"on {entry.table}"
        return ObjectInfo(ref, rows=self.rows(entry), bytes=self.sizes.get(entry.ref.name), note=note)

    @cached_property
    def file_bytes(self) -> int:
        pages = self._ask.value("SELECT page_count FROM pragma_page_count", about="the file") or 0
        return int(pages) * int(self._ask.value("SELECT page_size FROM pragma_page_size", about="the file"))

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Bytes by name, empty in large files and where SQLite was built without dbstat."""
        if self.file_bytes > DBSTAT_BYTES:
            return {}
        try:
            rows = self._ask.rows(
                "SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = 1 GROUP BY name", about="sizes"
            )
        except BrokenObject:  # no such table
            return {}
        return {name: int(size) for name, size in rows}

    @cached_property
    def _analyzed(self) -> dict[str, int]:
        """Rows by table as ANALYZE counted them; a partial index has fewer than its table."""
        if not self._ask.rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'", about="the schema"):
            return {}
        counts: dict[str, int] = {}
        for table, stat in self._ask.rows("SELECT tbl, stat FROM sqlite_stat1", about="statistics"):
            first = str(stat).split(" ", 1)[0]
            if first.isdigit():
                counts[table] = max(counts.get(table, 0), int(first))
        return counts

    def rows(self, entry: Entry) -> int | None:
        """About how many rows a table has: as analyzed, else the span of its rowids, bounded by the
        file's size. None for views, virtual tables and tables without rowid that weren't analyzed."""
        if entry.ref.type is not ObjectType.TABLE or entry.module:
            return None
        if entry.ref.name in self._analyzed:
            return self._analyzed[entry.ref.name]
        rowid = self.rowid(entry)
        if rowid is None:
            return None
        table, name = f"main.{SQLITE.identifier(entry.ref.name)} AS t0", f"t0.{rowid}"
        try:
            span = self._ask.row(
                f"SELECT (SELECT min({name}) FROM {table}), (SELECT max({name}) FROM {table})",
                about=str(entry.ref),
            )
        except (BrokenObject, StatementFailed):
            return None
        if span is None or span[0] is None:
            return 0
        return int(min(span[1] - span[0] + 1, self.file_bytes // _ROW_BYTES))

    def rowid(self, entry: Entry) -> str | None:
        """A name by which the rowid can be had, None for tables without one, and where columns took all."""
        if entry.module is None and self.without_rowid(entry):
            return None
        names = self._ask.rows(
            "SELECT lower(name) FROM pragma_table_xinfo(?, 'main')", entry.ref.name, about=str(entry.ref)
        )
        taken = {name for (name,) in names}
        return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)

    def without_rowid(self, entry: Entry) -> bool:
        """Whether it is a WITHOUT ROWID table: only these answer here by their own name
        (https://www.sqlite.org/pragma.html#pragma_index_info)."""
        name = entry.ref.name
        if name not in self._without_rowid:
            found = self._ask.row("SELECT 1 FROM pragma_index_info(?, 'main')", name, about=str(entry.ref))
            self._without_rowid[name] = found is not None
        return self._without_rowid[name]


def _entry(kind: str, name: str, table: str, sql: str, root: int | None) -> Entry:
    module = None
    if kind == "table" and not root:  # only virtual tables have no page of their own
        found = _VIRTUAL.match(sql)
        module = found.group(1).lower() if found else "unknown"
    return Entry(ObjectRef(ObjectType[kind.upper()], name), table, sql, module)
