"""Whether a task's files can go where they are to go: what stands there, and how much is free."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import NoSpace, OfframpError
from core.model.file_settings import IfExists
from core.pipeline.earlier import Run
from core.pipeline.place import free_bytes, inspect_target

SMALLEST_FREE = 1 << 20


@dataclass(frozen=True, slots=True)
class Room:
    """`free`: bytes, None where that can't be told; `hazard` and `problem`: what is wrong with it."""

    free: int | None
    hazard: str = ""
    problem: OfframpError | None = None


def look_for_room(
    output: Path, needed: int, if_exists: IfExists, run: Run | None, *, known: bool = False
) -> Room:
    """Look at the directory `output` for `needed` bytes by an estimate. `run` may find an earlier run's
    output there; `known`: what stands there is the task's own."""
    try:
        if not known:
            inspect_target(output, if_exists, run)
        free = free_bytes(output)
    except OfframpError as error:
        return Room(None, problem=error)
    if needed <= free:
        return Room(free)
    words = f"The output may take {needed >> 20} MiB, and where {output} is, {free >> 20} MiB are free."
    # Estimates are wrong by a factor of two easily, and then it may still fit.
    if needed <= 2 * free and free >= SMALLEST_FREE:
        return Room(free, hazard=words)
    hint = "Make room, choose another directory, or export fewer objects."
    return Room(free, problem=NoSpace(words, hint))
