"""Backups: made whole, kept within bounds, and the way back from one, whatever has become of the store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import Conflict, NotFound, StoreBusy, StoreDamaged, StoreError, StoreTooNew
from core.locations import Locations
from core.locks import FileLock
from core.store import Store, backups, moving
from core.store.making import create
from tests.store.conftest import new_task


def names(locations: Locations) -> list[str]:
    with Store.open(locations) as store:
        return [task.name for task in store.tasks.list()]


def beside(locations: Locations, what: str) -> list[Path]:
    return sorted(locations.home.glob(f"store.sqlite3.{what}*"))


def test_a_backup_is_private_and_as_the_store_was(store: Store, locations: Locations) -> None:
    store.tasks.add(new_task("before"))
    made = backups.back_up(locations.store)
    store.tasks.add(new_task("after"))
    assert made.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(made)) as raw:
        assert raw.execute("SELECT name FROM task").fetchall() == [("before",)]
    assert [b.path for b in backups.backups(locations.store)] == [made]
    with pytest.raises(StoreError, match="there already"):
        backups.back_up(locations.store, to=made)


@pytest.mark.usefixtures("store")
def test_old_backups_go_and_nothing_else_does(locations: Locations) -> None:
    foreign = [locations.store.with_name(f"store.sqlite3.backup-{end}") for end in ("mine", "0001-2026")]
    for path in foreign:
        path.write_text("theirs")
    kept = [backups.back_up(locations.store) for _ in range(backups.KEPT + 3)]
    older = [backups.back_up(locations.store, f"090{n}") for n in (2, 3, 4)]
    assert sorted(b.path for b in backups.backups(locations.store)) == sorted(older)
    assert not any(path.exists() for path in kept), "of the newest three revisions only"
    assert all(path.exists() for path in foreign)


@pytest.mark.usefixtures("store")
def test_one_backup_a_day(locations: Locations) -> None:
    now = datetime.now(UTC)
    assert backups.back_up_daily(locations.store, now) is not None
    assert backups.back_up_daily(locations.store, now + timedelta(hours=23)) is None
    assert backups.back_up_daily(locations.store, now + timedelta(hours=25)) is not None


def test_a_damaged_store_is_not_backed_up(locations: Locations) -> None:
    with Store.open(locations) as store:
        for _ in range(200):
            store.tasks.add(new_task())
    data = bytearray(locations.store.read_bytes())
    data[-4096:-4088] = b"\xff" * 8
    locations.store.write_bytes(data)
    with pytest.raises(StoreDamaged):
        backups.back_up(locations.store)
    assert [p.name for p in locations.home.iterdir() if "backup" in p.name] == []


@pytest.mark.parametrize("fate", ["random", "empty", "cut", "missing"])
def test_a_backup_takes_the_place_of_what_is_damaged(locations: Locations, fate: str) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task("kept"))
        made = backups.back_up(locations.store)
        lost = store.tasks.add(new_task("lost"))
    locations.task_log(lost.id + 5).write_text("of a task that the backup doesn't know")
    whole = locations.store.read_bytes()
    damage = {"random": os.urandom(5000), "empty": b"", "cut": whole[:5000]}
    if fate == "missing":
        locations.store.unlink()
    else:
        locations.store.write_bytes(damage[fate])
    with pytest.raises(StoreDamaged, match="damaged") as refused:
        Store.open(locations)
    assert "1 in" in refused.value.hint
    aside = backups.restore(locations, made, patience=1)
    assert names(locations) == ["kept"]
    with Store.open(locations) as store:
        assert store.tasks.add(new_task()).id == lost.id + 6, "a number is given once"
        store.check_thoroughly()
    if fate == "missing":
        assert aside is None
    else:
        assert aside is not None
        assert aside.read_bytes() == damage[fate]
    assert made.exists()
    assert (locations.store.stat().st_mode & 0o777) == 0o600


def test_an_empty_store_takes_the_place_and_numbers_go_on(locations: Locations) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task())
    locations.task_log(41).write_text("a log")
    locations.store.write_bytes(b"")
    assert backups.restore(locations, None, patience=1) is not None
    with Store.open(locations) as store:
        assert store.tasks.list() == []
        assert store.tasks.add(new_task()).id == 42


def test_the_journal_of_what_is_set_aside_is_not_played_back(locations: Locations) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task("kept"))
        made = backups.back_up(locations.store)
    killed_while_writing(locations)
    journal = locations.home / "store.sqlite3-journal"
    assert journal.stat().st_size > 0
    aside = backups.restore(locations, made, patience=1)
    assert names(locations) == ["kept"]
    assert aside is not None
    assert aside.with_name(f"{aside.name}-journal").exists()


@pytest.mark.parametrize("what", ["nothing", "random", "another's", "newer"])
def test_what_is_no_backup_changes_nothing(locations: Locations, tmp_path: Path, what: str) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task("kept"))
        made = backups.back_up(locations.store, to=tmp_path / "other")
    if what == "nothing":
        made.unlink()
    elif what == "random":
        made.write_bytes(os.urandom(9000))
    else:
        with closing(sqlite3.connect(made)) as raw, raw:
            raw.execute(
                "PRAGMA application_id = 7"
                if what == "another's"
                else "UPDATE alembic_version SET version_num = '9000'"
            )
    before = locations.store.read_bytes()
    with pytest.raises((NotFound, StoreDamaged, StoreTooNew)):
        backups.restore(locations, made, patience=0.5)
    assert locations.store.read_bytes() == before
    assert names(locations) == ["kept"]
    assert not list(locations.home.glob("*.new*"))


@pytest.mark.parametrize("holder", ["engine", "worker"])
@pytest.mark.usefixtures("store")
def test_nothing_is_restored_under_somebodys_feet(locations: Locations, holder: str) -> None:
    made = backups.back_up(locations.store)
    lock = FileLock(locations.engine_lock if holder == "engine" else locations.task_lock(1))
    assert lock.acquire()
    with pytest.raises(StoreBusy, match="still at work"):
        backups.restore(locations, made, patience=0.2)
    lock.release()
    backups.restore(locations, made, patience=1)


def killed_while_writing(locations: Locations) -> None:
    """A process that has changed half of the store's pages on the disk, and is killed."""
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('PRAGMA journal_mode=TRUNCATE'); db.execute('PRAGMA cache_size=1'); db.execute('BEGIN IMMEDIATE');"
        '[db.execute("INSERT INTO connection VALUES (?, hex(zeroblob(2000)), NULL)", (str(n),)) for n in range(200)];'
        "db.execute(\"UPDATE task SET name = 'half'\"); print('now', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(locations.store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdin.close()
    process.stdout.close()


