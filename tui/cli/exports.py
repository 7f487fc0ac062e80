"""`export create | edit | list | show | apply | remove`; pausing is in `tui.cli.schedules`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from core.due import upcoming
from core.errors import Conflict, OfframpError, UsageError
from core.model.convert import definitions_to_toml, export_to_tree
from core.model.destination import below
from core.model.run import Outcome
from core.model.settings import Export
from core.model.trees import to_tree, utc_text
from core.service import Service, schedule_words, watch_words
from core.service.exports import Plan
from core.service.saved import History, SavedExport
from tui.cli import file_options, forms, into_options, schedules, settings, watch_options
from tui.cli.output import Output
from tui.cli.running import keep_sys_password


def create(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        into = into_options.into_from(service, args, args.to)
        wanted = settings.settings_from(args, args.connection, into=into)
        service.connections.get(args.connection)
        if any(known.name == args.name for known in service.exports.list()):
            raise Conflict(
                f"Export {args.name!r} exists already.", f"Change it: offramp export edit {args.name}"
            )
        if into is not None:
            directory = into.place
        else:
            directory = _place(service, args.to) or service.exports.directory()
        schedule = schedules.schedule_from(args, None, datetime.now(UTC))
        watch = watch_options.watch_from(args, None)
        place = file_options.place_from(args)
        export = Export(
            name=args.name, directory=directory, settings=wanted, schedule=schedule, watch=watch, **place
        )
        _keep(service, args, out, export)
    where = export.directory if into is not None else f"{below(export.directory, export.name)}/"
    out.say(f"Its runs go to {where}. Start one: offramp run {export.name}")
    return 0


def _place(service: Service, to: str | None) -> str | None:
    return service.destinations.place(to, Path.cwd()) if to is not None else None


def edit(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        old = service.exports.get(args.name)
        if args.connection is not None:
            service.connections.get(args.connection)
        into = into_options.into_from(service, args, args.to, old.settings.into)
        wanted = settings.settings_from(args, args.connection, old.settings, into)
        directory = into.place if into is not None else _place(service, args.to) or old.directory
        schedule = schedules.schedule_from(args, old.schedule, datetime.now(UTC))
        watch = watch_options.watch_from(args, old.watch)
        if args.on_new_data:
            schedule = None
        changed = {"directory": directory, "settings": wanted, "schedule": schedule, "watch": watch}
        export = msgspec.structs.replace(old, **changed, **file_options.place_from(args))
        _keep(service, args, out, export, old=old)
    return 0


def _keep(
    service: Service, args: argparse.Namespace, out: Output, export: Export, *, old: Export | None = None
) -> None:
    """Store an export together with its sys account's password, or neither of them."""
    ineffective = settings.ineffective(args, export.settings)
    for text in [*ineffective, *file_options.place_ineffective(args, export)]:
        out.warn(text)
    same = old is not None and old.schedule == export.schedule and old.watch == export.watch
    if not same:
        schedules.show_coming(out, export)
    wanted = keep_sys_password(service, args, out, export.settings)
    made = msgspec.structs.replace(export, settings=wanted)
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
    if not same:
        schedules.serve(service, out, made)


def list_(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        found = service.saved.exports()
    if args.json:
        out.json({"exports": [_tree(saved) for saved in found]})
    elif found:
        rows = [
            (
                e.export.name,
                watch_words.trigger(e.export),
                f"{e.last.status} {_minute(e.last.ended or e.last.created)}" if e.last else "never",
                _minute(e.due) if e.due else "",
                e.export.settings.connection,
                e.export.settings.content,
                e.export.settings.format,
                e.export.directory,
                forms.export_words(e.export),
            )
            for e in found
        ]
        head = ("NAME", "TRIGGER", "LAST RUN", "NEXT RUN", "CONNECTION", "CONTENT", "FORMAT")
        out.table((*head, "DIRECTORY", "OBJECTS"), rows)
    else:
        out.say("No saved export yet. Save one: offramp export create --help")
    return 0


def show(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        export = service.exports.get(args.name)
        history = service.saved.history(args.name)
    if args.toml:
        out.text(definitions_to_toml(exports=[export]))
    elif args.json:
        schedule = export.schedule
        coming = upcoming(schedule, datetime.now(UTC), history.started) if schedule is not None else []
        out.json(
            {
                "export": export_to_tree(export),
                "next_runs": [utc_text(due) for due in coming],
                "periodic_runs": [to_tree(run) for run in history.periodic],
                "source": to_tree(history.watched.state) if history.watched is not None else None,
            }
        )
    else:
        out.fields(
            [
                ("export", export.name),
                ("directory", "" if export.settings.into else f"{below(export.directory, export.name)}/"),
                ("place", file_options.place_words(export)),
                *forms.settings_fields(export.settings),
                *_schedule_fields(history),
            ]
        )
    return 0


def _schedule_fields(history: History) -> list[tuple[str, str]]:
    """When it runs by itself, the next times, and those of the last at which it didn't."""
    schedule, watch = history.export.schedule, history.export.watch
    if watch is not None:
        now = datetime.now(UTC)
        return [("runs", watch_words.whole(watch)), ("source", watch_words.state(history.watched, now))]
    if schedule is None:
        return []
    lines = [("schedule", schedule_words.whole(schedule, history.started))]
    for line in schedules.coming_lines(schedule, history.started):
        lines.append(("next" if len(lines) == 1 else "", line))
    gone = [run for run in history.periodic if run.outcome is not Outcome.STARTED]
    lines += [(run.outcome, f"{schedule_words.both(run.due, schedule)[0]}: {run.words}") for run in gone[:5]]
    return lines


def _tree(saved: SavedExport) -> dict[str, object]:
    last = saved.last
    return {
        **export_to_tree(saved.export),
        "last_task": last.id if last is not None else None,
        "last_status": last.status.value if last is not None else None,
        "next_run": utc_text(saved.due) if saved.due is not None else None,
    }


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


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
        changed = {step.name for step in plan.steps if step.kind == "export" and step.action != "keep"}
        exports = [export for export in plan.definitions.exports if export.name in changed]
        for export in exports:
            schedules.show_coming(out, export)
        service.exports.apply(plan)
        schedules.serve(service, out, *exports)
    return 0


def _show_plan(plan: Plan, out: Output) -> None:
    marks = {"create": "+", "change": "~", "keep": "="}
    for step in plan.steps:
        out.data(f"{marks[step.action]} {step.kind} {step.name}")
        for change in step.changes:
            out.data(f"    {change.key}: {change.before!r} -> {change.after!r}")
    if not plan.steps:
        out.say("The file defines nothing.")
