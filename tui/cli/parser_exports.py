"""The grammar of `offramp export`."""

from __future__ import annotations

from typing import Any

from tui.cli import file_options, history, mark_options, marks, schedules, watch_options
from tui.cli.argparsing import command, group
from tui.cli.object_options import OBJECTS_HELP
from tui.cli.settings import add_settings


def add_exports(commands: Any) -> None:
    """Its commands, among the others."""
    of = group(
        commands, "export", "saved exports: create, edit, list, show, history, pause, resume, apply, remove"
    )
    create = command(of, "create", "exports:create", "save an export", json="it")
    edit = command(
        of,
        "edit",
        "exports:edit",
        "change a saved export",
        json="it",
        more="What isn't given stays as it is; objects given replace those that it had.",
    )
    create.usage = "offramp export create NAME [OBJECT ...] --connection C [OPTION ...]"
    edit.usage = "offramp export edit NAME [OBJECT ...] [OPTION ...]"
    for parser in (create, edit):
        parser.add_argument("name", metavar="NAME", help="the export, a directory's name too")
        parser.add_argument("objects", metavar="OBJECT", nargs="*", help=OBJECTS_HELP)
        parser.add_argument(
            "--connection", metavar="C", required=parser is create, help="the connection to export from"
        )
        parser.add_argument(
            "--to",
            metavar="DIR",
            help="where its runs go: DIR/NAME/START-TASK, where DIR may be a URL (s3://bucket/dir, sftp://, "
            "ftp://, …), a destination's name or NAME:dir; default: `directory` of the settings file, else "
            "exports in Offramp's home; or another database: connection:NAME or connection:NAME/DATABASE",
        )
        add_settings(parser)
        file_options.add_place_options(parser)
        mark_options.add_options(parser)
        schedules.add_options(parser)
        watch_options.add_options(parser)
    command(of, "list", "exports:list_", "all saved exports", json="them")
    show = command(of, "show", "exports:show", "one saved export", json="it")
    show.add_argument("name", metavar="NAME", help="the export")
    show.add_argument("--toml", action="store_true", help="print its definition, for export apply")
    pause = command(
        of,
        "pause",
        "schedules:pause",
        "keep a saved export from running by itself",
        json="its name and that it is paused",
        more="What runs goes on.",
    )
    resume = command(
        of,
        "resume",
        "schedules:resume",
        "have it run by itself again",
        json="its name and that it isn't paused",
        more="From now on: what was due meanwhile isn't made up for.",
    )
    for parser in (pause, resume):
        parser.add_argument("name", metavar="NAME", help="the export")
    history.add_command(
        command(
            of,
            "history",
            "history:history",
            "every run of a saved export, with rows, bytes and marks",
            json="them",
            more="They are kept when their tasks are forgotten: keep_history_days of the settings file.",
        )
    )
    marks.add_command(
        command(
            of,
            "mark",
            "marks:mark",
            "how far an export of new rows has read; moving that",
            json="the marks",
            more="Marks are moved by runs that are published. Not while a task of the export is at work.",
        )
    )
    apply = command(
        of,
        "apply",
        "exports:apply",
        "create or change what a TOML file defines",
        more="The file holds [export.NAME] tables, and [connection.NAME] tables if need be, as show --toml "
        "prints them. What is as it should be stays untouched; differences are shown. ${NAME} and "
        "${NAME:-default} in texts stand for variables of the environment, but not for passwords.",
    )
    apply.add_argument("file", metavar="FILE.toml", help="definitions, as show --toml prints them")
    apply.add_argument("--dry-run", action="store_true", help="only show what would change")
    apply.add_argument(
        "-y", "--yes", action="store_true", help="don't ask before shell commands of the file are taken over"
    )
    remove = command(
        of, "remove", "exports:remove", "forget a saved export", more="Its tasks and files stay."
    )
    remove.add_argument("name", metavar="NAME", help="the export")
