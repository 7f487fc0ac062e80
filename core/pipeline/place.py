"""Where a task's output goes, and what stands there now.

Everything is built in `.partial-<task>-<token>/`, which is in the same file system as the target: beside it,
or inside it where the target is a mount point or its parent may not be written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from core.errors import NotFound, NotWritable, OutputDamaged, TargetExists
from core.model.destination import is_local
from core.model.file_settings import IfExists
from core.model.task import Task
from core.pipeline import manifest as manifests
from core.pipeline.disk import Disk, join
from core.pipeline.earlier import Run, check_replaceable
from core.pipeline.manifest import Manifest

# What an empty file system has of its own.
_NOT_FOREIGN = frozenset({"lost+found"})
SPOOLED = "elsewhere"


@dataclass(frozen=True, slots=True)
class Place:
    """`target` is the final directory; `root` where the disk's paths begin; `work` and `final` are paths
    below it (`final` is empty where the root is the target itself). `token` tells this task from every
    other, and is the same in all its attempts. `replaces`: the run on whose behalf what an earlier one left
    at the target may give way, None where nothing may; `earlier`: that is what stands there now."""

    target: Path
    root: Path
    work: str
    final: str
    token: str
    replaces: Run | None = None
    earlier: bool = False

    @classmethod
    def of(cls, task: Task) -> Place:
        """Raises TargetExists for a symbolic link, NotWritable where nothing can be made there."""
        target = Path(task.output)
        token = token_of(task)
        work = f".partial-{task.id}-{token}"
        run = Run.of(task) if task.settings.files.if_exists is IfExists.REPLACE else None
        if target.is_symlink():
            raise _link(target)
        if builds_inside(target):
            return cls(target, target, work, "", token, run)
        return cls(target, target.parent.resolve(), work, target.name, token, run)

    @property
    def inside(self) -> bool:
        return not self.final

    @property
    def holds(self) -> tuple[str, ...]:
        """Where files of this task may be."""
        return (self.work,) if self.earlier else (self.work, self.final)

    @property
    def aside(self) -> str:
        """Where an earlier run's output is while this one's takes its place, where that needs two steps."""
        return f"{self.work}.old"


class TargetState(Enum):
    """What stands at the target: nothing (or an empty directory), this task's own published output, or the
    beginning of it, moved there file by file by an attempt that didn't get further; or the output of an
    earlier run, which gives way."""

    FREE = "free"
    OURS = "ours"
    BEGUN = "begun"
    EARLIER = "earlier"


def token_of(task: Task) -> str:
    """Twelve hex digits that stay the same for all attempts of a task and differ between tasks, in other
    stores too."""
    return hashlib.sha256(f"{task.id}\0{task.output}\0{task.created.isoformat()}".encode()).hexdigest()[:12]


def builds_inside(target: Path) -> bool:
    """Whether a directory can't come to `target` by renaming one beside it."""
    if not target.is_dir():
        return False
    return target.is_mount() or not os.access(target.parent, os.W_OK | os.X_OK)


def state_of_target(disk: Disk, place: Place) -> tuple[TargetState, Manifest | None]:
    """What stands at the target, with its manifest where that is this task's. Raises TargetExists for
    anything foreign."""
    if not place.root.exists():
        return TargetState.FREE, None
    if place.final:
        found = disk.status(place.final)
        if found is None:
            return TargetState.FREE, None
        if not stat.S_ISDIR(found.st_mode):
            raise _link(place.target) if stat.S_ISLNK(found.st_mode) else _foreign(place.target)
    there = [
        n for n in disk.entries(place.final) if n not in _NOT_FOREIGN and join(place.final, n) != place.work
    ]
    if not there:
        return TargetState.FREE, None
    manifest = own_manifest(disk, place, place.final)
    if manifest is not None:
        return TargetState.OURS, manifest
    # Without a manifest there, only what this task's own complete build is being moved from may explain it.
    building = own_manifest(disk, place, place.work) if place.inside else None
    if building is not None:
        listed = {entry.path for entry in building.files}
        if set(there) <= {path.partition("/")[0] for path in listed}:
            return TargetState.BEGUN, building
    if place.replaces is not None:
        check_replaceable(place.target, place.replaces)
        if place.inside:
            raise _not_in_one_step(place.target)
        return TargetState.EARLIER, None
    raise _foreign(place.target)


