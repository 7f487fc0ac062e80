"""Schemas, from the catalogs: everything that pg_get_…def prints is taken as it is, the rest is put together.

All names are qualified with the schema (the session's search_path is empty), which the file makes first
unless it is "public". Tables bring along whatever belongs to them: partitions, indexes, the sequences of
their columns. Materialized views are made empty and refreshed at once, if the original is populated. Owners
and tablespaces are left out. Nothing here needs more than an ordinary account.

Source: "System Catalogs" and "System Information Functions" of the manual. Only version 15 was tried; what is
known to differ in 12 to 17 is provided for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from connectors.base import ObjectDdl
from connectors.sources.postgresql.ddl_code import Code
from connectors.sources.postgresql.ddl_grants import Grants
from connectors.sources.postgresql.ddl_script import Script
from connectors.sources.postgresql.ddl_sequences import Sequences
from connectors.sources.postgresql.ddl_tables import Tables
from connectors.sources.postgresql.ddl_types import Types
from connectors.sources.postgresql.dependencies import Dependencies, Needs
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.names import Asking
from connectors.sources.postgresql.survey import Survey
from connectors.words import shown
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour

FLAVOUR = "The MySQL flavour is for servers of that family: this is PostgreSQL's own."


class Ddl:
    """Schemas of one session."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asking: Asking = link

    def of(self, schema: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        """The schema of an object. Raises NotFound, NoPrivilege, BrokenObject."""
        with self._link.saying(f"reading the schema of {shown(str(ref))} of schema {shown(schema)}"):
            return self._read(schema, ref, flavour)

    @contextlib.contextmanager
    def surveyed(self, survey: Survey) -> Iterator[None]:
        """Within it, what `survey` knows is asked of it."""
        self._asking = survey
        try:
            yield
        finally:
            self._asking = self._link

    def _read(self, schema: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        oid = self._asking.find(schema, ref)
        script = Script(schemas={schema: None})
        if flavour is SchemaFlavour.MYSQL:
            script.note(FLAVOUR)
        drop, needs = self._make(schema, ref, oid, script)
        for note in needs.notes:
            script.note(note)
        return script.ddl(drop, needs.refs, Grants(self._asking).of(ref, oid))

    def _make(self, schema: str, ref: ObjectRef, oid: int, script: Script) -> tuple[str, Needs]:
        """The statement that drops the object, and what must be there first."""
        asking, version = self._asking, self._link.version
        dependencies = Dependencies(asking)
        match ref.type:
            case ObjectType.TABLE:
                Tables(asking, version).table(oid, script)
                return self._drop_relation("TABLE", oid), dependencies.of_relation(schema, ref, oid)
            case ObjectType.VIEW | ObjectType.MATERIALIZED_VIEW:
                dependencies.check_view(ref.name, oid)
                materialized = ref.type is ObjectType.MATERIALIZED_VIEW
                drop = Tables(asking, version).view(oid, script, materialized=materialized)
                return drop, dependencies.of_relation(schema, ref, oid)
            case ObjectType.SEQUENCE:
                sequences = Sequences(asking)
                sequences.create(oid, script)
                sequences.go_on(oid, script)
                return self._drop_relation("SEQUENCE", oid), dependencies.of_relation(schema, ref, oid)
            case ObjectType.TYPE:
                drop = Types(asking, version).create(oid, script)
                return drop, dependencies.of_type(schema, ref, oid)
            case ObjectType.TRIGGER:
                drop = Code(asking).trigger(oid, script)
                return drop, dependencies.of(schema, ref, "pg_trigger", oid)
            case _:
                drop = Code(asking).routine(oid, script)
                return drop, dependencies.of(schema, ref, "pg_proc", oid)

    def _drop_relation(self, word: str, oid: int) -> str:
        ((name,),) = self._asking.about(
            oid,
            "SELECT c.oid::bigint, c.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class c"
            " WHERE c.oid IN {oids}",
        )
        return f"DROP {word} IF EXISTS {name}"
