"""From the directory where a task's output was built to its final place.

A new directory appears by one rename. Where that can't be (the target is a mount point or its parent may
not be written, or a first part is published already) files move one by one, always forward, the manifest
last: the set counts once the manifest is there. Nothing that isn't this task's own is ever replaced, but for
the output of an earlier run where that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from core import faults
from core.errors import OutputDamaged, TargetExists
from core.faults import Point
from core.model.task import FileEntry
from core.pipeline import manifest as manifests
from core.pipeline.disk import Disk, join
from core.pipeline.manifest import MANIFEST, Manifest
from core.pipeline.place import Place, TargetState, set_aside
from core.pipeline.writer import write_file


def complete_build(disk: Disk, place: Place, manifest: Manifest) -> None:
    """Make the built directory whole and durable: only listed files, the manifest, all of it on the disk.
    The manifest comes when what it lists is durable. Raises OutputDamaged where a listed file isn't there in
    full."""
    wanted = {entry.path for entry in manifest.files}
    for path in disk.tree(place.work):
        if path not in wanted:
            disk.remove(join(place.work, path))
    _prune(disk, place.work)
    make_durable(disk, place.work)
    check_sizes(disk, place, manifest.files)
    faults.reached(Point.MANIFEST_NEXT)
    write_file(disk, join(place.work, MANIFEST), manifests.dump(manifest))
    faults.reached(Point.MANIFEST_WRITTEN)
    disk.sync_directory(place.work)


def make_durable(disk: Disk, directory: str) -> None:
    """Sync the names in a task's directory, in those below it, and its own. An earlier attempt may have
    written all of it and died before it came to that."""
    _sync_tree(disk, directory)
    disk.sync_directory("")


def _sync_tree(disk: Disk, directory: str) -> None:
    for name in disk.entries(directory):
        if disk.is_directory(join(directory, name)):
            _sync_tree(disk, join(directory, name))
    disk.sync_directory(directory)


def _prune(disk: Disk, directory: str) -> None:
    """Remove the directories in `directory` that have no file in them."""
    for name in disk.entries(directory):
        below = join(directory, name)
        if disk.is_directory(below):
            _prune(disk, below)
            if not disk.entries(below):
                disk.remove_directory(below)


def check_sizes(disk: Disk, place: Place, files: Iterable[FileEntry]) -> None:
    """Raises OutputDamaged for the first file that has its full length neither where it was built nor where
    it is published."""
    for entry in files:
        sizes = [disk.size(join(directory, entry.path)) for directory in place.holds]
        if entry.bytes not in sizes:
            found = next((size for size in sizes if size is not None), None)
            raise OutputDamaged(
                f"{entry.path} was written with {entry.bytes} bytes and "
                + ("is gone." if found is None else f"has {found} now."),
                "Something else changes the output directory, or the disk fails. Retry writes it again.",
            )


def publish(disk: Disk, place: Place, state: TargetState, old: Manifest | None) -> None:
    """Bring the complete build to the target. `state` and `old` (the manifest there, if it is this task's)
    are what `state_of_target` said. Raises TargetExists where something foreign has come in between."""
    if state is TargetState.FREE and not place.inside:
        disk.rename_directory(place.work, place.final)
        faults.reached(Point.RENAMED)
        disk.sync_directory("")
        return
    if state is TargetState.EARLIER:
        _replace(disk, place)
        return
    ours = {entry.path for entry in old.files if entry.object is None} if old is not None else set()
    paths = [path for path in disk.tree(place.work) if path != MANIFEST]
    for path in paths:
        if path not in ours:
            _forward(disk, place, path)
            faults.reached(Point.FORWARDED)
    # Durable under their new names before the old ones go.
    for directory in sorted({above for path in paths for above in _above(path)}, reverse=True):
        disk.sync_directory(join(place.final, directory))
    disk.sync_directory(place.final)
    # What belongs to no object (a script that loads the others) was made anew, and takes its own place.
    for path in paths:
        if path in ours:
            disk.replace(join(place.work, path), join(place.final, path))
    if ours:
        # The manifest mustn't outlive a power cut that they don't.
        disk.sync_directory(place.final)
    if state is TargetState.OURS:
        disk.replace(join(place.work, MANIFEST), join(place.final, MANIFEST))
    else:
        _forward(disk, place, MANIFEST)
    faults.reached(Point.RENAMED)
    disk.sync_directory(place.final)
    disk.remove_tree(place.work)
    disk.sync_directory("")


def _replace(disk: Disk, place: Place) -> None:
    """Put the complete build in the place of an earlier run's output: in one step where the file system has
    one, else in two, between which the place is empty. `put_back` knows what to do after a death at any
    moment of it."""
    if disk.exchange(place.work, place.final):
        faults.reached(Point.RENAMED)
        disk.sync_directory("")
        set_aside(disk, place, place.work)
    else:
        set_aside(disk, place, place.final)
        disk.rename_directory(place.work, place.final)
        faults.reached(Point.RENAMED)
        disk.sync_directory("")
    disk.remove_tree(place.aside)


def _forward(disk: Disk, place: Place, path: str) -> None:
    """Give one file its final name beside the one it was built under. A second time, after a crash, nothing
    more happens."""
    source, target = join(place.work, path), join(place.final, path)
    for directory in _above(path):
        disk.make_directory(join(place.final, directory))
    try:
        disk.link(source, target)
    except TargetExists:
        before, after = disk.status(source), disk.status(target)
        if before is None or after is None or not os.path.samestat(before, after):
            raise


def _above(path: str) -> list[str]:
    """`a`, then `a/b`, of `a/b/file`."""
    steps = path.split("/")[:-1]
    return ["/".join(steps[:length]) for length in range(1, len(steps) + 1)]