def put_back(disk: Disk, place: Place) -> None:
    """What an earlier run wrote, and an attempt that then died had moved aside, has its place again; where
    this task's own output is there by now, it goes. Raises OutputError."""
    if place.inside:
        return
    ours = own_manifest(disk, place, place.final) is not None
    if ours:
        # The attempt that died may not have synced its rename: until that is durable, the earlier output
        # mustn't go, nor get another name.
        disk.sync_directory("")
    if ours and disk.status(place.aside) is None and _is_of_another(disk, place):
        set_aside(disk, place, place.work)
    if disk.status(place.aside) is None:
        return
    if ours:
        disk.remove_tree(place.aside)
    elif not disk.entries(place.final):
        disk.rename_directory(place.aside, place.final)
        disk.sync_directory("")


def set_aside(disk: Disk, place: Place, directory: str) -> None:
    """Give what an earlier run wrote the name that says so, durably: then it can be removed bit by bit."""
    disk.rename_directory(directory, place.aside)
    disk.sync_directory("")


def _is_of_another(disk: Disk, place: Place) -> bool:
    """Whether the work directory has changed places with another task's output."""
    try:
        return manifests.load(disk, place.work).token != place.token
    except (NotFound, OutputDamaged):
        return False


def own_manifest(disk: Disk, place: Place, directory: str) -> Manifest | None:
    """The manifest in `directory` if this task wrote it."""
    try:
        manifest = manifests.load(disk, directory)
    except (NotFound, OutputDamaged):
        return None
    return manifest if manifest.token == place.token else None


def inspect_target(output: Path, if_exists: IfExists = IfExists.FAIL, run: Run | None = None) -> None:
    """Check a directory for a task that isn't made yet, of which `if_exists` and `run` say what may be there
    already. Raises TargetExists, NotWritable."""
    if output.is_symlink():
        raise _link(output)
    if output.exists():
        if not output.is_dir():
            raise _foreign(output)
        try:
            there = set(os.listdir(output)) - _NOT_FOREIGN  # noqa: PTH208 - names are all that is wanted
        except PermissionError:
            raise NotWritable(f"{output} can't be read.", "Give this account the right to.") from None
        if there and if_exists is IfExists.REPLACE and run is not None:
            check_replaceable(output, run)
            if builds_inside(output):
                raise _not_in_one_step(output)
        elif there and if_exists is not IfExists.NEW:
            raise _foreign(output)
        elif there:
            _check_parent(output)
            return
    _check_writable(output)


def free_bytes(output: Path) -> int:
    """Bytes that this account may still write where `output` is or will be."""
    return shutil.disk_usage(_existing(output)).free


def spool_place(task: Task, spool: Path) -> Place:
    """Where the output of a task is built that goes to a destination elsewhere; `final` stands for what that
    has of it already."""
    token = token_of(task)
    return Place(spool, spool, f".partial-{task.id}-{token}", SPOOLED, token)


def discard_partial(task: Task, spool: Path | None = None) -> None:
    """Remove what attempts of this task have left beside its target, or in the `spool` where that is
    elsewhere: for a task that is deleted or that ends without another attempt. What is published stays, and
    what was to be replaced is there again. Only while no attempt runs. Raises OutputError."""
    if not is_local(task.output):
        if spool is not None and spool.is_dir():
            Disk(spool.resolve()).remove_tree(spool_place(task, spool).work)
        return
    target = Path(task.output)
    token = token_of(task)
    work = f".partial-{task.id}-{token}"
    for root in (target.parent, target):
        if root.is_dir() and (root == target.parent or not target.is_symlink()):
            disk = Disk(root.resolve())
            if root == target.parent:
                put_back(disk, Place(target, disk.root, work, target.name, token))
            disk.remove_tree(work)


def builds_in(output: Path) -> Path:
    """The directory that is there already in which a task with this target builds, or makes where it does."""
    return output if builds_inside(output) else _existing(output.parent)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _check_writable(output: Path) -> None:
    _check_place(builds_in(output))


def _check_parent(output: Path) -> None:
    """For a name beside `output`."""
    _check_place(output.parent)


def _check_place(place: Path) -> None:
    if not place.is_dir():
        raise TargetExists(f"{place} is no directory.", "Choose another output directory.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise NotWritable(
            f"{place} can't be written by this account.", "Give it the right, or choose another directory."
        )


def _foreign(target: Path) -> TargetExists:
    return TargetExists(
        f"{target} is there already and isn't empty, or is no directory.",
        "Name a directory that is absent or empty, or say --if-exists new or replace. What isn't known to be "
        "an earlier run's is never overwritten.",
    )


def _not_in_one_step(target: Path) -> TargetExists:
    return TargetExists(
        f"{target} is a mount point, or the directory above it can't be written: what is there can't be "
        "replaced in one step.",
        "Name a directory in it.",
    )


def _link(target: Path) -> TargetExists:
    return TargetExists(
        f"{target} is a symbolic link: what is behind it stays untouched.", "Name a real directory."
    )
