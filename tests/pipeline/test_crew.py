"""Parts read by real processes at once: the same files, points in time that are one, processes that die."""

from __future__ import annotations

import logging
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.base import Credentials, ReadRequest, Source
from connectors.sources.mysql import MysqlSource
from connectors.sources.postgresql import PostgresqlSource
from connectors.sources.sqlite import SqliteSource
from core.errors import ConnectionLost
from core.model.connection import Connection
from core.model.file_settings import FileSettings
from core.model.settings import CsvSettings, ExportSettings
from core.model.task import PartPlan
from core.model.vocabulary import (
    Consistency,
    Content,
    Encoding,
    Format,
    Lock,
    Mode,
    ObjectRef,
    ObjectType,
    OnError,
)
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.crew import LOSSES
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest
from core.pipeline.run import run_task
from core.pipeline.verify import verify, verify_against_source
from tests.pipeline.conftest import tree
from tests.pipeline.memory import MemoryJournal, make_task

ROWS = 3000
BARE = CsvSettings(header=False)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.cutting.ROWS_PER_FILE", 300)


class Run:
    """A task that tells what its processes do: `seen` is called with each process that begins."""

    def __init__(self, source: Source, output: Path, parts: int, **settings: Any) -> None:
        settings.setdefault("content", Content.DATA)
        settings.setdefault("objects", ("big",))
        files = settings.pop("files", FileSettings(single=False, parts=parts))
        chosen = ExportSettings(connection="shop", files=files, **settings)
        self.source = source
        self.output = output
        self.journal = MemoryJournal(make_task(output, chosen))
        self.cancel = Cancel()
        self.said: list[str] = []
        self.seen: Callable[[int], None] = lambda _pid: None
        self.moved: Callable[[int], None] = lambda _rows: None
        stored = self.journal.progress

        def progress(number: int, rows: int, size: int) -> None:
            stored(number, rows, size)
            self.moved(rows)

        self.journal.progress = progress  # type: ignore[method-assign]

    def _emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        self.said.append(words)
        if found := re.match(r"process (\d+) reads parts", words):
            self.seen(int(found[1]))

    def run(self) -> str | None:
        """Its error's code."""
        log = logging.Logger("task")
        handler = logging.Handler()
        handler.emit = self._emit  # type: ignore[method-assign]
        log.addHandler(handler)
        run_task(self.journal.again(), self.source, log=log, cancel=self.cancel)
        error = self.journal.error
        return error.code if error else None

    @property
    def processes(self) -> list[int]:
        return [int(w.split()[1]) for w in self.said if w.endswith("reads parts")]

    @property
    def manifest(self) -> Manifest:
        return manifests.load(Disk(self.output), "")

    def files(self) -> dict[str, bytes]:
        return tree(self.output, but={"manifest.json"})

    def whole(self) -> None:
        """Everything is there, and nothing is left of the processes."""
        assert verify(self.output).ok
        with self.source.connect() as session:
            report = verify_against_source(self.output, session)
        assert report.ok, report.problems
        assert not alive(self.processes)


def alive(pids: list[int]) -> list[int]:
    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return [pid for pid in pids if runs(pid)]


@pytest.fixture
def shop(tmp_path: Path) -> SqliteSource:
    path = tmp_path / "shop.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, note TEXT)")
    db.executemany("INSERT INTO big VALUES (?, ?)", [(n, f"note {n}, 中文") for n in range(ROWS)])
    db.execute("CREATE TABLE small (id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO small VALUES (1)")
    db.commit()
    db.close()
    return SqliteSource(
        Connection(name="shop", mode=Mode.SQLITE, path=str(path)),
        Credentials(),
        program="offramp task 7 test",
    )


def test_the_files_are_the_same_however_many_processes_there_are(shop: SqliteSource, tmp_path: Path) -> None:
    found = []
    for parts in (1, 2, 4):
        run = Run(
            shop, tmp_path / f"out{parts}", parts, consistency=Consistency.PART, objects=("big", "small")
        )
        assert run.run() is None
        assert len(run.processes) == (0 if parts == 1 else parts)
        run.whole()
        found.append(run.files())
        assert run.manifest.objects[0].parts == (300,) * 10
        assert [rows for number, rows, _ in run.journal.progressed if number == 0][-1] == ROWS
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 11


