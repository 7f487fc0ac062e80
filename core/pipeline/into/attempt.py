"""One attempt of a task whose rows go into another database.

Nothing of an attempt that failed is used again: what it loaded was seen by nobody, and is gone. What is
published stays: of a task some of whose objects failed, another attempt brings only these. An object is
published when the journal has a file entry of it, of the kind `table` or `definition`, whose path is its name
there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from connectors.base import Session, Source
from connectors.target_rules import family
from connectors.targets import Target, Writer
from core import __version__, faults
from core.errors import Aborted, Incomplete, OfframpError
from core.faults import Point
from core.model.into import Into
from core.model.task import FileEntry, Snapshot, TaskObject
from core.model.vocabulary import Consistency, Mode, ObjectStatus
from core.pipeline import states
from core.pipeline.cancel import Cancel, Cancellable
from core.pipeline.findings import tell
from core.pipeline.into.checks import Looked, definition_settings, look
from core.pipeline.into.table import Loading, load_object
from core.pipeline.into.there import Elsewhere, There, looked_at
from core.pipeline.journal import Journal
from core.pipeline.manifest import FORMAT, Manifest, ManifestObject, ManifestServer, plain_settings
from core.pipeline.marks import Outlook
from core.pipeline.pace import Pace
from core.pipeline.place import token_of
from core.pipeline.plan import plan
from core.pipeline.points import ended_after
from core.pipeline.preflight import Scope

TABLE, DEFINITION = "table", "definition"


class _Sides(Cancellable):
    """A statement of any side is ended where the end is asked for."""

    def __init__(self) -> None:
        self._sides: list[Cancellable] = []

    @contextlib.contextmanager
    def also(self, *sides: Cancellable) -> Iterator[None]:
        """Within it, these too."""
        before = self._sides
        self._sides = [*before, *sides]
        try:
            yield
        finally:
            self._sides = before

    def cancel(self) -> None:
        for side in self._sides:
            # The others' are ended even where one can't be asked any more.
            with contextlib.suppress(OfframpError):
                side.cancel()


class IntoAttempt:
    """`run` goes all the way; `published` says whether anything of the task is there for others to see,
    `forward` whether publishing has begun, which isn't aborted any more."""

    def __init__(
        self, journal: Journal, source: Source, elsewhere: Elsewhere, log: logging.Logger, cancel: Cancel
    ) -> None:
        self._journal = journal
        self._source = source
        self._elsewhere = elsewhere
        self._log = log
        self._cancel = cancel
        self.task = journal.task()
        if self.task.settings.into is None:
            raise ValueError("these settings lead into no database")
        self._into: Into = self.task.settings.into
        self._token = token_of(self.task)
        self._entries = {e.object: e for e in journal.files() if e.kind in (TABLE, DEFINITION)}
        self.published = bool(self._entries)
        self.forward = False
        self._left: Target | None = None
        self._sides = _Sides()

    def run(self) -> Manifest:
        """Gives the manifest of what is published. Raises any OfframpError."""
        self._journal.stage("connecting")
        with self._cancel.interruptible():
            session = self._source.connect()
        with session:
            if self._elsewhere.connection.mode is Mode.SQLITE:
                # What a killed attempt has begun keeps others from reading until it is taken back.
                self._elsewhere.target("").sweep()
            with self._cancel.interruptible():
                with looked_at(self._elsewhere, self._into) as there:
                    target = self._elsewhere.target(there.database)
                writer = target.connect()
            with writer:
                self._cancel.bind(self._sides)
                faults.reached(Point.CONNECTED)
                try:
                    with self._sides.also(session, writer):
                        return self._with_both(session, target, writer)
                finally:
                    self._cancel.unbind()

    def _with_both(self, session: Session, target: Target, writer: Writer) -> Manifest:
        self._journal.stage("looking for what an earlier attempt has left")
        if writer.recover(self._token):
            self._log.info("an earlier attempt had published, or was about to")
            self.forward = True
            with contextlib.suppress(Aborted):
                self._journal.publishing()
            return self._settle(writer, session, self._journal.objects(), target.database)
        self._left = target
        try:
            manifest = self._load(session, target, writer)
        except OfframpError:
            if not self.forward:
                self._take_back()
            raise
        finally:
            # Once it is published there is nothing to abandon.
            writer.abandon()
        self._left = None
        return manifest

    def clean_up(self, *, keep_useful: bool) -> None:
        """Remove what is left there where the attempt's own connection couldn't. Nothing is of use to another
        attempt."""
        del keep_useful
        if self._left is None:
            return
        try:
            self._left.sweep()
        except OfframpError as error:
            self._log.warning("staging tables may be left in %s: %s", self._into.place, error.message)

    # Loading

    def _load(self, session: Session, target: Target, writer: Writer) -> Manifest:
        looked, there = self._look(session)
        items = self._plan(looked)
        self._journal.stage("making ready")
        pending = {item.ref for item in items if not item.done and not item.error}
        writer.begin(self._token, [s for ref, s in looked.in_order() if ref in pending])
        for text in writer.notes:
            self._log.info("%s", text)
        faults.reached(Point.ROOM_MADE)
        ctx = Loading(
            task=self.task,
            settings=definition_settings(self.task.settings, session.server.product, there),
            journal=self._journal,
            session=session,
            source=family(self._source.connection.mode),
            database=looked.found.database,
            there=there,
            writer=writer,
            log=self._log,
            cancel=self._cancel,
            pace=Pace(self._journal.rate, self._cancel.check),
            outlook=self._look_out(session, looked, items),
        )
        results, snapshot = self._bring(ctx, items)
        if not any(item.done for item in results):
            raise _nothing(results)
        self._cancel.check()
        self._journal.stage("publishing")
        self._journal.publishing()
        self.forward = True
        faults.reached(Point.PUBLISHING)
        writer.publish()
        self.published = True
        faults.reached(Point.RENAMED)
        return self._settle(writer, session, results, target.database, looked=looked, snapshot=snapshot)

    def _look_out(self, session: Session, looked: Looked, items: Sequence[TaskObject]) -> Outlook | None:
        """Where only what is new is taken: ask what must be known before the point in time is fixed."""
        found = looked.found
        chosen = {str(item.ref): item.chosen for item in found.objects if item.chosen is not None}
        if not chosen:
            return None
        known = {mark.object: mark for mark in self._journal.marks()}
        outlook = Outlook(self.task.settings, chosen, known)
        refs = [item.ref for item in items if not item.done and not item.error]
        outlook.look(session, found.database, refs, check=self._cancel.check, log=self._log)
        return outlook

    def _look(self, session: Session) -> tuple[Looked, There]:
        """The checks, while what is there can be seen."""
        self._journal.stage("checking the objects")
        settings = self.task.settings
        connection = self._source.connection
        left = [item.ref for item in self._journal.objects() if str(item.ref) not in self._entries]
        scope = Scope(
            default_database=connection.begins_in,
            refs=tuple(left) if self._entries else None,
            check=self._cancel.check,
            marks={mark.object: mark for mark in self._journal.marks()},
        )
        with (
            looked_at(self._elsewhere, self._into) as there,
            self._sides.also(*([there.session] if there.session is not None else [])),
        ):
            looked = look(
                session,
                settings,
                scope,
                source=family(connection.mode),
                connection=connection,
                there=there,
            )
        return looked, there

    def _plan(self, looked: Looked) -> list[TaskObject]:
        """The objects, those that are published already as they were. What the checks found stands at them
        even where it ends the task."""
        settings, found = self.task.settings, looked.found
        fresh = {item.ref: item for item in plan(settings, found.objects)}
        if self._entries:
            known = self._journal.objects()
            items = [replace(fresh.pop(i.ref), number=i.number) if i.ref in fresh else i for i in known]
        else:
            items = list(fresh.values())
        self._journal.plan(items, None)
        tell(found, settings, len(items), self._log)
        faults.reached(Point.CHECKED)
        return items

    def _bring(self, ctx: Loading, items: Sequence[TaskObject]) -> tuple[list[TaskObject], Snapshot | None]:
        """All objects, and the point in time that they share, where they do."""
        settings = self.task.settings
        together = settings.consistency is Consistency.TASK and any(
            item.data_status is not None and not item.done for item in items
        )
        if not together:
            return [_brought(ctx, item) for item in items], None
        snapshot = ctx.session.begin()
        with ended_after(ctx.session):
            self._journal.set_snapshot(snapshot)
            faults.reached(Point.SNAPSHOT_TAKEN)
            shared = dataclasses.replace(ctx, snapshot=snapshot)
            return [_brought(shared, item) for item in items], snapshot

    def _take_back(self) -> None:
        """Nothing of what was loaded is there any more."""
        items = [
            states.waiting(self.task.settings, item.number, item.ref, item.total_rows, "")
            if item.done and str(item.ref) not in self._entries
            else item
            for item in self._journal.objects()
        ]
        if items:
            self._journal.plan(items, None)

    # Publishing

    def _settle(
        self,
        writer: Writer,
        session: Session,
        items: Sequence[TaskObject],
        database: str,
        *,
        looked: Looked | None = None,
        snapshot: Snapshot | None = None,
    ) -> Manifest:
        """Note what is published, then remove the marker that told so. Gives the manifest."""
        for item in items:
            if item.done and str(item.ref) not in self._entries:
                entry = _entry(item, database)
                self._entries[entry.object] = entry
                self._journal.finish_object(item, [entry])
        # Durable, with what has ended before it, while the marker still tells the same.
        self._journal.update(items[-1])
        self.published = True
        faults.reached(Point.FORWARDED)
        writer.settle(self._token)
        tables = sum(entry.kind == TABLE for entry in self._entries.values())
        self._log.info("published %d table%s in %s", tables, "" if tables == 1 else "s", self._into.place)
        task = self.task
        found = looked.found if looked is not None else None
        return Manifest(
            format=FORMAT,
            offramp=__version__,
            task=task.id,
            name=task.name,
            token=self._token,
            export=task.export,
            connection=self._source.connection.name,
            server=ManifestServer(product=session.server.product, version=session.server.version),
            database=found.database if found is not None else task.settings.database or "",
            consistency=task.settings.consistency,
            snapshot=snapshot,
            complete=all(item.done for item in items),
            settings=plain_settings(task.settings),
            objects=tuple(map(_object, items)),
            files=tuple(self._entries.values()),
            notes=(*found.notes, *found.hazards) if found is not None else (),
            created=task.created,
        )


