"""Contestants of a race, one run of each, and what a run costs: client, server, memory, bytes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from core.locations import Locations
from core.locks import is_locked
from core.model.connection import Connection
from core.model.vocabulary import Mode

TABLE = "standard"
DATABASE = "bench"
OFFRAMP = [sys.executable, "-P", "-m", "tui.cli.main"]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Sample:
    """One run: seconds for the data and for the whole command, CPU seconds of the client (start-up included)
    and of the server, peak memory of the client's largest process in MiB, bytes written."""

    seconds: float
    whole: float = 0.0
    client: float = 0.0
    server: float = 0.0
    memory: float = 0.0
    size: int = 0


@dataclass
class Contestant:
    """`group` is what it is compared within: csv, sql, jsonl, parquet, … or "" for the limit itself."""

    name: str
    group: str
    run: Callable[[Path], Sample]
    samples: list[Sample] = field(default_factory=list)
    failed: str = ""

    def median(self, what: str) -> float:
        return float(statistics.median(getattr(sample, what) for sample in self.samples))


def command(
    argv: Sequence[str | Path],
    scratch: Path,
    *,
    environment: Mapping[str, str] | None = None,
    to_file: bool = True,
) -> Sample:
    """Run a peer, its standard output in the file `peer` of `scratch` (or nowhere); `{out}` in an argument is
    that file's path. What is there afterwards, file or directory, is synced, measured and removed."""
    output = scratch / "peer"
    words = [str(word).replace("{out}", str(output)) for word in argv]
    written = to_file and "{out}" not in " ".join(map(str, argv))
    with output.open("wb") if written else Path(os.devnull).open("wb") as sink:
        start = time.perf_counter()
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})}, cwd=scratch,
        )  # fmt: skip
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        if written:
            os.fsync(sink.fileno())
    size = 0
    if output.exists():
        subprocess.run(["sync", "-d", *_files(output)], check=True)
        size = sum(path.stat().st_size for path in _files(output))
    seconds = time.perf_counter() - start
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)
    if status:
        raise RuntimeError(f"{words[0]}: {said.decode(errors='replace').strip()[-300:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(seconds, seconds, cpu, 0.0, usage.ru_maxrss / 1024, size)


def _files(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]


@dataclass(frozen=True)
class Program:
    """Offramp with a connection to the server that is measured."""

    connection: Connection
    password: str = ""

    def dump(self, scratch: Path, settings: Sequence[str], objects: Sequence[str] = ()) -> Sample:
        """One `offramp dump`, with an engine of its own, so that its workers' memory and CPU can be told."""
        out = scratch / "out"
        try:
            with Home(self, scratch / "home") as home:
                start = time.perf_counter()
                home.call("dump", "bench", *(objects or [f"TABLE:{TABLE}"]), "--to", str(out), *settings)
                whole = time.perf_counter() - start
                task = json.loads(home.call("show", "1", "--json"))["task"]
        finally:
            shutil.rmtree(out, ignore_errors=True)
        assert home.usage is not None
        spans = [(moment(o["started"]), moment(o["ended"])) for o in task["objects"]]
        seconds = (max(end for _, end in spans) - min(start for start, _ in spans)).total_seconds()
        return Sample(
            seconds,
            whole,
            home.usage.ru_utime + home.usage.ru_stime,
            0.0,
            home.usage.ru_maxrss / 1024,
            sum(f["bytes"] for f in task["files"]),
        )

    def address(self) -> list[str]:
        connection = self.connection
        if connection.mode is Mode.SQLITE:
            return [f"sqlite:///{connection.path}"]
        port = ["--port", str(connection.port)] if connection.port else []
        way = ["--unix-socket", str(connection.unix_socket)]
        if connection.host is not None:
            way = ["--host", connection.host, "--tls", "off"]
        return [
            "--mode", connection.mode, *way, *port,
            "--user", str(connection.user), "--database", str(connection.database),
            *(["--password-stdin"] if self.password else []),
        ]  # fmt: skip


class Home:
    """A home of its own with the connection `bench`, and an engine that serves it unless told otherwise.
    `prefix` stands before the engine's command. `usage` is that of the engine and of all of its workers, once
    it has ended. All of it is gone after the block."""

    def __init__(
        self, program: Program, directory: Path, *, served: bool = True, prefix: Sequence[str] = ()
    ) -> None:
        self.directory = directory
        self.environment = {**os.environ, "OFFRAMP_HOME": str(directory)}
        self.usage: resource.struct_rusage | None = None
        self._program = program
        self._served = served
        self._prefix = prefix
        self._engine: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        add = ("connection", "add", "bench", *self._program.address())
        self.call(*add, stdin=self._program.password + "\n")
        if self._served:
            self._engine = subprocess.Popen(
                [*self._prefix, *OFFRAMP, "--headless"],
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while not is_locked(Locations(self.directory).engine_lock):
                time.sleep(0.02)
            # It holds the lock a moment before it holds the lease: else `dump` would start another.
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            # Where something stands before its command, that is what was started, and ends with it.
            for pid in tree_of(self._engine.pid):
                if b"--headless" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGTERM)
            self.usage = os.wait4(self._engine.pid, 0)[2]
        shutil.rmtree(self.directory, ignore_errors=True)

    def call(self, *arguments: str, stdin: str = "") -> bytes:
        """What a command prints. Raises RuntimeError with what it says where it fails."""
        done = subprocess.run(
            [*OFFRAMP, *arguments], env=self.environment, input=stdin.encode(), check=False,
            capture_output=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr.decode()[-300:])
        return done.stdout


def moment(text: str) -> datetime:
    """A moment as JSON has it."""
    return datetime.fromisoformat(text)


def cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds of processes and of what they have waited for: proc(5), fields 14 to 17 of `stat`."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def tree_of(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for place in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = place.read_text().split()
        except OSError:
            continue
        for child in children:
            found += tree_of(int(child))
    return found


def compete(
    title: str, contestants: Sequence[Contestant], rows: int, repeats: int, scratch: Path, server: int | None
) -> list[dict[str, Any]]:
    """Run all, interleaved, and print the table; returns it as records. `server` is the process whose CPU is
    the server's. Who fails is named and left out."""
    for _ in range(repeats):
        for contestant in contestants:
            if contestant.failed:
                continue
            before = cpu_of(tree_of(server)) if server else 0.0
            try:
                sample = contestant.run(scratch)
            except RuntimeError as error:
                contestant.failed = str(error)
                continue
            sample.server = cpu_of(tree_of(server)) - before if server else 0.0
            contestant.samples.append(sample)
    ran = [c for c in contestants if c.samples and not c.failed]
    limits = [c.median("seconds") for c in ran if not c.group]
    limit = min(limits) if limits else None
    print(f"\n{title}, {rows:,} rows, median of {repeats}")
    print(
        f"{'':26} {'k rows/s':>9} {'of limit':>9} {'of peer':>8} {'whole s':>8} "
        f"{'client s':>9} {'server s':>9} {'MiB':>6} {'MB out':>7}"
    )
    records = [_line(contestant, ran, limit, title, rows) for contestant in ran]
    for contestant in contestants:
        if contestant.failed:
            print(f"{contestant.name:26} failed: {contestant.failed}")
    return records


def _line(
    contestant: Contestant, ran: Sequence[Contestant], limit: float | None, title: str, rows: int
) -> dict[str, Any]:
    seconds = contestant.median("seconds")
    ours = contestant.name.startswith("offramp")
    peers = [
        other.median("seconds")
        for other in ran
        if ours and other.group == contestant.group and not other.name.startswith("offramp")
    ]
    of_limit = limit / seconds if limit else None
    of_peer = min(peers) / seconds if peers else None
    print(
        f"{contestant.name:26} {rows / seconds / 1000:9.0f} {_ratio(of_limit):>9} {_ratio(of_peer):>8} "
        f"{contestant.median('whole'):8.2f} {contestant.median('client'):9.2f} "
        f"{contestant.median('server'):9.2f} {contestant.median('memory'):6.0f} "
        f"{contestant.median('size') / 1e6:7.1f}"
    )
    return {
        "source": title, "contestant": contestant.name, "group": contestant.group, "rows": rows,
        "seconds": seconds, "of_limit": of_limit, "of_best_peer": of_peer,
        "whole": contestant.median("whole"), "client_cpu": contestant.median("client"),
        "server_cpu": contestant.median("server"), "memory_mib": contestant.median("memory"),
        "bytes": contestant.median("size"),
    }  # fmt: skip


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
