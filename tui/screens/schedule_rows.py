"""How exports that run by themselves look: in the list, in the history of an export, in full."""

from __future__ import annotations

from datetime import datetime

from core.model.mark import Window
from core.model.run import Outcome, PeriodicRun
from core.service import schedule_words, watch_words
from core.service.saved import History, SavedExport
from tui.runs import EMPTY, Line, run, wrap
from tui.widgets.table import Row

ROLES = {Outcome.MISSED: "warn", Outcome.SKIPPED: "warn", Outcome.STARTED: "dim"}


def trigger(saved: SavedExport) -> Line:
    """`every 6 hours`, `paused`, `by hand`."""
    held = saved.export.schedule or saved.export.watch
    troubled = saved.watched is not None and saved.watched.state.error
    comes = saved.due is not None or saved.export.watch is not None
    role = "warn" if held is not None and (held.paused or troubled) else "" if comes else "dim"
    return run(watch_words.trigger(saved.export), role)


def coming(saved: SavedExport, now: datetime) -> Line:
    """`in 14 h`: when it runs next; of one that waits for new data, what is known of that."""
    known = saved.watched
    if known is not None and known.due is not None:
        if known.state.error:
            return run("can't ask", "warn")
        return run("new data" if known.ready is not None else "watching", "dim")
    return run(f"in {_left(saved.due, now)}" if saved.due is not None else "", "dim")


def _left(due: datetime, now: datetime) -> str:
    seconds = max(0.0, (due - now).total_seconds())
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    return f"{int(seconds // 3600)} h" if seconds < 48 * 3600 else f"{int(seconds // 86400)} d"


def not_run(history: History) -> dict[str, PeriodicRun]:
    """The times at which it was to run and didn't, by what a list names them."""
    gone = (one for one in history.periodic if one.outcome is not Outcome.STARTED)
    return {f"due {one.due.isoformat()}": one for one in gone}


def run_row(name: str, gone: PeriodicRun) -> Row:
    """A row among the runs of an export, of one that there is no task of."""
    status = run(str(gone.outcome).capitalize(), ROLES[gone.outcome])
    begin = run(f"{gone.due.astimezone():%Y-%m-%d %H:%M:%S}")
    return Row(name, (EMPTY, begin, status, EMPTY, EMPTY, EMPTY, run(gone.words, "dim")))


def run_lines(gone: PeriodicRun, columns: int, rows: int) -> list[Line]:
    text = f"{str(gone.outcome).capitalize()}: {gone.words} No task was made."
    return [run(line, ROLES[gone.outcome]) for line in wrap(text, columns)][:rows]


def definition(history: History, now: datetime) -> list[tuple[str, str]]:
    """Labels and values: when it runs by itself, and when it does so next."""
    export = history.export
    found = []
    if export.settings.window is Window.NEW:
        found.append(("rows", watch_words.new_rows(export.settings.mark)))
        found.append(("read up to", watch_words.marks(history.marks)))
    if export.watch is not None:
        source = watch_words.state(history.watched, now)
        return [*found, ("runs", watch_words.whole(export.watch)), ("source", source)]
    schedule = export.schedule
    if schedule is None:
        return found
    due = history.due
    coming_ = schedule_words.coming(due, schedule, now) if due else schedule_words.none_left(schedule)
    return [*found, ("schedule", schedule_words.whole(schedule, history.started)), ("next run", coming_)]