def test_what_a_killed_writer_had_begun_is_undone(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task("whole"))
    before = locations.store.stat().st_size
    killed_while_writing(locations)
    assert locations.store.stat().st_size > before, "nothing had reached the file yet"
    checked = []
    monkeypatch.setattr("core.store.opening.check", checked.append)
    with Store.open(locations) as store:
        assert [task.name for task in store.tasks.list()] == ["whole"]
        assert store.connections.list() == []
        store.check_thoroughly()
    assert len(checked) == 1, "what was undone is checked"
    Store.open(locations).close()
    assert len(checked) == 1
    assert locations.store.stat().st_size == before


def test_a_journal_beside_a_draft_is_not_taken_for_the_new_ones(locations: Locations) -> None:
    """A program was killed while it made the store."""
    locations.ensure()
    create(locations.store)
    with Store.open(locations) as store:
        store.tasks.add(new_task())
    killed_while_writing(locations)
    locations.store.rename(locations.home / "store.sqlite3.new")
    (locations.home / "store.sqlite3-journal").rename(locations.home / "store.sqlite3.new-journal")
    with Store.open(locations) as store:
        assert store.tasks.list() == []
        store.check_thoroughly()


def test_rights_that_are_too_wide_are_closed(locations: Locations) -> None:
    Store.open(locations).close()
    locations.store.chmod(0o666)
    locations.logs.chmod(0o755)
    locations.locks.chmod(0o777)
    Store.open(locations).close()
    assert (locations.store.stat().st_mode & 0o777) == 0o600
    assert (locations.logs.stat().st_mode & 0o777) == 0o700
    assert (locations.locks.stat().st_mode & 0o777) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_anothers_store_is_refused(locations: Locations) -> None:
    Store.open(locations).close()
    before = locations.store.read_bytes()
    os.chown(locations.store, 12345, -1)
    with pytest.raises(StoreError, match="belongs to user '12345'"):
        Store.open(locations)
    os.chown(locations.store, 1, -1)
    with pytest.raises(StoreError, match="belongs to user 'daemon'") as refused:
        Store.open(locations)
    assert "OFFRAMP_HOME" in refused.value.hint
    assert locations.store.read_bytes() == before


