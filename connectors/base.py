"""The interface of a source: what Offramp asks of a database. Small enough to read at once.

A `Source` knows how to get in; a `Session` is one way in that is open. All of it is synchronous and used
from one thread, but for `Session.cancel`, which any thread may call. Sources are found by mode through the
entry-point group `offramp.sources`, so that others can bring their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from connectors.dialect import SqlDialect, SqlLiteral
from connectors.opened import Opened
from core.chunk import Chunk, Kind, TextChunk
from core.errors import SnapshotUnavailable, Unsupported
from core.logical import TEXT, LogicalType
from core.model.connection import Connection
from core.model.settings import SysAccount
from core.model.task import PartPlan, Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType, SchemaFlavour

if TYPE_CHECKING:
    from connectors.marks import Marks

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Credentials:
    """What gets a session in, resolved: handed over in memory or by pipe, never stored, never in a repr."""

    password: str | None = field(default=None, repr=False)
    sys_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TestStep:
    """One step of a connection test: resolve, connect, log in, version, rights, snapshot.

    `ok` False ends the test; `detail` is what was found, or what is wrong and what to do.
    """

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a session found: `product` (OceanBase, MariaDB, MySQL, SQLite), its version, who one is there,
    and words about limits that a person should know."""

    product: str
    version: str
    user: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a list shows it. Rows and bytes are estimates, None where the server has none."""

    ref: ObjectRef
    rows: int | None = None
    bytes: int | None = None
    comment: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column that is read. `type` as the source names it (`decimal(18,4) unsigned`); `kind` how its
    bytes are understood; `insertable` False for generated columns; `logical` what it holds, for formats with
    types (TEXT where nothing better fits every value); `literal` how it stands in SQL files, where the source
    says that by column."""

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    insertable: bool = True
    logical: LogicalType = TEXT
    literal: SqlLiteral | None = None


