"""`ls`, `show`, `logs`, `abort`, `retry`, `rm`, `wait`, and `offramp` alone."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from core.errors import InvalidValue, OfframpError
from core.model.spelling import suggestion
from core.model.task import Task, TaskObject
from core.model.trees import to_tree
from core.model.vocabulary import TaskStatus
from core.service import Service, words
from tui.cli import forms, load_options
from tui.cli.interrupts import held_back
from tui.cli.output import Output
from tui.cli.times import span

TIMED_OUT = 4


def overview(args: argparse.Namespace, out: Output) -> int:
    """`offramp` without anything: the screens on a terminal, else how things stand, and where to go on."""
    if sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty() and not args.no_input:
        from tui.launch import open_application  # noqa: PLC0415 - Textual, for this alone

        return open_application(read_only=args.read_only, mouse=not args.no_mouse)
    with Service() as service:
        tasks = service.tasks.list()
        _look_after(service, out)
        _remind(service, out)
    if tasks:
        _table(tasks, out)
    else:
        out.say("No task in the last 48 hours.")
    out.say("See all commands: offramp --help")
    return 0


def _look_after(service: Service, out: Output) -> None:
    """Tasks must not stand still because their engine was killed: whoever looks at them starts another."""
    try:
        if service.tasks.look_after():
            out.say("No engine was serving the tasks: one was started, and they go on.")
    except OfframpError as error:
        out.warn(error.message)
        out.say(f"  {error.hint}")


def _remind(service: Service, out: Output) -> None:
    """Scheduled tasks wait for their time in a program that a reboot ends."""
    if service.overview.engine().forgotten:
        out.say("What is scheduled doesn't start after a reboot: offramp service install")


def ls(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        tasks = service.tasks.list(
            since=None if args.since == "all" else span(args.since),
            statuses=[_status(text) for text in args.status or ()],
            connection=args.connection,
            text=args.search,
            limit=args.limit,
        )
        _look_after(service, out)
        _remind(service, out)
    if args.json:
        now = words.now_utc()
        out.json({"tasks": [forms.task_tree(task, now) for task in tasks]})
    elif tasks:
        _table(tasks, out)
    else:
        out.say(_nothing(args))
    return 0


def _nothing(args: argparse.Namespace) -> str:
    """What an empty list means."""
    if args.status or args.connection or args.search:
        return "No task matches."
    if args.since == "all":
        return "No task yet."
    return f"No task in the last {'48 hours' if args.since == '48h' else args.since}."


def _status(text: str) -> TaskStatus:
    for status in TaskStatus:
        if status.value.lower() == text.lower():
            return status
    raise InvalidValue(f"{text!r} is no status.", suggestion(text, TaskStatus))


def _table(tasks: Sequence[Task], out: Output) -> None:
    now = words.now_utc()
    rows = [
        (
            str(task.id),
            task.status.value,
            task.name,
            task.settings.connection,
            _short(task.created, now),
            words.state(task, now),
        )
        for task in tasks
    ]
    out.table(("ID", "STATUS", "NAME", "CONNECTION", "CREATED", "STATE"), rows, right=(0,))


def _short(moment: datetime, now: datetime) -> str:
    """In this machine's zone: the time of today, else the date too."""
    local = moment.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == now.astimezone().date() else f"{local:%Y-%m-%d %H:%M}"


