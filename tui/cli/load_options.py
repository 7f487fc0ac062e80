"""Options about how hard the source is worked, to settings and back."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from core.errors import InvalidValue
from core.model.load import LoadSettings, Rate
from core.model.settings import ExportSettings
from tui.cli.values import number

NONE = "none"


def rate(text: str) -> Rate | str:
    """For argparse: a rate, or `none`."""
    if text.lower() == NONE:
        return NONE
    try:
        return Rate.parse(text)
    except InvalidValue as error:
        raise argparse.ArgumentTypeError(f"{error.message} {error.hint}") from None


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("load on the source")
    group.add_argument(
        "--limit-rate",
        type=rate,
        metavar="RATE",
        help='read at most so much a second: 10m (bytes), "20000 rows", or none (default); `offramp limit` '
        "changes it while the task runs",
    )
    group.add_argument(
        "--statement-rows",
        type=number,
        metavar="N",
        help="read tables by statements of about N rows each, along their keys, so that none stays open for "
        "long; 0 for as many as a part has (default)",
    )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what was given into the fields of ExportSettings."""
    chosen: dict[str, Any] = {}
    if args.limit_rate is not None:
        chosen["rate"] = None if args.limit_rate == NONE else args.limit_rate
    if args.statement_rows is not None:
        chosen["statement_rows"] = args.statement_rows or None
    if chosen:
        fields["load"] = msgspec.structs.replace(fields.get("load", LoadSettings()), **chosen)


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that were given and change nothing."""
    if settings.content.data:
        return []
    return [
        f"--{name.replace('_', '-')} changes nothing: no rows are read."
        for name in ("limit_rate", "statement_rows")
        if getattr(args, name)
    ]


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`."""
    made: list[str] = []
    if settings.load.rate != old.load.rate:
        made += ["--limit-rate", str(settings.load.rate or NONE)]
    if settings.load.statement_rows != old.load.statement_rows:
        made += ["--statement-rows", str(settings.load.statement_rows or 0)]
    return made
