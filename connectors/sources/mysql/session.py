"""A session with a server of the MySQL family."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from connectors.base import ObjectDdl, ObjectInfo, ReadRequest, ServerInfo, Session, TableShape
from connectors.sources.mysql import query as queries
from connectors.sources.mysql.catalog import Catalog
from connectors.sources.mysql.ddl import Ddl
from connectors.sources.mysql.dialect import dialect
from connectors.sources.mysql.information import Information
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.marks import MysqlMarks
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.read import read, read_query, read_query_typed, read_typed
from connectors.sources.mysql.sizes import Sizes
from connectors.sources.mysql.snapshot import SnapshotState
from connectors.sources.mysql.split import Splitter
from connectors.words import shown
from core.chunk import Chunk, TextChunk
from core.model.task import PartPlan, Snapshot
from core.model.vocabulary import Consistency, Lock, Mode, ObjectRef, ObjectType, SchemaFlavour


class MysqlSession(Session):
    """Puts the parts together; each is in its own module."""

    def __init__(self, link: Link, mode: Mode, sizes: Sizes | None) -> None:
        self._link = link
        self._information = Information(link)
        self._catalog = Catalog(link, self._information)
        self._ddl = Ddl(link, self._information)
        self._snapshot = SnapshotState(link)
        self._sizes = sizes
        self.dialect = dialect(link.product)
        self._mode = mode
        self.sharing = self._snapshot.sharing
        # Only a table's name can be followed by a point in time.
        self.queries_join_snapshot = link.product.family is not Family.OCEANBASE
        self.server = ServerInfo(
            product=link.product.family.value,
            version=link.product.version,
            user=self._user(),
            notes=tuple(self._notes()),
        )

        self.folds_names = link.folds_names()

    def _user(self) -> str:
        with self._link.saying("asking for the own user"):
            return str(self._link.row("SELECT CURRENT_USER()")[0])

    def _notes(self) -> Iterator[str]:
        family = self._link.product.family
        if self._mode is not family.mode:
            yield f"The connection says {self._mode.label}, the server is {family}: it is read as that."
        if family is Family.OCEANBASE and not self._link.product.seekdb:
            yield "Sequences of OceanBase are not exported."
        if self._sizes is not None:
            yield self._sizes.note

    @property
    def marks(self) -> MysqlMarks:
        return MysqlMarks(self._link, self._snapshot)

    def databases(self) -> list[str]:
        return self._catalog.databases()

    def objects(
        self, database: str, types: Sequence[ObjectType] | None = None, search: str | None = None
    ) -> list[ObjectInfo]:
        found = self._catalog.objects(database, types, search)
        sizes = self._table_sizes(database)
        return [
            replace(o, bytes=sizes[o.ref.name])
            if o.ref.type is ObjectType.TABLE and o.ref.name in sizes
            else o
            for o in found
        ]

    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        with self._letting_go(ref):
            shape = self._catalog.describe(database, ref)
        size = self._table_sizes(database).get(ref.name) if ref.type is ObjectType.TABLE else None
        return shape if size is None else replace(shape, bytes=size)

    def _table_sizes(self, database: str) -> Mapping[str, int]:
        if self._sizes is None:
            return {}
        sizes = self._sizes.of(database)
        self.server = replace(self.server, notes=tuple(self._notes()))
        return sizes

    def survey(self, database: str, refs: Collection[ObjectRef]) -> AbstractContextManager[None]:
        return self._information.survey(database, refs)

    def describe_query(self, database: str, ref: ObjectRef, query: str) -> TableShape:
        self._link.use(database)
        with self._snapshot.letting_go():
            return queries.describe(self._link, database, ref, query)

    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        if shape.query is None:  # which has been understood
            self._catalog.check_readable(database, shape, where)

    def ddl(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        with self._letting_go(ref):
            return self._ddl.of(database, ref, flavour)

    @contextlib.contextmanager
    def _letting_go(self, ref: ObjectRef) -> Iterator[None]:
        with self._link.saying(f"looking at {shown(str(ref))}"), self._snapshot.letting_go():
            yield

    def check_consistency(self, consistency: Consistency, lock: Lock, content_has_tables: bool) -> list[str]:
        return self._snapshot.check(consistency, lock) if content_has_tables else []

    def snapshot_life(self) -> int | None:
        return self._snapshot.life()

    def begin(self, reopen: Snapshot | None = None) -> Snapshot:
        return self._snapshot.begin(reopen)

    def holding_still(self) -> AbstractContextManager[None]:
        return self._snapshot.holding_still()

    def end(self) -> None:
        self._snapshot.end()

    def split(
        self, database: str, shape: TableShape, rows_per_part: int, where: str | None = None
    ) -> list[PartPlan]:
        if shape.query is not None:
            return [PartPlan(number=0)]
        facts = self._catalog.facts(database, shape.ref)
        what = f"cutting {shown(str(shape.ref))} of database {shown(database)} into parts"
        if where is not None:
            self._link.use(database)
        with self._link.saying(what, reading=True), self._snapshot.letting_go():
            splitter = Splitter(self._link, facts, self._snapshot.clause, where)
            return splitter.split(database, shape, rows_per_part)

    def read(self, request: ReadRequest) -> Iterator[TextChunk]:
        if request.shape.query is not None:
            return read_query(self._link, self._snapshot, request, request.shape.query)
        facts = self._catalog.facts(request.database, request.shape.ref)
        return read(self._link, self._snapshot, request, facts)

    def read_typed(self, request: ReadRequest) -> Iterator[Chunk]:
        if request.shape.query is not None:
            return read_query_typed(self._link, self._snapshot, request, request.shape.query)
        facts = self._catalog.facts(request.database, request.shape.ref)
        return read_typed(self._link, self._snapshot, request, facts)

    def cancel(self) -> None:
        self._link.cancel()

    def close(self) -> None:
        self._link.close()
