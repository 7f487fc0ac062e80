"""Whole `offramp dump` runs beside the drain of the same connection and the peers that are installed.

    python -m tests.benchmarks [--rows 1000000] [--repeats 3] [--only mariadb oceanbase sqlite] [--json FILE]

Every contestant takes the standard table (see `table`) to a file in one temporary directory, interleaved with
the others, `--repeats` times; the table shows medians. Ratios are what counts: client and server share this
machine. Offramp's rate is that of the data (reading, encoding, checksum, fsync); start-up and planning are in
the column `whole`. Memory is the largest single process of the contestant.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from core.model.connection import Connection
from core.model.vocabulary import Mode
from tests.benchmarks import table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer

TABLE = "standard"
RECEIVE = 1 << 20
OFFRAMP = [sys.executable, "-P", "-m", "tui.cli.main"]


@dataclass
class Sample:
    """One run: seconds for the data, for the whole command, peak memory in MiB, bytes written."""

    seconds: float
    whole: float = 0.0
    memory: float = 0.0
    size: int = 0


@dataclass
class Contestant:
    name: str
    run: Callable[[Path], Sample]
    samples: list[Sample] = field(default_factory=list)

    def median(self, what: str) -> float:
        return statistics.median(getattr(sample, what) for sample in self.samples)


def command(argv: list[str], output: Path) -> Sample:
    """Run a peer with its standard output to a file."""
    with output.open("wb") as sink:
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sink)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        os.fsync(sink.fileno())
    if status:
        sys.exit(f"{argv[0]} failed")
    return Sample(seconds, seconds, usage.ru_maxrss / 1024, output.stat().st_size)


def drain(server: MysqlFamilyServer, statement: str) -> Sample:
    """Receive a whole text result into one large buffer and do nothing with it."""
    connection = server.admin("bench")
    if server.product == "oceanbase":
        connection.query("SET ob_query_timeout = 3600000000")
    buffer = memoryview(bytearray(RECEIVE))
    start = time.perf_counter()
    connection._execute_command(3, statement)  # COM_QUERY
    tail, size = b"", 0
    # The end packet: 5 bytes, mark 0xfe. A row can't look like it here: rows are longer than the tail.
    while not (len(tail) == 9 and tail[:3] == b"\x05\x00\x00" and tail[4] == 0xFE):
        count = connection._sock.recv_into(buffer)
        size += count
        tail = (tail + bytes(buffer[max(0, count - 9) : count]))[-9:]
    seconds = time.perf_counter() - start
    connection._force_close()
    return Sample(seconds, seconds, 0.0, size)


def offramp(connection: Connection, password: str, settings: list[str], scratch: Path) -> Sample:
    """One `offramp dump`, with an engine of its own, so that its workers' memory can be told."""
    home, out = scratch / "home", scratch / "out"
    environment = {**os.environ, "OFFRAMP_HOME": str(home)}

    def call(*arguments: str, stdin: str = "") -> bytes:
        return subprocess.run(
            [*OFFRAMP, *arguments], env=environment, input=stdin.encode(), check=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ).stdout  # fmt: skip

    if connection.mode is Mode.SQLITE:
        call("connection", "add", "bench", f"sqlite:///{connection.path}")
    else:
        call(
            "connection", "add", "bench", "--mode", connection.mode, "--unix-socket",
            str(connection.unix_socket), "--user", str(connection.user), "--database", "bench",
            *(["--password-stdin"] if password else []), stdin=password + "\n",
        )  # fmt: skip
    engine = subprocess.Popen(
        [*OFFRAMP, "--headless"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(1)  # until it holds the lease: else `dump` would start another
    start = time.perf_counter()
    call("dump", "bench", f"TABLE:{TABLE}", "--to", str(out), "--content", "data", *settings)
    whole = time.perf_counter() - start
    task = json.loads(call("show", "1", "--json"))["task"]
    engine.send_signal(signal.SIGTERM)
    _, _, usage = os.wait4(engine.pid, 0)
    spans = [seconds_between(o["started"], o["ended"]) for o in task["objects"]]
    size = sum(f["bytes"] for f in task["files"])
    shutil.rmtree(home)
    shutil.rmtree(out)
    return Sample(sum(spans), whole, usage.ru_maxrss / 1024, size)


def seconds_between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def csv_writer(server: MysqlFamilyServer, output: Path) -> Sample:
    """The obvious Python program: csv.writer on PyMySQL's unbuffered cursor."""
    program = (
        "import csv,pymysql,sys;"
        "c=pymysql.connect(unix_socket=sys.argv[1],user='root',database='bench',"
        "cursorclass=pymysql.cursors.SSCursor,charset='utf8mb4',"
        "init_command=sys.argv[2]).cursor();"
        f"c.execute('SELECT * FROM {TABLE}');csv.writer(sys.stdout).writerows(c)"
    )
    first = "SET ob_query_timeout = 3600000000" if server.product == "oceanbase" else "SET autocommit = 1"
    return command([sys.executable, "-c", program, server.socket, first], output)


def mysql_contestants(server: MysqlFamilyServer, peers_in_python: bool) -> list[Contestant]:
    client = [
        "--no-defaults",
        "--protocol=socket",
        f"--socket={server.socket}",
        f"--user={server.admin_user}",
    ]
    connection = server.connection("bench", "bench")

    def ours(*settings: str) -> Callable[[Path], Sample]:
        return lambda scratch: offramp(connection, server.password, list(settings), scratch)

    def peer(*argv: str) -> Callable[[Path], Sample]:
        return lambda scratch: command([argv[0], *client, *argv[1:]], scratch / "peer")

    found = [
        Contestant("drain, text protocol", lambda _: drain(server, f"SELECT * FROM {TABLE}")),
        Contestant("offramp csv", ours("--format", "csv")),
        Contestant("offramp sql", ours("--format", "sql")),
        Contestant("offramp csv, GBK", ours("--encoding", "GB18030")),
    ]
    if shutil.which("mariadb-dump"):
        options = [
            "--skip-opt",
            "--extended-insert",
            "--quick",
            "--no-create-info",
            "--hex-blob",
            "bench",
            TABLE,
        ]
        found.append(Contestant("mariadb-dump sql", peer("mariadb-dump", *options)))
    if shutil.which("mariadb"):
        query = ["--batch", "--quick", "bench", "-e", f"SELECT * FROM {TABLE}"]
        found.append(Contestant("mariadb --batch (TSV)", peer("mariadb", *query)))
    if peers_in_python:
        found.append(Contestant("csv.writer on PyMySQL", lambda d: csv_writer(server, d / "peer")))
    return found


def sqlite_contestants(path: Path) -> list[Contestant]:
    connection = Connection(name="bench", mode=Mode.SQLITE, path=str(path))

    def ours(*settings: str) -> Callable[[Path], Sample]:
        return lambda scratch: offramp(connection, "", list(settings), scratch)

    found = [
        Contestant("offramp csv", ours("--format", "csv")),
        Contestant("offramp sql", ours("--format", "sql")),
    ]
    if shutil.which("sqlite3"):
        query = f"SELECT * FROM {TABLE}"
        found.append(
            Contestant("sqlite3 -csv", lambda d: command(["sqlite3", "-csv", str(path), query], d / "peer"))
        )
        dump = f".dump {TABLE}"
        found.append(Contestant("sqlite3 .dump", lambda d: command(["sqlite3", str(path), dump], d / "peer")))
    return found


def compete(
    title: str, contestants: list[Contestant], rows: int, repeats: int, scratch: Path
) -> list[dict[str, Any]]:
    """Run all, interleaved, and print the table. Returns it as records."""
    for _ in range(repeats):
        for contestant in contestants:
            contestant.samples.append(contestant.run(scratch))
    limit = next((c.median("seconds") for c in contestants if c.name.startswith("drain")), None)
    print(f"\n{title}, {rows:,} rows, median of {repeats}")
    print(f"{'':24} {'k rows/s':>9} {'of drain':>9} {'whole s':>8} {'MiB':>6} {'MB out':>7}")
    records = []
    for contestant in contestants:
        seconds = contestant.median("seconds")
        share = f"{limit / seconds:9.2f}" if limit else " " * 9
        print(
            f"{contestant.name:24} {rows / seconds / 1000:9.0f} {share} {contestant.median('whole'):8.2f} "
            f"{contestant.median('memory'):6.0f} {contestant.median('size') / 1e6:7.1f}"
        )
        records.append(
            {
                "source": title, "contestant": contestant.name, "rows": rows, "seconds": seconds,
                "of_drain": limit / seconds if limit else None, "whole": contestant.median("whole"),
                "memory_mib": contestant.median("memory"), "bytes": contestant.median("size"),
            }
        )  # fmt: skip
    return records


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=["mariadb", "oceanbase", "sqlite"])
    parser.add_argument("--python-peers", action="store_true", help="slow: also csv.writer on PyMySQL")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    wanted = options.only or ["mariadb", "oceanbase", "sqlite"]
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="offramp-bench-") as directory:
        scratch = Path(directory)
        for name, make in (("mariadb", MariadbServer), ("oceanbase", OceanbaseServer)):
            if name in wanted:
                server = make()
                try:
                    server.run("CREATE DATABASE bench")
                    admin = server.admin()
                    if name == "oceanbase":
                        admin.query("SET ob_query_timeout = 3600000000, ob_trx_timeout = 3600000000")
                    table.load_mysql(admin, "bench", TABLE, options.rows)
                    admin.close()
                    title = server.run("SELECT version()")[0][0]
                    found = mysql_contestants(server, options.python_peers)
                    records += compete(f"{name} {title}", found, options.rows, options.repeats, scratch)
                finally:
                    server.close()
        if "sqlite" in wanted:
            path = scratch / "bench.sqlite3"
            table.load_sqlite(str(path), TABLE, options.rows)
            records += compete("sqlite", sqlite_contestants(path), options.rows, options.repeats, scratch)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n")
