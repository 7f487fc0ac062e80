"""`run` and `dump`: queue a task, and wait for it with progress."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from core.errors import Conflict, OfframpError, UsageError
from core.model.secret import SecretRef
from core.model.settings import ExportSettings, SysAccount
from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.service import Service, words
from core.service.tasks import default_name
from tui.cli import forms, into_options, passwords, preflight, settings
from tui.cli.interrupts import held_back
from tui.cli.output import Output
from tui.cli.progress import Progress
from tui.cli.times import start

INTERRUPTED = 130
ABORT_SECONDS = 60.0


def run(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        task = service.exports.run(args.name, at=_start(args.at, out))
        if not args.wait:
            _leave(service, task, args, out)
            return 0
        try:
            if not args.json:
                out.data(str(task.id))
                sys.stdout.flush()
            with held_back() as heard:
                task = follow(service, task, out, heard)
        except KeyboardInterrupt:
            out.warn(f"Task {task.id} goes on without being waited for.")
            out.say(f"See it: offramp show {task.id}    End it: offramp abort {task.id}")
            return INTERRUPTED
        if args.json:
            out.json({"task": forms.task_tree(task, words.now_utc(), full=True)})
    return forms.exit_code(task.status)


def dump(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        into = into_options.into_from(service, args, args.to)
        wanted = settings.settings_from(args, args.connection, into=into)
        for text in settings.ineffective(args, wanted):
            out.warn(text)
        place = service.destinations.place(args.to, Path.cwd()) if into is None else args.to
        output = service.destinations.for_task(place, args.name or default_name(wanted), words.now_utc())
        service.connections.get(args.connection)
        if args.dry_run:
            return preflight.show(service, sys_reference(args, out, wanted), output, args, out)
        at = _start(args.at, out)
        if at is not None and not args.detach:
            raise UsageError(
                "dump waits for its task, and --at may be long.", "Add --detach, and wait ID later."
            )
        wanted = keep_sys_password(service, args, out, wanted)
        try:
            task = service.tasks.dump(wanted, output, name=args.name, at=at)
        except OfframpError:
            service.exports.forget_sys_password(wanted)
            raise
        if args.detach:
            _leave(service, task, args, out)
            return 0
        with held_back() as heard:
            try:
                task = follow(service, task, out, heard)
            except KeyboardInterrupt:
                _abort(service, task, out, heard)
                return INTERRUPTED
        if args.json:
            out.json({"task": forms.task_tree(task, words.now_utc(), full=True)})
        elif task.published:
            out.data(task.output)
    return forms.exit_code(task.status)


def _leave(service: Service, task: Task, args: argparse.Namespace, out: Output) -> None:
    """Say which task it is, then see to it that somebody runs it."""
    if args.json:
        out.json({"task": forms.task_tree(task, words.now_utc(), full=True)})
    else:
        out.data(str(task.id))
    sys.stdout.flush()
    service.tasks.serve()
    out.say(f"Task {task.id} is {task.status}: {words.state(task, words.now_utc())}.")


def _start(text: str | None, out: Output) -> datetime | None:
    if text is None:
        return None
    moment, note = start(text, words.now_utc())
    if note:
        out.warn(note)
    return moment


def follow(service: Service, task: Task, out: Output, heard: Callable[[], None]) -> Task:
    """Show a task until it has ended, then how it ended. `heard` raises KeyboardInterrupt after Ctrl-C."""
    progress = Progress(out)
    try:
        for seen in service.tasks.watch(task.id):
            task = seen
            heard()
            progress.update(task, words.now_utc())
    finally:
        progress.close()
    report(task, out)
    return task


def report(task: Task, out: Output) -> None:
    """How a task has ended: words where all went well, else its error."""
    if task.status is TaskStatus.COMPLETED:
        out.say(f"Task {task.id} is Completed: {words.state(task, words.now_utc())}.")
    elif task.error is not None:
        out.warn(f"Task {task.id} {task.status}: {task.error.message}")
        if task.error.hint:
            out.say(f"  {task.error.hint}")
        out.say(f"  See: offramp logs {task.id}    Again: offramp retry {task.id}")
    else:
        out.warn(f"Task {task.id} is {task.status}.")


def _abort(service: Service, task: Task, out: Output, heard: Callable[[], None]) -> None:
    """Ctrl-C: abort and see it end; once more: don't wait for the worker to finish up."""
    try:
        # Publishing is short and isn't aborted; what has ended needs no abort.
        with suppress(Conflict):
            service.tasks.abort(task.id)
        out.warn(f"Aborting task {task.id}; Ctrl-C once more doesn't wait for it.")
        for seen in service.tasks.watch(task.id, timeout=ABORT_SECONDS):
            task = seen
            heard()
    except KeyboardInterrupt:
        with suppress(Conflict):
            service.tasks.abort(task.id, force=True)
        out.warn(f"Task {task.id} is being ended at once.")
        return
    out.warn(f"Task {task.id} is {task.status}.")


# The sys account's password


def sys_reference(
    args: argparse.Namespace, out: Output, wanted: ExportSettings
) -> tuple[ExportSettings, str | None]:
    """Settings whose sys account refers to where its password comes from, or the password itself, kept
    nowhere."""
    found = passwords.given(args, out, prefix="sys-", whose="the sys account")
    if isinstance(found, str):
        _require_account(wanted)
        return wanted, found
    return (_with_reference(wanted, found) if found is not None else wanted), None


def keep_sys_password(
    service: Service, args: argparse.Namespace, out: Output, wanted: ExportSettings
) -> ExportSettings:
    """Settings whose sys account refers to its password; one that was typed in is kept for it."""
    with_reference, password = sys_reference(args, out, wanted)
    return service.exports.with_sys_password(wanted, password) if password is not None else with_reference


def _with_reference(wanted: ExportSettings, ref: SecretRef) -> ExportSettings:
    account = _require_account(wanted)
    return msgspec.structs.replace(wanted, sys_account=SysAccount(account=account.account, secret=ref))


def _require_account(wanted: ExportSettings) -> SysAccount:
    if wanted.sys_account is None:
        raise UsageError("A sys account's password was given without an account.", "Add --sys-account A.")
    return wanted.sys_account
