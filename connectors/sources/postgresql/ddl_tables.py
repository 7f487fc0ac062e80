"""Tables with their partitions, and views. "CREATE TABLE" and "CREATE VIEW" of the manual.

Partitions are made on their own and attached, and so are their indexes, as pg_dump does it: only so do they
keep their names, their order of columns and what they have of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.sources.postgresql.ddl_belonging import Belonging
from connectors.sources.postgresql.ddl_script import Script, options, plain, with_options
from connectors.sources.postgresql.ddl_sequences import Sequences
from connectors.sources.postgresql.ddl_types import COLLATION
from connectors.sources.postgresql.names import Asking
from core.errors import BrokenObject

COMPRESSION = 140000  # the first version that has pg_attribute.attcompression

_METHOD = "(SELECT am.amname::text FROM pg_catalog.pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap')"
_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
_METHODS = {"p": "pglz", "l": "lz4"}
_IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}
_OWNED = """
SELECT d.refobjid::bigint, d.objid::bigint, d.deptype::text, d.refobjsubid,
  pg_catalog.quote_ident(a.attname), n.nspname::text, c.relname::text
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
AND d.refobjid IN {oids} AND d.deptype IN ('a', 'i')
"""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table or partition: `name` qualified and quoted; `parents` it inherits from, in order."""

    oid: int
    name: str
    schema: str
    kind: str
    unlogged: bool
    partition: bool
    parents: list[str]
    bound: str | None
    key: str | None
    method: str | None
    stored: list[str] | None
    stored_toast: list[str] | None
    of_type: str | None
    comment: str | None

    @property
    def parameters(self) -> list[str]:
        return [*options(self.stored), *options(self.stored_toast, "toast.")]

    @property
    def only(self) -> str:
        return f"ONLY {self.name}"


