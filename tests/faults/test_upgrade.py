"""A newer Offramp comes to a store that the older one is at work on: real processes of two versions.

The newer version is a copy of this tree with another version number and one migration more, which both start
from their own directories.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from core.store.tables import REVISION
from tests.cli.conftest import Offramp
from tests.faults.conftest import Shop
from tests.faults.processes import PROJECT, application, engine_of, gone, stored, wait_for

NEXT = f"{int(REVISION) + 1:04}"
NEWER = "99.1"
MIGRATION = f"""
from alembic import op

revision = "{NEXT}"
down_revision = "{REVISION}"


def upgrade() -> None:
    op.execute("ALTER TABLE task ADD COLUMN colour TEXT DEFAULT 'green'")
"""


def copy_of_this(tree: Path) -> None:
    for package in ("core", "connectors", "tui"):
        shutil.copytree(
            PROJECT / package,
            tree / package,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    # Another file, and not another content: who has it open goes on with what it was.
    path.unlink()
    path.write_text(text.replace(old, new))


def make_newer(tree: Path) -> None:
    import core

    replace(tree / "core/__init__.py", f'"{core.__version__}"', f'"{NEWER}"')
    replace(tree / "core/store/tables.py", f'REVISION = "{REVISION}"', f'REVISION = "{NEXT}"')
    (tree / f"core/store/migrations/versions/v{NEXT}_colour.py").write_text(MIGRATION)


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[Offramp]:
    """The newer version, on the same home as the older one."""
    tree = tmp_path / "newer"
    copy_of_this(tree)
    make_newer(tree)
    made = Offramp(tmp_path, {"PYTHONPATH": str(tree)})
    yield made
    stop_engine(made)


def revision(home: Path) -> object:
    return stored(home, "SELECT version_num FROM alembic_version")[0][0]


def stop_engine(offramp: Offramp) -> None:
    if not (offramp.home / "store.sqlite3").exists():
        return
    pid = engine_of(offramp.home)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: gone(pid))


def made_by(out: Path) -> str:
    return str(json.loads((out / "manifest.json").read_text())["offramp"])


@pytest.mark.mariadb
def test_what_runs_ends_with_its_own_version_then_the_store_is_migrated_and_the_queue_goes_on(
    shop: Shop, newer: Offramp
) -> None:
    home, outs = shop.offramp.home, [shop.offramp.directory / f"out{n}" for n in range(4)]
    # Longer than a command waits for an older version to leave.
    shop.set_pace(16 / 400)
    for out in outs[:3]:
        shop.start("shop", "slow", "--content", "data", to=out)
    for number in (1, 2, 3):
        shop.until_reading(number)
    shop.start("shop", "orders", to=outs[3])
    before = engine_of(home)
    assert before is not None
    workers = stored(home, "SELECT id, worker_pid FROM task WHERE slot IS NOT NULL ORDER BY id")

    refused = newer("ls", code=75)
    assert f"must be migrated, but an older Offramp (process {before} on" in refused.err
    assert "Its tasks run: 1, 2, 3." in refused.err
    assert (revision(home), engine_of(home)) == (REVISION, before)
    assert stored(home, "SELECT id, worker_pid FROM task WHERE slot IS NOT NULL ORDER BY id") == workers
    # Meanwhile the older version shows its own.
    assert "Running" in shop.offramp.quick("ls").out

    # Nobody needs to ask again: what was left waiting migrates, and serves what is queued.
    wait_for(lambda: revision(home) == NEXT)
    wait_for(lambda: gone(before))
    assert "A newer Offramp asks for the store" in (home / "logs/engine.log").read_text()
    waited = newer("wait", "4")
    assert waited.code == 0
    assert stored(home, "SELECT status, attempts, colour FROM task") == [("Completed", 1, "green")] * 4
    assert [made_by(out) for out in outs[:3]] == [made_by(outs[0])] * 3
    assert made_by(outs[0]) != NEWER
    assert made_by(outs[3]) == NEWER
    assert all(sum(1 for _ in (out / "VIEW/slow.csv").open()) == 401 for out in outs[:3])

    # The older engine backed the store up when it began, too.
    backup = max(home.glob(f"store.sqlite3.backup-{REVISION}-*"))
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
        assert copy.execute("SELECT count(*) FROM task").fetchall() == [(4,)]
    assert (backup.stat().st_mode & 0o777) == 0o600

    old = shop.offramp("ls", code=1)
    assert f"is of version {int(NEXT)}; this Offramp knows versions up to {int(REVISION)}" in old.err
    assert "Use the newer Offramp" in old.err


def test_the_older_application_leaves_the_store_to_the_newer_one(
    shop_of_files: Offramp, newer: Offramp
) -> None:
    """It steps down at once where nothing runs, and says what has happened."""
    home = shop_of_files.home
    shop_of_files.quick("dump", "shop", "orders", "--to", str(home.parent / "out"), "--at", "+1h", "--detach")
    stop_engine(shop_of_files)
    screen = application(shop_of_files, size=(120, 30))
    try:
        screen.until("1 scheduled")
        wait_for(lambda: engine_of(home) == screen.pid)
        assert newer("ls", "--json").json["tasks"][0]["status"] == "Scheduled"
        assert revision(home) == NEXT
        screen.until("A newer Offramp has migrated")
        screen.send("q")
        assert screen.wait() == 0
    finally:
        screen.kill()


def test_a_version_that_is_installed_over_the_running_one_takes_over(shop_of_files: Offramp) -> None:
    """The engine runs on with the code that it has loaded; the workers that it starts are of the new one."""
    directory, home = shop_of_files.directory, shop_of_files.home
    tree = directory / "installed"
    copy_of_this(tree)
    installed = Offramp(directory, {"PYTHONPATH": str(tree)})
    out = directory / "out"
    installed("dump", "shop", "orders", "--to", str(out), "--at", "+4s", "--detach")
    wait_for(lambda: engine_of(home))
    before = engine_of(home)
    assert before is not None
    make_newer(tree)
    try:
        wait_for(lambda: stored(home, "SELECT status FROM task") == [("Completed",)])
        assert stored(home, "SELECT attempts, retries, colour FROM task") == [(1, 0, "green")]
        assert made_by(out) == NEWER
        assert "installed while this one ran" in (home / "logs/engine.log").read_text()
        wait_for(lambda: gone(before))
        assert engine_of(home) != before
    finally:
        stop_engine(installed)


def test_a_hung_older_engine_is_named_and_the_store_stays_as_it_is(
    shop_of_files: Offramp, newer: Offramp
) -> None:
    home = shop_of_files.home
    before = home / "store.sqlite3"
    engine = shop_of_files.start("--headless", stderr=None)
    try:
        wait_for(lambda: before.exists() and engine_of(home) == engine.pid)
        engine.send_signal(signal.SIGSTOP)
        content = before.read_bytes()
        refused = newer("ls", code=75)
        assert "still at work on it" in refused.err
        assert f"process {engine.pid} on" in refused.err
        assert before.read_bytes() == content
        engine.send_signal(signal.SIGCONT)
        # What the command left waiting in the background is served once the engine can.
        wait_for(lambda: revision(home) == NEXT)
        assert engine.wait(30) == 1
    finally:
        engine.kill()
        engine.wait()


@pytest.fixture
def shop_of_files(offramp: Offramp) -> Offramp:
    """With a connection `shop` to a small database."""
    offramp.quick("connection", "add", "shop", f"sqlite:///{offramp.database()}")
    return offramp
