"""Points in time: a transaction that sees what was committed when it began to read.

Any number of sessions may begin at the same one, as long as the transaction that fixed it is open: it exports
its snapshot, which costs the server a small file. Source: "Transaction Isolation" (Repeatable Read),
"Caveats" of "Concurrency Control", "Explicit Locking", "Snapshot Synchronization Functions" and SET
TRANSACTION in the PostgreSQL manual.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from connectors.sources.postgresql.catalog import TableFacts
from connectors.sources.postgresql.errors import words
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.sql import literal, qualified
from connectors.words import shown
from core.errors import ConnectionLost, SchemaChanged, SnapshotUnavailable
from core.model.task import Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef

# An older point in time may find nothing in the files that TRUNCATE and rewriting a table put in place: it
# would look empty. pg_class is read as of the point in time; pg_relation_filenode and pg_partition_tree tell
# of now. Parameters: the table's oid, three times, and its name.
_REWRITTEN = """
WITH RECURSIVE now AS (
  SELECT %s::oid AS oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(%s::oid) p
), past AS (
  SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid = %s::oid
  UNION
  SELECT i.inhrelid FROM past JOIN pg_catalog.pg_inherits i ON i.inhparent = past.oid
  JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid AND k.relispartition
)
SELECT EXISTS (SELECT FROM past JOIN pg_catalog.pg_class c USING (oid)
               WHERE c.relfilenode <> 0 AND c.relkind IN ('r', 'm')
                 AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)),
       EXISTS ((SELECT oid FROM now EXCEPT SELECT oid FROM past)
               UNION ALL (SELECT oid FROM past EXCEPT SELECT oid FROM now)),
       pg_catalog.to_regclass(%s)::oid::int8
"""


class SnapshotState:
    """The point in time that a session reads, if any."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def check(self, consistency: Consistency, lock: Lock) -> list[str]:
        with self._link.saying("asking what kind of server it is"):
            (standby,) = self._link.row("SELECT pg_catalog.pg_is_in_recovery()")
        notes = []
        if consistency is Consistency.TASK:
            notes.append(
                "One transaction holds the point in time: if it is lost, the task starts again from "
                "its first object, and until its end VACUUM keeps what others delete."
            )
        if standby:
            notes.append(
                "This is a standby server: it gives up reading where its primary removes what is read "
                "(max_standby_streaming_delay, hot_standby_feedback)."
            )
        if lock is Lock.BRIEF:
            notes.append(
                "The brief lock isn't needed: sessions share a point in time without, so none is taken."
            )
        return notes

    def begin(self, reopen: Snapshot | None) -> Snapshot:
        """`Snapshot.id` is pg_current_snapshot(): which transactions it sees."""
        if reopen is not None and reopen.exported is None:
            raise SnapshotUnavailable(
                "PostgreSQL can't go back to an earlier point in time.", "The object starts again."
            )
        self.end()
        link = self._link
        with link.saying("fixing the point in time"):
            link.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            link.in_transaction = True
            if reopen is not None:
                self._join(reopen)
                return reopen
            # The transaction takes its point in time with its first query.
            found, exported = link.row(
                "SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_export_snapshot()"
            )
        return Snapshot(
            id=str(found), taken_at=datetime.now(UTC), reopens=False, joins=True, exported=str(exported)
        )

    def _join(self, snapshot: Snapshot) -> None:
        link = self._link
        try:
            link.execute(f"SET TRANSACTION SNAPSHOT {literal(str(snapshot.exported))}")
            (found,) = link.row("SELECT pg_catalog.pg_current_snapshot()::text")
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.ObjectNotInPrerequisiteState) as error:
            self.end()
            raise ConnectionLost(
                f"The session that held the point in time is gone: {words(error)}.", "Start it again."
            ) from error
        if found != snapshot.id:
            # After a restart of the server the name may be another's.
            self.end()
            raise ConnectionLost("The session that held the point in time is gone.", "Start it again.")

    def end(self) -> None:
        if self._link.in_transaction:
            self._link.in_transaction = False
            # Where the connection is gone, so is the transaction.
            if self._link.open:
                with self._link.saying("ending the transaction"):
                    self._link.execute("ROLLBACK")

    def hold(self, schema: str, ref: ObjectRef, facts: TableFacts) -> None:
        """Lock a table against being altered while it is read, and see that it is still what was described:
        the same object, and no view whose functions would run with this account's rights (CVE-2024-7348).
        Views are locked by reading them. Raises SchemaChanged, psycopg.Error."""
        link = self._link
        if facts.view:
            return
        name, source = qualified(schema, ref.name), facts.source(schema, ref.name)
        (whole,) = link.row("SELECT pg_catalog.has_table_privilege(%s::oid, 'SELECT')", facts.oid)
        if whole and facts.relkind != "m":
            link.execute(f"LOCK TABLE {source} IN ACCESS SHARE MODE")
        else:
            # LOCK TABLE knows no materialized view, and wants a right to the table as a whole.
            link.execute(f"SELECT FROM {source} LIMIT 0")
        rewritten, regrouped, oid = link.row(_REWRITTEN, facts.oid, facts.oid, facts.oid, name)
        if oid != facts.oid:
            raise SchemaChanged(
                f"{shown(str(ref))} has been dropped or replaced since it was described.",
                "Start the task again.",
            )
        if rewritten or regrouped:
            raise SchemaChanged(
                f"{shown(str(ref))} has been {'rewritten' if rewritten else 'created or repartitioned'} "
                "(TRUNCATE, ALTER, VACUUM FULL, REFRESH, ATTACH …) since the point in time was fixed, and "
                "can't be read as of then.",
                "Start the task again.",
            )
