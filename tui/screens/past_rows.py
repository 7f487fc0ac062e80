"""How runs look that have ended: those whose tasks are forgotten, and what runs did with marks."""

from __future__ import annotations

from core.model.past_run import PastRun
from core.service import words
from core.service.saved import History
from tui.look import STATUS_ROLES, Glyphs, status_line
from tui.runs import Line, run, wrap
from tui.widgets.table import Row


def forgotten(history: History) -> dict[str, PastRun]:
    """Runs whose tasks aren't there any more, by the ids of their rows."""
    known = {task.id for task in history.runs}
    return {f"past-{past.task}": past for past in history.past if past.task not in known}


def run_row(row_id: str, past: PastRun, glyphs: Glyphs) -> Row:
    start = past.started or past.created
    took = (past.ended - past.started).total_seconds() if past.ended and past.started else None
    cells = (
        run(str(past.task), "dim"),
        run(f"{start.astimezone():%Y-%m-%d %H:%M:%S}"),
        status_line(past.status, glyphs),
        run(f"{past.rows:,}"),
        run(words.size(past.bytes) if past.bytes else "", "dim"),
        run(words.duration(took) if took is not None else "", "dim"),
        run("its task is forgotten", "dim"),
    )
    return Row(row_id, cells)


def run_lines(past: PastRun, columns: int, rows: int) -> list[Line]:
    """How it ended."""
    head = f"Task {past.task} {str(past.status).lower()}; it is forgotten."
    lines: list[Line] = [run(line) for line in wrap(head, columns)]
    if past.error is not None:
        lines += [run(line, STATUS_ROLES[past.status]) for line in wrap(past.error.message, columns)]
    else:
        lines.append(run(past.output, "dim"))
    return [*lines, *mark_lines(past, columns)][:rows]


def mark_lines(past: PastRun | None, columns: int) -> list[Line]:
    """How far a run has read, where it took only what was new."""
    if past is None or not past.marks:
        return []
    moved = ", ".join(
        f"{mark.object.partition(':')[2]}.{mark.column} from {mark.before or '-'} to {mark.after or '-'}"
        for mark in past.marks
    )
    return [run(line, "dim") for line in wrap(f"Marks: {moved}", columns)]
