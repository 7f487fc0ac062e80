"""Points in time.

OceanBase reads `AS OF SNAPSHOT scn`, in any session, for as long as it keeps old versions. MySQL and
MariaDB fix one for a single transaction of a single session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pymysql.err import MySQLError

from connectors.base import Sharing
from connectors.sources.mysql.errors import NO_SUCH_ROUTINE, number, words
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.product import Family
from core.errors import SnapshotUnavailable
from core.model.task import Snapshot
from core.model.vocabulary import Consistency, Lock

LOCK_SECONDS = 10  # others wait as long as this one does
_UNDO_RETENTION = 1800  # OceanBase's default, in seconds, where it may not be asked

# Where the system change number comes from: a function of the newer editions, else a view of version 4.
_SCN = ("SELECT CURRENT_SCN()", "SELECT MAX(TS_VALUE) FROM oceanbase.`V$OB_TIMESTAMP_SERVICE`")


class SnapshotState:
    """The point in time that a session reads, if any."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._scn: str | None = None

    @property
    def _oceanbase(self) -> bool:
        return self._link.product.family is Family.OCEANBASE

    def check(self, consistency: Consistency, lock: Lock) -> list[str]:
        notes = []
        if self._oceanbase:
            if consistency is not Consistency.PART:
                self._current_scn()
                notes.append(
                    f"OceanBase keeps a point in time for at least {self.life()} s (undo_retention)."
                )
        elif consistency is Consistency.TASK:
            notes.append(
                "One transaction of one session reads everything: if it is lost, the task starts again from "
                "its first object. Tables of engines without transactions don't take part."
            )
        if lock is Lock.BRIEF and self._oceanbase:
            notes.append("The brief lock isn't needed: points in time open again, so none is taken.")
        return notes

    @property
    def sharing(self) -> Sharing:
        return Sharing.SNAPSHOT if self._oceanbase else Sharing.LOCK

    @contextmanager
    def holding_still(self) -> Iterator[None]:
        """FLUSH TABLES WITH READ LOCK, which waits for no more than LOCK_SECONDS. Raises SnapshotUnavailable,
        ConnectionLost where somebody else keeps the lock for longer.
        Source: "FLUSH Statement" of the MySQL manual; mysqldump's --single-transaction --source-data."""
        link = self._link
        self.end()
        with link.saying("asking how long a lock is waited for"):
            (seconds,) = link.row("SELECT @@SESSION.lock_wait_timeout")
        try:
            with link.saying("waiting for the brief lock"):
                link.execute(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
                try:
                    link.execute("FLUSH TABLES WITH READ LOCK")
                except MySQLError as error:
                    raise SnapshotUnavailable(
                        f"The brief lock can't be had: {words(error)}.",
                        "FLUSH TABLES WITH READ LOCK takes the right RELOAD. Without it, use "
                        "--consistency part, or read parts one after another (--parts 1).",
                    ) from error
            yield
        finally:
            if link.wire.open:
                with link.saying("letting go of the brief lock"):
                    link.execute("UNLOCK TABLES")
                    link.execute(f"SET SESSION lock_wait_timeout = {int(seconds)}")

    def life(self) -> int | None:
        """Seconds; None where it lasts as long as the transaction."""
        if not self._oceanbase:
            return None
        for statement in ("SHOW PARAMETERS LIKE 'undo_retention'", "SHOW VARIABLES LIKE 'undo_retention'"):
            try:
                rows = self._link.rows(statement)
            except MySQLError:
                continue
            for row in rows:
                # A variable is (name, value); a parameter (service, name, type, value, …).
                value = str(row[1] if len(row) == 2 else row[3])
                if value.isdigit():
                    return int(value)
        return _UNDO_RETENTION

    def begin(self, reopen: Snapshot | None) -> Snapshot:
        if self._oceanbase:
            if reopen is not None and reopen.id is not None:
                self._scn = str(int(reopen.id))
                return reopen
            self._scn = self._current_scn()
            return Snapshot(id=self._scn, taken_at=datetime.now(UTC), reopens=True)
        if reopen is not None:
            raise SnapshotUnavailable(
                f"{self._link.product.family} can't go back to an earlier point in time.",
                "The object starts again.",
            )
        self.end()
        with self._link.saying("fixing the point in time"):
            self._link.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        self._link.in_transaction = True
        taken = datetime.now(UTC)
        return Snapshot(id=self._binlog_position(), taken_at=taken, reopens=False)

    def _current_scn(self) -> str:
        said = ""
        for statement in _SCN:
            try:
                (value,) = self._link.row(statement)
            except MySQLError as error:
                said = words(error)
                if number(error) not in (NO_SUCH_ROUTINE, 1064, 1146, 1142, 1049, 1109):
                    break
            else:
                if value is not None:
                    return str(int(value))
        raise SnapshotUnavailable(
            f"This OceanBase doesn't tell its present system change number: {said}.",
            "Use --consistency part, or ask for the right to read oceanbase.V$OB_TIMESTAMP_SERVICE.",
        )

    def _binlog_position(self) -> str | None:
        """Where in the binary log the transaction stands: MariaDB and Percona know it for a snapshot."""
        with self._link.saying("asking for the binary log's position"):
            rows = self._link.rows("SHOW STATUS LIKE 'binlog_snapshot_%'")
            place = {str(name).lower(): str(value) for name, value in rows}
            file, position = (
                place.get("binlog_snapshot_file", ""),
                place.get("binlog_snapshot_position", ""),
            )
            if not file:
                return None
            gtid = ""
            if self._link.product.family is Family.MARIADB:
                (found,) = self._link.row(f"SELECT BINLOG_GTID_POS('{file}', {int(position)})")
                gtid = str(found or "")
        return f"{file}:{position}" + (f" gtid {gtid}" if gtid else "")

    def end(self) -> None:
        self._scn = None
        if self._link.in_transaction:
            self._link.in_transaction = False
            # Where the connection is gone, so is the transaction.
            if self._link.wire.open:
                with self._link.saying("ending the transaction"):
                    self._link.execute("COMMIT")

    @property
    def clause(self) -> str:
        """What stands behind a table's name to read it as of the snapshot."""
        return f" AS OF SNAPSHOT {self._scn}" if self._scn is not None else ""

    @contextmanager
    def letting_go(self) -> Iterator[None]:
        """Within a transaction, let go of the metadata locks of what is read within, so that nobody's ALTER
        waits for the end of the task."""
        if not self._link.in_transaction:
            yield
            return
        self._link.execute("SAVEPOINT offramp")
        try:
            yield
        finally:
            if self._link.wire.open:
                self._link.execute("ROLLBACK TO SAVEPOINT offramp")
