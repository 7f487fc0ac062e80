"""The application in a real terminal: tmux, over a real sshd on loopback, with 256 and with 16 colours."""

from __future__ import annotations

import csv
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.model.connection import Connection
from core.model.load import LoadSettings, Rate
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Content, Mode, TaskStatus
from core.service import Service
from tests.cli.conftest import COMMAND, Offramp
from tests.needs import tool
from tests.servers.oceanbase import OceanbaseServer
from tests.servers.sshd import Sshd

pytestmark = [pytest.mark.usefixtures("terminal_tools"), pytest.mark.timeout(180)]
ROWS = 20_000
SERVED_ROWS = 30_000
SECONDS = 60.0
TERMS = pytest.mark.parametrize("term", ["screen-256color", "xterm"])


@pytest.fixture(scope="module")
def terminal_tools() -> None:
    for name in ("tmux", "sshd", "ssh"):
        tool(name)


class Tmux:
    """A terminal of 80×24 with a shell in it."""

    def __init__(self, directory: Path, term: str) -> None:
        self._socket = str(directory / "tmux")
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "ENV": "", "TERM": "xterm"}
        environment.pop("TMUX", None)
        self._environment = environment
        self.run(
            "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh", ";",
            "set", "-g", "default-terminal", term, ";", "set", "-g", "escape-time", "10", ";",
            "respawn-pane", "-k", "sh",
        )  # fmt: skip

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ("tmux", "-S", self._socket, *arguments), env=self._environment, capture_output=True, check=True,
            timeout=SECONDS,
        )  # fmt: skip
        return done.stdout.decode()

    def keys(self, *names: str) -> None:
        self.run("send-keys", *names)

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)
        self.keys("Enter")

    def seen(self) -> str:
        return self.run("capture-pane", "-p")

    def until(self, condition: Callable[[str], bool], seconds: float = SECONDS) -> str:
        end = time.monotonic() + seconds
        while not condition(shown := self.seen()):
            assert time.monotonic() < end, shown
            time.sleep(0.1)
        return shown

    def close(self) -> None:
        self.run("kill-server")


@pytest.fixture
def offramp(tmp_path: Path) -> Iterator[Offramp]:
    """A home with an export that takes half a minute unless its rate is lifted."""
    made = Offramp(tmp_path)
    with closing(sqlite3.connect(tmp_path / "slow.sqlite3")) as db:
        db.execute("CREATE TABLE slow(id INTEGER PRIMARY KEY, n INTEGER, t TEXT)")
        db.executemany("INSERT INTO slow VALUES (?, ?, ?)", ((i, i * 7, "t" * 400) for i in range(ROWS)))
        db.commit()
    with service(made) as found:
        found.connections.replace(
            Connection(name="slow", mode=Mode.SQLITE, path=str(tmp_path / "slow.sqlite3"))
        )
        settings = ExportSettings(
            connection="slow",
            objects=("TABLE:slow",),
            content=Content.DATA,
            load=LoadSettings(rate=Rate.parse("300k")),
        )
        found.exports.create(Export(name="slow-export", directory=str(tmp_path / "out"), settings=settings))
    yield made
    made.stop_engine()


def service(offramp: Offramp) -> Service:
    from core.locations import Locations

    return Service(Locations(offramp.home))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    made = Sshd(tmp_path_factory.mktemp("ssh") / "sshd")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shop(oceanbase: OceanbaseServer) -> Iterator[str]:
    """A database with a table that takes some seconds, since the server works for each row that is read, and
    a small one. The server makes the rows itself."""
    name = oceanbase.new_database()
    digits = " UNION ALL ".join(f"SELECT {n} AS d" for n in range(10))
    oceanbase.run(
        "CREATE TABLE big(id INT PRIMARY KEY, note VARCHAR(200))",
        "CREATE TABLE small(id INT PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO small VALUES (1, 'Ann'), (2, 'Bo')",
        f"CREATE TABLE digits AS {digits}",
        "INSERT INTO big SELECT n, concat('note ', n) FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d"
        " + 10000 * f.d AS n FROM digits a, digits b, digits c, digits e, digits f) made"
        f" WHERE n < {SERVED_ROWS}",
        "DROP TABLE digits",
        "ALTER TABLE big ADD COLUMN w INT AS (length(sha2(repeat('x', 40000 + mod(id, 2)), 512))) VIRTUAL",
        database=name,
    )
    yield name
    oceanbase.run(f"DROP DATABASE `{name}`")


