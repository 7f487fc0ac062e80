"""Rows into MySQL, MariaDB and OceanBase: LOAD DATA LOCAL, or INSERTs of many rows where the server doesn't
allow that, into staging tables; see `mysql_publish` for how these come to their names.

LOAD DATA LOCAL turns what would be an error into a warning and goes on with another value: a load with a
warning has failed. Source: "LOAD DATA Statement" of the MySQL 8.0 manual, "LOCAL Versus Non-LOCAL Operation".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from pymysql.err import MySQLError

from connectors.base import ServerInfo
from connectors.destinations.database.mysql_publish import (
    Fill,
    Key,
    Plan,
    Publication,
    Swap,
    own_everywhere,
    own_tables,
)
from connectors.destinations.database.mysql_rules import MysqlRules
from connectors.destinations.database.mysql_send import send_rows
from connectors.sources.mysql.dialect import dialect
from connectors.sources.mysql.errors import number, words
from connectors.sources.mysql.kill import kill_marked, left_over_mark
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.login import Login
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.sql import identifier, name_of, tokens
from connectors.target_rules import TargetColumn
from connectors.targets import (
    OWN,
    Definition,
    Piece,
    RowForm,
    Step,
    TableJob,
    Target,
    Work,
    Writer,
    marker_name,
)
from connectors.words import shown
from core.chunk import TextChunk
from core.errors import OfframpError, Unfitting, Unreachable
from core.model.settings import CSV_PRESETS

# Strict, so that no value is changed in silence; zero dates and dates that no calendar has are values here.
_SQL_MODE = "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"
# What the server says of a value that it doesn't take: out of range, too long, no such value, NULL, a key
# that is there, a parent that isn't, a constraint.
_REFUSED = {1048, 1062, 1136, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1451, 1452, 1690, 3140, 3819, 4025}
_NOT_ALLOWED = {1148, 1235, 3948, 4166}
_MARKER = "m"


class WritingLink(Link):
    """A link whose session may write."""

    def _pin_access(self) -> None:
        self.execute("SET SESSION TRANSACTION READ WRITE")
        self.execute(f"SET SESSION sql_mode = '{_SQL_MODE}', foreign_key_checks = 1, unique_checks = 1")


class MysqlTarget(Target):
    """One database of a server."""

    rules = MysqlRules()

    def _link(self) -> Link:
        login = Login(self.connection, self.credentials.password, self.program, sends_rows=True)
        return WritingLink(login)

    def connect(self) -> Writer:
        return MysqlWriter(self._link(), self.database, self.attempt)

    def sweep(self) -> int:
        login = Login(self.connection, self.credentials.password, self.program)
        if kill_marked(login, left_over_mark(self.program), "KILL", self.connection.connect_timeout) is None:
            raise Unreachable(f"The server of connection {self.connection.name!r} can't be asked.")
        with contextlib.closing(self._link()) as link, link.saying("removing what was left"):
            return sum(
                remove(link, database, [name for name in tables if self.attempt in name.split("_")])
                for database, tables in own_everywhere(link, OWN).items()
            )


def remove(link: Link, database: str, tables: list[str]) -> int:
    """Drop these staging tables and markers, but where a marker says that publishing has begun; how many."""
    if tables:
        link.execute(f"USE {identifier(database)}")
    for marker in (name for name in tables if name.endswith(f"_{_MARKER}")):
        if Publication(link, database, marker).read() is not None:
            return 0
    for name in tables:
        link.execute(f"DROP TABLE IF EXISTS {identifier(name)}")
    return len(tables)


class MysqlWriter(Writer):
    def __init__(self, link: Link, database: str, attempt: str) -> None:
        self._link = link
        self._database = database
        self._attempt = attempt
        self._prefix = OWN
        self._publication: Publication | None = None
        self._loaded: list[tuple[TableJob, int]] = []
        self._definitions: list[Definition] = []
        self.server = ServerInfo(product=link.product.family.value, version=link.product.version)
        with contextlib.ExitStack() as undo:
            undo.callback(link.close)
            self._enter(database)
            undo.pop_all()

    def _enter(self, database: str) -> None:
        with self._link.saying(f"entering database {shown(database)}"):
            self._link.execute(f"USE {identifier(database)}")
            allowed = self._link.rows("SHOW VARIABLES LIKE 'local_infile'")
        if self._link.product.family is Family.OCEANBASE:
            # Its LOAD DATA cuts values that are too long and turns NULL into 0, without a warning (seen on
            # 4.3.5).
            self.form = RowForm(insert=dialect(self._link.product))
        elif allowed and str(allowed[0][1]).upper() in ("ON", "1"):
            self.form = RowForm(csv=CSV_PRESETS["mysql"])
        else:
            self.form = RowForm(insert=dialect(self._link.product))
            self.notes = ("The server has local_infile off: rows go in by INSERT, which is slower.",)

    def recover(self, token: str) -> bool:
        with self._link.saying("looking for what an earlier attempt has left"):
            left = own_tables(self._link, self._database, f"{marker_name(token)}_")
            for marker in (name for name in left if name.endswith(f"_{_MARKER}")):
                publication = Publication(self._link, self._database, marker)
                plan = publication.read()
                if plan is not None:
                    publication.carry_out(plan)
                    self._publication = publication
                    return True
            remove(self._link, self._database, left)
        return False

    def begin(self, token: str, steps: Sequence[Step]) -> None:
        self._prefix = f"{marker_name(token)}_{self._attempt}_"
        publication = Publication(self._link, self._database, self._prefix + _MARKER)
        with self._link.saying(f"beginning to write into database {shown(self._database)}"):
            publication.drop()
            publication.make()
        self._publication = publication

    def _staging(self, job: TableJob) -> str:
        return f"{self._prefix}{job.number}"

    def insert_name(self, job: TableJob) -> str:
        return self._staging(job)

    def load(self, job: TableJob, pieces: Iterable[Piece]) -> int:
        staging = identifier(self._staging(job))
        with self._link.saying(f"making a staging table for {shown(job.name)}"):
            self._link.execute(f"DROP TABLE IF EXISTS {staging}")
            for statement in self._make(job, staging):
                self._link.execute(statement)
        if job.rows:
            with self._refusals(job):
                self._send(job, staging, pieces)
        with self._link.saying(f"counting the rows of {shown(job.name)}"):
            ((count,),) = self._link.rows(f"SELECT COUNT(*) FROM {staging}")
        self._loaded.append((job, int(count)))
        return int(count)

    def _make(self, job: TableJob, staging: str) -> Iterator[str]:
        if not job.work.makes:
            yield f"CREATE TABLE {staging} LIKE {identifier(job.name)}"
        elif job.ddl is not None:
            create, *more = job.ddl.create_bare
            yield create.replace(identifier(job.name), staging, 1)
            yield from more
        else:
            lines = [_column(column) for column in job.columns]
            if job.key:
                lines.append(f"PRIMARY KEY ({', '.join(map(identifier, job.key))})")
            texts = "DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin"
            yield f"CREATE TABLE {staging} ({', '.join(lines)}) {texts}"

    def _send(self, job: TableJob, staging: str, pieces: Iterable[Piece]) -> None:
        if self.form.csv is None:
            for piece in pieces:
                self._link.change(_bytes(piece).decode("utf-8", "surrogateescape"))
            return
        self._link.ready()
        statement = self._link.mark + _load_data(job, staging)
        with self._link.busy():
            taken = send_rows(self._link.wire, statement, map(_bytes, pieces))
        if taken.warnings:
            self._refuse(job)

    def _refuse(self, job: TableJob) -> None:
        """Raises Unfitting in the server's words."""
        said = [str(text) for _, _, text in self._link.rows("SHOW WARNINGS LIMIT 3")]
        raise Unfitting(
            f"{job.ref}: the server would change or leave out values: {shown(' '.join(said)) or 'it warns'}.",
            "Change the table there, or leave the column or the rows out.",
        )

    @contextlib.contextmanager
    def _refusals(self, job: TableJob) -> Iterator[None]:
        with self._link.saying(f"loading rows into {shown(job.name)}"):
            try:
                yield
            except MySQLError as error:
                if number(error) in _NOT_ALLOWED:
                    raise Unfitting(
                        f"{job.ref}: the server says that it takes rows by LOAD DATA LOCAL, and refuses it:"
                        f" {words(error)}.",
                        "Set local_infile off or on for both sides of the server's account.",
                    ) from error
                if number(error) not in _REFUSED:
                    raise
                raise Unfitting(
                    f"{job.ref}: the server refuses a row: {words(error)}.",
                    "Change the table there, or leave the column or the rows out.",
                ) from error

    def define(self, definition: Definition) -> None:
        self._definitions.append(definition)

    def discard(self, job: TableJob) -> None:
        with self._link.saying(f"taking back {shown(job.name)}"):
            self._link.execute(f"DROP TABLE IF EXISTS {identifier(self._staging(job))}")

    def publish(self) -> None:
        if self._publication is None:
            raise ValueError("begin comes before publish")
        plan = self._plan()
        with self._link.saying("publishing"):
            try:
                self._publication.write(plan)
                self._publication.carry_out(plan)
            except MySQLError as error:
                if number(error) not in _REFUSED:
                    raise
                raise Unfitting(
                    f"The server refuses a row: {words(error)}.", "Change the table there, or leave rows out."
                ) from error

    def _plan(self) -> Plan:
        swaps, fills, keys = [], [], []
        with self._link.saying("looking for tables that give way"):
            there = self._there([job.name for job, _ in self._loaded if job.work is Work.TABLE])
        for job, rows in self._loaded:
            staging = self._staging(job)
            if job.work.makes:
                swaps.append(Swap(staging, job.name, f"{staging}_old" if job.name in there else None))
                keys += [
                    Key(job.name, _key_name(text), text) for text in (job.ddl.foreign_keys if job.ddl else ())
                ]
            else:
                columns = tuple(column.name for column in job.columns)
                fills.append(Fill(staging, job.name, columns, job.work is Work.ROWS, rows))
        after = tuple((d.ddl.drop, *d.ddl.create) for d in self._definitions)
        return Plan(tuple(swaps), tuple(fills), tuple(keys), after)

    def _there(self, wanted: list[str]) -> set[str]:
        return self._publication.tables(wanted) if self._publication is not None else set()

    def settle(self, token: str) -> None:
        if self._publication is not None:
            with self._link.saying("removing the marker"):
                self._publication.drop()

    def abandon(self) -> None:
        if self._publication is None:
            return
        with contextlib.suppress(OfframpError), self._link.saying("removing staging tables"):
            remove(self._link, self._database, own_tables(self._link, self._database, self._prefix))

    def cancel(self) -> None:
        self._link.cancel()

    def close(self) -> None:
        self._link.close()


def _column(column: TargetColumn) -> str:
    return f"{identifier(column.name)} {column.type} {'NULL' if column.nullable else 'NOT NULL'}"


def _bytes(piece: Piece) -> bytes:
    if isinstance(piece, TextChunk):
        raise TypeError("rows for this server come as bytes")
    return bytes(piece)


def _load_data(job: TableJob, staging: str) -> str:
    listed, assigned = [], []
    for place, column in enumerate(job.columns):
        listed.append(f"@v{place}" if column.binary else identifier(column.name))
        if column.binary:
            assigned.append(f"{identifier(column.name)} = UNHEX(@v{place})")
    return (
        f"LOAD DATA LOCAL INFILE 'offramp' INTO TABLE {staging} CHARACTER SET utf8mb4"
        " FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'"
        f" ({', '.join(listed)})" + (f" SET {', '.join(assigned)}" if assigned else "")
    )


def _key_name(statement: str) -> str | None:
    """`ALTER TABLE t ADD CONSTRAINT `name` FOREIGN KEY …` → name."""
    items = [item for item in tokens(statement) if not item.isspace()]
    for place, item in enumerate(items[:-1]):
        if item.upper() == "CONSTRAINT":
            return name_of(items[place + 1])
    return None
