"""Options about the files themselves (how many, how large, how called, where), to settings and back."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from core.model.file_settings import Directories, Empty, FileSettings, IfExists
from core.model.name_template import FIELDS
from core.model.settings import Export, ExportSettings
from tui.cli.values import number, size, size_text, word

_PLAIN = {"prefix": "prefix", "file_name": "name", "directories": "directories", "empty_tables": "empty",
          "if_exists": "if_exists"}  # fmt: skip
_LIMITS = ("parts", "max_records", "max_size")
EXISTING = {
    IfExists.FAIL: "which must be empty",
    IfExists.NEW: "or the next free name beside it",
    IfExists.REPLACE: "where each replaces the one before",
}
_OF_DATA = ("single_file", *_LIMITS, "file_name", "empty_tables")


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    many = group.add_mutually_exclusive_group()
    many.add_argument(
        "--single-file",
        action="store_const",
        const=True,
        help="one data file for each object (default), unless a limit below splits it",
    )
    many.add_argument(
        "--many-files",
        dest="single_file",
        action="store_const",
        const=False,
        help="parts of an object become files, read at the same time by processes of their own",
    )
    group.add_argument(
        "--parts",
        type=number,
        metavar="N",
        help="with --many-files: at most so many at once; 0 for as many as the settings file says (default)",
    )
    group.add_argument(
        "--max-records",
        type=number,
        metavar="N",
        help="rows in a data file at most; 0 for no limit (default)",
    )
    group.add_argument(
        "--max-size",
        type=size,
        metavar="BYTES",
        help="of a data file before compression, at most: 500m, 2g; 0 for no limit (default)",
    )
    group.add_argument("--prefix", metavar="TEXT", help="before the name of each object's files")
    group.add_argument(
        "--file-name",
        metavar="TEMPLATE",
        help=f"what data files are called, with {', '.join('{' + name + '}' for name in FIELDS)}; default "
        "{object}; of several files -{part:05} is added where {part} isn't in it",
    )
    group.add_argument(
        "--directories",
        type=word(Directories),
        metavar="HOW",
        help="types (default): TABLE/orders.csv; objects: TABLE/orders/orders.csv; flat: orders.csv",
    )
    group.add_argument(
        "--empty-tables",
        type=word(Empty),
        metavar="WHAT",
        help="of a table without rows: file (default), with its header, or none",
    )
    group.add_argument(
        "--if-exists",
        type=word(IfExists),
        metavar="WHAT",
        help="a directory that isn't empty: fail (default), new (the next free name, NAME-2), or replace "
        "what an earlier run of the same export wrote there, or an earlier dump of the same name",
    )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what the options say into the fields of ExportSettings. Raises InvalidValue."""
    chosen: dict[str, Any] = {}
    if args.single_file is not None:
        chosen["single"] = args.single_file
        if args.single_file and args.parts is None:
            chosen["parts"] = None
    for name in _LIMITS:
        value = getattr(args, name)
        if value is not None:
            chosen[name] = value or None
    for option, name in _PLAIN.items():
        value = getattr(args, option)
        if value is not None:
            chosen[name] = value
    if "name" in chosen:
        chosen["name"] = chosen["name"] or FileSettings().name
    if chosen:
        fields["files"] = msgspec.structs.replace(fields.get("files", FileSettings()), **chosen)


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that were given and change nothing."""
    if settings.content.data:
        return []
    return [
        f"--{name.replace('_', '-')} changes nothing: no data files are written."
        for name in _OF_DATA
        if getattr(args, name) is not None
    ]


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`."""
    files, before = settings.files, old.files
    made: list[str] = []
    if files.single != before.single:
        made.append("--single-file" if files.single else "--many-files")
    if files.parts != before.parts and not (files.single and not before.single):
        made += ["--parts", str(files.parts or 0)]
    if files.max_records != before.max_records:
        made += ["--max-records", str(files.max_records or 0)]
    if files.max_size != before.max_size:
        made += ["--max-size", size_text(files.max_size or 0)]
    for option, name in _PLAIN.items():
        value = str(getattr(files, name))
        if value != str(getattr(before, name)):
            made.append(f"--{option.replace('_', '-')}={value}")
    return made


def words_of(settings: ExportSettings) -> str:
    """What differs from one file for each object and type, in words; "" where nothing does."""
    files = settings.files
    pieces = []
    if settings.content.data:
        if not files.single:
            pieces.append("many" + (f", {files.parts} at once" if files.parts is not None else ""))
        pieces += [f"up to {files.max_records:,} rows"] if files.max_records is not None else []
        pieces += [f"up to {size_text(files.max_size)}"] if files.max_size is not None else []
        pieces += [f"called {files.prefix}{files.name}"] if files.name != FileSettings().name else []
        pieces += ["none of empty tables"] if files.empty is Empty.NONE else []
    if files.prefix and not any(piece.startswith("called") for piece in pieces):
        pieces.append(f"called {files.prefix}...")
    if files.directories is not Directories.TYPES:
        flat = files.directories is Directories.FLAT
        pieces.append("all in one directory" if flat else "a directory for each object")
    return ", ".join(pieces)


# The place of a saved export


def add_place_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the place of its runs")
    group.add_argument(
        "--fixed",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="all runs go to DIR/NAME itself, and --if-exists says what becomes of what is there",
    )
    group.add_argument(
        "--latest",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="a link DIR/NAME/latest leads to the newest run that is published whole",
    )


def place_from(args: argparse.Namespace) -> dict[str, bool]:
    """The fields of Export that were given."""
    given = {"fixed": args.fixed, "latest": args.latest}
    return {name: value for name, value in given.items() if value is not None}


def place_options(export: Export, old: Export | None = None) -> list[str]:
    """The options that make the place of `old` (None: a new export) into this one's."""
    made = []
    for name in ("latest", "fixed") if export.fixed else ("fixed", "latest"):
        value = getattr(export, name)
        if value != (getattr(old, name) if old is not None else False):
            made.append(f"--{name}" if value else f"--no-{name}")
    return made


def place_words(export: Export) -> str:
    """`one place, replaced by each run`, `latest leads to the newest run`, or ""."""
    if export.latest:
        return "latest leads to the newest run"
    if not export.fixed:
        return ""
    return f"one place for all runs, {EXISTING[export.settings.files.if_exists]}"


def place_ineffective(args: argparse.Namespace, export: Export) -> list[str]:
    if args.if_exists is not None and not export.fixed:
        return ["--if-exists changes nothing: each run has a directory of its own. Add --fixed."]
    return []
