"""Opening a store: new, sound, damaged, of another version, held by others."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import StoreBusy, StoreDamaged, StoreError, StoreOnNetwork, StoreTooNew
from core.locations import Locations
from core.store import Store, opening
from tests.store.conftest import new_task


def test_a_new_store_is_private_and_durable(locations: Locations) -> None:
    old = os.umask(0)
    try:
        with Store.open(locations) as store, store.database.read() as db:
            assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "truncate"
            assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert db.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            journal = locations.store.with_name(f"{locations.store.name}-journal")
        with Store.open(locations) as store, store.database.write() as db:
            db.exec_driver_sql("UPDATE lease SET counter = 7")
            assert (journal.stat().st_mode & 0o777) == 0o600
    finally:
        os.umask(old)
    assert (locations.store.stat().st_mode & 0o777) == 0o600
    assert (locations.home.stat().st_mode & 0o777) == 0o700
    assert {path.name for path in locations.home.iterdir()} <= {
        locations.store.name, journal.name, "logs", "locks",
    }  # fmt: skip


def test_what_is_stored_is_there_again(locations: Locations) -> None:
    with Store.open(locations) as store:
        task = store.tasks.add(new_task("kept"))
    with Store.open(locations) as store:
        assert store.tasks.get(task.id) == task


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"not a database at all, but long enough" * 200])
def test_what_is_no_store_is_damaged_and_untouched(locations: Locations, content: bytes) -> None:
    locations.ensure()
    locations.store.write_bytes(content)
    with pytest.raises(StoreDamaged, match="damaged"):
        Store.open(locations)
    assert locations.store.read_bytes() == content


def test_another_programs_database_is_refused(locations: Locations) -> None:
    locations.ensure()
    with closing(sqlite3.connect(locations.store)) as other:
        other.execute("CREATE TABLE alembic_version (version_num TEXT)")
        other.commit()
    with pytest.raises(StoreDamaged, match="not one that Offramp made"):
        Store.open(locations)


@pytest.mark.parametrize("cut", [1, 4096, 40_000])
def test_a_store_that_was_cut_off_is_damaged(locations: Locations, cut: int) -> None:
    with Store.open(locations) as store:
        for _ in range(50):
            store.tasks.add(new_task())
    os.truncate(locations.store, locations.store.stat().st_size - cut)
    before = locations.store.read_bytes()
    with pytest.raises(StoreDamaged):
        Store.open(locations)
    assert locations.store.read_bytes() == before


def test_the_full_check_finds_damage_inside(locations: Locations) -> None:
    with Store.open(locations) as store:
        for _ in range(200):
            store.tasks.add(new_task())
        store.check()
    data = bytearray(locations.store.read_bytes())
    for page in range(len(data) // 4096 - 3, len(data) // 4096):
        data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    locations.store.write_bytes(data)
    with Store.open(locations) as store, pytest.raises(StoreDamaged):
        store.check()


def test_a_home_with_tasks_but_no_store_is_no_first_run(locations: Locations) -> None:
    with Store.open(locations):
        locations.task_log(1).write_text("a log")
    locations.store.unlink()
    with pytest.raises(StoreDamaged, match="missing"):
        Store.open(locations)
    assert not locations.store.exists()


def test_a_store_that_goes_while_it_is_open_is_not_made_anew(locations: Locations) -> None:
    Store.open(locations).close()
    locations.store.rename(locations.home / "elsewhere")
    database = locations.store
    with pytest.raises(StoreError):
        opening.Database(database, patience=0.1)
    assert not database.exists()


@pytest.mark.parametrize("fate", ["removed", "replaced"])
def test_a_store_that_was_taken_away_is_no_longer_used(store: Store, fate: str) -> None:
    path = store.locations.store
    copy = path.read_bytes()
    path.rename(path.with_name("elsewhere"))
    if fate == "replaced":
        path.write_bytes(copy)
    for use in (store.tasks.list, lambda: store.tasks.add(new_task()), store.changes):
        with pytest.raises(StoreDamaged, match="removed or replaced"):
            use()


def test_a_newer_store_is_refused(locations: Locations) -> None:
    Store.open(locations).close()
    with closing(sqlite3.connect(locations.store)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9000'")
        raw.commit()
    before = locations.store.read_bytes()
    with pytest.raises(StoreTooNew, match="version 9000"):
        Store.open(locations)
    assert locations.store.read_bytes() == before


def test_a_store_migrated_under_a_running_program_is_not_written(store: Store) -> None:
    with closing(sqlite3.connect(store.locations.store)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9000'")
        raw.commit()
    with pytest.raises(StoreTooNew):
        store.tasks.add(new_task())
    # What it would read may not mean what it did.
    with pytest.raises(StoreTooNew, match="to version 9000 meanwhile"):
        store.tasks.list()


def test_a_held_store_is_busy_after_the_patience(store: Store, locations: Locations) -> None:
    with closing(sqlite3.connect(locations.store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy, match="held by another program"):
            Store.open(locations, patience=0.05)
        other.execute("ROLLBACK")
        other.execute("BEGIN IMMEDIATE")
        with Store.open(locations, patience=0.05) as second:
            assert second.tasks.list() == []
            with pytest.raises(StoreBusy):
                second.tasks.add(new_task())


def test_a_network_file_system_is_refused(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    locations.ensure()
    device = locations.home.stat().st_dev
    mount = f"30 24 {os.major(device)}:{os.minor(device)} / / rw shared:1 - nfs4 server:/home rw\n"
    real = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, **o: mount if self.name == "mountinfo" else real(self, **o)
    )
    with pytest.raises(StoreOnNetwork, match=r"network file system \(nfs4\)"):
        Store.open(locations)


def test_ten_programs_make_one_store(locations: Locations) -> None:
    program = (
        "import sys; from pathlib import Path; from core.locations import Locations; from core.store import *;"
        "from core.model.settings import ExportSettings; from core.model.vocabulary import Mode;"
        "s = Store.open(Locations(Path(sys.argv[1])));"
        "s.tasks.add(NewTask(name='x', settings=ExportSettings(connection='c', all_objects=True),"
        " output='/o', mode=Mode.SQLITE, owner='o'))"
    )
    programs = [
        subprocess.Popen([sys.executable, "-P", "-c", program, str(locations.home)]) for _ in range(10)
    ]
    assert [p.wait(60) for p in programs] == [0] * 10
    with Store.open(locations) as store:
        assert sorted(task.id for task in store.tasks.list()) == list(range(1, 11))
        store.check()


def test_threads_share_a_store(store: Store) -> None:
    def work() -> None:
        for _ in range(10):
            store.tasks.add(new_task())
            store.tasks.list()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.tasks.list()) == 40


def test_the_store_is_not_used_across_a_fork(store: Store) -> None:
    child = os.fork()
    if child == 0:
        try:
            store.tasks.list()
        except StoreError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_errors_carry_no_values(store: Store) -> None:
    with store.database.write() as db:
        db.exec_driver_sql("DROP TABLE task_file")
    with pytest.raises(StoreError) as caught:
        store.tasks.files(1)
    assert "[parameters" not in str(caught.value)


def test_opening_loads_neither_alembic_nor_the_orm(locations: Locations) -> None:
    program = (
        "import sys; from pathlib import Path; from core.locations import Locations; from core.store import Store;"
        "Store.open(Locations(Path(sys.argv[1]))).tasks.list();"
        "bad = {'alembic', 'sqlalchemy.orm', 'textual', 'pyarrow', 'numpy', 'pymysql'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-P", "-c", program, str(locations.home)], check=True)
