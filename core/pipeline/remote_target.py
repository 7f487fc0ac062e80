"""A task's directory at a destination elsewhere: what stands there, how it gets there, what is left over.

Where the destination renames directories (SFTP, FTP, HDFS), all of it arrives in `.partial-<task>-<token>`
beside the target and gets its name in one step. Elsewhere (S3) each object appears by itself: a list of them
with the task's token in its name is there before the first of them and goes after the last; the manifest is
put last, and the set counts once that is there. Nothing that isn't this task's own is ever replaced.

Parts that are read elsewhere are sent from there, before there is a build: then the list names the data files
that their parts are called by, which stand for those that limits cut a part into as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.elsewhere import RenamingFiles
from core import faults
from core.errors import NotFound, OutputDamaged, TargetExists, UsageError
from core.faults import Point
from core.model.task import FileEntry
from core.pipeline import manifest as manifests
from core.pipeline.disk import join
from core.pipeline.manifest import MANIFEST, Manifest
from core.pipeline.place import TargetState
from core.pipeline.published import RemoteReading

if TYPE_CHECKING:
    from connectors.elsewhere import RemoteFiles

_NOT_FOREIGN = frozenset({"lost+found"})
MOST_LISTED = 64 << 20
# Where what others send arrives, beside what counts.
PARTS = ".parts"
# The number of a file among those of one part (`parts.piece_names`).
_PIECE = re.compile(r"\.\d{4,}(?=\.)")


class Target:
    """The directory `path` of a destination, which is that of the task of this number. `token` tells it from
    every other, and is the same in all its attempts."""

    def __init__(self, task: int, token: str, path: str) -> None:
        check_target(path)
        self.path = path
        self._token = token
        name = f".partial-{task}-{token}"
        self._partial = join(path.rpartition("/")[0], name)
        self._list = self.at(f"{name}.json")
        self._arrived: Collection[str] = ()
        self._published: Mapping[str, int] = {}

    def at(self, path: str) -> str:
        """The final place of a file."""
        return f"{self.path}/{path}"

    def state(self, files: RemoteFiles) -> tuple[TargetState, Manifest | None]:
        """What stands there, with its manifest where that is this task's. Raises TargetExists."""
        there = _names(files, self.path)
        if not there:
            return TargetState.FREE, None
        manifest = self._own_manifest(files) if MANIFEST in there else None
        if manifest is not None:
            return TargetState.OURS, manifest
        if self._list.rpartition("/")[2] in there:
            return TargetState.BEGUN, None
        raise _foreign(files, self.path)

    def _own_manifest(self, files: RemoteFiles) -> Manifest | None:
        try:
            manifest = manifests.load(RemoteReading(files, self.path), "")
        except (NotFound, OutputDamaged):
            return None
        return manifest if manifest.token == self._token else None

    # Sending

    @property
    def parts(self) -> str:
        """Where this destination `renames`: what others have sent, until it is known whether it counts."""
        return join(self._partial, PARTS)

    def there(self, files: RemoteFiles) -> dict[str, int]:
        """The files that have arrived, by the manifest's paths, with their lengths."""
        beside = files.tree(self._partial) if files.renames else {}
        return beside | files.tree(self.path)

    def make_directories(self, files: RemoteFiles, paths: Iterable[str]) -> None:
        """Make those that files of these paths are sent to."""
        root = self._partial if files.renames else self.path
        for directory in _directories(paths):
            files.make_directory(f"{root}/{directory}".rstrip("/"))

    def announce(self, files: RemoteFiles, scratch: Path, paths: Collection[str]) -> None:
        """Say, where files appear one by one, what will be sent beside what was said before. What an earlier
        attempt has sent of these is removed. `scratch` is a local file's name."""
        listed = self._listed(files)
        self.clear(files, listed.intersection(paths))
        self._write_list(files, scratch, sorted(listed.union(paths)))

    def clear(self, files: RemoteFiles, paths: Collection[str]) -> None:
        """Remove what was sent of these announced files."""
        if paths:
            for path in self._of(paths, files.tree(self.path)):
                files.remove(self.at(path))

    def prepare(
        self, files: RemoteFiles, scratch: Path, paths: Sequence[str], sent: Sequence[FileEntry] = ()
    ) -> None:
        """Make room for files, and look what has arrived. Where they appear one by one, say first which.
        `sent` are those that others have sent already; what arrived beside all of these goes. Raises
        OutputDamaged where one that was sent isn't there."""
        wanted = [*paths, *(entry.path for entry in sent)]
        self._published = files.tree(self.path)
        self.make_directories(files, paths)
        if files.renames:
            arrived = files.tree(self._partial)
            for path in arrived.keys() - {*wanted, MANIFEST}:
                files.remove(join(self._partial, path))
            files.remove_directory(self.parts)
            self._arrived = arrived.keys()
            _check_sent(files, self._partial, sent, arrived)
            return
        self._arrived = listed = self._listed(files)
        _check_sent(files, self.path, sent, self._published)
        for path in listed.union(self._of(listed, self._published)).difference(wanted):
            files.abandon(self.at(path))
            files.remove(self.at(path))
        self._write_list(files, scratch, wanted)

    def _write_list(self, files: RemoteFiles, scratch: Path, paths: Sequence[str]) -> None:
        scratch.write_text(json.dumps(list(paths)))
        try:
            files.put(self._list, scratch, lambda _: None, replace=True)
        finally:
            scratch.unlink()

    @staticmethod
    def _of(listed: Collection[str], there: Iterable[str]) -> set[str]:
        """What is there of the files that a list tells of."""
        return {path for path in there if _is_of(path, listed)}

    def sending_path(self, files: RemoteFiles, path: str) -> str:
        """Where a file is sent to."""
        return join(self._partial, path) if files.renames else self.at(path)

    def has(self, files: RemoteFiles, path: str, source: Path) -> bool:
        """Whether a file has arrived already, whole: where it was sent to, or in its final place. Raises
        TargetExists where something else is in its final place."""
        if files.renames and path in self._arrived and files.same(join(self._partial, path), source):
            return True
        if path not in self._published:
            return False
        if files.same(self.at(path), source):
            return True
        if files.renames or path not in self._arrived:
            raise _taken(files, self.at(path))
        # An earlier attempt sent it, and has read something else.
        files.remove(self.at(path))
        return False

    def _listed(self, files: RemoteFiles) -> frozenset[str]:
        """What earlier attempts of this task may have sent, one by one."""
        found = files.status(self._list)
        if found is None or found.bytes > MOST_LISTED:
            return frozenset()
        listed = json.loads(b"".join(files.read(self._list)))
        return frozenset(path for path in listed if isinstance(path, str))

    # Publishing

    def publish(
        self,
        files: RemoteFiles,
        built: Callable[[str], Path],
        paths: Sequence[str],
        replaceable: Collection[str],
        *,
        ours: bool,
    ) -> None:
        """Give what was sent its final names. `ours`: a part of it is published already, of which
        `replaceable` gives way. Raises TargetExists where something foreign is there by now."""
        if not isinstance(files, RenamingFiles):
            again = [path for path in paths if path in replaceable]
            for path in (*again, MANIFEST):
                files.put(self.at(path), built(path), lambda _: None, replace=ours)
            faults.reached(Point.RENAMED)
            files.remove(self._list)
        elif not ours:
            if _names(files, self.path):
                raise _foreign(files, self.path)
            files.remove_directory(self.path)
            files.rename(self._partial, self.path)
            faults.reached(Point.RENAMED)
        else:
            self._forward(files, paths, replaceable)

    def _forward(self, files: RenamingFiles, paths: Iterable[str], replaceable: Collection[str]) -> None:
        """Move what is new beside what is published, always forward, the manifest last."""
        waiting = [path for path in paths if path in files.tree(self._partial)]
        for path in waiting:
            if path not in replaceable:
                directory = path.rpartition("/")[0]
                files.make_directory(self.at(directory) if directory else self.path)
                files.rename(join(self._partial, path), self.at(path))
        for path in (*(path for path in waiting if path in replaceable), MANIFEST):
            files.replace(join(self._partial, path), self.at(path))
        faults.reached(Point.RENAMED)
        files.remove_tree(self._partial)

    def discard(self, files: RemoteFiles) -> None:
        """Remove what was sent and isn't published. Raises OutputError."""
        if files.renames:
            files.remove_tree(self._partial)
            return
        listed = self._listed(files)
        manifest = self._own_manifest(files) if listed else None
        published = {entry.path for entry in manifest.files} if manifest is not None else set()
        sent = self._of(listed, files.tree(self.path)) if listed else set()
        for path in listed.union(sent) - published:
            files.abandon(self.at(path))
            files.remove(self.at(path))
        files.remove(self._list)
        for directory in reversed(_directories(listed) if listed else []):
            files.remove_directory(f"{self.path}/{directory}".rstrip("/"))


