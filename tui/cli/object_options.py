"""Options that say which objects are exported, to settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from core.errors import NotFound, UsageError
from tui.cli.values import switch

OBJECTS_HELP = """TYPE:NAME (TABLE:orders), or NAME alone for the table or view of that name; * matches any
characters, a backslash takes the next character literally"""


def add_options(group: argparse._ArgumentGroup) -> None:
    switch(group, "--all", "every object of the database", dest="all_objects")
    group.add_argument(
        "--exclude", action="append", metavar="OBJECT", help="leave these out again; may be repeated"
    )
    group.add_argument(
        "--objects-from",
        metavar="FILE",
        help="objects from a file (- for standard input), one on each line as it is, without comments; "
        "empty lines are skipped",
    )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what was given into the fields of ExportSettings. Raises NotFound, UsageError."""
    fields.update(_named(args))
    if args.exclude is not None:
        fields["exclude"] = tuple(text for text in args.exclude if text)


def _named(args: argparse.Namespace) -> dict[str, Any]:
    named = list(args.objects)
    if args.objects_from is not None:
        named += read_objects(args.objects_from)
        if not named:
            raise UsageError(f"{args.objects_from!r} names no object.", "Write one on each line.")
    if named and args.all_objects:
        raise UsageError(
            "Both everything and a choice of objects were asked for.",
            "Use --all alone (with --exclude), or name the objects.",
        )
    if named:
        return {"objects": tuple(dict.fromkeys(named)), "all_objects": False}
    if args.all_objects is None:
        return {}
    return {"all_objects": args.all_objects, **({"objects": ()} if args.all_objects else {})}


def read_objects(name: str) -> list[str]:
    """One object on each line, exactly as it stands there but for its line end. Raises NotFound,
    UsageError."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"There is no file {name!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name!r} can't be read as UTF-8 text: {error}.") from None
    return [line for raw in text.split("\n") if (line := raw.removesuffix("\r")).strip()]
