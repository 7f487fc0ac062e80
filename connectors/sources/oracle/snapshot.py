"""Points in time: an SCN that any session may read as of, or a read-only transaction of one session.

AS OF SCN wants FLASHBACK on what belongs to somebody else, and an SCN is told to those that may run
DBMS_FLASHBACK or see V$DATABASE. Who may not, reads within SET TRANSACTION READ ONLY: one session, and it
can't be gone back to. Source: "Using Oracle Flashback Technology" of the "Development Guide", SET TRANSACTION
of the "SQL Language Reference".
"""

from __future__ import annotations

from datetime import UTC, datetime

import oracledb

from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.errors import code
from connectors.sources.oracle.link import Link
from connectors.words import shown
from core.errors import SnapshotUnavailable
from core.model.task import Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef

_REFUSED = ("ORA-00942", "ORA-01031", "ORA-00904", "ORA-06550", "ORA-06553", "ORA-41900")
# What the server does unless it is told otherwise.
_USUAL_RETENTION = 900


class SnapshotState:
    """The point in time that a session reads, if any. `scn`: the one that is read as of."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.scn: str | None = None
        self._flashback: bool | None = None
        self._refused: ObjectRef | None = None

    @property
    def fixed(self) -> bool:
        return self.scn is not None or self._link.in_transaction

    @property
    def by_scn(self) -> bool:
        """Whether points in time are SCNs for this account."""
        return self._refused is None and (self._flashback is True or self.now() is not None)

    def now(self) -> str | None:
        """The SCN of now; None where the account isn't told."""
        for statement in (sql.SCN, sql.SCN_OF_THE_DATABASE):
            with self._link.saying("asking for the SCN"):
                found = self._link.rows_unless(_REFUSED, statement)
            if found:
                self._flashback = True
                return str(int(found[0][0]))
        self._flashback = False
        return None

    def refuse(self, ref: ObjectRef, error: oracledb.Error) -> bool:
        """Whether reading as of an SCN isn't allowed, by this error of a table that can be read as of now; it
        isn't tried again then."""
        if code(error) not in ("ORA-01031", "ORA-00942", "ORA-41900"):
            return False
        self._refused = self._refused or ref
        return True

    def check(self, consistency: Consistency, lock: Lock) -> list[str]:
        notes = []
        if not self.by_scn:
            why = (
                f"{shown(str(self._refused))} may not be read as of an SCN (FLASHBACK)"
                if self._refused is not None
                else "This account isn't told the SCN (EXECUTE on DBMS_FLASHBACK)"
            )
            notes.append(
                f"{why}: everything is read by one session in a read-only transaction. If that is lost, the "
                f"{'task' if consistency is Consistency.TASK else 'object'} starts again."
            )
        if lock is Lock.BRIEF:
            notes.append("The brief lock isn't needed: points in time are had without one here.")
        return notes

    def life(self) -> int:
        """Seconds for which undo is kept."""
        with self._link.saying("asking for undo_retention"):
            found = self._link.rows_unless(_REFUSED, sql.UNDO_RETENTION)
        return int(found[0][0]) if found else _USUAL_RETENTION

    def begin(self, reopen: Snapshot | None) -> Snapshot:
        """`Snapshot.id` is the SCN; None for a transaction."""
        self.end()
        if reopen is not None:
            if not reopen.reopens or reopen.id is None or not reopen.id.isdecimal():
                raise SnapshotUnavailable(
                    "A read-only transaction of Oracle's can't be gone back to.", "The object starts again."
                )
            self.scn = reopen.id
            return reopen
        scn = self.now() if self._refused is None else None
        if scn is not None:
            self.scn = scn
            return Snapshot(id=scn, taken_at=datetime.now(UTC), reopens=True)
        with self._link.saying("beginning a read-only transaction"):
            # It must be a transaction's first statement, and packages may have begun one.
            self._link.rollback()
            self._link.execute(sql.READ_ONLY)
        self._link.in_transaction = True
        return Snapshot(id=None, taken_at=datetime.now(UTC), reopens=False)

    def end(self) -> None:
        self.scn = None
        if self._link.in_transaction:
            self._link.in_transaction = False
            # Where the connection is gone, so is the transaction.
            if self._link.open:
                with self._link.saying("ending the transaction"):
                    self._link.rollback()
