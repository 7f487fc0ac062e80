"""When a saved export is to run by itself, as it is typed, and the schedule that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core.due import upcoming
from core.errors import InvalidValue
from core.model.schedule import Missed, Overlap, Schedule, Unit, check_cron, zone_of
from core.service import schedule_words
from core.zones import local_zone
from tui.cli.schedules import clock_time, starting
from tui.screens.wizard.texts import number

PERIODIC = "periodic"
EVERY, CRON = "every", "cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """`rule` says which of `every` with `unit` and of `cron` is meant. Empty: `zone` is this machine's,
    `start` when the form was opened, `until` and `runs` no end."""

    rule: str = EVERY
    every: str = "1"
    unit: Unit = Unit.DAYS
    cron: str = "0 4 * * *"
    zone: str = ""
    start: str = ""
    until: str = ""
    runs: str = ""
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.RUN
    paused: bool = False

    @classmethod
    def of(cls, schedule: Schedule) -> Repeat:
        plain = cls()
        return cls(
            rule=EVERY if schedule.cron is None else CRON,
            every=str(schedule.every or plain.every),
            unit=schedule.unit or plain.unit,
            cron=schedule.cron or plain.cron,
            zone=schedule.zone,
            start=schedule_words.clock(schedule.start) if schedule.start is not None else "",
            until=schedule_words.clock(schedule.until) if schedule.until is not None else "",
            runs=str(schedule.runs) if schedule.runs is not None else "",
            overlap=schedule.overlap,
            missed=schedule.missed,
            paused=schedule.paused,
        )

    def schedule(self, opened: datetime) -> Schedule:
        """Raises InvalidValue."""
        zone = self.zone.strip() or local_zone()
        start = clock_time(self.start) if self.start.strip() else None
        repeats = self.rule == EVERY
        return Schedule(
            every=number(self.every) if repeats else None,
            unit=self.unit if repeats else None,
            cron=None if repeats else self.cron.strip(),
            zone=zone,
            start=start or (starting(zone, opened) if repeats else None),
            until=clock_time(self.until, end_of_day=True) if self.until.strip() else None,
            runs=number(self.runs) if self.runs.strip() else None,
            overlap=self.overlap,
            missed=self.missed,
            paused=self.paused,
        )


DAILY = Repeat()
"""What the form begins with."""


def problems(repeat: Repeat, opened: datetime) -> Iterator[tuple[str, str]]:
    """What is wrong, by field; what only the whole tells, at the field that it speaks of."""
    found = [
        ("zone", _wrong(lambda: zone_of(repeat.zone.strip() or local_zone()))),
        ("begin", _wrong(lambda: repeat.start.strip() and clock_time(repeat.start))),
        ("until", _wrong(lambda: repeat.until.strip() and clock_time(repeat.until))),
        ("runs", _wrong(lambda: repeat.runs.strip() and number(repeat.runs))),
    ]
    if repeat.rule == CRON:
        found.append(("cron", _wrong(lambda: check_cron(repeat.cron.strip()))))
    else:
        found.append(("every", _wrong(lambda: number(repeat.every))))
    yield from found
    if not any(text for _, text in found):
        text = _wrong(lambda: repeat.schedule(opened))
        yield "runs" if "runs can't be" in text else "until" if "until" in text else "every", text


def _wrong(build: Callable[[], object]) -> str:
    try:
        build()
    except InvalidValue as error:
        return f"{error.message} {error.hint}".strip()
    return ""


def coming(repeat: Repeat, opened: datetime, now: datetime) -> list[str]:
    """The next five runs, or why there are none; nothing while something is wrong."""
    try:
        schedule = repeat.schedule(opened)
    except InvalidValue:
        return []
    found = [schedule_words.coming(due, schedule, now) for due in upcoming(schedule, now, 0)]
    return found or [schedule_words.none_left(schedule)]
