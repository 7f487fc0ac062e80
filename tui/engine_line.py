"""How things stand with the engine, in the title of every screen."""

from __future__ import annotations

from datetime import datetime

from core.errors import OfframpError
from core.service.overview import SLOTS, EngineState
from tui.runs import Line, join, length, run

FULL_COLUMNS = 100
ROOM = 30


def engine_line(
    engine: EngineState | None, error: OfframpError | None, now: datetime, columns: int, *, read_only: bool
) -> Line:
    """`2 of 3 running, 1 queued  14:02`. `engine` None: not known yet; `error`: why the store can't be
    read."""
    clock = run(f"{now.astimezone():%H:%M}", "dim")
    if error is not None:
        return join(run(error.message, "bad"), clock, between="  ")
    if engine is None:
        return clock
    counts = (
        (engine.queued, "queued", ""),
        (engine.scheduled, "scheduled", "dim"),
        (engine.periodic, "periodic", "dim"),
    )
    words = [run(f"{number} {word}", role) for number, word, role in counts if number]
    if engine.forgotten:
        words.append(run("no service after a reboot" if columns >= FULL_COLUMNS else "no service", "warn"))
    if engine.at_work:
        limit = f" of {SLOTS}" if columns >= FULL_COLUMNS or not engine.scheduled else ""
        words.insert(0, run(f"{engine.at_work}{limit} running", "accent"))
    if not words:
        words.append(run("nothing to do", "dim"))
    if engine.busy and not engine.served:
        words.append(run("no engine", "warn"))
    if read_only:
        words.append(run("read-only", "warn"))
    while len(words) > 1 and columns < FULL_COLUMNS and length(join(*words, between=", ")) > ROOM:
        # What must be known stays: what runs, and whether anybody serves.
        words.pop(1)
    return join(join(*words, between=", "), clock, between="  ")
