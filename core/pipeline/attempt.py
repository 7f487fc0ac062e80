"""One attempt of a task: what is there already, what must be read, and how it gets to its final place."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.base import Session, Source
from core import faults
from core.errors import (
    Aborted,
    ConnectError,
    Incomplete,
    NoSpace,
    NotWritable,
    OfframpError,
    OutputDamaged,
    OutputError,
    SnapshotGone,
    SnapshotUnavailable,
)
from core.faults import Point
from core.model.file_settings import check_remote
from core.model.mark import Window
from core.model.task import FileEntry, Snapshot, Task, TaskObject
from core.model.vocabulary import Consistency
from core.pipeline import states
from core.pipeline.assemble import load_order, make_manifest, write_load_script
from core.pipeline.cancel import Cancel
from core.pipeline.context import Context
from core.pipeline.crews import Beyond, Crew, Crews, Work
from core.pipeline.disk import Disk, join
from core.pipeline.findings import tell
from core.pipeline.journal import Journal
from core.pipeline.latest import move_latest
from core.pipeline.layout import Layout, Names
from core.pipeline.manifest import MANIFEST, Manifest
from core.pipeline.marks import Outlook
from core.pipeline.merged import run_merged
from core.pipeline.objects import run_object
from core.pipeline.pace import Pace
from core.pipeline.place import Place, TargetState, own_manifest, put_back, state_of_target
from core.pipeline.plan import Left, left_over, plan, plan_again
from core.pipeline.points import ended_after
from core.pipeline.preflight import Preflight, Scope, preflight
from core.pipeline.publish import check_sizes, complete_build, make_durable, publish
from core.pipeline.settled import settled

if TYPE_CHECKING:
    from core.pipeline.delivery import Delivery


class Attempt:
    """`run` goes all the way; `published` says whether anything stands at the target's name that this task
    put there, `forward` whether publishing has begun, which isn't aborted any more."""

    def __init__(
        self,
        journal: Journal,
        source: Source,
        log: logging.Logger,
        cancel: Cancel,
        disk: Callable[[Path], Disk],
        *,
        crews: Crews,
        delivery: Delivery | None = None,
        beyond: Beyond | None = None,
    ) -> None:
        self._journal = journal
        self._source = source
        self._log = log
        self._cancel = cancel
        self.task: Task = settled(journal)
        self._delivery = delivery
        if delivery is not None:
            check_remote(self.task.settings.files, latest=self.task.latest)
        self.place = delivery.place if delivery is not None else Place.of(self.task)
        self.disk = delivery.disk if delivery is not None else disk(self.place.root)
        self.published = False
        self.forward = False
        self._output_bytes = 0
        self._outlook: Outlook | None = None
        self._crews = crews
        self._beyond = beyond
        self._crew: Crew | None = None

    def run(self) -> Manifest:
        """Gives the manifest as it is published. Raises any OfframpError."""
        self._journal.stage("checking the output directory")
        put_back(self.disk, self.place)
        state, old = self._state()
        self.place = dataclasses.replace(self.place, earlier=state is TargetState.EARLIER)
        self.published = state is TargetState.OURS
        if old is not None and state is TargetState.OURS and old.complete:
            return self._recognise(old)
        built = own_manifest(self.disk, self.place, self.place.work)
        if built is not None:
            if self._is_whole(built) and not self._overtaken():
                self._log.info("everything has been read already, by an earlier attempt")
                make_durable(self.disk, self.place.work)
                return self._publish(state, old, built)
            # Beside files that are made anew, it would lie.
            self.disk.remove(join(self.place.work, MANIFEST))
            self.disk.sync_directory(self.place.work)
        left = self._left()
        if left.useful:
            self._log.info("goes on: %d of %d objects are done", _done(left.objects), len(left.objects))
        else:
            self.disk.remove_tree(self.place.work)
        self.disk.make_root()
        self.disk.make_directory(self.place.work)
        faults.reached(Point.ROOM_MADE)
        self._journal.stage("connecting")
        with self._cancel.interruptible():
            connected = self._source.connect()
        with connected as session:
            self._cancel.bind(session)
            faults.reached(Point.CONNECTED)
            try:
                with (
                    self._telling_size(),
                    self._crews(self._work(session)) as self._crew,
                ):
                    manifest = self._read(session, left)
            finally:
                self._cancel.unbind()
        with self._telling_size():
            complete_build(self.disk, self.place, manifest)
        return self._publish(state, old, manifest)

    def _work(self, session: Session) -> Work:
        return Work(
            source=self._source,
            session=session,
            settings=self.task.settings,
            disk=self.disk,
            place=self.place,
            log=self._log,
            check=self._cancel.check,
            rate=self._journal.rate,
        )

    def _state(self) -> tuple[TargetState, Manifest | None]:
        if self._delivery is not None:
            return self._delivery.state(self._cancel)
        return state_of_target(self.disk, self.place)

    @contextlib.contextmanager
    def _telling_size(self) -> Iterator[None]:
        """Who has to make room wants to know how much."""
        try:
            yield
        except NoSpace as error:
            if self._output_bytes:
                size = max(1, self._output_bytes >> 20)
                error.hint = f"All of the output may take about {size} MiB, by an estimate. {error.hint}"
            raise

    def clean_up(self, *, keep_useful: bool) -> None:
        """Remove what was built, but (where asked) for what another attempt can use."""
        try:
            put_back(self.disk, self.place)
            if keep_useful and (own_manifest(self.disk, self.place, self.place.work) or self._left().useful):
                return
            if self._delivery is not None:
                self._delivery.discard()
            self.disk.remove_tree(self.place.work)
            self.disk.drop_root()
        except (ConnectError, OutputError, SnapshotUnavailable) as error:
            self._log.warning("temporary files stay in %s: %s", self.place.root / self.place.work, error)

    def _overtaken(self) -> bool:
        """Whether a later run, or somebody, has moved marks that this task's unpublished files begin at."""
        if self.task.settings.window is Window.ALL or self.published:
            return False
        moves = {mark.object: mark.moves for mark in self._journal.marks()}
        held = [(str(item.ref), item.mark) for item in self._journal.objects()]
        return any(mark is not None and mark.moves != moves.get(name, 0) for name, mark in held)

    def _left(self) -> Left:
        if self._overtaken():
            return Left()
        return left_over(
            self._journal.task(),
            self._journal.objects(),
            self._journal.files(),
            self.disk,
            self.place,
            published=self.published,
        )

    def _is_whole(self, manifest: Manifest) -> bool:
        with contextlib.suppress(OutputDamaged):
            check_sizes(self.disk, self.place, manifest.files)
            return True
        return False

    def _recognise(self, manifest: Manifest) -> Manifest:
        """An earlier attempt has published everything, and couldn't say so."""
        self._log.info("everything is published already, by an earlier attempt")
        check_sizes(self.disk, self.place, manifest.files)
        if self._delivery is None:
            make_durable(self.disk, self.place.final)
        self.forward = True
        self._link(manifest)
        # An abort that comes after publishing has nothing left to abort.
        with contextlib.suppress(Aborted):
            self._journal.publishing()
        if self._delivery is not None:
            self._delivery.settle()
        self.disk.remove_tree(self.place.work)
        return manifest

    def _publish(self, state: TargetState, old: Manifest | None, manifest: Manifest) -> Manifest:
        if self._delivery is not None:
            self._deliver(self._delivery, old, manifest)
            return manifest
        self._journal.stage(f"publishing {len(manifest.files)} files")
        try:
            self._journal.publishing()
        except Aborted:
            # Where files may stand at their final names already, only going on leaves a whole set.
            if state is TargetState.FREE:
                raise
        self.forward = True
        faults.reached(Point.PUBLISHING)
        if self.place.replaces is not None and state in (TargetState.FREE, TargetState.EARLIER):
            # Another run may have published there while this one was reading.
            state, old = state_of_target(self.disk, self.place)
        publish(self.disk, self.place, state, old)
        self.published = True
        self.place = dataclasses.replace(self.place, earlier=False)
        self._link(manifest)
        self._log_published(manifest)
        return manifest

    def _deliver(self, delivery: Delivery, old: Manifest | None, manifest: Manifest) -> None:
        """Send it, which may be aborted, then publish it."""
        with delivery.sent(
            old, manifest, journal=self._journal, cancel=self._cancel, log=self._log
        ) as publish_there:
            self._journal.stage(f"publishing {len(manifest.files)} files")
            self._journal.publishing()
            self.forward = True
            faults.reached(Point.PUBLISHING)
            publish_there()
            self.published = True
        self._log_published(manifest)
        self.disk.remove_tree(self.place.work)

    def _log_published(self, manifest: Manifest) -> None:
        self._log.info(
            "published %d file%s in %s",
            len(manifest.files),
            "" if len(manifest.files) == 1 else "s",
            self.task.output,
        )

    def _link(self, manifest: Manifest) -> None:
        """Have `latest` lead here, where that is asked for and everything is here."""
        if not self.task.latest or not manifest.complete:
            return
        if self.place.inside:
            raise NotWritable(
                f"No link can be made beside {self.place.target}: it is a mount point, or the directory "
                "above can't be written.",
                "Have the export do without: --no-latest.",
            )
        if not move_latest(self.disk, self.place):
            self._log.info("a later run's output is the latest already")

    # Reading

    def _read(self, session: Session, left: Left) -> Manifest:
        found, items = self._prepare(session, left)
        if not self._shares_snapshot(items):
            return self._export(session, found, items, None)
        try:
            snapshot = self._begin(session, left.snapshot)
        except (SnapshotGone, SnapshotUnavailable) as error:
            if left.snapshot is None or self.published:
                raise
            self._log.warning("everything begins anew: %s", error.message)
            self.disk.remove_tree(self.place.work)
            self.disk.make_directory(self.place.work)
            found, items = self._prepare(session, Left())
            snapshot = self._begin(session)
        with ended_after(session):
            self._journal.set_snapshot(snapshot)
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
        self._journal.stage("checking the objects")
        scope = Scope(
            default_database=self._source.connection.begins_in,
            refs=tuple(item.ref for item in left.pending) if left.useful else None,
            target_known=True,
            on_disk=sum(item.processed_bytes for item in left.pending if item.begun),
            check=self._cancel.check,
            marks={mark.object: mark for mark in self._journal.marks()},
            beyond=self._look_beyond if self._beyond is not None else None,
            built_here=self._beyond is None or self._delivery is None,
            connection=self._source.connection,
        )
        found = preflight(session, settings, self.place.target, scope)
        self._output_bytes = found.needed_bytes + scope.on_disk
        items = plan_again(settings, left, found.objects) if left.useful else plan(settings, found.objects)
        self._journal.plan(items, left.snapshot)
        tell(found, settings, len(items), self._log)
        faults.reached(Point.CHECKED)
        self._look_out(session, scope, found, items)
        return found, items

    def _look_beyond(self, session: Session) -> Iterable[str]:
        """Notes about the machines that parts are read on beside this one. Raises what is wrong there."""
        if self._beyond is None:
            return ()
        # What is left of it in the target itself would be taken for foreign.
        here = self.place.root / self.place.work if self.place.inside else self.place.root
        self._journal.stage("checking who reads the parts")
        with self._cancel.interruptible():
            return self._beyond(session, here)

    def _look_out(
        self, session: Session, scope: Scope, found: Preflight, items: Sequence[TaskObject]
    ) -> None:
        """Where only what is new is taken: ask what must be known before the point in time is fixed."""
        chosen = {str(item.ref): item.chosen for item in found.objects if item.chosen is not None}
        if not chosen:
            return
        self._outlook = Outlook(self.task.settings, chosen, scope.marks)
        self._journal.stage("looking for what is new")
        refs = [item.ref for item in items if not item.done and not item.error and not item.begun]
        self._outlook.look(session, found.database, refs, check=self._cancel.check, log=self._log)

    def _export(
        self, session: Session, found: Preflight, items: Sequence[TaskObject], snapshot: Snapshot | None
    ) -> Manifest:
        settings = self.task.settings
        ctx = Context(
            task=self.task,
            journal=self._journal,
            session=session,
            database=found.database,
            disk=self.disk,
            place=self.place,
            layout=Layout(settings, [item.ref for item in items], Names.of(self.task, found.database)),
            log=self._log,
            cancel=self._cancel,
            pace=Pace(self._journal.rate, self._cancel.check),
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
        self._cancel.check()
        done = {str(item.ref) for item in results if item.done}
        files = [*merged, *(entry for entry in self._journal.files() if entry.object in done)]
        order = load_order(settings, results, files)
        script = write_load_script(ctx, order)
        if script is not None:
            files.append(script)
        return make_manifest(
            ctx,
            connection=self._source.connection.name,
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
            for item in self._journal.objects()
        ]
        self._journal.plan(items, None)


def incomplete(manifest: Manifest) -> OfframpError | None:
    """The error of a task that published `manifest`: None where that is complete."""
    failed = [(str(item.ref), item.error.message) for item in manifest.objects if item.error]
    return None if manifest.complete else _incomplete(failed, len(manifest.objects) - len(failed))


def _incomplete(failed: Sequence[tuple[str, str]], published: int) -> Incomplete:
    name, reason = failed[0]
    first = reason if name.partition(":")[2] in reason else f"{name}: {reason}"
    count = f"{len(failed)} of {len(failed) + published} objects failed, {published} published."
    return Incomplete(f"{count} {first}", "Retry reads only what is missing.")


def _done(items: Sequence[TaskObject]) -> int:
    return sum(item.done for item in items)