class Tables:
    def __init__(self, link: Asking, version: int) -> None:
        self._link = link
        self._version = version
        self._sequences = Sequences(link)
        self._belonging = Belonging(link, version)

    def table(self, oid: int, script: Script) -> None:
        """Make a table with its partitions."""
        family = self._family(oid)
        sequences = self._owned(family)
        identities = {(table, column): seq for seq, kind, table, column, *_ in sequences if kind == "i"}
        for table in family:
            script.schemas[table.schema] = None
        owned = []
        for seq, kind, owner, _, column, space in sequences:
            script.schemas[space] = None
            if kind == "a":
                owned.append((self._sequences.create(seq, script), owner, column))
        names = {table.oid: table.name for table in family}
        for table in family:
            self._create(table, identities, script)
        for name, owner, column in owned:
            script.made.append(f"ALTER SEQUENCE {name} OWNED BY {names[owner]}.{column}")
        for table in family[1:]:
            script.made.append(
                f"ALTER TABLE ONLY {table.parents[0]} ATTACH PARTITION {table.name} {table.bound}"
            )
        for table in family:
            self._belonging.to_table(table.oid, table.name, script, partitioned=table.kind == "p")
        for seq, kind, *_ in sequences:
            self._sequences.go_on(seq, script)
            if kind == "i":
                self._identity_comment(seq, script)

    def _owned(self, family: list[_Table]) -> list[tuple[int, str, int, int, str, str]]:
        """The sequences of the columns of a table and its partitions: oid, kind of dependency, the table's
        oid, the column's number and quoted name, schema; in the order of their names."""
        found = [
            (name, space, number, kind, table.oid, position, column)
            for table in family
            for number, kind, position, column, space, name in self._link.about(table.oid, _OWNED)
        ]
        return [
            (number, kind, table, position, column, space)
            for name, space, number, kind, table, position, column in sorted(found)
        ]

    def _identity_comment(self, seq: int, script: Script) -> None:
        for name, text in self._link.about(
            seq,
            "SELECT oid::bigint, oid::pg_catalog.regclass::text, pg_catalog.obj_description(oid, 'pg_class')"
            " FROM pg_catalog.pg_class WHERE oid IN {oids}",
        ):
            script.comment(f"SEQUENCE {name}", text)

    def _family(self, oid: int) -> list[_Table]:
        """The table and all partitions below it, from above down."""
        rows = self._link.about(
            oid,
            "WITH RECURSIVE tree(root, oid, level) AS ("
            " SELECT r.oid, r.oid, 0 FROM pg_catalog.pg_class r"
            " WHERE r.oid IN {oids} AND r.relkind IN ('r', 'p')"
            " UNION ALL SELECT tree.root, i.inhrelid, tree.level + 1 FROM tree"
            " JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid"
            " JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid AND k.relispartition)"
            " SELECT tree.root::bigint, c.oid::bigint, c.oid::pg_catalog.regclass::text,"
            " n.nspname::text, c.relkind::text,"
            " c.relpersistence = 'u', c.relispartition,"
            " ARRAY(SELECT i.inhparent::pg_catalog.regclass::text FROM pg_catalog.pg_inherits i"
            " WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),"
            " pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_get_partkeydef(c.oid),"
            f" {_METHOD},"
            " c.reloptions, t.reloptions,"
            " pg_catalog.format_type(NULLIF(c.reloftype, 0), NULL),"
            " pg_catalog.obj_description(c.oid, 'pg_class')"
            " FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid"
            " ORDER BY tree.level, n.nspname, c.relname",
        )
        found = []
        for row in rows:
            table = _Table(*row)
            if table.kind == "f":
                raise BrokenObject(
                    f"Partition {table.name} is a foreign table: its rows lie on another server.",
                    "Exclude the table, or export its other partitions by a view.",
                )
            found.append(table)
        return found

    def _create(self, table: _Table, identities: dict[tuple[int, int], int], script: Script) -> None:
        columns = self._columns(table)
        checks = self._link.about(
            table.oid,
            "SELECT conrelid::bigint, pg_catalog.quote_ident(conname), pg_catalog.pg_get_constraintdef(oid),"
            " conislocal, pg_catalog.obj_description(oid, 'pg_constraint') FROM pg_catalog.pg_constraint"
            " WHERE conrelid IN {oids} AND contype = 'c' AND convalidated ORDER BY conname",
        )
        inherits = bool(table.parents) and not table.partition
        # A table whose columns are all its own was given its parents afterwards: so it keeps their order.
        attached = inherits and all(c["local"] for c in columns) and all(local for _, _, local, _ in checks)
        born = inherits and not attached
        lines = [self._column(c, table, identities) for c in columns if c["local"] or not born]
        lines += [
            f"CONSTRAINT {name} {definition}" for name, definition, local, _ in checks if local or not born
        ]
        body = ",\n    ".join(lines)
        text = f"CREATE {'UNLOGGED ' if table.unlogged else ''}TABLE {table.name} ("
        text += f"\n    {body}\n)" if lines else ")"
        text += f" INHERITS ({', '.join(table.parents)})" if born else ""
        text += f" PARTITION BY {table.key}" if table.key else ""
        text += f" USING {table.method}" if table.method else ""
        script.made.append(text + with_options(table.parameters))
        if table.of_type:
            script.made.append(f"ALTER TABLE {table.only} OF {table.of_type}")
        if attached:
            script.made += [f"ALTER TABLE {table.only} INHERIT {parent}" for parent in table.parents]
        for column in columns:
            self._alter(column, table, script, inherited=born and not column["local"])
        script.comment(f"TABLE {table.name}", table.comment)
        for column in columns:
            script.comment(f"COLUMN {table.name}.{column['name']}", column["comment"])
        for name, _, local, comment in checks:
            if local or not inherits:
                script.comment(f"CONSTRAINT {name} ON {table.name}", comment)

    def _columns(self, table: _Table) -> list[dict[str, Any]]:
        compression = "a.attcompression::text" if self._version >= COMPRESSION else "''"
        names = (
            "number", "name", "type", "collation", "required", "value", "identity", "generated", "storage",
            "compression", "statistics", "options", "local", "comment",
        )  # fmt: skip
        rows = self._link.about(
            table.oid,
            "SELECT a.attrelid::bigint, a.attnum, pg_catalog.quote_ident(a.attname),"
            " pg_catalog.format_type(a.atttypid, a.atttypmod),"
            f" {COLLATION.format(used='a.attcollation', usual='y.typcollation')}, a.attnotnull,"
            " pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,"
            f" CASE WHEN a.attstorage <> y.typstorage THEN a.attstorage::text END, {compression},"
            " COALESCE(a.attstattarget, -1), a.attoptions, a.attislocal,"
            " pg_catalog.col_description(a.attrelid, a.attnum)"
            " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
            " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
            " WHERE a.attrelid IN {oids} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _column(self, column: dict[str, Any], table: _Table, identities: dict[tuple[int, int], int]) -> str:
        text = f"{column['name']} {column['type']}"
        text += f" COMPRESSION {_METHODS[column['compression']]}" if column["compression"] else ""
        text += f" COLLATE {column['collation']}" if column["collation"] else ""
        if column["identity"] and (sequence := identities.get((table.oid, column["number"]))) is not None:
            ((name,),) = self._link.about(
                sequence,
                "SELECT oid::bigint, oid::pg_catalog.regclass::text FROM pg_catalog.pg_class"
                " WHERE oid IN {oids}",
            )
            kind = _IDENTITY[column["identity"]]
            text += (
                f" GENERATED {kind} AS IDENTITY (SEQUENCE NAME {name} {self._sequences.options(sequence)})"
            )
        elif column["generated"]:
            how = "VIRTUAL" if column["generated"] == "v" else "STORED"
            text += f" GENERATED ALWAYS AS ({column['value']}) {how}"
        elif column["value"] is not None:
            text += f" DEFAULT {column['value']}"
        return text + (" NOT NULL" if column["required"] else "")

    def _alter(self, column: dict[str, Any], table: _Table, script: Script, *, inherited: bool) -> None:
        """What a column's definition has no place for; of an inherited one, whatever is the table's own."""
        changes = []
        if inherited and not column["generated"]:
            value = column["value"]
            changes.append("DROP DEFAULT" if value is None else f"SET DEFAULT {value}")
            changes += ["SET NOT NULL"] if column["required"] else []
        if column["storage"]:
            changes.append(f"SET STORAGE {_STORAGE[column['storage']]}")
        if column["statistics"] >= 0:
            changes.append(f"SET STATISTICS {column['statistics']}")
        if column["options"]:
            changes.append(f"SET ({', '.join(options(column['options']))})")
        script.made += [f"ALTER TABLE {table.only} ALTER COLUMN {column['name']} {c}" for c in changes]

    def view(self, oid: int, script: Script, *, materialized: bool) -> str:
        """Make a view; gives the statement that drops it."""
        ((name, definition, stored, populated, method, text),) = self._link.about(
            oid,
            "SELECT c.oid::bigint, c.oid::pg_catalog.regclass::text, pg_catalog.pg_get_viewdef(c.oid),"
            " c.reloptions,"
            " c.relispopulated,"
            f" {_METHOD},"
            " pg_catalog.obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c"
            " WHERE c.oid IN {oids}",
        )
        word = "MATERIALIZED VIEW" if materialized else "VIEW"
        if not definition:
            raise BrokenObject(f"The server gives no definition of {word.lower()} {name}.", "Make it anew.")
        check = [t.partition("=")[2] for t in stored or () if t.startswith("check_option=")]
        kept = options(t for t in stored or () if not t.startswith("check_option="))
        using = f" USING {method}" if method else ""
        create = f"CREATE {word} {name}{using}{with_options(kept)} AS\n{plain(definition)}"
        create += "\n  WITH NO DATA" if materialized else ""
        create += f"\n  WITH {check[0].upper()} CHECK OPTION" if check else ""
        script.made.append(create)
        for column, value, storage, statistics, chosen, comment in self._link.about(
            oid,
            "SELECT a.attrelid::bigint, pg_catalog.quote_ident(a.attname),"
            " pg_catalog.pg_get_expr(d.adbin, d.adrelid),"
            " CASE WHEN a.attstorage <> y.typstorage THEN a.attstorage::text END,"
            " COALESCE(a.attstattarget, -1), a.attoptions,"
            " pg_catalog.col_description(a.attrelid, a.attnum) FROM pg_catalog.pg_attribute a"
            " JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
            " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
            " WHERE a.attrelid IN {oids} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        ):
            alter = f"ALTER {word} {name} ALTER COLUMN {column}"
            script.made += [f"{alter} SET DEFAULT {value}"] if value is not None else []
            if materialized:
                script.made += [f"{alter} SET STORAGE {_STORAGE[storage]}"] if storage else []
                script.made += [f"{alter} SET STATISTICS {statistics}"] if statistics >= 0 else []
                script.made += [f"{alter} SET ({', '.join(options(chosen))})"] if chosen else []
            script.comment(f"COLUMN {name}.{column}", comment)
        script.comment(f"{word} {name}", text)
        self._belonging.to_view(int(oid), name, script)
        if materialized and populated:
            script.made.append(f"REFRESH MATERIALIZED VIEW {name}")
        return f"DROP {word} IF EXISTS {name}"
