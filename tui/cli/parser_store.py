"""The grammar of `offramp store`."""

from __future__ import annotations

from typing import Any

from tui.cli.argparsing import command, group


def add_store(commands: Any) -> None:
    """Its commands, among the others."""
    of = group(commands, "store", "Offramp's own store: show, check, backup, restore, move")
    command(of, "show", "store:show", "where it is, and its backups", json="that")
    command(of, "check", "store:check", "read all of it: is it sound?", more="Exit code 1 where it isn't.")
    backup = command(
        of,
        "backup",
        "store:backup",
        "copy it now; prints the copy's path",
        more="The engine does so once a day, and before a newer Offramp changes the store's form.",
    )
    backup.add_argument("--to", metavar="FILE", help="a new file; default: beside the store")
    restore = command(
        of,
        "restore",
        "store:restore",
        "put a backup in its place",
        more="What is there now is kept under another name. Refused while tasks run.",
    )
    restore.add_argument("file", metavar="FILE", nargs="?", help="the backup; default: the newest beside it")
    restore.add_argument("--empty", action="store_true", help="begin anew instead")
    restore.add_argument("-y", "--yes", action="store_true", help="don't ask")
    move = command(
        of,
        "move",
        "store:move",
        "keep Offramp's files of this host in another directory",
        more="For homes on a network file system, whose locks can't be trusted. The choice is remembered in "
        "the home for this host; store, settings, passwords and logs go along.",
    )
    move.add_argument("directory", metavar="DIR", help="absent or empty, on a local disk")
