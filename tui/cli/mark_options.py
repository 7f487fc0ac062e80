"""Options for taking only what is new, to settings and back.

--window new   --mark COLUMN   --mark TABLE=COLUMN   --overlap 10m,5000   --null-marks skip
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import msgspec

from core.model.mark import AUTO, MarkSettings, NullMarks, Window
from core.model.settings import ExportSettings
from tui.cli.values import word


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("only what is new")
    group.add_argument(
        "--window",
        type=word(Window),
        metavar="WHAT",
        help="all rows every time (default), or new: those since the last run that was published",
    )
    group.add_argument(
        "--mark",
        action="append",
        metavar="[TABLE=]COLUMN",
        help="the column that tells what is new: one that grows, a number or a time; without TABLE= wherever "
        "there is one of this name; TABLE= for all rows of it every time; default: the most fitting one",
    )
    group.add_argument(
        "--overlap",
        metavar="TEXT",
        help="how far a run looks back for what was committed late: 10m for times, 5000 for numbers, or both "
        "(10m,5000); never less than the age of the oldest open transaction, where the server tells; default "
        "auto",
    )
    group.add_argument(
        "--null-marks",
        type=word(NullMarks),
        metavar="WHAT",
        help="rows whose mark is NULL: fail (default), skip them, or each run takes all of them",
    )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what the options say into the fields of ExportSettings. Raises InvalidValue."""
    given = {name: getattr(args, name, None) for name in ("window", "mark", "overlap", "null_marks")}
    chosen: dict[str, Any] = {}
    if given["mark"] is not None:
        chosen["column"], chosen["columns"] = columns_of(given["mark"])
    if given["overlap"] is not None:
        chosen["overlap"] = given["overlap"] or AUTO
    if given["null_marks"] is not None:
        chosen["nulls"] = given["null_marks"]
    if chosen:
        fields["mark"] = msgspec.structs.replace(fields.get("mark", MarkSettings()), **chosen)
    if given["window"] is not None:
        fields["window"] = given["window"]


def columns_of(words: Iterable[str]) -> tuple[str | None, dict[str, str]]:
    """Of `COLUMN` and `TABLE=COLUMN` the column for all objects, and those of some."""
    everywhere: str | None = None
    columns: dict[str, str] = {}
    for text in words:
        table, equals, column = text.rpartition("=")
        if equals:
            columns[table] = column
        else:
            everywhere = text or None
    return everywhere, columns


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that were given and change nothing."""
    if settings.window is Window.NEW and settings.content.data:
        return []
    why = "all rows are taken (see --window new)" if settings.content.data else "no rows are"
    return [
        f"--{name.replace('_', '-')} changes nothing: {why}."
        for name in ("mark", "overlap", "null_marks")
        if getattr(args, name, None) is not None
    ]


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`."""
    words: list[str] = []
    if settings.window != old.window:
        words += ["--window", settings.window]
    mark, before = settings.mark, old.mark
    if (mark.column, mark.columns) != (before.column, before.columns):
        named = [f"{table}={column}" for table, column in mark.columns.items()]
        for text in [*([mark.column] if mark.column else []), *named] or [""]:
            words += [f"--mark={text}"] if not text or text.startswith("-") else ["--mark", text]
    if mark.overlap != before.overlap:
        words += ["--overlap", mark.overlap]
    if mark.nulls != before.nulls:
        words += ["--null-marks", mark.nulls]
    return words
