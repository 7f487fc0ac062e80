"""Where the files of parts arrive that were read elsewhere, and how those that count get their places.

A part may be executed more than once: by a cluster that takes a worker for lost, by the next attempt of a
task whose last one isn't quite over. So an execution never writes where the files that count are, but for an
object store, where nothing is replaced and each object appears whole. What isn't taken here is nobody's, and
goes.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from connectors.elsewhere import RenamingFiles
from core.cluster.errand import Finished
from core.errors import DestinationLost, OutputDamaged
from core.model.destination import Destination
from core.model.task import FileEntry
from core.pipeline.delivery import Delivery
from core.pipeline.disk import Disk, join
from core.pipeline.parts import PartJob
from core.pipeline.place import Place
from core.pipeline.remote_target import PARTS

if TYPE_CHECKING:
    from connectors.elsewhere import RemoteFiles

# How long a file may take to be seen from here that was written on another machine: clients of NFS remember
# what they saw of a directory for up to a minute ("acdirmax" in nfs(5)).
SEEN_SECONDS = 75.0
LOOK_SECONDS = 0.1


class Landing(ABC):
    """`destination` is where workers send files to, None where they write them to a disk that all see;
    `apart`: each execution has a directory of its own in that of its run."""

    destination: Destination | None
    apart: bool

    @abstractmethod
    def prepare(self, jobs: Sequence[PartJob]) -> None:
        """Before these parts of an object are read: nothing is in the way of their files."""

    @abstractmethod
    def directory(self, run: int, job: PartJob) -> str:
        """Where the files of a run arrive."""

    @abstractmethod
    def take(self, run: int, finished: Finished) -> None:
        """The files of a run count: give them their places. Raises OutputDamaged where they aren't there."""

    @abstractmethod
    def again(self, job: PartJob) -> None:
        """A part is to be read once more, of which something may have arrived."""

    @abstractmethod
    def close(self) -> None:
        """Remove what nobody took."""


class SharedDisk(Landing):
    """A disk that all workers see, with the task's work directory on it."""

    destination = None
    apart = True

    def __init__(self, disk: Disk, place: Place, check: Callable[[], None]) -> None:
        self._disk = disk
        self._work = place.work
        self._parts = join(place.work, PARTS)
        self._check = check
        self._cleared = False

    def prepare(self, jobs: Sequence[PartJob]) -> None:
        if not self._cleared:
            # Whoever still writes for an attempt before this one finds its directory gone.
            self._disk.remove_tree(self._parts)
            self._cleared = True
        self._disk.make_directory(self._parts)

    def directory(self, run: int, job: PartJob) -> str:
        path = join(self._parts, str(run))
        self._disk.make_directory(path)
        return path

    def again(self, job: PartJob) -> None:
        """Each run has its own directory."""

    def take(self, run: int, finished: Finished) -> None:
        for entry in finished.result.files:
            arrived = join(finished.directory, name_of(entry))
            self._see(arrived, entry)
            self._disk.replace(arrived, join(self._work, entry.path))
        self._disk.remove_tree(join(self._parts, str(run)))

    def _see(self, path: str, entry: FileEntry) -> None:
        deadline = time.monotonic() + SEEN_SECONDS
        while (found := self._disk.size(path)) != entry.bytes:
            self._check()
            if time.monotonic() > deadline:
                there = "nothing" if found is None else f"{found} bytes"
                raise OutputDamaged(
                    f"A worker wrote {entry.path} with {entry.bytes} bytes, and here is {there}.",
                    f"{self._disk.root} must be the same directory on all workers and on this machine.",
                )
            time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        self._disk.remove_tree(self._parts)


class Elsewhere(Landing):
    """A destination. Where that renames, files arrive beside those that count; in an object store in their
    final places, of which the list that is there before the first of them tells."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._target = delivery.target
        self.destination = delivery.elsewhere.destination
        self.apart = False
        self._cleared = False
        self._open: RemoteFiles | None = None

    def prepare(self, jobs: Sequence[PartJob]) -> None:
        paths = [job.path for job in jobs]
        self._with_files(lambda files: self._prepare(files, paths))

    def _prepare(self, files: RemoteFiles, paths: Sequence[str]) -> None:
        self.apart = files.renames
        if not files.renames:
            self._target.announce(files, self._delivery.scratch, paths)
            return
        if not self._cleared:
            files.remove_tree(self._target.parts)
            self._cleared = True
        # Workers that make the same directory at once would be in each other's way.
        files.make_directory(self._target.parts)
        self._target.make_directories(files, paths)

    def again(self, job: PartJob) -> None:
        if not self.apart:
            self._with_files(lambda files: self._target.clear(files, [job.path]))

    def directory(self, run: int, job: PartJob) -> str:
        if self.apart:
            return join(self._target.parts, str(run))
        return self._target.at(job.path).rpartition("/")[0]

    def take(self, run: int, finished: Finished) -> None:
        if self.apart:
            self._with_files(lambda files: self._rename(files, run, finished))
        for entry in finished.result.files:
            self._delivery.disk.there[entry.path] = entry.bytes

    def _rename(self, files: RemoteFiles, run: int, finished: Finished) -> None:
        if isinstance(files, RenamingFiles):
            for entry in finished.result.files:
                path = self._target.sending_path(files, entry.path)
                arrived = join(finished.directory, name_of(entry))
                if files.status(arrived) is not None or files.status(path) is None:
                    files.replace(arrived, path)
            files.remove_tree(join(self._target.parts, str(run)))

    def _with_files(self, work: Callable[[RemoteFiles], None]) -> None:
        """Work on the connection that is open, which may have been silent for long: where it is lost, once
        more on another. So `work` may find some of it done."""
        if self._open is not None:
            try:
                work(self._open)
            except DestinationLost:
                self._hang_up()
            else:
                return
        self._open = self._delivery.elsewhere.connect()
        work(self._open)

    def _hang_up(self) -> None:
        if self._open is not None:
            files, self._open = self._open, None
            files.close()

    def close(self) -> None:
        try:
            if self.apart:
                self._with_files(lambda files: files.remove_tree(self._target.parts))
        finally:
            self._hang_up()


def name_of(entry: FileEntry) -> str:
    """The last step of a file's path."""
    return entry.path.rpartition("/")[2]
