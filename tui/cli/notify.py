"""Options that say who is told of a task's end, to settings and back; `offramp notify test | list`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from core.errors import UsageError
from core.model.notice import NOBODY, Notice
from core.model.settings import ExportSettings
from core.model.trees import utc_text
from core.service import Service
from tui.cli.argparsing import command, group
from tui.cli.output import Output
from tui.cli.values import number

WHERE = "command:PROGRAM, https://HOST/PATH or mailto:ADDRESS[,ADDRESS]"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("telling of the end").add_argument(
        "--notify",
        action="append",
        metavar="[ENDS=]WHERE",
        help=f"tell {WHERE} of the task's end; ENDS: completed, failed, aborted, or some of them with "
        "commas; may be repeated; none for nobody; default: `notify` of the settings file",
    )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what the options say into the fields of ExportSettings. Raises UsageError."""
    if not args.notify:
        return
    if NOBODY in args.notify and len(args.notify) > 1:
        raise UsageError("--notify none and others were asked for.", "Use one of them.")
    fields["notify"] = () if args.notify == [NOBODY] else tuple(dict.fromkeys(args.notify))


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`."""
    if settings.notify == old.notify or settings.notify is None:
        return []
    return [word for text in settings.notify or (NOBODY,) for word in ("--notify", text)]


def words_of(notify: Sequence[str] | None) -> str:
    """Who is told, in words for people; empty where the settings file says it."""
    if notify is None:
        return ""
    shown = []
    for notice in map(Notice.parse, notify):
        ends = "/".join(str(end).lower() for end in notice.ends)
        shown.append(f"{notice.shown} when {ends}" if ends else notice.shown)
    return ", ".join(shown) or "nobody"


def add_notify(commands: Any) -> None:
    """The commands, among the others."""
    of = group(commands, "notify", "telling of tasks' ends: test, list")
    test = command(
        of,
        "test",
        "notify:test",
        "tell somebody of an end that is only a test",
        more="From this terminal, with its variables: what exports tell is told by the engine, with its own. "
        "Mail servers and tokens stand in the settings file.",
    )
    test.add_argument("place", metavar="WHERE", help=WHERE)
    listed = command(of, "list", "notify:list_", "who was told, and who couldn't be", json="them")
    listed.add_argument(
        "id", metavar="ID", type=number, nargs="?", help="only of this task; default: the newest"
    )


def test(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        answer = service.notices.test(args.place)
    out.say(f"{Notice.parse(args.place).shown}: {answer}.")
    return 0


def list_(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        if args.id is not None:
            service.tasks.get(args.id)
        found = service.notices.list(args.id)
    if args.json:
        out.json(
            {
                "notifications": [
                    {
                        "task": one.task,
                        "place": Notice.parse(one.place).shown,
                        "state": _state(one.due is not None, one.delivered is not None),
                        "made": utc_text(one.made),
                        "delivered": utc_text(one.delivered) if one.delivered else None,
                        "next_attempt": utc_text(one.due) if one.due else None,
                        "attempts": one.attempts,
                        "words": one.words,
                    }
                    for one in found
                ]
            }
        )
    elif found:
        rows = [
            (
                str(one.task),
                _state(one.due is not None, one.delivered is not None),
                f"{one.made.astimezone():%Y-%m-%d %H:%M}",
                str(one.attempts),
                Notice.parse(one.place).shown,
                one.words,
            )
            for one in found
        ]
        out.table(("TASK", "STATE", "ENDED", "ATTEMPTS", "WHERE", "WORDS"), rows)
    else:
        out.say("Nobody was to be told of anything.")
    return 0


def _state(waits: bool, delivered: bool) -> str:
    return "waiting" if waits else "told" if delivered else "given up"
