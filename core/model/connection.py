"""A connection: a named way into a database."""

from __future__ import annotations

import msgspec

from core.errors import InvalidValue
from core.model.cluster import check_scheduler
from core.model.oracle import OracleSettings
from core.model.secret import SecretRef
from core.model.vocabulary import Engine, Mode


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a network connection is encrypted.

    `mode`: `off`, `prefer` (if the server offers it, certificate unchecked), `require` (certificate
    unchecked), `verify-ca`, `verify-identity` (certificate and host name). Paths are PEM files.
    """

    mode: str = "prefer"
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    MODES = ("off", "prefer", "require", "verify-ca", "verify-identity")

    def __post_init__(self) -> None:
        if self.mode not in self.MODES:
            raise InvalidValue(f"TLS mode {self.mode!r} is none of {', '.join(self.MODES)}.")


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named way into a database.

    SQLite uses `path` only; the others `host` and `port` or `unix_socket` (those that another distribution
    brings may use a `path`, too). `database` is where browsing starts. PostgreSQL's connections are to one
    `database`, and its schemas are what others call databases: `schema` is where browsing starts there; its
    `unix_socket` is the directory of the socket. Oracle's are to one service (`database`), or what `oracle`
    names instead, and have schemas as well.
    `connect_timeout` and `read_timeout` are seconds; the latter is the longest silence of the server while
    rows are awaited, 0 for no limit. `task_limit`: at most so many tasks read it at once, None for as many as
    run at all. `session_limit`: at most so many sessions of one task are open on it at once, the task's own
    included, None for no limit; what only ends a statement, or what a lost process has left, isn't counted,
    nor are sessions of a sys account. `engine` and `dask_scheduler`: where the parts of its exports are read
    that don't say it.
    """

    name: str
    mode: Mode
    path: str | None = None
    host: str | None = None
    port: int | None = None
    unix_socket: str | None = None
    user: str | None = None
    database: str | None = None
    schema: str | None = None
    secret: SecretRef | None = None
    tls: TlsSettings = TlsSettings()
    oracle: OracleSettings = OracleSettings()
    connect_timeout: int = 10
    read_timeout: int = 600
    task_limit: int | None = None
    session_limit: int | None = None
    engine: Engine | None = None
    dask_scheduler: str | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or not self.name.isprintable():
            raise InvalidValue(
                f"{self.name!r} can't name a connection.",
                "Use printable characters without spaces at the ends.",
            )
        if self.mode is Mode.SQLITE:
            if not self.path:
                raise InvalidValue(f"Connection {self.name!r}: SQLite needs the path of a database file.")
            if self.host or self.port or self.unix_socket or self.user or self.secret:
                raise InvalidValue(
                    f"Connection {self.name!r}: SQLite has a path only, no host, user or password."
                )
        elif not (self.mode.outside and self.path):
            if self.path:
                raise InvalidValue(
                    f"Connection {self.name!r}: a path is for SQLite.", "Use a host or unix_socket."
                )
            if not (self.host or self.unix_socket or self.mode is Mode.ORACLE):
                raise InvalidValue(f"Connection {self.name!r} needs a host or a unix_socket.")
            if not self.user:
                raise InvalidValue(f"Connection {self.name!r} needs a user.")
        if self.schema is not None and not self.has_schemas:
            raise InvalidValue(
                f"Connection {self.name!r}: a schema is for PostgreSQL and Oracle.", "Use the database."
            )
        self._check_oracle()
        if self.mode is Mode.POSTGRESQL and not self.database:
            raise InvalidValue(f"Connection {self.name!r} needs a database: PostgreSQL's are apart.")
        if self.port is not None and not 0 < self.port < 65536:
            raise InvalidValue(f"Connection {self.name!r}: port {self.port} is not between 1 and 65535.")
        self._check_texts()
        self._check_numbers()

    def _check_texts(self) -> None:
        for value in (self.path, self.unix_socket, self.host, self.user, self.database):
            if value is not None and "\0" in value:
                raise InvalidValue(f"Connection {self.name!r}: {value!r} has a NUL in it.")

    def _check_oracle(self) -> None:
        if self.mode is not Mode.ORACLE:
            if self.oracle != OracleSettings():
                raise InvalidValue(
                    f"Connection {self.name!r}: SID, TNS alias, wallet and client libraries are for Oracle."
                )
            return
        if self.unix_socket:
            raise InvalidValue(f"Connection {self.name!r}: Oracle is reached by host and port.")
        wrong = self.oracle.complaint(host=bool(self.host), service=bool(self.database))
        if wrong is not None:
            raise InvalidValue(f"Connection {self.name!r}: {wrong}.")

    def _check_numbers(self) -> None:
        if self.connect_timeout <= 0 or self.read_timeout < 0:
            raise InvalidValue(f"Connection {self.name!r}: a timeout must be positive.")
        if self.task_limit is not None and self.task_limit < 1:
            raise InvalidValue(
                f"Connection {self.name!r}: at most {self.task_limit} tasks at once can't be.",
                "Use 1 or more.",
            )
        if self.session_limit is not None and self.path:
            raise InvalidValue(f"Connection {self.name!r}: a file has no sessions to limit.")
        if self.session_limit is not None and self.session_limit < 2:
            raise InvalidValue(
                f"Connection {self.name!r}: at most {self.session_limit} sessions at once can't be.",
                "Use 2 or more: with 2, parts are read one after another.",
            )
        check_scheduler(self.dask_scheduler, f"Connection {self.name!r}: ")
        if self.mode is Mode.SQLITE and (self.engine or self.dask_scheduler):
            raise InvalidValue(f"Connection {self.name!r}: a file on this machine is read by this machine.")

    def readers(self, most: int) -> int:
        """How many of `most` may read parts at once, each in a session beside the task's own."""
        return most if self.session_limit is None else min(most, self.session_limit - 1)

    @property
    def begins_in(self) -> str | None:
        """The database whose objects are meant where none is named; PostgreSQL's and Oracle's schema."""
        return self.schema if self.has_schemas else self.database

    @property
    def has_schemas(self) -> bool:
        """Whether it leads to one database, and what others call databases are its schemas."""
        return self.mode in (Mode.POSTGRESQL, Mode.ORACLE)

    @property
    def place(self) -> str:
        """The server or file, for people: `host:port`, a socket or a path."""
        if self.path:
            return self.path
        if self.oracle.tns is not None:
            # A whole descriptor is long.
            return "a TNS descriptor" if self.oracle.tns.lstrip().startswith("(") else self.oracle.tns
        host = self.host if self.port is None else f"{self.host}:{self.port}"
        place = self.unix_socket or str(host)
        return f"{place}/{self.database or self.oracle.sid}" if self.has_schemas else place