@dataclass(frozen=True, slots=True)
class TableShape:
    """What must be known of a table or view before it is read. `key` are the columns of a unique key
    without NULLs, in its order, empty where there is none: rows are named by it in messages, and cut into
    parts along it. `query`: what is read is this query's result, in the source's dialect, instead of an
    object of the database. `chosen`: the columns are a choice of those that the object has."""

    ref: ObjectRef
    columns: tuple[SourceColumn, ...]
    key: tuple[str, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    warnings: tuple[str, ...] = ()
    query: str | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class ObjectDdl:
    """An object's schema, as statements without their terminator.

    `drop` removes it if it is there; `create` makes it with everything that belongs to it (indexes and
    comments included, foreign keys too); `create_bare` makes it without foreign keys, which `foreign_keys`
    adds afterwards (equal to `create` and empty where a dialect can't separate them). `needs` are the
    objects that must be there first. `fingerprint` is a digest that changes when the shape does.
    `notes` are words for the manifest (a clause left out for the flavour).

    `preamble` comes before anything else; a file of many objects has each of these statements once. `unlink`
    takes the foreign keys off where they are there, so that any order of drops will do. `grants` are the
    privileges, written where they are asked for. What would act on rows while they are loaded (rules,
    policies) is among the foreign keys.
    """

    drop: str
    create: tuple[str, ...]
    create_bare: tuple[str, ...]
    foreign_keys: tuple[str, ...] = ()
    needs: tuple[ObjectRef, ...] = ()
    fingerprint: str = ""
    notes: tuple[str, ...] = ()
    preamble: tuple[str, ...] = ()
    unlink: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What to read: the columns of an object, in this order, within one part. `where` is a predicate in the
    source's dialect that rows must meet beside the part's own. `comment` says to the server's DBA who asks
    (task number and user) and holds no `*/`."""

    database: str
    shape: TableShape
    part: PartPlan
    where: str | None = None
    comment: str = ""
    chunk_bytes: int = CHUNK_BYTES


class Sharing(Enum):
    """How several sessions of a source come to the same point in time.

    NONE: not at all. SNAPSHOT: what `Session.begin` gives opens again or is joined in the others. LOCK: all
    of them begin while one has the server hold still (`Session.holding_still`).
    """

    NONE = "none"
    SNAPSHOT = "snapshot"
    LOCK = "lock"


class Session(Opened):
    """A way into a database that is open, read-only, with character set, time zone and mode pinned.

    `begins_in` is the database that the account itself begins in, where neither the connection nor the
    settings name one; None where it has none. `queries_join_snapshot`: what somebody wrote (a query, a table
    within a condition) is read as of the point in time that `begin` fixed; False where it is read as of now.

    Every method may raise ConnectionLost, NoPrivilege or StatementFailed beside what it names.
    """

    server: ServerInfo
    dialect: SqlDialect
    begins_in: str | None = None
    folds_names: bool = False
    queries_join_snapshot: bool = True
    sharing: Sharing = Sharing.NONE

    @property
    def marks(self) -> Marks | None:
        """What it tells of the columns by which new rows are known; None where it can't."""
        return None

    @abstractmethod
    def databases(self) -> list[str]:
        """Databases that the account sees, without the system's own, sorted."""

    @abstractmethod
    def objects(
        self, database: str, types: Sequence[ObjectType] | None = None, search: str | None = None
    ) -> list[ObjectInfo]:
        """Objects of a database, of these types (None: all that the server has), whose name holds `search`
        (any case), sorted by type and name. Raises NotFound where there is no such database."""

    @abstractmethod
    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        """What must be known to read a table or view. Raises NotFound, BrokenObject."""

    def describe_query(self, database: str, ref: ObjectRef, query: str) -> TableShape:
        """What a query gives that is read as a data set under the name of `ref`; names in it without a
        database are this one's. It must be one statement that gives rows and does nothing else, each column
        with a name of its own. Raises StatementFailed and its kinds, BrokenObject. By default a source has no
        queries: Unsupported."""
        del database, query
        raise Unsupported(
            f"{ref} can't be read: {self.server.product} is read without queries here.",
            "Make a view of it, and export that.",
        )

    def survey(self, database: str, refs: Collection[ObjectRef]) -> AbstractContextManager[None]:
        """Within it, `describe` and `ddl` of these objects may answer as of its beginning: a source whose
        catalog tells of many objects at once saves statements by it. By default nothing changes."""
        del database, refs
        return nullcontext()

    @abstractmethod
    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        """Ask the server for no row of all its columns, and whether it takes `where` for one condition of
        these rows. Raises NoPrivilege or BrokenObject, StatementFailed for the condition."""

    @abstractmethod
    def ddl(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        """An object's schema. Raises NotFound, NoPrivilege, BrokenObject."""

    @abstractmethod
    def check_consistency(self, consistency: Consistency, lock: Lock, content_has_tables: bool) -> list[str]:
        """Whether this consistency can be had. Raises SnapshotUnavailable, else words about what it costs."""

    @abstractmethod
    def snapshot_life(self) -> int | None:
        """For how many seconds a snapshot taken now can be read at least; None for as long as it is open."""

    @abstractmethod
    def begin(self, reopen: Snapshot | None = None) -> Snapshot:
        """Fix the point in time that `read` sees until `end`: a new one, or `reopen` where that `reopens`, or
        where it `joins` and the session that fixed it hasn't ended it. Raises SnapshotGone,
        SnapshotUnavailable, and ConnectionLost where that session is gone."""

    def holding_still(self) -> AbstractContextManager[None]:
        """Within it the server commits nothing, so that points in time that sessions fix meanwhile are the
        same; only where `sharing` is LOCK, and only for moments. Raises SnapshotUnavailable."""
        raise SnapshotUnavailable("This source has no lock for a point in time.")

    @abstractmethod
    def end(self) -> None:
        """Let go of the point in time, and of what the server holds for it."""

    def settle(self, database: str, shape: TableShape) -> TableShape:
        """The shape with logical types that fit every value that is there now, for formats with types; within
        `begin` and `end`. A source whose types hold by themselves has nothing to look at."""
        return shape

    @abstractmethod
    def split(
        self, database: str, shape: TableShape, rows_per_part: int, where: str | None = None
    ) -> list[PartPlan]:
        """Cut a table along its key into parts of about so many rows, by ranges that the server itself
        compares: every row in exactly one of them. One part where it can't be cut or is small. With `where`,
        only rows that meet it count; the parts' own conditions don't hold it."""

    @abstractmethod
    def read(self, request: ReadRequest) -> Iterator[TextChunk]:
        """The rows of a part, in key order where the object has a key and that costs no sort. Ends only
        after the server has said that the result is complete. Raises SnapshotGone, SchemaChanged,
        ValueTooLarge."""

    def read_typed(self, request: ReadRequest) -> Iterator[Chunk]:
        """The same rows for a file with types: as `ArrowChunk` where the source can hand them over so, of
        the shape's logical types (`settle`). The file must be the one that `read` makes."""
        return self.read(request)

    @abstractmethod
    def cancel(self) -> None:
        """End the statement that is running, on the server too. From any thread; may be repeated. The
        thread that reads then gets ConnectionLost."""


class Source(ABC):
    """A database behind a connection. Making one contacts nobody."""

    def __init__(
        self,
        connection: Connection,
        credentials: Credentials,
        *,
        sys_account: SysAccount | None = None,
        program: str = "offramp",
    ) -> None:
        self.connection = connection
        self.credentials = credentials
        self.sys_account = sys_account
        self.program = program

    @abstractmethod
    def connect(self) -> Session:
        """Get in, within the connection's timeout. Raises ConnectError and its kinds."""

    def end_left_over(self) -> int:
        """End what sessions of this `program` still run on the server though their process is gone, and
        nothing else: how many there were. Only for a `program` that no living process has. Raises
        ConnectError. A source without a server has nothing left over."""
        return 0

    @abstractmethod
    def test(self) -> Iterator[TestStep]:
        """Try it step by step, saying what is found; the last step is the last yielded. Raises nothing of
        ConnectError: a failed step says it."""

    @abstractmethod
    def test_sys_account(self) -> Iterator[TestStep]:
        """Try the sys tenant account, and say whether it is needed here and what it would be used for."""
