"""`offramp export history`: every run of a saved export, also when its task is forgotten."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from core.model.past_run import PastRun
from core.model.run import Outcome
from core.model.task import Task
from core.model.trees import to_tree, utc_text
from core.model.vocabulary import Engine
from core.service import Service, words
from core.service.saved import History
from tui.cli.output import Output
from tui.cli.values import number


def add_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the export")
    parser.add_argument("--limit", metavar="N", type=number, help="at most so many, the newest first")


def history(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        found = service.saved.history(args.name)
    lines = _lines(found)[: args.limit]
    if args.json:
        out.json({"export": args.name, "runs": [tree for _, _, tree in lines]})
    elif lines:
        head = ("TASK", "STATUS", "STARTED", "ENDED", "ROWS", "SIZE", "MARK", "WORDS")
        out.table(head, [row for _, row, _ in lines])
    else:
        out.say(f"Export {args.name} has not run yet.")
    return 0


def _lines(found: History) -> list[tuple[datetime, tuple[str, ...], dict[str, Any]]]:
    """When, as a row, and as JSON; the newest first. Runs at work, those that have ended, and times at which
    there was none."""
    lines = [_open(task) for task in found.runs if not task.status.ended]
    lines += [_past(run) for run in found.past]
    for run in found.periodic:
        if run.outcome is not Outcome.STARTED:
            tree = {"task": None, "status": str(run.outcome), "due": utc_text(run.due), "words": run.words}
            row = ("", run.outcome.capitalize(), _minute(run.due), "", "", "", "", run.words)
            lines.append((run.due, row, tree))
    return sorted(lines, key=lambda line: line[0], reverse=True)


def _open(task: Task) -> tuple[datetime, tuple[str, ...], dict[str, Any]]:
    tree = {
        "task": task.id,
        "status": str(task.status),
        "created": utc_text(task.created),
        "started": utc_text(task.started) if task.started else None,
        "ended": None,
        "rows": task.processed_rows,
        "bytes": task.processed_bytes,
        "engine": str(task.settings.engine or Engine.LOCAL),
        "output": task.output,
        "error": None,
        "marks": [],
    }
    row = (str(task.id), str(task.status), _minute(task.started), "", f"{task.processed_rows:,}",
           words.size(task.processed_bytes), "", _words(task.settings.engine, task.reason))  # fmt: skip
    return task.created, row, tree


def _past(run: PastRun) -> tuple[datetime, tuple[str, ...], dict[str, Any]]:
    row = (
        str(run.task),
        str(run.status),
        _minute(run.started),
        _minute(run.ended),
        f"{run.rows:,}",
        words.size(run.bytes),
        ", ".join(_marks(run)),
        _words(run.engine, run.error.message if run.error is not None else ""),
    )
    tree = to_tree(run, leave=("export",))
    return run.created, row, tree


def _marks(run: PastRun) -> Iterable[str]:
    for mark in run.marks:
        name = mark.object.partition(":")[2]
        yield f"{name}.{mark.column} {mark.before or 'nothing'} -> {mark.after or 'nothing'}"


def _words(engine: Engine | None, text: str) -> str:
    """With what is said of a cluster."""
    return f"by Dask: {text}".removesuffix(": ") if engine is Engine.DASK else text


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment is not None else ""
