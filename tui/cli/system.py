"""`--version`, `--headless`, `--demo`, `doctor` and `completion`."""

from __future__ import annotations

import argparse
import sys

from core import __version__
from core.locations import Locations
from core.model.trees import utc_text
from core.model.vocabulary import TaskStatus
from core.service import Service, words
from tui.cli.interrupts import held_back
from tui.cli.output import Output
from tui.cli.paths import absolute
from tui.cli.running import follow


def version(args: argparse.Namespace, out: Output) -> int:
    del args
    out.data(f"offramp {__version__}")
    return 0


def headless(args: argparse.Namespace, out: Output) -> int:
    """The engine in the foreground. What it does is logged on standard error."""
    del out
    from core.engine.headless import run  # noqa: PLC0415 - asyncio and the engine, for this alone

    return run(Locations.default(), drain=args.drain, background=args.background)


def demo(args: argparse.Namespace, out: Output) -> int:
    """Make the sample, run its exports; on a terminal open the screens, else say where the files are."""
    directory = absolute(args.demo)
    with Service() as service:
        out.say(f"Making the sample shop in {directory} (about 200,000 rows; once) ...")
        sample = service.demo.prepare(directory)
        out.say(f"Connection {sample.connection.name}, exports {', '.join(e.name for e in sample.exports)}.")
        names = tuple(export.name for export in sample.exports)
        if sys.stdin.isatty() and sys.stdout.isatty() and not args.no_input:
            return _open(args, names)
        tasks = [service.exports.run(name) for name in names]
        with held_back() as heard:
            ended = [follow(service, task, out, heard) for task in tasks]
    for task in ended:
        if task.published:
            out.data(task.output)
    out.say("Go on with: offramp ls, offramp objects shop, offramp run orders-csv --wait")
    return 0 if all(task.status is TaskStatus.COMPLETED for task in ended) else 1


def _open(args: argparse.Namespace, exports: tuple[str, ...]) -> int:
    from tui.launch import open_application  # noqa: PLC0415 - Textual, for this alone

    return open_application(
        read_only=args.read_only,
        mouse=not args.no_mouse,
        run_at_start=exports,
        welcome="The sample's three exports run. Enter views one; 3 shows the sample database.",
    )


def doctor(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        findings = service.doctor()
    if args.json:
        tree = [{"name": f.name, "level": f.level, "detail": f.detail, "advice": f.advice} for f in findings]
        out.json({"findings": tree, "time": utc_text(words.now_utc())})
    else:
        out.table(
            ("", "WHAT", "FOUND"),
            [(f.level, f.name, " ".join(filter(None, (f.detail, f.advice)))) for f in findings],
        )
    return 1 if any(finding.level == "fail" for finding in findings) else 0


def completion(args: argparse.Namespace, out: Output) -> int:
    del out
    from tui.cli.completion import script  # noqa: PLC0415 - argcomplete, for this alone

    print(script(args.shell))
    return 0
