"""Output of an earlier run that a later one may replace: known by its manifest, and by nothing else being
there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import NotFound, OutputDamaged, TargetExists
from core.model.task import Task
from core.pipeline import manifest as manifests
from core.pipeline.disk import Disk
from core.pipeline.manifest import MANIFEST, Manifest

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Who wants to replace something: a run of the saved export `export`, else (None) a dump of this `name`,
    from `connection`. `made`: when its task was made."""

    export: str | None
    name: str
    connection: str
    made: datetime

    @classmethod
    def of(cls, task: Task) -> Run:
        return cls(task.export, task.name, task.settings.connection, task.created)


def check_replaceable(target: Path, run: Run) -> Manifest:
    """The manifest of what stands in the directory `target`, which `run` may replace. Raises TargetExists
    where any of it is foreign, or newer than the run."""
    disk = Disk(target)
    try:
        manifest = manifests.load(disk, "")
    except (NotFound, OutputDamaged) as error:
        raise _refused(target, f"has no manifest that can be read ({error.message})") from None
    theirs = f"export {manifest.export!r}" if manifest.export is not None else f"dump {manifest.name!r}"
    if manifest.connection != run.connection or manifest.export != run.export:
        raise _refused(target, f"holds what {theirs} read from connection {manifest.connection!r}")
    if run.export is None and manifest.name != run.name:
        raise _refused(target, f"holds what {theirs} wrote")
    if manifest.created is not None and manifest.created > run.made:
        raise TargetExists(
            f"{target} holds what a later run has published: task {manifest.task}.",
            "What is newer isn't replaced. Run the export again if it is to be.",
        )
    foreign = _foreign(disk, manifest)
    if foreign:
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        words = ", ".join(map(repr, foreign[:SHOWN])) + more
        raise _refused(target, f"has files that weren't written so by the earlier run: {words}")
    return manifest


def _foreign(disk: Disk, manifest: Manifest) -> list[str]:
    """Files that the manifest doesn't list, or lists with another length. That some are gone is no harm."""
    sizes = {entry.path: entry.bytes for entry in manifest.files}
    return [
        path
        for path in disk.tree("")
        if path != MANIFEST and (path not in sizes or disk.size(path) != sizes[path])
    ]


def _refused(target: Path, why: str) -> TargetExists:
    return TargetExists(
        f"{target} {why}: it isn't replaced.",
        "Only what an earlier run of the same export wrote gives way. Take it away, or choose another place.",
    )
