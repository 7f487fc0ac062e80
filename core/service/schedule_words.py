"""What people read about exports that run by themselves."""

from __future__ import annotations

from datetime import UTC, datetime

from core.model.schedule import Missed, Overlap, Schedule, zone_of
from core.service.words import count, duration


def trigger(schedule: Schedule | None) -> str:
    """`every 6 hours`, `cron 0 4 * * 1-5`, `paused`, `by hand`: as lists show it."""
    if schedule is None:
        return "by hand"
    if schedule.paused:
        return "paused"
    if schedule.cron is not None:
        return f"cron {schedule.cron}"
    unit = str(schedule.unit).removesuffix("s")
    return f"every {unit}" if schedule.every == 1 else f"every {count(schedule.every or 0, unit)}"


def whole(schedule: Schedule, started: int = 0) -> str:
    """All of it in one line."""
    pieces = [trigger(schedule.running)]
    if schedule.start is not None:
        pieces.append(f"from {clock(schedule.start)}")
    if schedule.until is not None:
        pieces.append(f"until {clock(schedule.until)}")
    pieces.append(schedule.zone)
    if schedule.runs is not None:
        pieces.append((f"{started} of " if started else "") + count(schedule.runs, "run"))
    if schedule.overlap is Overlap.QUEUE:
        pieces.append("one queued behind another")
    if schedule.missed is Missed.SKIP:
        pieces.append("not made up for")
    text = ", ".join(pieces)
    return f"{text} (paused)" if schedule.paused else text


def clock(moment: datetime) -> str:
    """A clock time, in whole minutes where it is that."""
    return moment.isoformat(timespec="minutes" if not moment.second else "seconds")


def both(due: datetime, schedule: Schedule) -> tuple[str, str]:
    """A due time by the clocks of the schedule's zone, and in UTC."""
    there = due.astimezone(zone_of(schedule.zone))
    return f"{there:%a %Y-%m-%d %H:%M} {there.tzname()}", f"{due.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def coming(due: datetime, schedule: Schedule, now: datetime) -> str:
    """`Mon 2026-11-30 04:00 CET = 2026-11-30T03:00Z, in 7 d 15 h`."""
    there, utc = both(due, schedule)
    return f"{there} = {utc}, in {duration(max(0.0, (due - now).total_seconds()))}"


def none_left(schedule: Schedule) -> str:
    """Why no run is to come."""
    return "none while it is paused" if schedule.paused else "none: it is at its end"
