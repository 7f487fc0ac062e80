"""Programs on one home, seen from outside: the store's file, the processes, the terminals."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.cli.conftest import COMMAND, Offramp
from tests.tui.pseudoterminal import PseudoTerminal

PROJECT = Path(__file__).parents[2]


def application(
    offramp: Offramp, *command: str, size: tuple[int, int] = (100, 30), **environment: str
) -> PseudoTerminal:
    """The screens on a terminal of their own, or another `command` there."""
    more = {"TERM": "xterm-256color", "PYTHONPATH": str(PROJECT), **environment}
    return PseudoTerminal(
        command or COMMAND, environment=offramp.env | more, directory=offramp.directory, size=size
    )


def stored(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Asked of the file itself, of whichever version it is."""
    with closing(sqlite3.connect(f"file:{home}/store.sqlite3?mode=ro", uri=True, timeout=20)) as raw:
        return raw.execute(query).fetchall()


def engine_of(home: Path) -> int | None:
    """The process that the store says holds the lease."""
    if not (home / "store.sqlite3").exists():
        return None
    found = re.match(r"process (\d+)", stored(home, "SELECT holder FROM lease")[0][0] or "")
    return int(found[1]) if found else None


def state(pid: int) -> str:
    """proc(5): R, S, T, Z, …; nothing where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def gone(pid: int) -> bool:
    return state(pid) in ("", "Z")


def workers(home: Path) -> dict[int, int]:
    """The worker processes that are alive on a home, by task: who holds which lock (proc_locks(5))."""
    inodes = {path.stat().st_ino: int(path.stem[5:]) for path in (home / "locks").glob("task-*.lock")}
    found = {}
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if "->" not in fields and fields[1] == "FLOCK" and fields[3] == "WRITE":
            task = inodes.get(int(fields[5].rpartition(":")[2]))
            if task is not None and state(int(fields[4])):
                found[task] = int(fields[4])
    return found


def wait_for(condition: Callable[[], object], seconds: float = 60, pause: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(pause)


def end(pid: int, number: int) -> None:
    os.kill(pid, number)
    wait_for(lambda: gone(pid))
