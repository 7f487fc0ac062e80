"""Tasks that read no faster than they may, and that may read faster while they run."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.cli.conftest import COMMAND, Offramp

ROWS = 60_000


def test_a_rate_holds_until_it_is_lifted(offramp: Offramp) -> None:
    path = offramp.directory / "wide.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * 200) for n in range(ROWS)))
        db.commit()
    offramp("connection", "add", "wide", f"sqlite:///{path}")
    words = (*COMMAND, "dump", "wide", "t", "--to", "out", "--limit-rate", "1000 rows", "-q")
    with subprocess.Popen(words, cwd=offramp.directory, env=offramp.env) as dump:
        # The first chunk is there at once, the second after seconds.
        until(lambda: 0 < task(offramp)["processed_rows"] < ROWS)
        time.sleep(1.5)
        seen = task(offramp)
        assert seen["status"] == "Running"
        assert seen["processed_rows"] < ROWS / 2
        assert "at most 1000 rows/s" in seen["state"]
        said = offramp("limit", "1", "none").err
        assert "Task 1 reads as fast as it can." in said
        lifted = time.monotonic()
        assert dump.wait(60) == 0
        assert time.monotonic() - lifted < 30
    assert offramp("verify", "out").code == 0
    assert task(offramp)["processed_rows"] == ROWS
    assert "reads nothing more: it is Completed" in offramp("limit", "1", "1m", code=None).err


def task(offramp: Offramp) -> Any:
    found = offramp.quick("show", "1", "--json", code=None)
    return found.json["task"] if found.code == 0 else {"processed_rows": 0}


def until(condition: Callable[[], object], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.1)