def _brought(ctx: Loading, item: TaskObject) -> TaskObject:
    return item if item.done or item.error else load_object(ctx, item)


def _entry(item: TaskObject, database: str) -> FileEntry:
    """What is published of an object: its name there, its rows, the bytes of their values as they were
    read."""
    return FileEntry(
        path=f"{database}.{item.ref.name}",
        kind=DEFINITION if item.data_status is None else TABLE,
        object=str(item.ref),
        rows=item.processed_rows,
        bytes=item.processed_bytes,
        sha256="",
    )


def _object(item: TaskObject) -> ManifestObject:
    return ManifestObject(
        type=item.ref.type,
        name=item.ref.name,
        columns=item.columns,
        rows=item.processed_rows if item.data_status is ObjectStatus.SUCCESS else None,
        schema_status=item.schema_status,
        data_status=item.data_status,
        error=item.error,
        warnings=item.warnings,
        snapshot=item.snapshot,
        mark=item.mark.plain if item.mark is not None else None,
    )


def _nothing(items: Sequence[TaskObject]) -> Incomplete:
    failed = [item for item in items if item.error is not None]
    first = failed[0].error if failed else None
    return Incomplete(
        f"{len(failed)} of {len(items)} objects failed, none is published."
        + (f" {failed[0].ref}: {first.message}" if first is not None else ""),
        "Retry when the cause is gone.",
    )