@pytest.mark.parametrize("form", [Format.PARQUET, Format.SQL])
def test_other_formats_and_limits_travel_to_the_processes(
    shop: SqliteSource, tmp_path: Path, form: Format
) -> None:
    found = []
    for parts in (1, 2):
        files = FileSettings(single=False, parts=parts, max_records=70)
        run = Run(shop, tmp_path / f"{parts}", parts, files=files, format=form, consistency=Consistency.PART)
        assert run.run() is None
        run.whole()
        found.append(run.files())
        assert max(entry.rows for entry in run.manifest.files) == 70
    assert found[0] == found[1]


def test_one_point_in_time_that_no_other_session_has_is_read_in_one_stream(
    shop: SqliteSource, tmp_path: Path
) -> None:
    with sqlite3.connect(str(shop.connection.path)) as db:
        db.execute("CREATE VIEW seen AS SELECT note FROM big")
    run = Run(shop, tmp_path / "out", 4, objects=("big", "seen"))
    assert run.run() is None
    assert run.processes == []
    said = " ".join(run.said)
    assert "Parts are read one after another: sessions of SQLite don't come to the same point in time" in said
    assert "these are read in one stream: VIEW:seen." in said
    run.whole()


def test_a_part_is_read_again_where_its_process_is_killed(shop: SqliteSource, tmp_path: Path) -> None:
    run = Run(shop, tmp_path / "out", 2, consistency=Consistency.PART)
    killed: list[int] = []

    def kill_the_first(pid: int) -> None:
        if not killed:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    run.seen = kill_the_first
    assert run.run() is None
    assert len(run.processes) == 3
    assert f"Process {killed[0]} was killed by signal 9 while reading a part." in " ".join(run.said)
    run.whole()


def test_a_process_that_somebody_ends_is_replaced_too(shop: SqliteSource, tmp_path: Path) -> None:
    """SIGTERM to one of them alone is no abort."""
    run = Run(shop, tmp_path / "out", 2, consistency=Consistency.PART)
    ended: list[int] = []

    def end_one(rows: int) -> None:
        if rows and not ended:
            ended.append(run.processes[0])
            os.kill(ended[0], signal.SIGTERM)

    run.moved = end_one
    assert run.run() is None
    assert ended
    run.whole()


def test_too_many_losses_are_a_passing_failure_whose_parts_count(shop: SqliteSource, tmp_path: Path) -> None:
    run = Run(shop, tmp_path / "out", 2, consistency=Consistency.PART)
    begun = [False]

    def kill_all(_rows: int) -> None:
        some = any(part.files for part in run.journal.objects()[0].parts)
        if some and not begun[0]:
            begun[0] = True
            run.seen = lambda pid: os.kill(pid, signal.SIGKILL)
            for pid in alive(run.processes):
                os.kill(pid, signal.SIGKILL)

    run.moved = kill_all
    assert run.run() == "connection-lost"
    assert len(run.processes) <= 2 + LOSSES
    done = [part.number for part in run.journal.objects()[0].parts if part.files is not None]
    assert done
    assert not alive(run.processes)
    run.seen = run.moved = lambda _n: None
    run.said.clear()
    assert run.run() is None
    again = {int(w.split()[2]) - 1 for w in run.said if w.startswith("TABLE:big: part")}
    assert again.isdisjoint(done)
    assert len(again) + len(done) == 10
    run.whole()


def test_an_abort_leaves_no_process(shop: SqliteSource, tmp_path: Path) -> None:
    run = Run(shop, tmp_path / "out", 2, consistency=Consistency.PART)
    run.moved = lambda rows: run.cancel.request() if rows else None
    assert run.run() == "aborted"
    assert run.processes
    assert not alive(run.processes)
    assert not run.output.exists()


def test_what_a_part_cannot_be_written_for_is_the_objects_own_error(
    shop: SqliteSource, tmp_path: Path
) -> None:
    run = Run(shop, tmp_path / "out", 2, consistency=Consistency.PART, encoding=Encoding.ASCII)
    assert run.run() == "unencodable"
    error = run.journal.error
    assert error is not None
    assert "Table main.big, column note, id=" in error.message
    assert not alive(run.processes)


def test_a_process_goes_when_its_worker_is_gone(shop: SqliteSource) -> None:
    from queue import Queue

    from core.pipeline.member import Member

    member = Member(shop, 1, (), Queue())
    assert alive([member.pid])
    member.let_go()
    assert member.leave()
    assert not alive([member.pid])


