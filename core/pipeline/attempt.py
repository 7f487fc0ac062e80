"""One attempt of a task: what is there already, and how what is read gets to its final place."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.base import Source
from core import faults
from core.errors import (
    Aborted,
    ConnectError,
    NotWritable,
    OutputDamaged,
    OutputError,
    SnapshotUnavailable,
)
from core.faults import Point
from core.model.file_settings import check_remote
from core.model.mark import Window
from core.model.task import Task, TaskObject
from core.pipeline.cancel import Cancel
from core.pipeline.crews import Beyond, Crews
from core.pipeline.disk import Disk, join
from core.pipeline.journal import Journal
from core.pipeline.latest import move_latest
from core.pipeline.manifest import MANIFEST, Manifest
from core.pipeline.place import Place, TargetState, own_manifest, put_back, state_of_target
from core.pipeline.plan import Left, left_over
from core.pipeline.publish import check_sizes, complete_build, make_durable, publish
from core.pipeline.reading import Reading
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
        self._crews = crews
        self._beyond = beyond

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
        reading = Reading(
            task=self.task,
            journal=self._journal,
            source=self._source,
            disk=self.disk,
            place=self.place,
            log=self._log,
            cancel=self._cancel,
            crews=self._crews,
            beyond=self._beyond,
            sends=self._delivery is not None,
            published=self.published,
        )
        with reading.telling_size():
            manifest = reading.run(left)
            complete_build(self.disk, self.place, manifest)
        return self._publish(state, old, manifest)

    def _state(self) -> tuple[TargetState, Manifest | None]:
        if self._delivery is not None:
            return self._delivery.state(self._cancel)
        return state_of_target(self.disk, self.place)

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


def _done(items: Sequence[TaskObject]) -> int:
    return sum(item.done for item in items)
