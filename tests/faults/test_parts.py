"""Tasks whose parts several processes read, from the command line: what ends them, and what is left."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import PASSWORD, Shop
from tests.faults.processes import gone, wait_for
from tests.faults.test_abort_phases import abort, sessions
from tests.faults.test_connections_tasks import hurry

ROWS = 600_000  # three parts
MANY = ("big", "--content", "data", "--many-files", "--parts", "2", "--consistency", "part")


@pytest.fixture
def big(shop: Shop) -> Shop:
    """With a table of several parts, and an account whose sessions are the task's only."""
    hurry(shop)
    shop.server.run(
        "CREATE TABLE big (id INT PRIMARY KEY, note VARCHAR(20))",
        f"INSERT INTO big SELECT seq, CONCAT('note ', seq) FROM seq_1_to_{ROWS}",
        "ANALYZE TABLE big",
        database=shop.database,
    )
    shop.allow(f"SELECT, SHOW VIEW ON `{shop.database}`.*")
    shop.connect("reader", shop.url(shop.reader), PASSWORD)
    return shop


def part_processes(worker: int) -> list[int]:
    """The living children of a worker (proc(5))."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == worker and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def waiting(shop: Shop) -> list[str]:
    """Statements of the task's processes that wait for somebody's lock."""
    rows = shop.server.processlist()
    return [str(r["Info"]) for r in rows if r["User"] == shop.reader and "lock" in str(r["State"]).lower()]


@contextmanager
def held_up(shop: Shop) -> Iterator[tuple[int, int, list[int]]]:
    """A task both of whose processes wait in the middle of a statement: its number, worker, and processes."""
    somebody = shop.server.admin(shop.database)
    with somebody.cursor() as cursor:
        # What is read of it holds still, once the processes are there.
        number = shop.start("reader", *MANY)
        shop.until(number, lambda task: bool(task["worker_pid"]))
        worker = int(shop.task(number)["worker_pid"])
        wait_for(lambda: len(part_processes(worker)) == 2, pause=0.005)
        cursor.execute("LOCK TABLES big WRITE")
        wait_for(lambda: len(waiting(shop)) == 2)
        yield number, worker, part_processes(worker)
    somebody.close()


@pytest.mark.mariadb
def test_many_files_from_the_command_line(big: Shop) -> None:
    done = big.offramp("dump", "reader", *MANY, "--to", str(big.out), "--max-size", "4m")
    assert done.code == 0
    manifest = json.loads((big.out / "manifest.json").read_text())
    files = [entry for entry in manifest["files"] if entry["kind"] == "data"]
    assert [entry["path"] for entry in files][:2] == ["TABLE/big-00001.0001.csv", "TABLE/big-00001.0002.csv"]
    assert sum(entry["rows"] for entry in files) == ROWS
    assert max(entry["bytes"] for entry in files) <= 4 << 20
    assert manifest["objects"][0]["parts"] == [250_000, 250_000, 100_000]
    task = big.offramp.quick("show", "1", "--json").json["task"]
    assert (task["processed_rows"], task["total_rows"]) == (ROWS, ROWS)
    assert big.offramp.quick("verify", "1", "--against-source", "--json").json["verify"]["ok"]
    assert sessions(big) == []


@pytest.mark.mariadb
@pytest.mark.parametrize("options", [(), ("--force",)])
def test_an_abort_ends_all_processes_and_their_statements(big: Shop, options: tuple[str, ...]) -> None:
    with held_up(big) as (number, _, processes):
        abort(big, number, *options)
        assert sessions(big) == []
        wait_for(lambda: all(map(gone, processes)))


@pytest.mark.mariadb
def test_processes_end_with_a_worker_that_is_killed(big: Shop) -> None:
    """And their statements; the slot is free after that only, and the task goes on by itself."""
    with held_up(big) as (number, worker, processes):
        os.kill(processes[0], signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: gone(worker) and gone(processes[1]))
        time.sleep(1.5)  # several looks of the engine: whoever lives holds the worker's lock
        assert big.task(number)["slot"] is not None
        assert big.task(number)["attempts"] == 1
        os.kill(processes[0], signal.SIGCONT)
        wait_for(lambda: all(map(gone, processes)))
        deadline = time.monotonic() + 20
        while waiting(big) and time.monotonic() < deadline:
            # The next attempt may be there already, and wait as this one did.
            if big.task(number)["attempts"] > 1:
                break
            time.sleep(0.05)
        big.until(number, lambda task: task["retries"] > 0 or task["attempts"] > 1)
    big.ends_well(number)
    assert sessions(big) == []


@pytest.mark.mariadb
def test_a_process_that_is_killed_costs_its_part_only(big: Shop) -> None:
    with held_up(big) as (number, worker, processes):
        before = waiting(big)
        os.kill(processes[0], signal.SIGKILL)
        # Another one reads its part, and on the server the statement of the first has gone.
        wait_for(lambda: len(part_processes(worker)) == 2 and processes[0] not in part_processes(worker))
        wait_for(lambda: len(waiting(big)) == 2 and waiting(big) != before)
    big.ends_well(number)
    log = big.offramp.quick("logs", str(number)).out
    assert (
        f"Process {processes[0]} was killed by signal 9 while reading a part. Its part is read again." in log
    )
    assert big.task(number)["attempts"] == 1
    assert sessions(big) == []