@TERMS
def test_start_an_export_watch_it_and_leave_it_running(
    offramp: Offramp, sshd: Sshd, tmp_path: Path, term: str
) -> None:
    tmux = Tmux(tmp_path, term)
    try:
        before = start(tmux, offramp, sshd)
        # Only an engine of its own makes leaving a question.
        with service(offramp) as found:
            tmux.until(lambda seen: found.overview.engine().served)

        tmux.keys("2")
        tmux.until(lambda seen: "slow-export" in seen and "r Run" in seen)
        tmux.keys("r")
        tmux.until(lambda seen: "queued" in seen.lower() or "running" in seen)
        tmux.keys("1")
        shown = tmux.until(lambda seen: "Running" in seen and "%" in seen)
        assert all(len(line) <= 80 for line in shown.splitlines())
        first = share(shown)
        shown = tmux.until(lambda seen: share(seen) > first or "Completed" in seen)
        assert "Completed" not in shown, shown

        tmux.keys("q")
        tmux.until(lambda seen: "Leave them running" in seen)
        tmux.keys("b")
        tmux.until(lambda seen: "left with 0" in seen and "go on in the background" in seen)
        assert terminal_state(tmux) == before
        with service(offramp) as found:
            number = found.tasks.list()[0].id
            assert found.tasks.get(number).status in (
                TaskStatus.RUNNING,
                TaskStatus.PUBLISHING,
                TaskStatus.COMPLETED,
            )
        offramp("limit", str(number), "none")
        offramp("wait", str(number), timeout=120)
        with service(offramp) as found:
            done = found.tasks.get(number)
            assert (done.status, done.processed_rows) == (TaskStatus.COMPLETED, ROWS)
            assert (Path(done.output) / "manifest.json").is_file()
    finally:
        tmux.close()


