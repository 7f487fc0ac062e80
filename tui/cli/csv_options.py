"""Options about CSV files, to settings."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from core.model.settings import CSV_PRESETS, CsvSettings, ExportSettings
from core.model.spelling import suggestion
from core.model.vocabulary import Format, Newline
from tui.cli.values import switch, word


def separator(text: str) -> str:
    return {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "colon": ":"}.get(text.lower(), text)


def quote(text: str) -> str:
    return {"double": '"', "single": "'"}.get(text.lower(), text)


def preset(text: str) -> str:
    if text.lower() not in CSV_PRESETS:
        raise argparse.ArgumentTypeError(f"{text!r} is wrong. {suggestion(text, CSV_PRESETS)}")
    return text.lower()


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("CSV files")
    group.add_argument(
        "--csv-for",
        type=preset,
        metavar="READER",
        help=f"all CSV options as this reader wants them: {', '.join(CSV_PRESETS)}; further ones override it",
    )
    switch(group, "--csv-header", "column names in the first line (default)")
    group.add_argument(
        "--csv-separator",
        type=separator,
        metavar="C",
        help="between values: one character, or tab; default ,",
    )
    group.add_argument(
        "--csv-quote", type=quote, metavar="C", help="around values that need it: \" or ' (or double, single)"
    )
    group.add_argument("--csv-newline", type=word(Newline), metavar="N", help="lf (default), crlf or cr")
    group.add_argument(
        "--csv-null",
        metavar="TEXT",
        help='what stands for NULL; default: nothing, and an empty string is written ""',
    )
    group.add_argument(
        "--csv-binary",
        choices=CsvSettings.BINARY_FORMS,
        help="how bytes are written: hex (default, DEADBEEF), 0x (0xDEADBEEF), \\x (\\xdeadbeef) or base64",
    )
    switch(group, "--csv-escape-backslash", "double backslashes, for readers that take them as escapes")
    switch(group, "--csv-bom", "a byte-order mark before UTF-8 too")
    switch(
        group,
        "--csv-safe",
        "an apostrophe before texts that a spreadsheet would run as formulas (= + - @ ...)",
    )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what was given into the fields of ExportSettings."""
    base = fields.get("csv", CsvSettings())
    names = ("header", "separator", "quote", "newline", "null", "binary", "escape_backslash", "bom", "safe")
    given = {name: value for name in names if (value := getattr(args, f"csv_{name}")) is not None}
    if args.csv_for is not None:
        base = CSV_PRESETS[args.csv_for]
    fields["csv"] = msgspec.structs.replace(base, **given) if given else base


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that were given and change nothing."""
    given = [name for name in vars(args) if name.startswith("csv_") and getattr(args, name) is not None]
    if not given or (settings.content.data and settings.format is Format.CSV):
        return []
    return [f"--{given[0].replace('_', '-')} changes nothing: no CSV is written."]
