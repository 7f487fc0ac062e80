"""The interface of a database that rows go to. Small enough to read at once.

A `Target` knows how to get in; a `Writer` is one way in that is open and may write. All of it is synchronous
and used from one thread, but for `Writer.cancel`.

What a task makes there is seen by others at once or not at all, as far as the server allows: rows go into one
transaction, or into staging tables that take their place at the end. A marker table tells whether that has
happened, for an attempt that comes after one that died there. Nothing is touched but the tables that the
task is to make or fill, and what bears its own names: `_offramp_<token>…`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.base import Credentials, ObjectDdl, ServerInfo
from connectors.dialect import SqlDialect
from connectors.opened import Opened
from connectors.target_rules import Rules, TargetColumn
from core.chunk import TextChunk
from core.model.connection import Connection
from core.model.settings import CsvSettings
from core.model.vocabulary import ObjectRef

OWN = "_offramp_"


def marker_name(token: str) -> str:
    """The table that tells that a task has published there. `token` is the task's, twelve hex digits."""
    return OWN + token


class Work(StrEnum):
    """What is done to one table. CREATE makes it; APPEND adds rows; ROWS puts new rows in the place of the
    old; TABLE puts a new table in the place of the old."""

    CREATE = "create"
    APPEND = "append"
    ROWS = "rows"
    TABLE = "table"

    @property
    def makes(self) -> bool:
        """Whether a table is made."""
        return self in (Work.CREATE, Work.TABLE)


@dataclass(frozen=True, slots=True)
class TableJob:
    """A table and what goes into it. `columns` are the columns of the rows that come, in their order, as they
    are there; `key` are those of the primary key of a table that is made by the rules for types. `ddl` is the
    definition that makes it, where the source's own does. `rows` says whether rows come, or the table alone
    is made. `linked`: foreign keys lead between it and other tables of the task that are there."""

    number: int
    ref: ObjectRef
    work: Work
    columns: tuple[TargetColumn, ...]
    key: tuple[str, ...] = ()
    ddl: ObjectDdl | None = None
    rows: bool = True
    linked: bool = False

    @property
    def name(self) -> str:
        return self.ref.name


@dataclass(frozen=True, slots=True)
class Definition:
    """An object that isn't a table. `replace`: it takes the place of the one of its name."""

    ref: ObjectRef
    ddl: ObjectDdl
    replace: bool


Step = TableJob | Definition


@dataclass(frozen=True, slots=True)
class RowForm:
    """In which form a writer takes rows. `csv`: as bytes of CSV files without a header; `insert`: each piece
    is one INSERT statement of this dialect into the table that `Writer.insert_name` says; neither: as chunks.
    """

    csv: CsvSettings | None = None
    insert: SqlDialect | None = None


Piece = bytes | memoryview | TextChunk


class Writer(Opened):
    """A way into a database that is open for writing, with character set, time zone and mode pinned.

    Every method may raise ConnectionLost, NoPrivilege, StatementFailed, and Unfitting for values that the
    server refuses. `form` is how it takes rows, `notes` are words about how it writes.
    """

    server: ServerInfo
    form: RowForm
    notes: tuple[str, ...] = ()

    @abstractmethod
    def recover(self, token: str) -> bool:
        """See what earlier attempts of the task have left: what one had begun to publish is brought to its
        end, what none had is removed. Whether there was anything to publish."""

    @abstractmethod
    def begin(self, token: str, steps: Sequence[Step]) -> None:
        """Make ready for these tables and objects, each of which comes after what it needs: what may not be
        done there is refused now, before any row is read."""

    @abstractmethod
    def insert_name(self, job: TableJob) -> str:
        """The table that rows of a job go into, for INSERT statements."""

    @abstractmethod
    def load(self, job: TableJob, pieces: Iterable[Piece]) -> int:
        """Take all rows of a table; returns how many the server has of them then. Whatever `pieces` raises
        comes out; `discard` then leaves nothing of this table."""

    @abstractmethod
    def define(self, definition: Definition) -> None:
        """Make an object that isn't a table, now or when publishing."""

    @abstractmethod
    def discard(self, job: TableJob) -> None:
        """Take back what was done for a table whose `load` raised."""

    @abstractmethod
    def publish(self) -> None:
        """Have everything that was loaded seen by others."""

    @abstractmethod
    def settle(self, token: str) -> None:
        """Remove the marker: that all is published is known elsewhere now."""

    @abstractmethod
    def abandon(self) -> None:
        """Leave nothing of this attempt, unless it has begun to publish."""

    @abstractmethod
    def cancel(self) -> None:
        """End the statement that is running. From any thread; may be repeated."""


class Target(ABC):
    """A database behind a connection, for writing. Making one contacts nobody. `program` is the attempt's
    own name, which no other attempt has."""

    rules: Rules

    def __init__(
        self, connection: Connection, credentials: Credentials, database: str, *, program: str = "offramp"
    ) -> None:
        self.connection = connection
        self.credentials = credentials
        self.database = database
        self.program = program

    @property
    def attempt(self) -> str:
        """Ten hex digits for the names of this attempt's staging tables."""
        return hashlib.sha256(self.program.encode()).hexdigest()[:10]

    @abstractmethod
    def connect(self) -> Writer:
        """Get in, within the connection's timeout. Raises ConnectError and its kinds."""

    def sweep(self) -> int:
        """Remove what this attempt, whose process is gone, has left there, unless it had begun to publish;
        how many tables. Raises ConnectError. Where transactions take care of that, nothing is left."""
        return 0