@pytest.mark.timeout(400)
@pytest.mark.oceanbase
def test_from_the_wizard_to_the_download(
    oceanbase: OceanbaseServer, shop: str, sshd: Sshd, tmp_path: Path
) -> None:
    """With 16 colours, where a form has the least to show with; that both kinds of terminals are entered and
    left alike is proved above."""
    offramp = Offramp(tmp_path)
    with service(offramp) as found:
        found.connections.replace(oceanbase.connection("ob", shop))
    target, copy = tmp_path / "out" / "nightly", tmp_path / "copy"
    tmux = Tmux(tmp_path, "xterm")
    try:
        before = start(tmux, offramp, sshd)
        tmux.until(lambda seen: "Nothing has been exported yet." in seen)
        with service(offramp) as found:
            tmux.until(lambda seen: found.overview.engine().served)

        # The wizard, step after step.
        tmux.keys("n")
        tmux.until(lambda seen: "> Content" in seen and f"ob / {shop}" in seen)
        tmux.keys("Enter")
        tmux.until(lambda seen: "> Database" in seen and f"[{shop}]" in seen)
        tmux.keys("Enter")
        tmux.until(lambda seen: "0 of 2 objects" in seen and "At least one object." in seen)
        tmux.keys("*")
        tmux.until(lambda seen: "2 of 2 objects" in seen)
        for step in ("Data files", "Schema files", "Files", "Destination"):
            tmux.keys("Enter")
            tmux.until(lambda seen, step=step: f"> {step}" in seen)  # type: ignore[misc]
        tmux.keys("Tab", "C-u")
        tmux.until(lambda seen: "A name is needed." in seen)
        tmux.run("send-keys", "-l", "nightly")
        tmux.until(lambda seen: re.search(r"Name +nightly", seen) is not None)
        tmux.keys("Tab", "C-u")
        tmux.until(lambda seen: "A directory is needed." in seen)
        tmux.run("send-keys", "-l", str(target))
        tmux.until(lambda seen: str(target)[-20:] in seen)
        for step in ("Execution", "sys account", "Summary"):
            tmux.keys("Enter")
            tmux.until(lambda seen, step=step: f"> {step}" in seen)  # type: ignore[misc]
        tmux.until(lambda seen: "2 objects readable" in seen and "Enter starts it." in seen)
        tmux.keys("Enter")

        # Watched, from the list and from its details.
        shown = tmux.until(lambda seen: "Running" in seen and rows(seen) > 2)
        assert all(len(line) <= 80 for line in shown.splitlines())
        tmux.keys("Enter")
        tmux.until(lambda seen: "Information" in seen and "reading TABLE:big" in seen)
        tmux.keys("Tab")
        first = rows_of(tmux.until(lambda seen: rows_of(seen, "big") > 0), "big")
        tmux.until(lambda seen: rows_of(seen, "big") > first)

        # Aborted: nothing of it is left, neither on the disk nor on the server.
        tmux.keys("a")
        tmux.until(lambda seen: "Abort task 1 (nightly)?" in seen)
        tmux.keys("y")
        tmux.until(lambda seen: "Aborted" in seen)
        assert list(tmp_path.glob("out/*")) == []
        assert [row for row in oceanbase.processlist() if "big" in str(row["Info"])] == []
        tmux.keys("Escape")
        tmux.until(lambda seen: "1 aborted" in seen)

        # Retried, to its end.
        tmux.keys("r")
        tmux.until(lambda seen: "1 completed" in seen, 2 * SECONDS)
        tmux.keys("l")
        tmux.until(lambda seen: f"TABLE:big: {SERVED_ROWS} rows" in seen and "INFO  completed" in seen)
        assert all(len(line) <= 80 for line in tmux.seen().splitlines())
        # A key at Escape's heels would be taken for one with Alt.
        tmux.keys("Escape")
        tmux.until(lambda seen: "1 completed" in seen)
        tmux.keys("d")
        shown = tmux.until(lambda seen: "Download nightly 1" in seen and "ssh " in seen)
        assert "Connections" not in shown
        # Textual carries out keys like Ctrl-U after letters that come at once with them.
        tmux.keys("C-u")
        tmux.until(lambda seen: "A path is needed." in seen)
        tmux.run("send-keys", "-l", str(copy))
        tmux.until(lambda seen: str(copy)[-20:] in seen)
        tmux.keys("Enter")
        tmux.until(lambda seen: (copy / "manifest.json").exists() and "compared with" in seen)
        tmux.keys("Escape")
        tmux.until(lambda seen: "1 completed" in seen)
        tmux.keys("q")
        tmux.until(lambda seen: "left with 0" in seen)
        assert terminal_state(tmux) == before
    finally:
        tmux.close()
        offramp.stop_engine()
    offramp("verify", str(target))
    offramp("verify", str(copy))
    assert files_of(copy) == files_of(target)
    assert set(files_of(target)) == {
        "manifest.json", "TABLE/big.csv", "TABLE/big-schema.sql", "TABLE/small.csv", "TABLE/small-schema.sql",
    }  # fmt: skip
    with (target / "TABLE/big.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == ["id", "note", "w"]
    assert sorted(lines, key=lambda line: int(line[0])) == [
        [str(n), f"note {n}", "128"] for n in range(SERVED_ROWS)
    ]


def start(tmux: Tmux, offramp: Offramp, sshd: Sshd) -> tuple[str, str]:
    """Offramp over ssh, up to its list of tasks; gives back how the terminal was before."""
    tmux.type("PS1='ready> '")
    tmux.until(lambda seen: "\nready>" in seen)
    before = terminal_state(tmux)
    # What a person's profile would set over there.
    given = {"OFFRAMP_HOME": str(offramp.home), "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = shlex.join(("env", *(f"{k}={v}" for k, v in given.items()), *COMMAND))
    script = offramp.directory / "start"
    script.write_text(f"exec {sshd.line(command)}\n")
    tmux.type(f"sh {shlex.quote(str(script))}; echo left with $?")
    tmux.until(lambda seen: "1 Tasks" in seen and "q Leave" in seen)
    return before


def rows(seen: str) -> int:
    """How many rows the strip below the list tells of, -1 for none."""
    found = re.search(r"([\d,]+) (?:of about [\d,]+ )?rows", seen)
    return int(found[1].replace(",", "")) if found else -1


def rows_of(seen: str, name: str) -> int:
    """How many rows of that object there are by now, in the details, -1 where that isn't to be seen."""
    found = re.search(rf"{name} +TABLE +\S+ success +([\d,]+) ", seen)
    return int(found[1].replace(",", "")) if found else -1


def files_of(directory: Path) -> dict[str, bytes]:
    return {str(f.relative_to(directory)): f.read_bytes() for f in directory.rglob("*") if f.is_file()}


def share(seen: str) -> int:
    """The first percentage that is to be seen, -1 for none."""
    found = [word[:-1] for word in seen.split() if word.endswith("%") and word[:-1].isdecimal()]
    return int(found[0]) if found else -1


def terminal_state(tmux: Tmux) -> tuple[str, str]:
    """What the shell's terminal does with keys, and whether a program's screen or mouse is still on."""
    tmux.type("clear; stty -a | tr -d '\\n' | tr -s ' ' | tr ';' ' '; echo; echo done")
    shown = tmux.until(lambda seen: "done" in seen.splitlines())
    lines = shown.splitlines()
    modes = "".join(lines[: lines.index("done")])
    tmux.type("clear")
    flags = tmux.run(
        "display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{bracket_paste_flag}"
    )
    return modes, flags
