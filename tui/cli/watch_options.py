"""Options that have a saved export run when there is new data, to a watch and back.

--on-new-data   --probe-every 1m   --settle 10s   --min-interval 5m
"""

from __future__ import annotations

import argparse
import re
from typing import Any

import msgspec

from core.errors import UsageError
from core.model.watch import Watch

_SPAN = re.compile(r"(\d{1,9})\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAMES = ("probe_every", "settle", "min_interval")


def span(text: str) -> int:
    """For argparse: `90s`, `1m`, `2h`, `1d`, in seconds."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span: write 10s, 1m, 2h or 1d")
    return int(found[1]) * _SECONDS[found[2]]


def span_text(seconds: int) -> str:
    for unit in ("d", "h", "m"):
        if seconds and not seconds % _SECONDS[unit]:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("running when there is new data")
    group.add_argument(
        "--on-new-data",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run by itself whenever something has changed in the source",
    )
    group.add_argument(
        "--probe-every", type=span, metavar="SPAN", help="how often the source is asked; default 1m"
    )
    group.add_argument(
        "--settle",
        type=span,
        metavar="SPAN",
        help="how long after a change a run begins, so that what belongs together comes along; default 10s",
    )
    group.add_argument(
        "--min-interval",
        type=span,
        metavar="SPAN",
        help="from the beginning of a run to that of the next at least; default 1m",
    )


def watch_from(args: argparse.Namespace, base: Watch | None) -> Watch | None:
    """What the options say, over `base`, whose place a schedule takes. Raises UsageError, InvalidValue."""
    given: dict[str, Any] = {name: value for name in _NAMES if (value := getattr(args, name)) is not None}
    if args.on_new_data and (args.no_schedule or args.every is not None or args.cron is not None):
        raise UsageError("--on-new-data and a schedule can't both be meant.", "Use one of them.")
    wanted = args.on_new_data
    if wanted is None:
        wanted = base is not None and not args.no_schedule and args.every is None and args.cron is None
    if not wanted:
        if given:
            name = next(iter(given)).replace("_", "-")
            raise UsageError(f"--{name} needs --on-new-data.", "Add it.")
        return None
    return msgspec.structs.replace(base or Watch(), **given)


def options(watch: Watch | None, old: Watch | None = None) -> list[str]:
    """The options that make `old` into `watch`, but for the pause."""
    if watch is None:
        return ["--no-on-new-data"] if old is not None else []
    words = ["--on-new-data"] if old is None else []
    before = old or Watch()
    for name in _NAMES:
        value = getattr(watch, name)
        if value != getattr(before, name):
            words += [f"--{name.replace('_', '-')}", span_text(value)]
    return words
