"""Where rows don't matter: what a task costs by itself, many small tables, wide ones, large values, nothing.

    python -m tests.benchmarks.bench_small [--only start small wide large empty list]
                                           [--sources sqlite mariadb postgresql] [--repeats 5]
                                           [--tables 1000] [--listed 20000] [--json FILE]

start   one table of one row: from Enter to its bytes on disk and to the command's end, with an engine that
        serves already and with one that has to be started; how much of that interpreters take that load the
        same modules and do nothing
small   many tables of ten rows: milliseconds and statements (as the server counts them) a table; in a run of
        its own, under strace, the syncs to disk
wide    10,000 rows of 1,017 columns, the most that MariaDB has, as CSV and as Parquet
large   four values of 64 MB, in each format, with the memory of the worker
empty   a table without rows
list    `offramp objects` with many tables
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.running import Home, Program, moment
from tests.benchmarks.small_tables import Subject, subjects

COMMAND = "tui.cli.main, tui.cli.running, core.service.facade, core.store.store, core.engine.background"
ENGINE = "tui.cli.main, tui.cli.system, core.engine.headless"
WORKER = "core.engine.worker, core.connectors, core.pipeline.crew, core.pipeline.run, connectors.sources.{}"
# Ended as it stands: to take an interpreter down is no part of a start.
BARE = "import os, {}; os._exit(0)"
LARGE = {
    "csv": ("--format", "csv"), "jsonl": ("--format", "jsonl"), "sql": ("--format", "sql"),
    "parquet, zstd": ("--format", "parquet"),
    "parquet, none": ("--format", "parquet", "--parquet-codec", "none"),
    "arrow": ("--format", "arrow"),
}  # fmt: skip


class Bench:
    """What was asked for, and what came of it."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self._options = options
        self._scratch = scratch
        self._number = 0
        self._ended = 0.0
        self.records: list[dict[str, Any]] = []

    def run(self, subject: Subject) -> None:
        for name in self._options.only:
            work: Callable[[Subject], None] = getattr(self, name)
            work(subject)

    def start(self, subject: Subject) -> None:
        subject.small(1)
        program = Program(subject.connection(), subject.password)
        parts = {
            "command": COMMAND, "engine": ENGINE, "worker": WORKER.format(subject.package),
        }  # fmt: skip
        bare: dict[str, list[float]] = {name: [] for name in parts}
        first: dict[bool, list[float]] = {True: [], False: []}
        whole: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(self._options.repeats):
            for name, modules in parts.items():
                bare[name].append(_seconds([sys.executable, "-P", "-c", BARE.format(modules)]))
            for served in (True, False):
                with Home(program, self._new("home"), served=served) as home:
                    began, clock = datetime.now(UTC), time.perf_counter()
                    [seen] = self._dump(home, subject.objects(1))["objects"]
                    # Without the command that asks.
                    whole[served].append(self._ended - clock)
                    first[served].append((moment(seen["ended"]) - began).total_seconds())
                    _end_engine(home)
        share = {name: statistics.median(found) for name, found in bare.items()}
        for served in (True, False):
            imports = share["command"] + share["worker"] + (0 if served else share["engine"])
            bytes_at, end = statistics.median(first[served]), statistics.median(whole[served])
            self._say(
                subject, "start", "engine serves" if served else "engine is started",
                first_byte_ms=bytes_at * 1e3, whole_ms=end * 1e3, imports_ms=imports * 1e3,
                beyond_ms=(bytes_at - imports) * 1e3,
            )  # fmt: skip

    def small(self, subject: Subject) -> None:
        number = self._options.tables
        subject.small(number)
        program = Program(subject.connection(), subject.password)
        for form in ("csv", "sql"):
            with Home(program, self._new("home")) as home:
                before = subject.statements()
                task = self._dump(home, subject.objects(number), "--format", form)
                statements = subject.statements() - before
            assert home.usage is not None
            seconds = (moment(task["ended"]) - moment(task["started"])).total_seconds()
            found = {
                "ms_a_table": seconds / number * 1e3,
                "cpu_ms_a_table": (home.usage.ru_utime + home.usage.ru_stime) / number * 1e3,
                "statements_a_table": statements / number,
            }
            if shutil.which("strace"):
                found["syncs_a_table"] = self._syncs(program, subject.objects(number), form) / number
            self._say(subject, "small", f"{number} tables, {form}", **found)

    def wide(self, subject: Subject) -> None:
        rows = subject.wide()
        program = Program(subject.connection(), subject.password)
        for form in ("csv", "parquet"):
            with Home(program, self._new("home")) as home:
                task = self._dump(home, ("TABLE:wide",), "--format", form)
            self._say(
                subject, "wide", f"{rows} rows of {subject.columns} columns, {form}",
                seconds=_data_seconds(task), values_a_s=rows * subject.columns / _data_seconds(task),
            )  # fmt: skip

    def large(self, subject: Subject) -> None:
        subject.large()
        program = Program(subject.connection(), subject.password)
        for name, settings in LARGE.items():
            with Home(program, self._new("home")) as home:
                task = self._dump(home, ("TABLE:large",), *settings)
            assert home.usage is not None
            self._say(
                subject, "large", f"four values of 64 MB, {name}",
                seconds=_data_seconds(task), memory_mib=home.usage.ru_maxrss / 1024,
            )  # fmt: skip

    def empty(self, subject: Subject) -> None:
        subject.empty()
        program = Program(subject.connection(), subject.password)
        found = []
        with Home(program, self._new("home")) as home:
            for _ in range(self._options.repeats):
                task = self._dump(home, ("TABLE:empty",))
                found.append((moment(task["ended"]) - moment(task["started"])).total_seconds())
        self._say(subject, "empty", "no rows", task_ms=statistics.median(found) * 1e3)

    def list(self, subject: Subject) -> None:
        number = self._options.listed
        subject.small(number)
        program = Program(subject.connection(), subject.password)
        with Home(program, self._new("home"), served=False) as home:
            before = subject.statements()
            clock = time.perf_counter()
            listed = len(json.loads(home.call("objects", "bench", "--json"))["objects"])
            seconds = time.perf_counter() - clock
            self._say(
                subject, "list", f"{listed} objects", seconds=seconds,
                statements=subject.statements() - before,
            )  # fmt: skip

    def _new(self, what: str) -> Path:
        self._number += 1
        return self._scratch / f"{what}-{self._number}"

    def _dump(self, home: Home, objects: Sequence[str], *settings: str) -> dict[str, Any]:
        """The task of a dump, as JSON; what it has exported is removed."""
        out = self._new("out")
        try:
            said = home.call(
                "dump", "bench", *objects, "--to", str(out), "--content", "data", "--json",
                *(settings or ("--format", "csv")),
            )  # fmt: skip
        finally:
            self._ended = time.perf_counter()
            shutil.rmtree(out, ignore_errors=True)
        number = json.loads(said)["task"]["id"]
        task: dict[str, Any] = json.loads(home.call("show", str(number), "--json"))["task"]
        return task

    def _syncs(self, program: Program, objects: Sequence[str], form: str) -> int:
        """How often the task's worker has something synced, those of the store included."""
        counts = self._new("strace")
        strace = ("strace", "-f", "-qq", "-c", "--seccomp-bpf", "-e", "trace=fsync,fdatasync,sync_file_range")
        with Home(program, self._new("home"), prefix=(*strace, "-o", str(counts))) as home:
            self._dump(home, objects, "--format", form)
        found = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+).*\bf\w*sync", counts.read_text(), re.MULTILINE)
        return sum(map(int, found))

    def _say(self, subject: Subject, kind: str, what: str, **found: float) -> None:
        record = {"source": subject.name, "kind": kind, "what": what, **found}
        self.records.append(record)
        words = "  ".join(f"{name} {value:,.1f}" for name, value in found.items())
        print(f"{subject.name:<11}{kind:<6} {what:<36} {words}", flush=True)


def _seconds(command: Sequence[str]) -> float:
    clock = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - clock


def _data_seconds(task: dict[str, Any]) -> float:
    spans = [(moment(o["started"]), moment(o["ended"])) for o in task["objects"]]
    return (max(end for _, end in spans) - min(start for start, _ in spans)).total_seconds()


def _end_engine(home: Home) -> None:
    """End the engine in the background that a command has started in this home, by the name of its home."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            ours = b"--background" in words and f"OFFRAMP_HOME={home.directory}".encode() in (
                place / "environ"
            ).read_bytes().split(b"\0")
        except OSError:
            continue
        if ours:
            subprocess.run(["kill", place.name], check=True)
            while place.exists():
                time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = ("start", "small", "wide", "large", "empty", "list")
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--sources", nargs="+", choices=tuple(subjects()), default=tuple(subjects()))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--listed", type=int, default=20_000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offramp-bench-") as directory:
        bench = Bench(options, Path(directory))
        for name in options.sources:
            subject = subjects()[name](Path(directory))
            try:
                bench.run(subject)
            finally:
                subject.close()
    if options.json:
        options.json.write_text(json.dumps(bench.records, indent=2) + "\n")


if __name__ == "__main__":
    main()