def test_two_homes_know_nothing_of_each_other(locations: Locations, tmp_path: Path) -> None:
    other = Locations(tmp_path / "other")
    with Store.open(locations) as first, Store.open(other) as second:
        seen = first.changes()
        second.tasks.add(new_task("second"))
        assert first.changes() == seen
        first.tasks.add(new_task("first"))
        assert [t.name for t in first.tasks.list()] == ["first"]
        assert [t.name for t in second.tasks.list()] == ["second"]
        assert first.lease.acquire(first.lease.state(), "one") == second.lease.acquire(
            second.lease.state(), "two"
        )


def test_a_home_moves_with_all_that_it_keeps(locations: Locations, tmp_path: Path) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task("kept"))
    for name in ("settings.toml", "secrets.json"):
        (locations.home / name).write_text(name)
    locations.task_log(1).write_text("a log")
    moved = moving.move(locations, tmp_path / "local" / "home", patience=1)
    assert names(moved) == ["kept"]
    assert moved.task_log(1).read_text() == "a log"
    assert (moved.home / "settings.toml").read_text() == "settings.toml"
    assert ((moved.home / "secrets.json").stat().st_mode & 0o777) == 0o600
    assert (moved.home.stat().st_mode & 0o777) == 0o700
    with pytest.raises(StoreDamaged, match="missing"):
        Store.open(locations)
    assert len(beside(locations, "moved-")) == 1


def test_the_choice_is_remembered_for_this_host_only(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFRAMP_HOME", str(locations.home))
    moved = moving.move(locations, tmp_path / "one", patience=1)
    assert Locations.default() == moved
    monkeypatch.setattr("core.hosts.this_host", lambda: "another")
    assert Locations.default() == locations
    second = moving.move(locations, tmp_path / "two", patience=1)
    assert Locations.default() == second
    monkeypatch.undo()
    monkeypatch.setenv("OFFRAMP_HOME", str(locations.home))
    assert Locations.default() == moved
    moved.store.unlink()
    with pytest.raises(StoreDamaged, match="this host's was made there"):
        Store.open(Locations.default())
    (locations.home / "hosts.json").write_text("{")
    with pytest.raises(StoreError, match=r"hosts\.json"):
        Locations.default()


def test_a_move_that_fails_leaves_everything_as_it_was(locations: Locations, tmp_path: Path) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task("kept"))
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").touch()
        with pytest.raises(Conflict, match="not empty"):
            moving.move(locations, tmp_path / "full", patience=0.2)
        assert store.lease.acquire(store.lease.state(), "process 1 on another host") is not None
    with pytest.raises(StoreBusy, match="another host a moment ago"):
        moving.move(locations, tmp_path / "new", patience=0.2)
    assert not (tmp_path / "new").exists()
    assert not (locations.home / "hosts.json").exists()
    assert names(locations) == ["kept"]


def test_locks_that_do_not_hold_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The double is in this process: it only pretends to lock, as some file systems do."""
    from core import locks

    assert locks.unreliable(tmp_path) is None
    with monkeypatch.context() as patch:
        patch.setattr(locks.fcntl, "lockf", lambda *_: None)
        assert locks.unreliable(tmp_path) == "two processes hold the same lock at once (fcntl)"
        patch.setattr(locks.fcntl, "flock", lambda *_: None)
        assert "flock, fcntl" in (locks.unreliable(tmp_path) or "")
        with pytest.raises(StoreError, match="can't hold a store: two processes"):
            Store.open(Locations(tmp_path / "home"))
        assert not (tmp_path / "home" / "store.sqlite3").exists()

    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    assert locks.unreliable(tmp_path) == "file locks can't be had there: Operation not supported"
    assert list(tmp_path.glob("probe*")) == []
