"""From the spool, where a task's output is built, to a destination elsewhere.

What is built is complete and durable, its manifest included, before anything is sent: that is the list of
what to publish, and an attempt that finds it sends what is still missing. How it appears is `Target`'s.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core import faults
from core.faults import Point
from core.model.task import Task
from core.model.vocabulary import Engine
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.journal import Journal
from core.pipeline.manifest import MANIFEST, Manifest
from core.pipeline.place import SPOOLED, TargetState, own_manifest, spool_place
from core.pipeline.remote_target import Target
from core.pipeline.sending import send_file

if TYPE_CHECKING:
    from connectors.elsewhere import Elsewhere, RemoteFiles


class SpoolDisk(Disk):
    """The spool; and below `SPOOLED`, by their lengths, what the destination has already."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.there: dict[str, int] = {}

    def size(self, path: str) -> int | None:
        if path.startswith(f"{SPOOLED}/"):
            return self.there.get(path.removeprefix(f"{SPOOLED}/"))
        return super().size(path)


class Delivery:
    """One attempt's way to `path` at a destination. `place` and `disk` are where it builds; what workers of
    a cluster have sent themselves is known to `disk.there`."""

    def __init__(self, task: Task, elsewhere: Elsewhere, path: str, spool: Path) -> None:
        self.task = task
        self.elsewhere = elsewhere
        self.place = spool_place(task, spool)
        self.target = Target(task.id, self.place.token, path)
        self.disk = SpoolDisk(self.place.root)

    def state(self, cancel: Cancel) -> tuple[TargetState, Manifest | None]:
        """What stands at the target, with its manifest where that is this task's. Raises TargetExists for
        anything foreign, ConnectError."""
        with cancel.interruptible():
            opened = self.elsewhere.connect()
        with opened as files:
            state, manifest = self.target.state(files)
            if state is not TargetState.FREE or self._sends_parts:
                self.disk.there = self.target.there(files)
        return state, manifest

    @contextmanager
    def sent(
        self,
        old: Manifest | None,
        manifest: Manifest,
        *,
        journal: Journal,
        cancel: Cancel,
        log: logging.Logger,
    ) -> Iterator[Callable[[], None]]:
        """Send the complete build; gives the function that publishes it, to be called within. `old` is what
        this task has published before. Raises TargetExists where something foreign has come in between."""
        begun = time.monotonic()
        with cancel.interruptible():
            opened = self.elsewhere.connect()
        with opened as files:
            sending = _Sending(self, files, manifest, old, journal=journal, cancel=cancel)
            count = sending.send()
            seconds = max(0.001, time.monotonic() - begun)
            log.info("sent %d bytes to %s in %.1f s", count, files.where(self.target.path), seconds)
            if sending.there:
                size = sum(entry.bytes for entry in sending.there)
                log.info("%d files of %d bytes had been sent by who read them", len(sending.there), size)
            yield partial(
                self.target.publish,
                files,
                self.built,
                sending.paths,
                sending.replaceable,
                ours=old is not None,
            )

    @property
    def _sends_parts(self) -> bool:
        """Whether parts are sent by who reads them, before there is a build."""
        return self.task.settings.engine is Engine.DASK

    @property
    def scratch(self) -> Path:
        """A name for a file of the moment."""
        return self.disk.root / f"{self.place.work}.list"

    def built(self, path: str) -> Path:
        """A file of the build."""
        return self.disk.root / self.place.work / path

    def settle(self) -> None:
        """Remove what is left over of publishing, here and there. Raises OutputError, ConnectError."""
        with self.elsewhere.connect() as files:
            self.target.discard(files)
        self.disk.remove_tree(self.place.work)

    def discard(self) -> None:
        """Remove what attempts of this task have sent and not published: nothing can have been sent unless
        one of them came to the end of its build, or parts are sent by who reads them. Raises OutputError,
        ConnectError."""
        built = own_manifest(self.disk, self.place, self.place.work) is not None
        if self.task.attempts > 1 or self._sends_parts or built:
            with self.elsewhere.connect() as files:
                self.target.discard(files)


class _Sending:
    """The sending of one build: progress, checksums, and the wish to abort. `there` are files that others
    have sent, `paths` all of them."""

    def __init__(
        self,
        delivery: Delivery,
        files: RemoteFiles,
        manifest: Manifest,
        old: Manifest | None,
        *,
        journal: Journal,
        cancel: Cancel,
    ) -> None:
        self._delivery = delivery
        self._files = files
        self._sums = {entry.path: entry.sha256 for entry in manifest.files}
        # What belongs to no object was made anew, and takes its own place.
        self.replaceable = {entry.path for entry in old.files if entry.object is None} if old else set()
        self._journal = journal
        self._cancel = cancel
        self._local = [path for path in delivery.disk.tree(delivery.place.work) if path != MANIFEST]
        known = {*self._local, *(entry.path for entry in old.files)} if old else {*self._local}
        self.there = [entry for entry in manifest.files if entry.path not in known]
        self.paths = [*self._local, *(entry.path for entry in self.there)]
        self._total = sum(delivery.built(path).stat().st_size for path in self._local)
        self._done = 0
        self._sent = 0

    def send(self) -> int:
        """Send what isn't there; how many bytes went."""
        target, files = self._delivery.target, self._files
        self._journal.stage(f"sending {len(self._local)} files")
        target.prepare(files, self._delivery.scratch, self._local, self.there)
        for number, path in enumerate(self._local, start=1):
            self._say(number)
            source = self._delivery.built(path)
            if path in self.replaceable:
                if files.renames:
                    self._send(target.sending_path(files, path), source, number, self._sums[path])
            elif target.has(files, path, source):
                self._done += source.stat().st_size
            else:
                self._send(target.sending_path(files, path), source, number, self._sums[path])
                faults.reached(Point.FORWARDED)
        if files.renames:
            manifest = self._delivery.built(MANIFEST)
            with manifest.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._send(target.sending_path(files, MANIFEST), manifest, len(self._local), digest)
        return self._sent

    def _send(self, path: str, source: Path, number: int, digest: str) -> None:
        before = self._done

        def told(count: int) -> None:
            self._cancel.check()
            self._done += count
            self._sent += count
            self._say(number)

        send_file(self._files, path, source, digest, told=told, check=self._cancel.check)
        self._done = before + source.stat().st_size

    def _say(self, number: int) -> None:
        self._cancel.check()
        done, total = self._done >> 20, self._total >> 20
        self._journal.stage(f"sending file {number} of {len(self._local)}, {done} of {total} MiB")
