"""When an export runs by itself: its definition, and what that means in time is `core.due`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from core.errors import InvalidValue


class Unit(StrEnum):
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


class Overlap(StrEnum):
    """What becomes of a run that is due while the one before it hasn't ended: left out and shown, or run once
    behind it."""

    SKIP = "skip"
    QUEUE = "queue"


class Missed(StrEnum):
    """What becomes of the last run that came due while nothing served: made up for, or only noted."""

    RUN = "run"
    SKIP = "skip"


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every `every` `unit`s from `start` on, or by a `cron` expression of five fields (or @daily and such).

    `zone` is where clock times are meant, by its name in the IANA database. `start` and `until` are clock
    times there, without a zone of their own; nothing runs before the one or after the other. `runs` ends it
    after so many. `paused` keeps it from running without forgetting it.
    """

    every: int | None = None
    unit: Unit | None = None
    cron: str | None = None
    zone: str = "UTC"
    start: datetime | None = None
    until: datetime | None = None
    runs: int | None = None
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.RUN
    paused: bool = False

    def __post_init__(self) -> None:
        if (self.cron is None) == (self.every is None):
            raise InvalidValue(
                "A schedule is either every so many units or a cron expression.",
                'Give every = 6 and unit = "hours", or cron = "0 4 * * *".',
            )
        if self.every is not None:
            if not 1 <= self.every <= 10_000:
                raise InvalidValue(f"Every {self.every} can't be: use 1 to 10000.")
            if self.unit is None or self.start is None:
                raise InvalidValue("Every so many units needs a unit and a start.")
        elif self.unit is not None:
            raise InvalidValue("A cron expression has no unit.")
        for name, moment in (("start", self.start), ("until", self.until)):
            if moment is not None and moment.tzinfo is not None:
                raise InvalidValue(f"{name} {moment.isoformat()} has a zone: write the clock time in zone.")
        if self.start is not None and self.until is not None and self.until < self.start:
            raise InvalidValue(f"until {self.until.isoformat()} is before start {self.start.isoformat()}.")
        if self.runs is not None and self.runs < 1:
            raise InvalidValue(f"{self.runs} runs can't be: use 1 or more.")
        zone_of(self.zone)
        if self.cron is not None:
            check_cron(self.cron)

    @property
    def running(self) -> Schedule:
        """The same, not paused."""
        return msgspec.structs.replace(self, paused=False)


def zone_of(name: str) -> ZoneInfo:
    """Raises InvalidValue where the IANA database has no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValue(
            f"There is no time zone {name!r}.", "Use a name such as Europe/Berlin or UTC."
        ) from None


def check_cron(text: str) -> None:
    """Raises InvalidValue where `text` isn't a cron expression of five fields that comes at all."""
    from croniter import CroniterError, croniter  # noqa: PLC0415 - only where there is one

    fields = text.split()
    plain = text.strip().startswith("@") or len(fields) == 5
    odd = any(field[0] in "hHrR" and not field[1:2].isalpha() for field in fields)
    try:
        if not plain or odd:
            raise InvalidValue(
                f"{text!r} is no cron expression of five fields.",
                "Minute, hour, day of month, month, day of week: 30 4 * * 1-5 is 04:30 on working days.",
            )
        croniter(text, datetime(2024, 1, 1, tzinfo=UTC)).get_next(datetime)
    except CroniterError as error:
        raise InvalidValue(
            f"{text!r} is no cron expression that ever comes: {error}.",
            "Minute, hour, day of month, month, day of week: 30 4 * * 1-5 is 04:30 on working days.",
        ) from None
