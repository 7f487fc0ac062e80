"""The link `latest` beside the directories of an export's runs: to the newest that is published whole."""

from __future__ import annotations

import re

from core.errors import TargetExists
from core.pipeline.disk import Disk
from core.pipeline.place import Place

LATEST = "latest"
_RUN = re.compile(r"(\d{8}T\d{6}Z)-(\d+)")


def move_latest(disk: Disk, place: Place) -> bool:
    """Have `latest` lead to this run, in one step; False where it leads to a later one already, by the names
    of the directories, which begin with the runs' time. Raises TargetExists where something else has the
    name, and other OutputErrors."""
    before = disk.read_link(LATEST)
    if before is None and disk.status(LATEST) is not None:
        raise TargetExists(
            f"{disk.root / LATEST} is there and is no link, so that it can't lead to the latest run.",
            "Take it away, then retry; or have the export do without: --no-latest.",
        )
    if before == place.final:
        return True
    if before is not None and _when(before) > _when(place.final) and disk.is_directory(before):
        return False
    beside = f".{LATEST}-{place.token}"
    # An earlier attempt may have died here.
    disk.remove(beside)
    disk.symlink(place.final, beside)
    disk.replace(beside, LATEST)
    disk.sync_directory("")
    return True


def _when(name: str) -> tuple[str, int]:
    """Sorts the directories of runs; what is called otherwise comes first."""
    found = _RUN.fullmatch(name)
    return (found[1], int(found[2])) if found is not None else ("", 0)
