"""Options that say when a saved export runs by itself, to a schedule and back; `export pause | resume`."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, time
from typing import Any

import msgspec

from core.due import upcoming
from core.errors import InvalidValue, UsageError
from core.model.schedule import Missed, Overlap, Schedule, Unit, zone_of
from core.model.settings import Export
from core.service import Service, schedule_words
from core.zones import local_zone
from tui.cli.output import Output
from tui.cli.values import number, word

_EVERY = re.compile(r"(\d{1,6})\s*([a-z]+)")
_UNITS = {
    **dict.fromkeys(("h", "hour", "hours"), Unit.HOURS),
    **dict.fromkeys(("d", "day", "days"), Unit.DAYS),
    **dict.fromkeys(("w", "week", "weeks"), Unit.WEEKS),
    **dict.fromkeys(("mo", "month", "months"), Unit.MONTHS),
}
_SHORT = {Unit.HOURS: "h", Unit.DAYS: "d", Unit.WEEKS: "w", Unit.MONTHS: "mo"}
_NAMES = ("every", "cron", "zone", "start", "until", "runs", "overlapping", "missed")
_DAY_END = time(23, 59, 59)

REMINDER = "It doesn't run by itself after a reboot until an engine starts then: offramp service install"


def every(text: str) -> tuple[int, Unit]:
    """For argparse: `6h`, `2d`, `1w`, `1mo`, `2 days`."""
    found = _EVERY.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is no span: write 6h, 2d, 1w or 1mo")
    return int(found[1]), _UNITS[found[2]]


def clock_time(text: str, *, end_of_day: bool = False) -> datetime:
    """A clock time without a zone; a date alone is its beginning or its end. Raises InvalidValue."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidValue(f"{text!r} is no time.", "Write 2026-11-30T04:00, or a date alone.") from None
    if moment.tzinfo is not None:
        raise InvalidValue(f"{text!r} has a zone.", "Write the clock time, and the zone by its name beside.")
    alone = not re.search(r"[T ]", text.strip())
    return datetime.combine(moment.date(), _DAY_END) if end_of_day and alone else moment


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("running by itself")
    group.add_argument(
        "--every", type=every, metavar="SPAN", help="so often from --start on: 6h, 2d, 1w or 1mo"
    )
    group.add_argument(
        "--cron", metavar="EXPR", help="minute, hour, day, month, day of week: '0 4 * * 1-5'; or @daily"
    )
    group.add_argument(
        "--zone",
        "--time-zone",
        metavar="ZONE",
        help="where clock times are meant: Europe/Berlin; default: this machine's",
    )
    group.add_argument(
        "--start", metavar="TIME", help="not before: 2026-11-30T04:00 by the zone's clocks; default now"
    )
    group.add_argument("--until", "--end", metavar="TIME", help="not after; empty for no end")
    group.add_argument(
        "--runs", type=number, metavar="N", help="end after so many that were started; 0 for no end"
    )
    group.add_argument(
        "--overlapping",
        type=word(Overlap),
        metavar="WHAT",
        help="while the run before hasn't ended: skip (default), or queue one behind it",
    )
    group.add_argument(
        "--missed",
        type=word(Missed),
        metavar="WHAT",
        help="a run that was due while nothing served: run it late (default), or skip it",
    )
    group.add_argument("--no-schedule", action="store_true", help="run by hand only")


