"""Schemas, as DBMS_METADATA prints them, with storage left out.

Names are qualified with the schema. Tables bring along their comments and indexes; foreign keys stand apart,
as do their identity columns' own ways, for SQL files have the values that were there: until the rows are
loaded, the columns take any. Nothing here is changed but the drop statement, which is made here: Oracle knows
no DROP … IF EXISTS before 23ai. Own objects want no right; those of others SELECT_CATALOG_ROLE.

Source: DBMS_METADATA in the "PL/SQL Packages and Types Reference", and "Using the Metadata APIs" of
"Utilities"; ALTER TABLE … MODIFY … AS IDENTITY in the "SQL Language Reference".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from connectors.base import ObjectDdl
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.catalog import OBJECT_TYPES, TYPES
from connectors.sources.oracle.errors import NONE_DEPENDENT
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.script import statements
from connectors.words import shown
from core.errors import BrokenObject
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour

FLAVOUR = "The MySQL flavour is for servers of that family: this is Oracle's own."

# What DBMS_METADATA calls them, where it isn't what ALL_OBJECTS does.
_METADATA = {
    ObjectType.PACKAGE: "PACKAGE_SPEC",
    ObjectType.PACKAGE_BODY: "PACKAGE_BODY",
    ObjectType.TYPE: "TYPE_SPEC",
    ObjectType.TYPE_BODY: "TYPE_BODY",
    ObjectType.MATERIALIZED_VIEW: "MATERIALIZED_VIEW",
    ObjectType.PUBLIC_SYNONYM: "SYNONYM",
}
# What a drop says where there is nothing to drop.
_NOT_THERE = {
    ObjectType.TABLE: (-942,),
    ObjectType.VIEW: (-942,),
    ObjectType.MATERIALIZED_VIEW: (-12003, -942),
    ObjectType.SEQUENCE: (-2289,),
    ObjectType.TRIGGER: (-4080,),
    ObjectType.SYNONYM: (-1434,),
    ObjectType.PUBLIC_SYNONYM: (-1432,),
}
_BEHIND_DROP = {ObjectType.TABLE: " CASCADE CONSTRAINTS PURGE", ObjectType.TYPE: " FORCE"}
_HAS_COMMENTS = (ObjectType.TABLE, ObjectType.VIEW, ObjectType.MATERIALIZED_VIEW)
_HAS_INDEXES = (ObjectType.TABLE, ObjectType.MATERIALIZED_VIEW)
_GRANTED = (
    *_HAS_COMMENTS, ObjectType.SEQUENCE, ObjectType.FUNCTION, ObjectType.PROCEDURE, ObjectType.PACKAGE,
    ObjectType.TYPE,
)  # fmt: skip
_INDEX = re.compile(r'\bINDEX\s+"[^"]+"\."([^"]+)"', re.IGNORECASE)
# The next value of a sequence, and of an identity column: it moves without the definition changing.
_MOVING = re.compile(r"\bSTART\s+WITH\s+-?\d+", re.IGNORECASE)


class Ddl:
    """Schemas of one session."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._transformed: object = None

    def of(self, schema: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        """The schema of an object. Raises NotFound, NoPrivilege, BrokenObject."""
        with self._link.saying(f"reading the schema of {shown(str(ref))} of schema {shown(schema)}"):
            return self._read(schema, ref, flavour)

    def _read(self, schema: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        self._transform()
        owner = "PUBLIC" if ref.type is ObjectType.PUBLIC_SYNONYM else schema
        made = self._statements(sql.DDL, _METADATA.get(ref.type, TYPES[ref.type]), ref.name, owner)
        if not made:
            raise BrokenObject(f"The server gives no definition of {shown(str(ref))}.", "Exclude it.")
        later: list[str] = []
        if ref.type in _HAS_INDEXES:
            made += self._indexes(schema, ref)
        if ref.type in _HAS_COMMENTS:
            made += self._dependent("COMMENT", schema, ref)
        if ref.type is ObjectType.TABLE:
            before, after = self._identity(schema, ref)
            made += before
            later += [*self._dependent("REF_CONSTRAINT", schema, ref), *after]
        grants = self._dependent("OBJECT_GRANT", schema, ref) if ref.type in _GRANTED else []
        needs, notes = self._needs(schema, ref)
        if flavour is SchemaFlavour.MYSQL:
            notes.append(FLAVOUR)
        notes += _notes([*made, *later])
        return ObjectDdl(
            drop=drop(schema, ref),
            create=(*made, *later),
            create_bare=tuple(made),
            foreign_keys=tuple(later),
            needs=tuple(needs),
            fingerprint=_digest([*made, *later]),
            notes=tuple(notes),
            grants=tuple(grants),
        )

    def _transform(self) -> None:
        """Say how definitions are to be printed, once in each session of the server's."""
        if self._transformed is not self._link.session:
            self._link.execute(sql.TRANSFORMS)
            self._transformed = self._link.session

    def _statements(self, query: str, kind: str, name: str, owner: str) -> list[str]:
        (text,) = self._link.row(query, type=kind, name=name, owner=owner)
        return statements(str(text)) if text else []

    def _dependent(self, kind: str, schema: str, ref: ObjectRef) -> list[str]:
        """What belongs to an object; none where the server says that there is none."""
        found = self._link.rows_unless(
            (NONE_DEPENDENT,), sql.DEPENDENT_DDL, type=kind, name=ref.name, owner=schema
        )
        return statements(str(found[0][0])) if found and found[0][0] else []

    def _indexes(self, schema: str, ref: ObjectRef) -> list[str]:
        """Without those that keys bring along."""
        own = {str(name) for (name,) in self._link.rows(sql.CONSTRAINT_INDEXES, owner=schema, name=ref.name)}
        kept = []
        for statement in self._dependent("INDEX", schema, ref):
            named = _INDEX.search(statement)
            if named is None or named[1] not in own:
                kept.append(statement)
        return kept

    def _identity(self, schema: str, ref: ObjectRef) -> tuple[list[str], list[str]]:
        """What has an identity column take the values that are loaded, and what makes it itself again, its
        next value behind the largest."""
        before, after = [], []
        for column, how, on_null in self._link.rows(sql.IDENTITY, owner=schema, name=ref.name):
            table, name = sql.qualified(schema, ref.name), sql.identifier(column)
            always = how == "ALWAYS"
            if always:
                before.append(f"ALTER TABLE {table} MODIFY ({name} GENERATED BY DEFAULT AS IDENTITY)")
            given = "ALWAYS" if always else "BY DEFAULT ON NULL" if on_null == "YES" else "BY DEFAULT"
            after.append(
                f"ALTER TABLE {table} MODIFY ({name} GENERATED {given} AS IDENTITY (START WITH LIMIT VALUE))"
            )
        return before, after

    def _needs(self, schema: str, ref: ObjectRef) -> tuple[list[ObjectRef], list[str]]:
        needs: list[ObjectRef] = []
        notes: list[str] = []
        if ref.type in (ObjectType.SYNONYM, ObjectType.PUBLIC_SYNONYM):
            return needs, notes
        found = self._link.rows(sql.DEPENDENCIES, owner=schema, name=ref.name, type=TYPES[ref.type])
        for owner, kind, name in found:
            needed = OBJECT_TYPES.get(kind)
            if needed is None:
                continue
            other = ObjectRef(needed, str(name))
            if owner != schema:
                notes.append(f"Needs {shown(str(other))} of schema {shown(owner)}.")
            elif other != ref:
                needs.append(other)
        return needs, notes


def drop(schema: str, ref: ObjectRef) -> str:
    """Removes an object if it is there."""
    public = ref.type is ObjectType.PUBLIC_SYNONYM
    name = sql.identifier(ref.name) if public else sql.qualified(schema, ref.name)
    statement = f"DROP {TYPES[ref.type]} {name}{_BEHIND_DROP.get(ref.type, '')}"
    numbers = ", ".join(map(str, _NOT_THERE.get(ref.type, (-4043,))))
    return (
        f"BEGIN\n  EXECUTE IMMEDIATE {sql.literal(statement)};\nEXCEPTION\n  WHEN OTHERS THEN\n"
        f"    IF SQLCODE NOT IN ({numbers}) THEN RAISE; END IF;\nEND;"
    )


def _notes(made: Iterable[str]) -> Sequence[str]:
    if any(line.endswith("-") for text in made for line in text.splitlines()):
        return [
            "A line ends with a hyphen, which SQL*Plus takes for a line that goes on: look at what it made."
        ]
    return []


def _digest(texts: Iterable[str]) -> str:
    said = "\0".join(_MOVING.sub("START WITH", text) for text in texts)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
