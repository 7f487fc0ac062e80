"""`download` and `verify`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UsageError
from core.model.destination import leaves
from core.service import Service, words
from tui.cli.output import Output
from tui.cli.paths import absolute
from tui.cli.progress import CLEAR, DRAW_SECONDS

if TYPE_CHECKING:
    from core.pipeline.verify import VerifyReport


def download(args: argparse.Namespace, out: Output) -> int:
    meter = _Meter(out)
    with Service() as service:
        try:
            if args.to == "-":
                if out.terminal:
                    raise UsageError(
                        "A tar stream would go to the terminal.",
                        f"Write: offramp download {args.id} --to - | tar x, or name a path.",
                    )
                done = service.downloads.stream(args.id, sys.stdout.buffer, meter.show)
            else:
                done = service.downloads.copy(args.id, absolute(args.to), meter.show)
        finally:
            meter.close()
    out.say(f"{words.count(done.files, 'file')}, {words.size(done.bytes)}, compared with their checksums.")
    if done.path is not None:
        out.data(str(done.path))
    return 0


class _Meter:
    """Bytes on a terminal's standard error."""

    def __init__(self, out: Output) -> None:
        self._on = out.terminal_words and not out.quiet
        self._last = 0.0

    def show(self, done: int, total: int) -> None:
        if not self._on or time.monotonic() - self._last < DRAW_SECONDS:
            return
        self._last = time.monotonic()
        share = done * 100 // total if total else 100
        sys.stderr.write(f"{CLEAR}{share:3} % of {words.size(total)}")
        sys.stderr.flush()

    def close(self) -> None:
        if self._last:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()


def verify(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        numbered = args.what.isdecimal()
        if numbered and service.tasks.get(int(args.what)).settings.into is not None:
            return _verify_tables(service, args, out)
        if numbered:
            directory = service.checks.directory(int(args.what))
        elif leaves(args.what):
            directory = service.destinations.place(args.what, Path.cwd())
        else:
            directory = str(absolute(args.what))  # which needs no store
        reports = [("files", service.checks.verify(directory))]
        if args.against_source:
            out.say("Reading the source again ...")
            reports.append(("source", service.checks.verify_against_source(directory)))
    if args.json:
        complete = all(report.complete for _, report in reports)
        tree = {"directory": str(directory), "ok": all(r.ok for _, r in reports), "complete": complete}
        out.json({"verify": {**tree, **{name: _verdicts(report) for name, report in reports}}})
    else:
        for name, report in reports:
            _print(name, report, out)
    return 0 if all(report.ok for _, report in reports) else 1


def _verify_tables(service: Service, args: argparse.Namespace, out: Output) -> int:
    """Of a task whose rows went into another database."""
    if args.against_source:
        raise UsageError(
            "Tables in another database aren't compared with their source.", "Leave out --against-source."
        )
    report = service.checks.verify_tables(int(args.what))
    if args.json:
        tree = {"directory": report.directory, "ok": report.ok, "complete": report.complete}
        out.json({"verify": {**tree, "tables": _verdicts(report)}})
    else:
        _print("tables", report, out)
    return 0 if report.ok else 1


def _verdicts(report: VerifyReport) -> list[dict[str, object]]:
    return [{"name": v.name, "ok": v.ok, "detail": v.words} for v in report.verdicts]


def _print(name: str, report: VerifyReport, out: Output) -> None:
    out.table(
        ("", name.upper(), "FOUND"), [("ok" if v.ok else "FAIL", v.name, v.words) for v in report.verdicts]
    )
    if not report.complete:
        out.warn("The task itself had failed for some objects: the manifest says complete: false.")
    what = {"files": "file", "tables": "table"}.get(name, "object")
    count = words.count(len(report.verdicts), what)
    wrong = len(report.problems)
    out.say(f"{count}: {f'{wrong} not as exported' if wrong else 'as exported'}.")
