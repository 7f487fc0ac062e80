"""What an attempt reads: checked, planned, written into the work directory object by object.

In go the settings of a task and what an earlier attempt has left; out comes the manifest of a whole build,
which lies in the work directory and is neither synced nor published yet.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from connectors.base import Session, Source
from core import faults
from core.errors import Incomplete, NoSpace, OfframpError, SnapshotGone, SnapshotUnavailable
from core.faults import Point
from core.model.task import FileEntry, Snapshot, Task, TaskObject
from core.model.vocabulary import Consistency
from core.pipeline import states
from core.pipeline.assemble import load_order, make_manifest, write_load_script
from core.pipeline.cancel import Cancel
from core.pipeline.context import Context
from core.pipeline.crews import Beyond, Crew, Crews, Work
from core.pipeline.disk import Disk
from core.pipeline.findings import tell
from core.pipeline.journal import Journal
from core.pipeline.layout import Layout, Names
from core.pipeline.manifest import Manifest
from core.pipeline.marks import Outlook
from core.pipeline.merged import run_merged
from core.pipeline.objects import run_object
from core.pipeline.pace import Pace
from core.pipeline.place import Place
from core.pipeline.plan import Left, plan, plan_again
from core.pipeline.points import ended_after
from core.pipeline.preflight import Preflight, Scope, preflight


@dataclass(slots=True, kw_only=True)
class Reading:
    """`sends`: the files leave this machine when all of them are made; `published`: a part of the task's
    files stands at the final place already, so that no other point in time would fit."""

    task: Task
    journal: Journal
    source: Source
    disk: Disk
    place: Place
    log: logging.Logger
    cancel: Cancel
    crews: Crews
    beyond: Beyond | None
    sends: bool
    published: bool
    _output_bytes: int = field(default=0, init=False)
    _outlook: Outlook | None = field(default=None, init=False)
    _crew: Crew | None = field(default=None, init=False)

    def run(self, left: Left) -> Manifest:
        """Get in, and read all that is not `left` over. Raises any OfframpError."""
        self.journal.stage("connecting")
        with self.cancel.interruptible():
            connected = self.source.connect()
        with connected as session:
            self.cancel.bind(session)
            faults.reached(Point.CONNECTED)
            try:
                with self.crews(self._work(session)) as self._crew:
                    return self._read(session, left)
            finally:
                self.cancel.unbind()

    @contextlib.contextmanager
    def telling_size(self) -> Iterator[None]:
        """Who has to make room wants to know how much."""
        try:
            yield
        except NoSpace as error:
            if self._output_bytes:
                size = max(1, self._output_bytes >> 20)
                error.hint = f"All of the output may take about {size} MiB, by an estimate. {error.hint}"
            raise

    def _work(self, session: Session) -> Work:
        return Work(
            source=self.source,
            session=session,
            settings=self.task.settings,
            disk=self.disk,
            place=self.place,
            log=self.log,
            check=self.cancel.check,
            rate=self.journal.rate,
        )

    def _read(self, session: Session, left: Left) -> Manifest:
        found, items = self._prepare(session, left)
        if not self._shares_snapshot(items):
            return self._export(session, found, items, None)
        try:
            snapshot = self._begin(session, left.snapshot)
        except (SnapshotGone, SnapshotUnavailable) as error:
            if left.snapshot is None or self.published:
                raise
            self.log.warning("everything begins anew: %s", error.message)
            self.disk.remove_tree(self.place.work)
            self.disk.make_directory(self.place.work)
            found, items = self._prepare(session, Left())
            snapshot = self._begin(session)
        with ended_after(session):
            self.journal.set_snapshot(snapshot)
            faults.reached(Point.SNAPSHOT_TAKEN)
            try:
                return self._export(session, found, items, snapshot)
            except SnapshotGone:
                self._forget_snapshot()
                raise

    def _begin(self, session: Session, reopen: Snapshot | None = None) -> Snapshot:
        return self._crew.begin(session, reopen) if self._crew is not None else session.begin(reopen)

    def _shares_snapshot(self, items: Sequence[TaskObject]) -> bool:
        """Whether rows are read that all have to be as of one time."""
        together = self.task.settings.consistency is Consistency.TASK
        return together and any(i.data_status is not None and not i.done for i in items)

    def _prepare(self, session: Session, left: Left) -> tuple[Preflight, list[TaskObject]]:
        """Check, and plan what is to be done. What the checks found stands at the objects even where it
        ends the task."""
        settings = self.task.settings
        self.journal.stage("checking the objects")
        scope = Scope(
            default_database=self.source.connection.begins_in,
            refs=tuple(item.ref for item in left.pending) if left.useful else None,
            target_known=True,
            on_disk=sum(item.processed_bytes for item in left.pending if item.begun),
            check=self.cancel.check,
            marks={mark.object: mark for mark in self.journal.marks()},
            beyond=self._look_beyond if self.beyond is not None else None,
            built_here=self.beyond is None or not self.sends,
            connection=self.source.connection,
        )
        found = preflight(session, settings, self.place.target, scope)
        items = plan_again(settings, left, found.objects) if left.useful else plan(settings, found.objects)
        self.journal.plan(items, left.snapshot)
        tell(found, settings, len(items), self.log)
        # From here on: what the checks say of room has the amount in it.
        self._output_bytes = found.needed_bytes + scope.on_disk
        faults.reached(Point.CHECKED)
        self._look_out(session, scope, found, items)
        return found, items

    def _look_beyond(self, session: Session) -> Iterable[str]:
        """Notes about the machines that parts are read on beside this one. Raises what is wrong there."""
        if self.beyond is None:
            return ()
        # What is left of it in the target itself would be taken for foreign.
        here = self.place.root / self.place.work if self.place.inside else self.place.root
        self.journal.stage("checking who reads the parts")
        with self.cancel.interruptible():
            return self.beyond(session, here)

    def _look_out(
        self, session: Session, scope: Scope, found: Preflight, items: Sequence[TaskObject]
    ) -> None:
        """Where only what is new is taken: ask what must be known before the point in time is fixed."""
        chosen = {str(item.ref): item.chosen for item in found.objects if item.chosen is not None}
        if not chosen:
            return
        self._outlook = Outlook(self.task.settings, chosen, scope.marks)
        self.journal.stage("looking for what is new")
        refs = [item.ref for item in items if not item.done and not item.error and not item.begun]
        self._outlook.look(session, found.database, refs, check=self.cancel.check, log=self.log)

    def _export(
        self, session: Session, found: Preflight, items: Sequence[TaskObject], snapshot: Snapshot | None
    ) -> Manifest:
        settings = self.task.settings
        ctx = Context(
            task=self.task,
            journal=self.journal,
            session=session,
            database=found.database,
            disk=self.disk,
            place=self.place,
            layout=Layout(settings, [item.ref for item in items], Names.of(self.task, found.database)),
            log=self.log,
            cancel=self.cancel,
            pace=Pace(self.journal.rate, self.cancel.check),
            snapshot=snapshot,
            crew=self._crew,
            outlook=self._outlook,
        )
        merged: list[FileEntry] = []
        if settings.schema.merge:
            results, merged = run_merged(ctx, items)
        else:
            results = [i if i.done or i.error else run_object(ctx, i) for i in items]
        if not any(item.done for item in results):
            raise _incomplete([(str(item.ref), item.error.message) for item in results if item.error], 0)
        self.cancel.check()
        done = {str(item.ref) for item in results if item.done}
        files = [*merged, *(entry for entry in self.journal.files() if entry.object in done)]
        order = load_order(settings, results, files)
        script = write_load_script(ctx, order)
        if script is not None:
            files.append(script)
        return make_manifest(
            ctx,
            connection=self.source.connection.name,
            objects=results,
            files=files,
            load=order,
            notes=(*found.notes, *found.hazards),
        )

    def _forget_snapshot(self) -> None:
        """The point in time is gone, so that a retry has to take another, for everything: unless a part is
        published, which no other point in time would fit."""
        if self.published:
            return
        items = [
            states.waiting(self.task.settings, item.number, item.ref, item.total_rows, "")
            if item.error is None
            else states.failed(
                states.waiting(self.task.settings, item.number, item.ref, item.total_rows, ""), item.error
            )
            for item in self.journal.objects()
        ]
        self.journal.plan(items, None)


def incomplete(manifest: Manifest) -> OfframpError | None:
    """The error of a task that published `manifest`: None where that is complete."""
    failed = [(str(item.ref), item.error.message) for item in manifest.objects if item.error]
    return None if manifest.complete else _incomplete(failed, len(manifest.objects) - len(failed))


def _incomplete(failed: Sequence[tuple[str, str]], published: int) -> Incomplete:
    name, reason = failed[0]
    first = reason if name.partition(":")[2] in reason else f"{name}: {reason}"
    count = f"{len(failed)} of {len(failed) + published} objects failed, {published} published."
    return Incomplete(f"{count} {first}", "Retry reads only what is missing.")
