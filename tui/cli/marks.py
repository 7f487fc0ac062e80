"""`offramp export mark`: where the marks of an export stand, what its next run would read, moving them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from core.errors import UsageError
from core.model.mark import Mark
from core.model.trees import to_tree
from core.service import Service
from core.service.marks import Next
from tui.cli.output import Output
from tui.cli.values import number


def add_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the export")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--look", action="store_true", help="count in the source what the next run would read")
    what.add_argument("--moves", action="store_true", help="what has moved the marks, the newest first")
    what.add_argument(
        "--set",
        action="append",
        metavar="TABLE=VALUE",
        help="have the next run read what is beyond VALUE, as the server writes it",
    )
    what.add_argument(
        "--rewind",
        type=number,
        metavar="TASK",
        help="have the next run read again what this task has read, and all that came after it",
    )
    what.add_argument(
        "--forget",
        action="append",
        metavar="TABLE",
        help="have the next run read all of it; '*' for every one",
    )


def mark(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        if args.look:
            return _look(args, out, service.marks.ahead(args.name))
        if args.moves:
            moves = service.marks.moves(args.name)
            rows = [
                (
                    f"{move.at:%Y-%m-%d %H:%M}",
                    move.object,
                    move.cause,
                    "" if move.task is None else str(move.task),
                    _text(move.before),
                    _text(move.after),
                    "" if move.rows is None else str(move.rows),
                    "" if move.repeated is None else str(move.repeated),
                )
                for move in moves
            ]
            head = ("WHEN (UTC)", "OBJECT", "BY", "TASK", "BEFORE", "AFTER", "ROWS", "REPEATED")
            return _show(args, out, {"moves": [to_tree(move) for move in moves]}, head, rows)
        if args.set is not None:
            service.marks.set(args.name, dict(map(_pair, args.set)))
        elif args.rewind is not None:
            service.marks.rewind(args.name, args.rewind)
        elif args.forget is not None:
            service.marks.forget(args.name, () if "*" in args.forget else args.forget)
        return _marks(args, out, service.marks.of(args.name))


def _pair(text: str) -> tuple[str, str]:
    table, equals, value = text.partition("=")
    if not equals or not table or not value:
        raise UsageError(f"{text!r} names no mark.", "Write TABLE=VALUE: orders=4711.")
    return table, value


def _marks(args: argparse.Namespace, out: Output, marks: list[Mark]) -> int:
    rows = [
        (
            held.object,
            held.column,
            _text(held.value),
            ("after " if held.above else "") + _text(held.floor),
            str(held.remembered),
            "by hand" if held.task is None else f"task {held.task}",
        )
        for held in marks
    ]
    head = ("OBJECT", "MARK", "READ UP TO", "NEXT RUN FROM", "KNOWN THERE", "MOVED BY")
    trees = [to_tree(held, leave=("points",)) for held in marks]
    return _show(args, out, {"export": args.name, "marks": trees}, head, rows)


def _look(args: argparse.Namespace, out: Output, found: list[Next]) -> int:
    rows = [
        (
            item.object,
            item.column or "(all rows)",
            _text(item.mark),
            "?" if item.rows is None else str(item.rows),
            "" if item.lowest is None else f"{item.lowest} … {item.highest}",
            str(item.again or ""),
        )
        for item in found
    ]
    head = ("OBJECT", "MARK", "READ UP TO", "NEW ROWS", "FROM … TO", "LOOKED AT AGAIN")
    trees = [
        {
            "object": item.object,
            "column": item.column,
            "mark": item.mark,
            "rows": item.rows,
            "lowest": item.lowest,
            "highest": item.highest,
            "again": item.again,
            "problem": item.problem,
        }
        for item in found
    ]
    status = _show(args, out, {"export": args.name, "next": trees}, head, rows)
    for item in found:
        if item.problem:
            out.warn(item.problem)
        for text in item.hazards:
            out.warn(f"{item.object}: {text}")
    return status


def _show(
    args: argparse.Namespace,
    out: Output,
    tree: dict[str, Any],
    head: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
) -> int:
    if args.json:
        out.json(tree)
    elif rows:
        out.table(head, rows)
    else:
        out.say(f"Export {args.name} has no mark yet: its next run reads everything.")
    return 0


def _text(value: str | None) -> str:
    return "" if value is None else value
