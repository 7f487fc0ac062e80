"""When a schedule is due, as points in time.

Clock times are those of the schedule's zone. Where the clocks skip one, it is due at the gap's end; where
they show one twice, at its first occurrence. A time that comes in hours (every n hours, a cron expression
whose hour begins with `*`) follows elapsed time instead: it is due whenever the clocks show it, twice in an
hour that they repeat, and never in one that they skip. Months that lack the start's day have it at their end.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, islice, takewhile

from core.model.schedule import Schedule, Unit, zone_of

# No zone has ever skipped more: a day, where the date line was moved.
_LONGEST_GAP = timedelta(hours=25)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def due_times(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Points in time (UTC) after `after` when the schedule is due, in order, without regard to `runs` and
    `paused`. Ends at `until`, else never (or where the calendar does)."""
    zone = zone_of(schedule.zone)
    last = after
    if schedule.start is not None:
        last = max(last, instant(schedule.start, zone) - _SECOND)
    end = None if schedule.until is None else instant(schedule.until, zone)
    for due in _times(schedule, zone, last):
        if end is not None and due > end:
            return
        if due > last:
            last = due
            yield due


def next_due(schedule: Schedule, after: datetime, done: int) -> datetime | None:
    """The next point in time (UTC) after `after`, None where none will come: paused, past its end, or `done`
    runs are all that it was to have."""
    if schedule.paused or (schedule.runs is not None and done >= schedule.runs):
        return None
    return next(due_times(schedule, after), None)


def upcoming(schedule: Schedule, after: datetime, done: int, most: int = 5) -> list[datetime]:
    """The next `most` of them or fewer, where `done` runs have been started."""
    if schedule.paused:
        return []
    if schedule.runs is not None:
        most = min(most, max(0, schedule.runs - done))
    return list(islice(due_times(schedule, after), most))


def latest_due(schedule: Schedule, first: datetime, last: datetime, most: int) -> list[datetime]:
    """The last `most` due times from `first` to `last`, both among them, or all of fewer, in order. However
    long ago `first` is, not many more than those are gone through."""
    back = timedelta(hours=1)
    while True:
        start = max(first, last - back)
        found = list(takewhile(lambda due: due <= last, due_times(schedule, start - _SECOND)))
        found = [due for due in found if due >= start]
        if len(found) >= most or start == first:
            return found[-most:]
        back *= 4


def instant(clock: datetime, zone: tzinfo) -> datetime:
    """The point in time (UTC) of a clock time: its first occurrence, or the end of the gap that it is in."""
    found = clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == clock:
        return found
    # In a gap. Read with the offsets of before and after it, the clock time is on either side of it.
    later = clock.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(min(found, later), max(found, later), zone)


def _change(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The first second in (low, high] with another offset than at `low`. There is one."""
    before = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0) if middle.replace(microsecond=0) > low else middle
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _times(schedule: Schedule, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Due times in order, some perhaps twice or not after `after`."""
    try:
        if schedule.cron is None:
            yield from _every(schedule, zone, after)
        elif _follows_hours(schedule.cron):
            yield from _elapsed(schedule.cron, zone, after)
        else:
            for clock in _cron(schedule.cron, after.astimezone(zone).replace(tzinfo=None) - _LONGEST_GAP):
                yield instant(clock, zone)
    except (OverflowError, ValueError):
        return  # the calendar ends with the year 9999


def _every(schedule: Schedule, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    start, every, unit = schedule.start, schedule.every, schedule.unit
    if start is None or every is None:
        return
    if unit is Unit.HOURS:
        step = timedelta(hours=every)
        first = instant(start, zone)
        passed = max(0, (after - first) // step)
        for number in count(passed):
            yield first + number * step
    since = after.astimezone(zone).replace(tzinfo=None) - _LONGEST_GAP
    if unit is Unit.MONTHS:
        passed = max(0, ((since.year - start.year) * 12 + since.month - start.month) // every - 1)
        for number in count(passed):
            yield instant(_months_later(start, number * every), zone)
    step = _DAY * every * (7 if unit is Unit.WEEKS else 1)
    passed = max(0, (since - start) // step)
    for number in count(passed):
        yield instant(start + number * step, zone)


def _months_later(start: datetime, months: int) -> datetime:
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _follows_hours(cron: str) -> bool:
    fields = cron.split()
    return fields[1].startswith("*") if len(fields) > 1 else cron.strip().lower() == "@hourly"


def _cron(cron: str, since: datetime) -> Iterator[datetime]:
    """Clock times of a cron expression from `since` on, which is one of them where it fits."""
    from croniter import CroniterBadDateError, croniter  # noqa: PLC0415 - only where there is one

    found = croniter(cron, since - _SECOND)
    try:
        while True:
            yield found.get_next(datetime)
    except CroniterBadDateError:
        return


def _elapsed(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Every point in time at which the clocks show what the expression says: stretch by stretch of one
    offset."""
    begin = after
    while True:
        offset = begin.astimezone(zone).utcoffset() or timedelta()
        end = begin
        clocks = _cron(cron, (begin + offset).replace(tzinfo=None))
        for clock in clocks:
            due = (clock - offset).replace(tzinfo=UTC)
            # A day at a time: no offset changes and changes back within one.
            while end < due and end.astimezone(zone).utcoffset() == offset:
                begin, end = end, min(end + _DAY, due)
            if end.astimezone(zone).utcoffset() != offset:
                begin = _change(begin, end, zone)
                break
            yield due
        else:
            return
