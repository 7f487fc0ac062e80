"""What people read about exports that run when there is new data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from core.model.mark import AUTO, Mark, MarkSettings, NullMarks
from core.model.settings import Export
from core.model.watch import Watch
from core.service import schedule_words
from core.service.words import count, duration

if TYPE_CHECKING:
    from core.service.marks import Next
    from core.store.watches import Watched


def trigger(export: Export) -> str:
    """`every 6 hours`, `on new data`, `paused`, `by hand`: as lists show it."""
    if export.watch is None:
        return schedule_words.trigger(export.schedule)
    return "paused" if export.watch.paused else "on new data"


def whole(watch: Watch) -> str:
    """All of it in one line."""
    text = (
        f"on new data, asked for every {duration(watch.probe_every)}, begins {duration(watch.settle)} after "
        f"a change, at most every {duration(watch.min_interval)}"
    )
    return f"{text} (paused)" if watch.paused else text


def new_rows(mark: MarkSettings) -> str:
    """Which rows are taken, where only new ones are."""
    named = [
        f"{table} by {column}" if column else f"all of {table}" for table, column in mark.columns.items()
    ]
    tells = (
        ", ".join([*([f"by {mark.column}"] if mark.column else []), *named]) or "by the most fitting column"
    )
    pieces = [f"only new ones, {tells}"]
    if mark.overlap != AUTO:
        pieces.append(f"looking back {mark.overlap}")
    if mark.nulls is not NullMarks.FAIL:
        skipped = mark.nulls is NullMarks.SKIP
        pieces.append(f"{'without' if skipped else 'and each time'} those that have no mark")
    return "; ".join(pieces)


def marks(found: Sequence[Mark], most: int = 5) -> str:
    """How far an export has read its objects."""
    read = [f"{mark.object.partition(':')[2]} {mark.column} {mark.value or 'nothing yet'}" for mark in found]
    more = f" and {len(read) - most} more" if len(read) > most else ""
    return ", ".join(read[:most]) + more if read else "nothing yet: the next run takes everything"


def ahead(item: Next) -> str:
    """What the next run would read of an object."""
    if item.problem:
        return item.problem
    if item.column is None:
        return "all of its rows"
    rows = f"{count(item.rows or 0, 'new row')} by {item.column}"
    span = f", {item.lowest} to {item.highest}" if item.rows else ""
    again = f"; {count(item.again, 'row')} looked at again" if item.again else ""
    return rows + span + again


def state(watched: Watched | None, now: datetime) -> str:
    """What is known of the source, and what comes next."""
    if watched is None:
        return "not asked yet"
    known = watched.state
    if watched.due is None:
        return "not asked while it is paused"
    wait = duration(max(0.0, (watched.due - now).total_seconds()))
    if known.error:
        return f"{known.error.rstrip('.')} (asked again in {wait})"
    if watched.ready is not None:
        begins = (watched.ready - now).total_seconds()
        return f"new data; a run begins in {duration(begins)}" if begins > 0 else "new data; a run begins"
    if known.looked is None:
        return "not asked yet"
    ago = duration(max(0.0, (now - known.looked).total_seconds()))
    words = f"no new data {ago} ago, asked again in {wait}"
    return f"{words}; the last {known.failed_runs} runs failed" if known.failed_runs > 1 else words
