"""Enums that everything shares. Their values are what people type and read, and what is stored."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from core.errors import InvalidValue

SOURCES = "offramp.sources"  # the group of entry points by which sources are found, named by their modes
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


class Mode(StrEnum):
    """The kind of database behind a connection: one of these, or one that another distribution brings.

    Any name can be one, so that a connection can be told of whose connector was taken away; `known` says
    whether there is a connector for it.
    """

    SQLITE = "sqlite"
    MYSQL = "mysql"
    MARIADB = "mariadb"
    OCEANBASE = "oceanbase"
    POSTGRESQL = "postgresql"
    ORACLE = "oracle"

    @property
    def label(self) -> str:
        return {
            "sqlite": "SQLite", "mysql": "MySQL", "mariadb": "MariaDB", "oceanbase": "OceanBase",
            "postgresql": "PostgreSQL", "oracle": "Oracle",
        }.get(self, self.value)  # fmt: skip

    @property
    def outside(self) -> bool:
        """Whether it is none of Offramp's own."""
        return self not in list(Mode)

    @classmethod
    def _missing_(cls, value: object) -> Mode | None:
        if not isinstance(value, str) or _NAME.fullmatch(value) is None:
            return None
        made = str.__new__(cls, value)
        made._name_, made._value_ = value.upper(), value
        cls._value2member_map_[value] = made
        return made

    @classmethod
    def names(cls) -> list[str]:
        """All that there are connectors for: Offramp's own first."""
        from importlib.metadata import entry_points  # noqa: PLC0415 - reads what is installed

        own = [mode.value for mode in cls]
        return own + sorted({entry.name for entry in entry_points(group=SOURCES)} - set(own))

    @classmethod
    def known(cls, name: str) -> bool:
        """Whether there is a connector for a mode of this name."""
        return name in list(cls) or name in cls.names()


class ObjectType(StrEnum):
    """Kinds of database objects, in the order in which they can be created from a schema file."""

    TYPE = "TYPE"
    SEQUENCE = "SEQUENCE"
    TABLE = "TABLE"
    INDEX = "INDEX"
    PACKAGE = "PACKAGE"
    FUNCTION = "FUNCTION"
    PROCEDURE = "PROCEDURE"
    VIEW = "VIEW"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"
    TYPE_BODY = "TYPE_BODY"
    PACKAGE_BODY = "PACKAGE_BODY"
    SYNONYM = "SYNONYM"
    PUBLIC_SYNONYM = "PUBLIC_SYNONYM"
    TRIGGER = "TRIGGER"
    EVENT = "EVENT"
    QUERY = "QUERY"

    @property
    def has_data(self) -> bool:
        """Whether rows can be read from it."""
        return self in (ObjectType.TABLE, ObjectType.VIEW, ObjectType.MATERIALIZED_VIEW, ObjectType.QUERY)

    @property
    def stored(self) -> bool:
        """Whether databases have such objects: a query is the export's own."""
        return self is not ObjectType.QUERY


class Content(StrEnum):
    SCHEMA_AND_DATA = "schema+data"
    DATA = "data"
    SCHEMA = "schema"

    @property
    def schema(self) -> bool:
        return self is not Content.DATA

    @property
    def data(self) -> bool:
        return self is not Content.SCHEMA


class Format(StrEnum):
    """The form of the data files. Schema files are always SQL."""

    CSV = "csv"
    SQL = "sql"
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"

    @property
    def label(self) -> str:
        return {
            "csv": "CSV", "sql": "SQL", "jsonl": "JSON Lines", "parquet": "Parquet", "arrow": "Arrow IPC",
        }[self]  # fmt: skip

    @property
    def is_text(self) -> bool:
        """Whether its files are text, which has an encoding and can be compressed as a whole."""
        return self in (Format.CSV, Format.SQL, Format.JSONL)


class Encoding(StrEnum):
    """Character encodings of text output. The value is what people type."""

    ASCII = "ASCII"
    ISO_8859_1 = "ISO-8859-1"
    GB2312 = "GB2312"
    GBK = "GBK"
    GB18030 = "GB18030"
    UTF_8 = "UTF-8"
    UTF_16 = "UTF-16"
    UTF_32 = "UTF-32"
    BIG5 = "BIG5"


