"""Times and spans as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from core.errors import InvalidValue

FORMS = "Write 2026-11-30T04:00 (local time, or with a zone as +01:00 or Z), 04:00, or +2h."
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def span(text: str) -> timedelta:
    """`90s`, `30m`, `48h`, `2d`, `1w`, `1h30m`. Raises InvalidValue."""
    pieces = _SPAN.findall(text.strip().lower())
    if not pieces or _SPAN.sub("", text.strip().lower()).strip():
        raise InvalidValue(f"{text!r} is no span of time.", "Write 30m, 48h, 2d or 1h30m.")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in pieces))
    except OverflowError:
        raise InvalidValue(f"{text!r} is too long a span of time.") from None


def start(text: str, now: datetime, zone: tzinfo | None = None) -> tuple[datetime, str]:
    """The point in time (UTC) that `--at` means, and words where the clocks had to be minded, else "".

    `zone` None is this machine's. A time of day without a date is the next one. A local time that the clocks
    skip becomes the end of the gap; one that they repeat, its first occurrence. Raises InvalidValue, also
    for the past.
    """
    text = text.strip()
    if text.startswith("+"):
        try:
            return now.astimezone(UTC) + span(text[1:]), ""
        except OverflowError:
            raise InvalidValue(f"{text!r} is too far away.", FORMS) from None
    if clock := _CLOCK.fullmatch(text):
        local, words = _next(clock, now, zone)
    else:
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidValue(f"{text!r} is no time.", FORMS) from None
        local, words = (local.astimezone(UTC), "") if local.tzinfo else settle(local, zone)
    if local <= now:
        raise InvalidValue(f"{text!r} is in the past.", "Leave --at out to start now, or name a later time.")
    return local, words


def _next(clock: re.Match[str], now: datetime, zone: tzinfo | None) -> tuple[datetime, str]:
    today = now.astimezone(zone)
    try:
        wanted = today.replace(
            hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0, tzinfo=None
        )
    except ValueError:
        raise InvalidValue(f"{clock[0]!r} is no time of day.", FORMS) from None
    moment, words = settle(wanted, zone)
    return (moment, words) if moment > now else settle(wanted + timedelta(days=1), zone)


def settle(local: datetime, zone: tzinfo | None) -> tuple[datetime, str]:
    """A naive local time as UTC, with words where the clocks skip or repeat it (PEP 495)."""
    try:
        first = _utc(local, 0, zone)
        second = _utc(local, 1, zone)
    except (OverflowError, ValueError):
        raise InvalidValue(f"{local} is out of range.", FORMS) from None
    if first == second:
        return first, ""
    if first < second:
        return first, f"The clocks repeat {local:%H:%M} that day: the first occurrence is meant."
    # In a gap fold=1 reads the time by the offset after it, which lies before the gap's end; the offset
    # before it leads behind. The change itself is where the local clock stops following the first offset.
    change = _change(second, first, zone)
    return change, f"The clocks skip {local:%H:%M} that day: {change.astimezone(zone):%H:%M} is meant."


def _utc(local: datetime, fold: int, zone: tzinfo | None) -> datetime:
    # `timestamp` minds the fold in gaps for this machine's own zone too; `astimezone` doesn't.
    return datetime.fromtimestamp(local.replace(fold=fold, tzinfo=zone).timestamp(), UTC)


def _change(low: datetime, high: datetime, zone: tzinfo | None) -> datetime:
    """The second at which the zone's offset changes between two points in time."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return (high + timedelta(microseconds=500_000)).replace(microsecond=0)