def _is_of(path: str, listed: Collection[str]) -> bool:
    """Whether a file is one of a list, or one of those that a listed part was cut into."""
    return path in listed or any(whole in listed for whole in _uncut(path))


def _uncut(path: str) -> Iterator[str]:
    """What the part of a file may be called: its path without the number of a piece."""
    for found in _PIECE.finditer(path, len(path.rpartition("/")[0])):
        yield path[: found.start()] + path[found.end() :]


def _check_sent(files: RemoteFiles, root: str, sent: Iterable[FileEntry], there: Mapping[str, int]) -> None:
    for entry in sent:
        found = there.get(entry.path)
        if found != entry.bytes:
            raise OutputDamaged(
                f"{files.where(f'{root}/{entry.path}')} was sent with {entry.bytes} bytes and "
                + ("is gone." if found is None else f"has {found} now."),
                "Something else changes the destination. Retry reads and sends it again.",
            )


def _directories(paths: Iterable[str]) -> list[str]:
    """Those that hold files, and those that hold these, the outermost (of no name) first."""
    found = {""}
    for path in paths:
        steps = path.split("/")[:-1]
        found |= {"/".join(steps[:length]) for length in range(1, len(steps) + 1)}
    return sorted(found)


def check_target(path: str) -> None:
    """Raises UsageError where a task's files can't go to this path of a destination."""
    if not path:
        raise UsageError(
            "A task's files can't go into the root of a destination.",
            "Name a directory below it: NAME:orders, s3://bucket/orders.",
        )


def check_free(files: RemoteFiles, path: str) -> None:
    """Raises TargetExists where a task that isn't made yet couldn't publish."""
    check_target(path)
    if _names(files, path):
        raise _foreign(files, path)


def _names(files: RemoteFiles, path: str) -> set[str]:
    """What is in a directory; nothing where there is none. Raises TargetExists where it is no directory."""
    found = files.status(path)
    if found is not None and not found.directory:
        raise _foreign(files, path)
    return files.entries(path).keys() - _NOT_FOREIGN


def _foreign(files: RemoteFiles, path: str) -> TargetExists:
    return TargetExists(
        f"{files.where(path)} is there already and isn't empty, or is no directory.",
        "Name a directory that is absent or empty: nothing is ever overwritten.",
    )


def _taken(files: RemoteFiles, path: str) -> TargetExists:
    return TargetExists(
        f"Something else is at {files.where(path)}.", "Take it away, or choose another place."
    )