class Unencodable(StrEnum):
    """What to do about a character that the encoding lacks, or bytes in a text column that are no text.

    `fail` stops the object and names table, column and row key. `replace` writes `?` and counts.
    `escape` writes `\\u{HEX}` for a character and `\\x{HEX}` for a byte, and counts.
    """

    FAIL = "fail"
    REPLACE = "replace"
    ESCAPE = "escape"


class Newline(StrEnum):
    LF = "lf"
    CRLF = "crlf"
    CR = "cr"

    @property
    def text(self) -> str:
        return {"lf": "\n", "crlf": "\r\n", "cr": "\r"}[self]


class SchemaFlavour(StrEnum):
    """`native`: as the server prints it. `mysql`: without what only OceanBase (or MariaDB) understands."""

    NATIVE = "native"
    MYSQL = "mysql"


class Consistency(StrEnum):
    """What holds together: everything of the task, each object, or each part, as of one point in time."""

    TASK = "task"
    OBJECT = "object"
    PART = "part"


class Lock(StrEnum):
    """Whether a brief FLUSH TABLES WITH READ LOCK may be taken to give several sessions one point in time."""

    NEVER = "never"
    BRIEF = "brief"


class Engine(StrEnum):
    """Who reads the parts of an object that become files of their own: processes of this machine, or the
    workers of a Dask cluster."""

    LOCAL = "local"
    DASK = "dask"


class OnError(StrEnum):
    ABORT = "abort"
    CONTINUE = "continue"


class TaskStatus(StrEnum):
    SCHEDULED = "Scheduled"
    QUEUED = "Queued"
    RUNNING = "Running"
    PUBLISHING = "Publishing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    ABORTING = "Aborting"
    ABORTED = "Aborted"

    @property
    def ended(self) -> bool:
        return self in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.ABORTED)

    @property
    def holds_slot(self) -> bool:
        """Whether a worker may be alive for it."""
        return self in (TaskStatus.RUNNING, TaskStatus.PUBLISHING, TaskStatus.ABORTING)


class ObjectStatus(StrEnum):
    """Of an object's schema and of its data, each on its own."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    KILLED = "killed"


class ObjectRef(msgspec.Struct, frozen=True, order=True):
    """An object of a database by its true name; written `TYPE:NAME`."""

    type: ObjectType
    name: str

    def __str__(self) -> str:
        return f"{self.type}:{self.name}"


class ObjectPattern(msgspec.Struct, frozen=True):
    """What people type to mean objects: `TABLE:orders`, `orders` (the table or view), `TABLE:ord*`.

    `*` matches any run of characters, everything else itself; a backslash takes the next character
    literally. `type` is None where none was given: then tables and views match.
    """

    type: ObjectType | None
    name: str

    @classmethod
    def parse(cls, text: str) -> ObjectPattern:
        """From `TYPE:NAME` or `NAME`. A prefix that is no type belongs to the name; `PACKAGE BODY` is as good
        as `PACKAGE_BODY`. Raises InvalidValue."""
        head, colon, tail = text.partition(":")
        kind = head.upper().replace(" ", "_")
        pattern = cls(ObjectType[kind], tail) if colon and kind in ObjectType.__members__ else cls(None, text)
        if not pattern.name:
            raise InvalidValue(f"{text!r} names no object.", "Write TYPE:NAME, NAME, or a pattern with *.")
        return pattern

    def __str__(self) -> str:
        return f"{self.type}:{self.name}" if self.type else self.name

    @property
    def literal(self) -> str | None:
        """The exact name that this pattern means, or None where it has a `*`."""
        if "*" not in self.name and "\\" not in self.name:
            return self.name
        pieces = re.findall(r"\\(.)|(.)", self.name, re.DOTALL)
        if any(plain == "*" for _, plain in pieces):
            return None
        return "".join(escaped or plain for escaped, plain in pieces)

    def matches(self, ref: ObjectRef) -> bool:
        """Whether `ref` is meant. Names are compared with their case."""
        if self.type is None:
            if not ref.type.has_data:
                return False
        elif self.type is not ref.type:
            return False
        if (literal := self.literal) is not None:
            return ref.name == literal
        pieces = re.findall(r"\\(.)|(.)", self.name, re.DOTALL)
        expression = "".join(
            re.escape(escaped) if escaped else ".*" if plain == "*" else re.escape(plain)
            for escaped, plain in pieces
        )
        return re.fullmatch(expression, ref.name, re.DOTALL) is not None
