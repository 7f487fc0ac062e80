"""Points in time in the past, as people type them to go there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from core.errors import InvalidValue
from tui.cli.times import settle

FORMS = "Write 14:02, 14:02:30, 2026-11-22 14:02 (local time, or with a zone as Z or +01:00), or -10m."
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_BACK = re.compile(r"-\s*(\d+)\s*(s|m|min|h|d)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def moment(text: str, near: datetime) -> datetime:
    """The point in time (UTC) that is meant, seen from `near` (aware): a time of day is that of the same
    day, `-10m` is ten minutes before. Raises InvalidValue."""
    text = text.strip()
    try:
        if back := _BACK.fullmatch(text):
            return near.astimezone(UTC) - timedelta(seconds=int(back[1]) * _UNITS[back[2]])
        if clock := _CLOCK.fullmatch(text):
            local = near.astimezone().replace(
                hour=int(clock[1]),
                minute=int(clock[2]),
                second=int(clock[3] or 0),
                microsecond=0,
                tzinfo=None,
            )
        else:
            local = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidValue(f"{text!r} is no time.", FORMS) from None
    return local.astimezone(UTC) if local.tzinfo else settle(local, None)[0]
