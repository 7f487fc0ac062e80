"""Marks on servers of the MySQL family.

Open transactions: MySQL manual, "The INFORMATION_SCHEMA INNODB_TRX Table" (needs PROCESS; refreshed ten
times a second at most, in whole seconds and the server's own time zone); OceanBase,
GV$OB_TRANSACTION_PARTICIPANTS.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pymysql.err import MySQLError

from connectors.base import SourceColumn, TableShape
from connectors.marks import Ahead, MarkColumn, Marks, OpenTransactions
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.snapshot import SnapshotState
from connectors.sources.mysql.sql import conditions, identifier, literal, names
from connectors.sources.mysql.types import base
from connectors.words import shown
from core.model.mark import MarkKind
from core.model.vocabulary import ObjectRef, ObjectType

_KINDS = {
    **dict.fromkeys(
        ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric"),
        MarkKind.NUMBER,
    ),
    **dict.fromkeys(("date", "datetime", "timestamp"), MarkKind.TIME),
}
_ZONE_STEP = 900  # seconds: offsets of time zones are multiples of it
_STALE_PAUSE = 0.11  # seconds: how long INNODB_TRX may show what it showed before
_LOOKS = 20
# Of which transactions a view tells: those of the newer editions, else of one that holds a single tenant.
_OCEANBASE = ("oceanbase.GV$OB_TRANSACTION_PARTICIPANTS", "oceanbase.__all_virtual_trans_stat")


class MysqlMarks(Marks):
    def __init__(self, link: Link, snapshot: SnapshotState) -> None:
        self._link = link
        self._snapshot = snapshot

    def columns(self, database: str, shape: TableShape) -> tuple[MarkColumn, ...]:
        with self._link.saying(f"looking for marks of {shown(str(shape.ref))}"), self._snapshot.letting_go():
            extras = self._extras(database, shape.ref)
            leading = self._leading(database, shape.ref)
        return tuple(
            self._column(column, extras.get(column.name, ""), leading.get(column.name))
            for column in shape.columns
            if base(column.type) in _KINDS
        )

    def _column(self, column: SourceColumn, extra: str, unique: bool | None) -> MarkColumn:
        kind = _KINDS[base(column.type)]
        hazards = []
        automatic = "auto_increment" in extra.lower()
        if automatic and self._link.product.family is Family.OCEANBASE:
            hazards.append(
                "On an OceanBase of several nodes, AUTO_INCREMENT_MODE 'NOORDER' gives each node numbers of"
                " its own."
            )
        return MarkColumn(
            name=column.name,
            type=column.type,
            kind=kind,
            automatic=automatic,
            touched="on update" in extra.lower(),
            nullable=column.nullable,
            indexed=unique is not None,
            unique=bool(unique),
            coarse=_coarse(column.type),
            hazards=tuple(hazards),
        )

    def _extras(self, database: str, ref: ObjectRef) -> dict[str, str]:
        rows = self._link.rows(
            "SELECT COLUMN_NAME, EXTRA FROM information_schema.COLUMNS"
            f" WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_NAME = {literal(ref.name)}"
        )
        return {str(name): str(extra or "") for name, extra in rows}

    def _leading(self, database: str, ref: ObjectRef) -> Mapping[str, bool]:
        """Columns that an index begins with; True where it holds each of their values once."""
        if ref.type is ObjectType.VIEW:
            return {}
        rows = self._link.rows(
            "SELECT INDEX_NAME, COLUMN_NAME, NON_UNIQUE, SEQ_IN_INDEX FROM information_schema.STATISTICS"
            f" WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_NAME = {literal(ref.name)}"
            " AND SUB_PART IS NULL"
        )
        longer = {index for index, _, _, place in rows if int(place) > 1}
        found: dict[str, bool] = {}
        for index, name, repeats, place in rows:
            if int(place) == 1 and name is not None:
                alone = not int(repeats) and index not in longer
                found[str(name)] = found.get(str(name), False) or alone
        return found

    def newest(self, database: str, shape: TableShape, column: MarkColumn) -> str | None:
        quoted = identifier(column.name)
        with (
            self._link.saying(f"asking {shown(str(shape.ref))} for its newest mark", reading=True),
            self._snapshot.letting_go(),
        ):
            (found,) = self._link.row(
                f"SELECT CAST(MAX({quoted}) AS CHAR) FROM {self._from(database, shape)}"
            )
        return _text(found)

    def _from(self, database: str, shape: TableShape) -> str:
        return f"{identifier(database)}.{identifier(shape.ref.name)}{self._snapshot.clause}"

    def quoted(self, shape: TableShape, column: MarkColumn) -> str:
        return identifier(column.name)

    def compared(
        self, database: str, shape: TableShape, column: MarkColumn, operator: str, value: str
    ) -> str:
        written = value.strip() if column.kind is MarkKind.NUMBER else literal(value)
        return f"{identifier(column.name)} {operator} {written}"

    def ahead(self, database: str, shape: TableShape, column: MarkColumn, condition: str) -> Ahead:
        quoted = identifier(column.name)
        self._link.use(database)
        with (
            self._link.saying(f"counting what is new in {shown(str(shape.ref))}", reading=True),
            self._snapshot.letting_go(),
        ):
            rows, low, high = self._link.row(
                f"SELECT COUNT(*), CAST(MIN({quoted}) AS CHAR), CAST(MAX({quoted}) AS CHAR)"
                f" FROM {self._from(database, shape)}{conditions(condition)}"
            )
        return Ahead(int(rows), _text(low), _text(high))

    def open_transactions(self, kind: MarkKind) -> OpenTransactions | None:
        with self._link.saying("asking for open transactions"):
            try:
                if self._link.product.family is Family.OCEANBASE:
                    return self._oceanbase()
                return self._innodb(kind)
            except MySQLError:
                return None  # this account isn't told

    def _oceanbase(self) -> OpenTransactions | None:
        for view in _OCEANBASE:
            try:
                rows = self._link.rows(f"SELECT CTX_CREATE_TIME, NOW(6) FROM {view}")
            except MySQLError:
                continue
            (now,) = self._link.row("SELECT NOW(6)")
            return OpenTransactions(_utc(now), min((_utc(since) for since, _ in rows), default=None))
        return None

    def _innodb(self, kind: MarkKind) -> OpenTransactions | None:
        """A transaction of this session's own is looked for in the answer: where it isn't in it, that is an
        old answer; where it is, its beginning tells in which time zone the others' are."""
        own = "CONNECTION_ID() = trx_mysql_thread_id"
        wrote = "" if kind is MarkKind.TIME else " AND (trx_rows_modified > 0 OR trx_lock_structs > 0)"
        said = "COALESCE(trx_query, '') LIKE '%/* offramp %'"
        self._link.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        try:
            for _ in range(_LOOKS):
                rows = self._link.rows(
                    f"SELECT {own}, trx_started, NOW(6), trx_is_read_only = 0{wrote}"
                    f" FROM information_schema.INNODB_TRX WHERE {own} OR NOT ({said})"
                )
                mine = next((row for row in rows if row[0]), None)
                if mine is not None:
                    break
                time.sleep(_STALE_PAUSE)
            else:
                return None
        finally:
            if self._link.wire.open:
                self._link.execute("COMMIT")
        now = mine[2]
        steps = round((now - mine[1]).total_seconds() / _ZONE_STEP)
        shift = timedelta(seconds=steps * _ZONE_STEP)
        since = min((started + shift for _, started, _, counts in rows if counts), default=None)
        return OpenTransactions(_utc(now), None if since is None else _utc(since))

    def sign(self, database: str, refs: Sequence[ObjectRef]) -> str | None:
        """When each was last changed, where the server knows it of all: it forgets that when it is restarted,
        which looks like a change."""
        if self._link.product.family is Family.OCEANBASE or any(r.type is not ObjectType.TABLE for r in refs):
            return None
        with self._link.saying("asking when tables were last changed"):
            if self._link.product.family is Family.MYSQL:
                self._link.execute("SET SESSION information_schema_stats_expiry = 0")
            rows = self._link.rows(
                "SELECT TABLE_NAME, UPDATE_TIME, UNIX_TIMESTAMP() - UNIX_TIMESTAMP(UPDATE_TIME) FROM"
                f" information_schema.TABLES WHERE TABLE_SCHEMA = {literal(database)}"
                f" AND TABLE_NAME IN ({names(ref.name for ref in refs)})"
            )
        # In whole seconds: another change in the same one wouldn't show.
        if len(rows) < len(refs) or any(age is not None and int(age) < 2 for _, _, age in rows):
            return None
        return "; ".join(f"{name} {updated}" for name, updated, _ in sorted(rows))


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.decode() if isinstance(value, bytes) else str(value)


def _utc(moment: datetime) -> datetime:
    """The session's time zone is UTC."""
    return moment.replace(tzinfo=UTC)


def _coarse(column_type: str) -> str:
    found = re.search(r"\((\d)\)", column_type)
    match base(column_type):
        case "date":
            return "whole days"
        case "datetime" | "timestamp" if found is None or found[1] == "0":
            return "whole seconds"
    return ""
