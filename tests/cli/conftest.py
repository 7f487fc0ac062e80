"""The real command in processes of their own, each test with a home of its own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

COMMAND = (sys.executable, "-P", "-m", "tui.cli.main")


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        tree = json.loads(self.out)
        assert tree["schema_version"] == 1
        return tree


@dataclass
class Offramp:
    """Runs `offramp` in `directory` with a home below it."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.directory / "home"

    @property
    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OFFRAMP", "COV", "LC_", "LANG"))}
        return {**kept, "OFFRAMP_HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC", **self.environment}

    def __call__(self, *args: str, stdin: str = "", code: int | None = 0, timeout: float = 60) -> Result:
        done = subprocess.run(
            (*COMMAND, *args),
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout,
            cwd=self.directory,
            env=self.env,
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        if code is not None:
            assert result.code == code, f"{args}: {result}"
        assert "Traceback" not in result.err, result.err
        return result

    def quick(self, *args: str, stdin: str = "", code: int | None = 0) -> Result:
        """The same within this process: for many small questions that start no engine."""
        from tui.cli.main import main

        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        before = sys.stdin
        with pytest.MonkeyPatch.context() as patch, chdir(self.directory):
            for name in set(os.environ) - set(self.env):
                patch.delenv(name)
            for name, value in self.env.items():
                patch.setenv(name, value)
            sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
            try:
                with redirect_stdout(out), redirect_stderr(err):
                    found = main(args)
            finally:
                sys.stdin = before
        out.seek(0)
        err.seek(0)
        result = Result(found, out.read(), err.read())
        if code is not None:
            assert result.code == code, f"{args}: {result}"
        return result

    def start(self, *args: str, **more: Any) -> subprocess.Popen[bytes]:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen((*COMMAND, *args), cwd=self.directory, env=self.env, **streams)

    def database(self, name: str = "shop.db", rows: int = 3) -> Path:
        """A small SQLite database with a table of `rows` rows, a view and a trigger."""
        path = self.directory / name
        connection = sqlite3.connect(path)
        connection.executescript(
            """
            CREATE TABLE orders(id INTEGER PRIMARY KEY, who TEXT, total NUMERIC);
            CREATE TABLE log(entry TEXT);
            CREATE VIEW big AS SELECT * FROM orders WHERE total > 10;
            CREATE TRIGGER noted AFTER INSERT ON orders BEGIN INSERT INTO log VALUES (new.who); END;
            """
        )
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO orders SELECT i, 'customer, \"' || i || '\"', i * 1.5 FROM n",
            (rows,),
        )
        connection.commit()
        connection.close()
        return path

    def engine(self) -> int | None:
        """The process of the engine that serves, if there is one."""
        path = self.home / "store.sqlite3"
        if not path.exists():
            return None
        # The file itself, of whichever version it is.
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as store:
            (holder,) = store.execute("SELECT holder FROM lease").fetchone()
        found = re.match(r"process (\d+)", holder or "")
        return int(found[1]) if found else None

    def stop_engine(self) -> None:
        pid = self.engine()
        if pid is None:
            return
        try:
            os.kill(pid, signal.SIGTERM)
            for _ in range(200):
                os.kill(pid, 0)
                time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@pytest.fixture
def offramp(tmp_path: Path) -> Iterator[Offramp]:
    made = Offramp(tmp_path)
    yield made
    made.stop_engine()


@pytest.fixture
def shop(offramp: Offramp) -> Offramp:
    """With a connection `shop` to a small database."""
    offramp.quick("connection", "add", "shop", f"sqlite:///{offramp.database()}")
    return offramp
