"""Options about the files themselves (how many, how large, how called, where), to settings and back."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from core.model.file_settings import Directories, Empty, FileSettings, IfExists
from core.model.name_template import FIELDS
from core.model.settings import ExportSettings
from tui.cli.values import number, size, size_text, word

_PLAIN = {"prefix": "prefix", "file_name": "name", "directories": "directories", "empty_tables": "empty",
          "if_exists": "if_exists"}  # fmt: skip
_LIMITS = ("parts", "max_records", "max_size")
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
    words: list[str] = []
    if files.single != before.single:
        words.append("--single-file" if files.single else "--many-files")
    if files.parts != before.parts and not (files.single and not before.single):
        words += ["--parts", str(files.parts or 0)]
    if files.max_records != before.max_records:
        words += ["--max-records", str(files.max_records or 0)]
    if files.max_size != before.max_size:
        words += ["--max-size", size_text(files.max_size or 0)]
    for option, name in _PLAIN.items():
        value = str(getattr(files, name))
        if value != str(getattr(before, name)):
            words.append(f"--{option.replace('_', '-')}={value}")
    return words