def schedule_from(args: argparse.Namespace, base: Schedule | None, now: datetime) -> Schedule | None:
    """What the options say, over `base`. Raises UsageError, InvalidValue."""
    given = [name for name in _NAMES if getattr(args, name) is not None]
    if args.no_schedule:
        if given:
            raise UsageError(f"--no-schedule and --{given[0]} can't both be meant.")
        return None
    if not given:
        return base
    if args.every is not None and args.cron is not None:
        raise UsageError("--every and --cron can't both be meant.", "Use one of them.")
    fields: dict[str, Any] = msgspec.structs.asdict(base) if base is not None else {"zone": local_zone()}
    if base is None and args.every is None and args.cron is None:
        raise UsageError(f"--{given[0]} needs a schedule.", "Add --every 1d or --cron '0 4 * * *'.")
    if args.every is not None:
        fields |= {"every": args.every[0], "unit": args.every[1], "cron": None}
    if args.cron is not None:
        fields |= {"cron": args.cron, "every": None, "unit": None}
    for name, value in (
        ("zone", args.zone),
        ("start", args.start and clock_time(args.start)),
        ("until", args.until and clock_time(args.until, end_of_day=True)),
        ("runs", args.runs),
        ("overlap", args.overlapping),
        ("missed", args.missed),
    ):
        if value is not None:
            fields[name] = value or None
    if fields.get("every") is not None and fields.get("start") is None:
        fields["start"] = starting(fields["zone"], now)
    return Schedule(**fields)


def starting(zone: str, now: datetime) -> datetime:
    """What stands for no start: the present minute by the clocks of a zone. Raises InvalidValue."""
    return now.astimezone(zone_of(zone)).replace(second=0, microsecond=0, tzinfo=None)


def options(schedule: Schedule | None, old: Schedule | None = None) -> list[str]:
    """The options that make `old` into `schedule`, but for the pause."""
    if schedule is None:
        return ["--no-schedule"] if old is not None else []
    words: list[str] = []
    if schedule.cron is not None and (old is None or schedule.cron != old.cron):
        words += ["--cron", schedule.cron]
    if schedule.unit is not None and (
        old is None or (schedule.every, schedule.unit) != (old.every, old.unit)
    ):
        words += ["--every", f"{schedule.every}{_SHORT[schedule.unit]}"]
    if old is None or schedule.zone != old.zone:
        words += ["--zone", schedule.zone]
    for name in ("start", "until"):
        value, before = getattr(schedule, name), getattr(old, name) if old is not None else None
        if value != before:
            words += [f"--{name}", schedule_words.clock(value)] if value is not None else [f"--{name}="]
    if schedule.runs != (old.runs if old is not None else None):
        words += ["--runs", str(schedule.runs or 0)]
    if schedule.overlap is not (old.overlap if old is not None else Overlap.SKIP):
        words += ["--overlapping", schedule.overlap]
    if schedule.missed is not (old.missed if old is not None else Missed.RUN):
        words += ["--missed", schedule.missed]
    return words


# What people see of it


def show_coming(out: Output, export: Export, started: int = 0) -> None:
    """The next five runs, to somebody who looks."""
    if export.schedule is None or not out.terminal_words:
        return
    out.say(f"The next runs of {export.name}:")
    for line in coming_lines(export.schedule, started):
        out.say(f"  {line}")


def coming_lines(schedule: Schedule, started: int) -> list[str]:
    now = datetime.now(UTC)
    found = [schedule_words.coming(due, schedule, now) for due in upcoming(schedule, now, started)]
    return found or [schedule_words.none_left(schedule)]


def serve(service: Service, out: Output, *exports: Export) -> None:
    """See to it that what runs by itself is served, and say what a reboot does to it."""
    triggers = [export.schedule or export.watch for export in exports]
    if any(trigger is not None and not trigger.paused for trigger in triggers):
        service.tasks.serve()
        if service.overview.engine().forgotten:
            out.say(REMINDER)


def pause(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        export = service.exports.pause(args.name)
    _told(args, out, export, "is paused")
    return 0


def resume(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        export = service.exports.resume(args.name)
        show_coming(out, export, service.exports.started(args.name))
        serve(service, out, export)
    _told(args, out, export, "runs by itself from now on")
    return 0


def _told(args: argparse.Namespace, out: Output, export: Export, what: str) -> None:
    if args.json:
        trigger = export.schedule or export.watch
        assert trigger is not None  # noqa: S101 - else there was a Conflict
        out.json({"export": export.name, "paused": trigger.paused})
    else:
        out.say(f"Export {export.name} {what}.")