def test_the_password_is_in_no_argument_and_no_environment(shop: SqliteSource) -> None:
    from queue import Queue

    from core.pipeline.member import Member

    shop.credentials = Credentials(password="s3cret-of-the-part")
    member = Member(shop, 1, (), Queue())
    try:
        for name in ("cmdline", "environ"):
            assert b"s3cret-of-the-part" not in Path(f"/proc/{member.pid}/{name}").read_bytes()
        assert "s3cret" not in repr(member)
    finally:
        member.let_go()
        member.leave()


# Real servers: several sessions at one point in time


@pytest.fixture(
    params=[
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        pytest.param("oceanbase", marks=pytest.mark.oceanbase),
        pytest.param("postgresql", marks=pytest.mark.postgresql),
    ]
)
def bank(request: pytest.FixtureRequest) -> Iterator[Bank]:
    made = Bank(request.getfixturevalue(request.param), request.param)
    yield made
    made.stop()


class Bank:
    """Accounts whose sum is nought at every point in time, while money moves between far ends of the key."""

    def __init__(self, server: Any, kind: str) -> None:
        self.server = server
        self.kind = kind
        self.database = server.new_database()
        values = ", ".join(f"({n}, 0)" for n in range(ROWS))
        self._run(
            "CREATE TABLE big (id INT PRIMARY KEY, money INT NOT NULL)", f"INSERT INTO big VALUES {values}"
        )
        if kind == "postgresql":
            self._run("ANALYZE big")
        self._over = threading.Event()
        self.moves = 0
        self._thread = threading.Thread(target=self._move, daemon=True)

    def _run(self, *statements: str) -> Any:
        return self.server.run(*statements, database=self.database)

    def source(self) -> Source:
        if self.kind == "postgresql":
            connection = self.server.connection("bank", self.database)
            return PostgresqlSource(connection, self.server.credentials(), program="offramp task 7 bank")
        connection = self.server.connection("bank", self.database)
        return MysqlSource(connection, self.server.credentials(), program="offramp task 7 bank")

    def start(self) -> None:
        self._thread.start()

    def _move(self) -> None:
        while not self._over.wait(0.002):
            low, high = self.moves % ROWS, (self.moves * 7 + ROWS // 2) % ROWS
            self.moves += 1
            self._run(
                "BEGIN",
                f"UPDATE big SET money = money - 1 WHERE id = {low}",
                f"UPDATE big SET money = money + 1 WHERE id = {high}",
                "COMMIT",
            )

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(30)


def sum_of(run: Run) -> int:
    lines = b"".join(run.files().values()).decode().split()
    assert len(lines) == ROWS
    return sum(int(line.split(",")[1]) for line in lines)


@pytest.mark.parametrize("consistency", [Consistency.OBJECT, Consistency.TASK])
def test_parts_at_once_are_of_one_point_in_time(bank: Bank, tmp_path: Path, consistency: Consistency) -> None:
    bank.start()
    deadline = time.monotonic() + 30
    while bank.moves < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    run = Run(bank.source(), tmp_path / "out", 3, consistency=consistency, lock=Lock.BRIEF, csv=BARE)
    error = run.run()
    bank.stop()
    assert error is None, run.journal.error
    assert bank.moves > 5
    assert 2 <= len(run.processes) <= 3
    assert not alive(run.processes)
    assert sum_of(run) == 0
    assert run.manifest.objects[0].rows == ROWS
    shared = run.manifest.snapshot if consistency is Consistency.TASK else run.manifest.objects[0].snapshot
    assert shared is not None


@pytest.mark.postgresql
def test_after_an_object_that_failed_the_next_one_has_a_time_of_its_own(
    postgresql: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bank = Bank(postgresql, "postgresql")
    bank._run(
        # The first part is done long before the second fails, so that its process stays.
        "CREATE TABLE a AS SELECT n AS id, CASE WHEN n = 600 THEN 'é' WHEN n > 300 THEN repeat('e', 200000)"
        " ELSE 'e' END AS t FROM generate_series(1, 600) n",
        "ALTER TABLE a ADD PRIMARY KEY (id)",
        "ANALYZE a",
    )
    run = Run(
        bank.source(),
        tmp_path / "out",
        2,
        objects=("a", "big"),
        encoding=Encoding.ASCII,
        on_error=OnError.CONTINUE,
        csv=BARE,
    )
    finish = run.journal.finish_object

    def finish_object(item: Any, files: Any) -> None:
        finish(item, files)
        if item.ref.name == "a":
            bank._run("INSERT INTO big VALUES (-5, 0), (100000, 0)")

    run.journal.finish_object = finish_object  # type: ignore[method-assign]
    assert run.run() == "incomplete"
    # What a process can't say by its answers, it would say here.
    assert capfd.readouterr().err == ""
    assert [item.rows for item in run.manifest.objects] == [None, ROWS + 2]


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("limit", "processes", "words"),
    [(5, 4, None), (3, 2, "Parts are read 2 at once, not 4"), (2, 0, "Parts are read one after another")],
)
def test_no_more_sessions_than_the_connection_allows(
    mariadb: Any, tmp_path: Path, limit: int, processes: int, words: str | None
) -> None:
    source = Bank(mariadb, "mariadb").source()
    source.connection = msgspec.structs.replace(source.connection, session_limit=limit)
    run = Run(source, tmp_path / "out", 4, lock=Lock.BRIEF, csv=BARE)
    assert run.run() is None, run.journal.error
    assert len(run.processes) == processes
    said = " ".join(run.said)
    assert "allows a task" not in said if words is None else words in said
    assert ("FLUSH TABLES" in said) == (processes > 0)
    assert sum_of(run) == 0


@pytest.mark.mariadb
def test_without_the_lock_one_session_reads_mariadb(mariadb: Any, tmp_path: Path) -> None:
    bank = Bank(mariadb, "mariadb")
    run = Run(bank.source(), tmp_path / "out", 3)
    assert run.run() is None
    assert run.processes == []
    assert "use --lock brief or --consistency part" in " ".join(run.said)
    assert len(run.files()) == 10
    run.whole()


@pytest.mark.mariadb
def test_a_lock_that_somebody_keeps_is_waited_for_briefly(
    mariadb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sources.mysql.snapshot.LOCK_SECONDS", 1)
    bank = Bank(mariadb, "mariadb")
    blocker = mariadb.admin(bank.database)
    with blocker.cursor() as cursor:
        cursor.execute("LOCK TABLES big WRITE")
        with bank.source().connect() as session, pytest.raises(ConnectionLost) as caught:
            session.holding_still().__enter__()
        cursor.execute("UNLOCK TABLES")
    blocker.close()
    assert "waiting for the brief lock" in str(caught.value)
    # Nobody waits for it any more.
    bank._run("UPDATE big SET money = 0 WHERE id = 1")


@pytest.mark.mariadb
def test_the_session_that_locks_stays_at_its_point_in_time(mariadb: Any) -> None:
    """Letting go of the lock commits nothing."""
    bank = Bank(mariadb, "mariadb")
    with bank.source().connect() as session:
        shape = session.describe(bank.database, ObjectRef(ObjectType.TABLE, "big"))
        with session.holding_still():
            session.begin()
        bank._run("DELETE FROM big WHERE id > 10")
        request = ReadRequest(database=bank.database, shape=shape, part=PartPlan(number=0))
        assert sum(chunk.rows for chunk in session.read(request)) == ROWS
        session.end()


@pytest.mark.mariadb
def test_who_is_late_under_the_lock_is_let_go(
    mariadb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.crew.LOCK_SECONDS", -1.0)
    bank = Bank(mariadb, "mariadb")
    run = Run(bank.source(), tmp_path / "out", 2, lock=Lock.BRIEF)
    assert run.run() == "snapshot-unavailable"
    assert not alive(run.processes)
    # The lock is free again.
    bank._run("UPDATE big SET money = 0 WHERE id = 1")


@pytest.mark.mariadb
def test_without_the_right_to_lock_the_task_fails_in_words(mariadb: Any, tmp_path: Path) -> None:
    bank = Bank(mariadb, "mariadb")
    user = f"reader_{bank.database}"
    mariadb.run(
        f"CREATE USER {user}@localhost IDENTIFIED BY 'reader'",
        f"GRANT SELECT ON {bank.database}.* TO {user}@localhost",
    )
    connection = msgspec.structs.replace(bank.source().connection, user=user)
    source = MysqlSource(connection, Credentials(password="reader"), program="offramp task 7 reader")
    run = Run(source, tmp_path / "out", 2, lock=Lock.BRIEF)
    assert run.run() == "snapshot-unavailable"
    error = run.journal.error
    assert error is not None
    assert "RELOAD" in error.message
    assert "--consistency part" in error.hint
    assert not alive(run.processes)


def few_sessions(bank: Bank, most: int) -> Source:
    """As an account that may have no more sessions at once."""
    user, source = f"few_{bank.database}", bank.source()
    if bank.kind == "postgresql":
        bank._run(
            f"CREATE ROLE {user} LOGIN PASSWORD 'few' CONNECTION LIMIT {most}",
            f"GRANT SELECT ON big TO {user}",
        )
    else:
        bank._run(
            f"CREATE USER {user}@localhost IDENTIFIED BY 'few' WITH MAX_USER_CONNECTIONS {most}",
            f"GRANT RELOAD ON *.* TO {user}@localhost",
            f"GRANT SELECT, LOCK TABLES ON {bank.database}.* TO {user}@localhost",
        )
    connection = msgspec.structs.replace(source.connection, user=user)
    return type(source)(connection, Credentials(password="few"), program="offramp task 7 few")


@pytest.mark.mariadb
@pytest.mark.parametrize("way", [{"consistency": Consistency.PART}, {"lock": Lock.BRIEF}])
def test_where_the_server_takes_no_more_sessions_fewer_read(
    mariadb: Any, tmp_path: Path, way: dict[str, Any]
) -> None:
    run = Run(few_sessions(Bank(mariadb, "mariadb"), 3), tmp_path / "out", 4, csv=BARE, **way)
    assert run.run() is None, run.journal.error
    assert len(run.processes) == 4
    assert "takes no more connections" in " ".join(run.said)
    assert "Parts are read by 2 processes." in " ".join(run.said)
    run.whole()


@pytest.mark.postgresql
def test_where_postgresql_takes_no_more_sessions_fewer_read(postgresql: Any, tmp_path: Path) -> None:
    run = Run(few_sessions(Bank(postgresql, "postgresql"), 3), tmp_path / "out", 4, csv=BARE)
    assert run.run() is None, run.journal.error
    assert len(run.processes) == 4
    assert "Parts are read by 2 processes." in " ".join(run.said)
    run.whole()


@pytest.mark.mariadb
def test_where_no_process_gets_in_the_task_fails_for_now(mariadb: Any, tmp_path: Path) -> None:
    run = Run(few_sessions(Bank(mariadb, "mariadb"), 1), tmp_path / "out", 2, consistency=Consistency.PART)
    assert run.run() == "unreachable"
    error = run.journal.error
    assert error is not None
    assert error.transient
    assert not alive(run.processes)


@pytest.mark.mariadb
def test_a_process_lost_under_the_lock_makes_the_object_begin_anew(mariadb: Any, tmp_path: Path) -> None:
    """No other can come to its point in time any more."""
    bank = Bank(mariadb, "mariadb")
    run = Run(bank.source(), tmp_path / "out", 2, lock=Lock.BRIEF)
    killed: list[int] = []

    def kill_one(rows: int) -> None:
        if rows and not killed:
            killed.append(run.processes[0])
            os.kill(killed[0], signal.SIGKILL)

    run.moved = kill_one
    first = run.run()
    if first is None:
        # It had nothing more to do.
        run.whole()
        return
    assert first == "connection-lost"
    assert not alive(run.processes)
    assert run.run() is None
    run.whole()


@pytest.mark.mariadb
def test_an_abort_ends_the_statements_of_all_processes(mariadb: Any, tmp_path: Path) -> None:
    bank = Bank(mariadb, "mariadb")
    # A view is no part; a slow function makes each row take its time.
    run = Run(bank.source(), tmp_path / "out", 2, consistency=Consistency.PART)
    lock = mariadb.admin(bank.database)
    with lock.cursor() as cursor:
        # What they read waits, so that an abort meets them in the middle of a statement.
        cursor.execute("SELECT COUNT(*) FROM big")
        waiting = threading.Event()

        def once_both_wait() -> None:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                found = [
                    row for row in mariadb.processlist() if "part" in str(row.get("INFO") or row.get("Info"))
                ]
                if (
                    len([row for row in found if "lock" in str(row.get("State") or row.get("STATE")).lower()])
                    >= 2
                ):
                    waiting.set()
                    break
                time.sleep(0.05)
            run.cancel.request()

        def hold(pid: int) -> None:
            if len(run.processes) == 1:
                cursor.execute("LOCK TABLES big WRITE")
                threading.Thread(target=once_both_wait, daemon=True).start()

        run.seen = hold
        assert run.run() == "aborted"
        assert waiting.is_set()
        left = [row for row in mariadb.processlist() if "offramp task 7 bank" in str(row)]
        assert left == []
        cursor.execute("UNLOCK TABLES")
    lock.close()
    assert not alive(run.processes)
