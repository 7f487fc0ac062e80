"""A session with an Oracle server. Its schemas are what the interface calls databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import oracledb

from connectors.base import ObjectDdl, ObjectInfo, ReadRequest, ServerInfo, Session, Sharing, TableShape
from connectors.sources.oracle import queries
from connectors.sources.oracle.catalog import Catalog
from connectors.sources.oracle.ddl import Ddl
from connectors.sources.oracle.dialect import ORACLE
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.marks import OracleMarks
from connectors.sources.oracle.read import passes, read, read_table, readings_of
from connectors.sources.oracle.snapshot import SnapshotState
from connectors.sources.oracle.split import split
from connectors.words import shown
from core.chunk import TextChunk
from core.model.task import PartPlan, Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType, SchemaFlavour


class OracleSession(Session):
    """Puts the parts together; each is in its own module."""

    dialect = ORACLE
    # AS OF stands behind a table, not behind what somebody wrote.
    queries_join_snapshot = False

    def __init__(self, link: Link) -> None:
        self._link = link
        self._catalog = Catalog(link)
        self._ddl = Ddl(link)
        self._snapshot = SnapshotState(link)
        self._marks = OracleMarks(link, self._catalog, self._snapshot)
        # Accounts of the system's own begin in what isn't exported.
        self.begins_in = link.schema if link.schema in self._catalog.schemas() else None
        self.server = ServerInfo(
            product="Oracle",
            version=link.version_text,
            user=link.user,
            notes=tuple(self._catalog.notes()),
        )

    @property
    def sharing(self) -> Sharing:  # type: ignore[override]
        return Sharing.SNAPSHOT if self._snapshot.by_scn else Sharing.NONE

    @property
    def marks(self) -> OracleMarks:
        return self._marks

    def databases(self) -> list[str]:
        return self._catalog.schemas()

    def objects(
        self, database: str, types: Sequence[ObjectType] | None = None, search: str | None = None
    ) -> list[ObjectInfo]:
        return self._catalog.objects(database, types, search)

    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        return self._catalog.describe(database, ref)

    def describe_query(self, database: str, ref: ObjectRef, query: str) -> TableShape:
        self._enter(database)
        return queries.describe(self._link, ref, query)

    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        """Also as of now, where that alone is allowed: then read-only transactions are what there is."""
        if shape.query is not None:
            return  # it has been understood
        what = f"reading {shown(str(shape.ref))} of schema {shown(database)}"
        view = self._catalog.facts(database, shape.ref).view
        self._enter(database)
        with self._link.saying(what, reading=True, view=view):
            self._catalog.check_readable(database, shape, where, None)
            if self._link.in_transaction:
                return
            scn = self._snapshot.now() if self._snapshot.by_scn else None
            try:
                if scn is not None:
                    self._catalog.check_readable(database, shape, where, scn)
            except oracledb.Error as error:
                if not self._snapshot.refuse(shape.ref, error):
                    raise

    def _enter(self, database: str) -> None:
        """Have names that somebody wrote without a schema mean this one's."""
        with self._link.saying(f"entering schema {shown(database)}"):
            self._link.enter(database)

    def ddl(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        return self._ddl.of(database, ref, flavour)

    def check_consistency(self, consistency: Consistency, lock: Lock, content_has_tables: bool) -> list[str]:
        return self._snapshot.check(consistency, lock) if content_has_tables else []

    def snapshot_life(self) -> int | None:
        return self._snapshot.life()

    def begin(self, reopen: Snapshot | None = None) -> Snapshot:
        return self._snapshot.begin(reopen)

    def end(self) -> None:
        self._snapshot.end()

    def split(
        self, database: str, shape: TableShape, rows_per_part: int, where: str | None = None
    ) -> list[PartPlan]:
        if shape.query is not None:
            return [PartPlan(number=0)]
        facts = self._catalog.facts(database, shape.ref)
        what = f"cutting {shown(str(shape.ref))} of schema {shown(database)} into parts"
        self._enter(database)
        with self._link.saying(what, reading=True):
            return split(self._link, database, shape, facts, rows_per_part, where=where)

    def read(self, request: ReadRequest) -> Iterator[TextChunk]:
        shape = request.shape
        what = f"reading {shown(str(shape.ref))} of schema {shown(request.database)}"
        self._enter(request.database)
        if shape.query is not None:
            return self._read_query(what, request, shape.query)
        facts = self._catalog.facts(request.database, shape.ref)
        fixed = self._snapshot.fixed
        return read_table(self._link, what, request, facts, self._snapshot.scn, fixed=fixed)

    def _read_query(self, what: str, request: ReadRequest, query: str) -> Iterator[TextChunk]:
        with self._link.saying(what, reading=True):
            known = queries.readings(queries.types(self._link, request.shape.ref, query))
        readings = readings_of(request.shape.columns, known)
        found = passes(request, queries.derived(query), readings, steady=False)
        return read(self._link, what, request, found, readings, view=True)

    def cancel(self) -> None:
        self._link.cancel()

    def close(self) -> None:
        self._link.close()
