"""The worker as a process: what it loads, how it begins, what it refuses, and the pipeline behind it."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from core.engine.executor import LIBRARIES, WORKER, Prepared, look_up, prepare, start
from core.engine.numbers import Numbers
from core.engine.orders import Order
from core.engine.worker import _open_log
from core.locks import FileLock
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.vocabulary import Mode, TaskStatus
from core.store import Backoff
from core.store.claims import Claim
from core.tasklog import SEGMENT, TaskLogHandler
from tests.engine.conftest import Bench

FAKE = [sys.executable, "-P", str(Path(__file__).with_name("fake_worker.py"))]


@pytest.fixture
def claim(bench: Bench) -> Claim:
    bench.add("ok")
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "a test")
    assert epoch is not None
    found = bench.store.claims.claim_next(epoch, datetime.now(UTC))
    assert found is not None
    return found


def order(bench: Bench, claim: Claim, **values: object) -> Order:
    connection = bench.store.connections.get("shop")
    base: dict[str, object] = {
        "task": claim.task, "token": claim.token, "home": str(bench.locations.home),
        "connection": connection, "backoff": Backoff(),
    }  # fmt: skip
    return Order(**(base | values))  # type: ignore[arg-type]


def run(told: Order, command: list[str] | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command or FAKE,
        input=told.line(),
        capture_output=True,
        timeout=60,
        cwd="/",
        start_new_session=True,
        check=False,
    )


def test_the_numbers_of_the_settings_reach_the_worker(bench: Bench, claim: Claim) -> None:
    numbers = Numbers(progress=7.5, log_bytes=99 << 20, backoff=Backoff(first=3))
    way = look_up(bench.store, claim)
    told = asyncio.run(prepare(claim, way, bench.locations, numbers)).order
    told = Order.parse(told.line())
    assert (told.progress, told.log_bytes, told.backoff.first) == (7.5, 99 << 20, 3)


def test_a_log_is_as_long_as_the_order_says(bench: Bench, claim: Claim) -> None:
    log = _open_log(bench.locations, order(bench, claim, log_bytes=64 << 20))
    (handler,) = log.handlers
    try:
        assert isinstance(handler, TaskLogHandler)
        assert handler._segments == (64 << 20) // SEGMENT
    finally:
        log.removeHandler(handler)
        logging.getLogger("offramp.source").removeHandler(handler)
        handler.close()


@pytest.mark.parametrize("module", ["core.engine.worker", "core.engine.headless", "core.engine.background"])
def test_what_is_not_loaded(module: str) -> None:
    program = (
        f"import sys, {module};"
        "bad = {'textual', 'alembic', 'sqlalchemy.orm', 'numpy', 'pyarrow', 'pymysql', 'distributed'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True, cwd="/")


def test_a_whole_attempt_loads_neither_textual_nor_alembic(bench: Bench, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)")
        shop.executemany("INSERT INTO orders (note) VALUES (?)", [("a",), ("b,c",), (None,)])
        shop.commit()
    connection = Connection(name="real", mode=Mode.SQLITE, path=str(tmp_path / "shop.db"))
    bench.store.connections.add(connection)
    number = bench.add(
        "real", settings=ExportSettings(connection="real", all_objects=True), output=str(tmp_path / "out")
    )
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "a test")
    assert epoch is not None
    claim = bench.store.claims.claim_next(epoch, datetime.now(UTC))
    assert claim is not None
    program = (
        "import sys; from core.engine import worker; status = worker.main();"
        "bad = {'textual', 'alembic', 'sqlalchemy.orm', 'pymysql', 'distributed', 'pandas', 'fsspec',"
        " 'pyarrow.parquet', 'core.formats.typed_columns', 'core.formats.copy', 'core.pipeline.into.attempt',"
        " 'core.pipeline.delivery', 'core.cluster'} & set(sys.modules);"
        "assert not bad, bad; sys.exit(status)"
    )
    done = run(order(bench, claim, connection=connection), [sys.executable, "-P", "-c", program])
    assert (done.returncode, done.stderr) == (0, b""), (done, bench.log(number))
    task = bench.task(number)
    assert task.status is TaskStatus.COMPLETED, (task, bench.log(number))
    assert (tmp_path / "out" / "manifest.json").exists()
    assert [file.rows for file in bench.store.tasks.files(number) if file.kind == "data"] == [3]
    assert WORKER[1:] == ("-P", "-m", "core.engine.worker")


def test_a_folder_named_core_is_not_imported(bench: Bench, claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('astray')")
    done = subprocess.run(WORKER, input=b"{}\n", capture_output=True, timeout=60, cwd=tmp_path, check=False)
    assert b"astray" not in done.stderr
    assert b"required field" in done.stderr


def test_a_token_of_another_attempt_is_refused(bench: Bench, claim: Claim) -> None:
    done = run(order(bench, claim, token="another"))
    assert (done.returncode, bench.begun(1)) == (3, 0)
    assert b"no longer belongs" in done.stderr
    assert bench.task(1).status is TaskStatus.RUNNING


def test_a_second_worker_is_refused(bench: Bench, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = FileLock(bench.locations.task_lock(1))
    assert lock.acquire()
    command = [
        *FAKE[:2],
        "-c",
        "from core.engine import worker; worker.LOCK_SECONDS = 0.1; exit(worker.main())",
    ]
    done = run(order(bench, claim), command)
    assert (done.returncode, bench.begun(1)) == (3, 0)
    assert b"has a worker already" in done.stderr
    assert bench.task(1).attempts == 0


def test_an_abort_before_the_beginning(bench: Bench, claim: Claim) -> None:
    bench.store.tasks.request_abort(1)
    assert (run(order(bench, claim)).returncode, bench.begun(1)) == (3, 0)


def test_files_are_private_whatever_the_umask(bench: Bench, claim: Claim) -> None:
    old = os.umask(0)
    try:
        assert run(order(bench, claim)).returncode == 0
    finally:
        os.umask(old)
    for path in bench.locations.home.rglob("*"):
        if path.name != "trace":
            assert not path.stat().st_mode & 0o077, path


def test_an_order_shows_no_secret(bench: Bench, claim: Claim) -> None:
    told = order(bench, claim, password="canary", sys_password="canary")
    assert "canary" not in f"{told!r} {told}"
    assert Order.parse(told.line()) == told
    with pytest.raises(msgspec.DecodeError) as caught:
        Order.parse(told.line().replace(b'"canary"', b'["canary"]', 1))
    assert "canary" not in str(caught.value)


def test_a_worker_has_the_heaps_that_suit_it_unless_somebody_says_otherwise(
    bench: Bench, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    monkeypatch.setenv("MALLOC_ARENA_MAX", "7")
    told = "import os; print(os.environ['ARROW_DEFAULT_MEMORY_POOL'], os.environ['MALLOC_ARENA_MAX'])"
    prepared = Prepared(order(bench, claim), frozenset())
    child = start(prepared, bench.locations, [sys.executable, "-P", "-c", told])
    assert child.wait(60) == 0
    assert bench.locations.worker_output(claim.task).read_text().split() == [
        LIBRARIES["ARROW_DEFAULT_MEMORY_POOL"],
        "7",
    ]
