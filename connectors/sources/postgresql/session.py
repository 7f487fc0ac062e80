"""A session with a PostgreSQL server. Its schemas are what the interface calls databases."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

from connectors.base import ObjectDdl, ObjectInfo, ReadRequest, ServerInfo, Session, Sharing, TableShape
from connectors.sources.postgresql import query as queries
from connectors.sources.postgresql.catalog import Catalog
from connectors.sources.postgresql.ddl import Ddl
from connectors.sources.postgresql.dialect import POSTGRESQL
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.marks import PostgresqlMarks
from connectors.sources.postgresql.read import Texts, Way, read, read_query
from connectors.sources.postgresql.snapshot import SnapshotState
from connectors.sources.postgresql.split import split
from connectors.sources.postgresql.survey import TOGETHER, Survey
from connectors.words import shown
from core.chunk import Chunk, TextChunk
from core.model.task import PartPlan, Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType, SchemaFlavour

C = TypeVar("C")


class PostgresqlSession(Session):
    """Puts the parts together; each is in its own module."""

    dialect = POSTGRESQL
    sharing = Sharing.SNAPSHOT

    def __init__(self, link: Link) -> None:
        self._link = link
        self._catalog = Catalog(link)
        self._ddl = Ddl(link)
        self._snapshot = SnapshotState(link)
        # A search_path may lead to the system's own.
        self.begins_in = link.schema if link.schema in self._catalog.schemas() else None
        with link.saying("asking for the own user"):
            (user,) = link.row("SELECT CURRENT_USER::text")
        self.server = ServerInfo(
            product="PostgreSQL",
            version=link.version_text,
            user=str(user),
            notes=tuple(self._catalog.notes()),
        )

    @property
    def marks(self) -> PostgresqlMarks:
        return PostgresqlMarks(self._link, self._catalog)

    def databases(self) -> list[str]:
        return self._catalog.schemas()

    def objects(
        self, database: str, types: Sequence[ObjectType] | None = None, search: str | None = None
    ) -> list[ObjectInfo]:
        return self._catalog.objects(database, types, search)

    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        if self._catalog.knows(database, ref):
            return self._catalog.describe(database, ref)
        with self._letting_go(ref):
            return self._catalog.describe(database, ref)

    def describe_query(self, database: str, ref: ObjectRef, query: str) -> TableShape:
        with self._link.letting_go():
            return queries.describe(self._link, database, ref, query)

    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        if shape.query is not None:
            return  # it has been understood
        with self._letting_go(shape.ref):
            self._catalog.check_readable(database, shape, where)

    def ddl(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        with self._letting_go(ref):
            return self._ddl.of(database, ref, flavour)

    @contextlib.contextmanager
    def survey(self, database: str, refs: Collection[ObjectRef]) -> Iterator[None]:
        if len(refs) < TOGETHER:
            yield
            return
        # One transaction: what is told later of a table is as of when it was found.
        with self._link.saying(f"looking at schema {shown(database)}"), self._link.letting_go():
            found = Survey(self._link, database, refs)
            with self._catalog.surveyed(found), self._ddl.surveyed(found):
                yield

    @contextlib.contextmanager
    def _letting_go(self, ref: ObjectRef) -> Iterator[None]:
        with self._link.saying(f"looking at {shown(str(ref))}"), self._link.letting_go():
            yield

    def check_consistency(self, consistency: Consistency, lock: Lock, content_has_tables: bool) -> list[str]:
        return self._snapshot.check(consistency, lock) if content_has_tables else []

    def snapshot_life(self) -> int | None:
        return None

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
        with self._link.saying(what, reading=True), self._link.letting_go():
            return split(self._link, database, shape, facts, rows_per_part, where=where)

    def read(self, request: ReadRequest) -> Iterator[TextChunk]:
        return self._read(request, Texts())

    def read_typed(self, request: ReadRequest) -> Iterator[Chunk]:
        # It brings Arrow, which takes a while to load.
        from connectors.sources.postgresql.typed import Typed  # noqa: PLC0415

        return self._read(request, Typed())

    def _read(self, request: ReadRequest, way: Way[C]) -> Iterator[C]:
        if request.shape.query is not None:
            return read_query(self._link, request, request.shape.query, way)
        facts = self._catalog.facts(request.database, request.shape.ref)
        return read(self._link, self._snapshot, request, facts, way)

    def cancel(self) -> None:
        self._link.cancel()

    def close(self) -> None:
        self._link.close()
