"""`export create | edit | list | show | apply | remove`."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.errors import Conflict, OfframpError, UsageError
from core.model.convert import definitions_to_toml, export_to_tree
from core.model.settings import Export
from core.service import Service
from core.service.exports import Plan
from tui.cli import forms, settings
from tui.cli.output import Output
from tui.cli.paths import absolute
from tui.cli.running import keep_sys_password


def create(args: argparse.Namespace, out: Output) -> int:
    wanted = settings.settings_from(args, args.connection)
    with Service() as service:
        service.connections.get(args.connection)
        if any(known.name == args.name for known in service.exports.list()):
            raise Conflict(
                f"Export {args.name!r} exists already.", f"Change it: offramp export edit {args.name}"
            )
        directory = str(absolute(args.to)) if args.to is not None else service.exports.directory()
        export = Export(name=args.name, directory=directory, settings=wanted)
        _keep(service, args, out, export)
    out.say(f"Its runs go to {export.directory}/{export.name}/. Start one: offramp run {export.name}")
    return 0


def edit(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        old = service.exports.get(args.name)
        if args.connection is not None:
            service.connections.get(args.connection)
        wanted = settings.settings_from(args, args.connection, old.settings)
        directory = str(absolute(args.to)) if args.to is not None else old.directory
        _keep(service, args, out, Export(name=args.name, directory=directory, settings=wanted), old=old)
    return 0


def _keep(
    service: Service, args: argparse.Namespace, out: Output, export: Export, *, old: Export | None = None
) -> None:
    """Store an export together with its sys account's password, or neither of them."""
    for text in settings.ineffective(args, export.settings):
        out.warn(text)
    wanted = keep_sys_password(service, args, out, export.settings)
    made = Export(name=export.name, directory=export.directory, settings=wanted)
    try:
        if old is None:
            service.exports.create(made)
        else:
            service.exports.replace(made)
    except OfframpError:
        service.exports.forget_sys_password(wanted)
        raise
    if args.json:
        out.json({"export": export_to_tree(made)})
    elif old is None:
        out.say(f"Export {made.name} is saved.")
    else:
        out.say(f"Export {made.name} is {'changed' if made != old else 'as it was'}.")


def list_(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        found = service.exports.list()
    if args.json:
        out.json({"exports": [export_to_tree(export) for export in found]})
    elif found:
        rows = [
            (
                e.name,
                e.settings.connection,
                e.settings.content,
                e.settings.format,
                e.directory,
                forms.export_words(e),
            )
            for e in found
        ]
        out.table(("NAME", "CONNECTION", "CONTENT", "FORMAT", "DIRECTORY", "OBJECTS"), rows)
    else:
        out.say("No saved export yet. Save one: offramp export create --help")
    return 0


def show(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        export = service.exports.get(args.name)
    if args.toml:
        out.text(definitions_to_toml(exports=[export]))
    elif args.json:
        out.json({"export": export_to_tree(export)})
    else:
        out.fields(
            [
                ("export", export.name),
                ("directory", f"{export.directory}/{export.name}/"),
                *forms.settings_fields(export.settings),
            ]
        )
    return 0


def remove(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        service.exports.remove(args.name)
    out.say(f"Export {args.name} is forgotten. Its tasks and files stay.")
    return 0


def apply(args: argparse.Namespace, out: Output) -> int:
    """Differences first; commands are shown, and asked about, before anything is changed."""
    with Service() as service:
        plan = service.exports.plan(Path(args.file))
        _show_plan(plan, out)
        if args.dry_run:
            return 0
        for command in plan.commands:
            out.warn(f"{args.file} has a shell command in it: {command}")
        if (
            plan.commands
            and not args.yes
            and not out.confirm(
                "Take these commands over, to be run whenever the password is needed?", instead="Add --yes."
            )
        ):
            raise UsageError("Nothing was changed.")
        service.exports.apply(plan)
    return 0


def _show_plan(plan: Plan, out: Output) -> None:
    marks = {"create": "+", "change": "~", "keep": "="}
    for step in plan.steps:
        out.data(f"{marks[step.action]} {step.kind} {step.name}")
        for change in step.changes:
            out.data(f"    {change.key}: {change.before!r} -> {change.after!r}")
    if not plan.steps:
        out.say("The file defines nothing.")