def show(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        details = service.tasks.show(args.id)
        _look_after(service, out)
        host = service.preferences.ssh_host or (platform.node() if "SSH_CONNECTION" in os.environ else None)
    task, now = details.task, words.now_utc()
    if args.json:
        out.json(
            {
                "task": {
                    **forms.task_tree(task, now, full=True),
                    "objects": [_object_tree(item) for item in details.objects],
                    "files": [to_tree(file) for file in details.files],
                }
            }
        )
        return 0
    out.fields(
        [
            ("task", f"{task.id}  {task.name}"),
            ("status", f"{task.status}: {words.state(task, now)}"),
            ("what to do", task.error.hint if task.error else ""),
            ("export", task.export or ""),
            ("mode", words.mode_label(task.mode)),
            *forms.settings_fields(task.settings),
            ("directory", "" if task.settings.into else task.output),
            ("owner", task.owner),
            ("created", words.moment(task.created, now)),
            ("started", words.moment(task.started, now) if task.started else ""),
            ("ended", words.moment(task.ended, now) if task.ended else ""),
            (
                "attempts",
                f"{task.attempts}, {task.retries} of them automatic retries" if task.attempts else "",
            ),
            ("snapshot", _snapshot(task)),
        ]
    )
    if details.objects:
        print()
        _objects(details.objects, out)
    if details.files:
        print()
        rows = [(file.path, f"{file.rows:,}", words.size(file.bytes), file.sha256) for file in details.files]
        if task.settings.into is not None:
            out.table(("TABLE", "ROWS", "READ"), [row[:3] for row in rows], right=(1, 2))
        else:
            out.table(("FILE", "ROWS", "SIZE", "SHA-256"), rows, right=(1, 2))
    if task.published and host is not None and task.settings.into is None:
        out.say(f"From another machine: ssh {host} offramp download {task.id} --to - | tar x")
    return 0


def _snapshot(task: Task) -> str:
    if task.snapshot is None:
        return ""
    taken = words.moment(task.snapshot.taken_at, words.now_utc())
    return f"{task.snapshot.id or 'without a name'}, taken {taken}"


def _object_tree(item: TaskObject) -> dict[str, object]:
    tree = to_tree(item)
    ref = tree.pop("ref")
    # Where a run would go on is the pipeline's own affair.
    for inner in ("checkpoint", "fingerprint", "number"):
        del tree[inner]
    tree["parts"] = len(item.parts)
    return {"type": ref["type"], "name": ref["name"], **tree}


def _objects(objects: Sequence[TaskObject], out: Output) -> None:
    rows = [
        (
            item.ref.type.value,
            item.ref.name,
            item.schema_status or "-",
            f"{'' if item.total_exact else '~'}{item.total_rows:,}" if item.total_rows is not None else "-",
            f"{item.processed_rows:,}" if item.data_status else "-",
            item.data_status or "-",
            item.error.message if item.error else "; ".join(item.warnings),
        )
        for item in objects
    ]
    head = ("TYPE", "OBJECT", "SCHEMA", "TOTAL", "PROCESSED", "DATA", "NOTE")
    out.table(head, rows, right=(3, 4))


def logs(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        _look_after(service, out)
        if not args.follow and not service.tasks.has_log(args.id):
            task = service.tasks.get(args.id)
            out.say(f"Task {args.id} has no log{'' if task.status.ended else ' yet'}.")
            return 0
        for line in service.tasks.log(args.id, alert=args.alert, follow=args.follow):
            out.raw(line.text)
            if args.follow:
                sys.stdout.flush()
    return 0


def abort(args: argparse.Namespace, out: Output) -> int:
    def one(service: Service, number: int) -> None:
        task = service.tasks.abort(number, force=args.force)
        waits = (
            "" if args.force or task.status.ended else f" Not waiting for it: offramp abort {number} --force"
        )
        out.say(f"Task {number} is {task.status}.{waits}")

    return _each(args.ids, out, one)


def limit(args: argparse.Namespace, out: Output) -> int:
    rate = None if args.rate == load_options.NONE else args.rate

    def one(service: Service, number: int) -> None:
        service.tasks.limit(number, rate)
        out.say(f"Task {number} reads {f'at most {rate} a second' if rate else 'as fast as it can'}.")

    return _each(args.ids, out, one)


def retry(args: argparse.Namespace, out: Output) -> int:
    def one(service: Service, number: int) -> None:
        task = service.tasks.retry(number)
        out.say(f"Task {number} is {task.status}: {words.state(task, words.now_utc())}.")

    return _each(args.ids, out, one)


def rm(args: argparse.Namespace, out: Output) -> int:
    def one(service: Service, number: int) -> None:
        task = service.tasks.get(number)
        service.tasks.remove(number)
        what = "tables" if task.settings.into is not None else "files"
        kept = f" Its {what} stay in {task.output}." if task.published else ""
        out.say(f"Task {number} is forgotten.{kept}")

    return _each(args.ids, out, one)


def _each(numbers: Sequence[int], out: Output, one: Callable[[Service, int], None]) -> int:
    """What can be done for one task is done whatever happens to the others; the first error's exit code."""
    code = 0
    with Service() as service:
        for number in numbers:
            try:
                one(service, number)
            except OfframpError as error:
                out.fail(error)
                code = code or error.exit_status
    return code


def wait(args: argparse.Namespace, out: Output) -> int:
    deadline = None
    if args.timeout is not None:
        text = args.timeout if not args.timeout.replace(".", "", 1).isdecimal() else f"{args.timeout}s"
        deadline = time.monotonic() + span(text).total_seconds()
    last: dict[int, Task] = {}
    with Service() as service, held_back() as heard:
        for number in args.ids:
            service.tasks.get(number)
        for number in args.ids:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            for task in service.tasks.watch(number, timeout=left):
                last[number] = task
                heard()
            _report(last[number], words.now_utc(), out)
    if args.json:
        now = words.now_utc()
        out.json({"tasks": [forms.task_tree(task, now) for task in last.values()]})
    if not all(task.status.ended for task in last.values()):
        return TIMED_OUT
    return forms.exit_code(*(task.status for task in last.values()))


def _report(task: Task, now: datetime, out: Output) -> None:
    late = "" if task.status.ended else "still "
    out.say(f"Task {task.id} is {late}{task.status}: {words.state(task, now)}")
