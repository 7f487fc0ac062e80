"""One file to a destination elsewhere, and the proof that it arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import OutputDamaged

if TYPE_CHECKING:
    from connectors.elsewhere import RemoteFiles, Told


def send_file(
    files: RemoteFiles, path: str, source: Path, digest: str, *, told: Told, check: Callable[[], None]
) -> None:
    """Send a local file of the SHA-256 `digest` to where nothing foreign can be: beside the target, or in it,
    where then nothing may be. Read back where the destination doesn't vouch for it. `told` and `check` may
    raise. Raises OutputDamaged where something else arrived, and what `RemoteFiles.put` raises."""
    vouched = files.put(path, source, told, replace=files.renames)
    if vouched or not files.destination.reads_back:
        return
    there = hashlib.sha256()
    for piece in files.read(path):
        check()
        there.update(piece)
    if there.hexdigest() != digest:
        files.remove(path)
        raise OutputDamaged(
            f"{files.where(path)} was sent, and other content comes back: its checksum differs.",
            "Retry sends it again.",
        )
