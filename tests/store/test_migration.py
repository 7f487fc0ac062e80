"""Bringing an older store up to date: with a backup, whole or not at all, and never under somebody's feet."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from core.errors import StoreBusy, StoreDamaged, StoreError, StoreTooNew
from core.locations import Locations
from core.locks import FileLock
from core.model.connection import Connection
from core.model.schedule import Schedule
from core.model.settings import Export
from core.model.vocabulary import Mode
from core.store import Store, migrate, tables
from tests.store.conftest import SETTINGS, new_task

NOW = tables.REVISION
NEXT = f"{int(NOW) + 1:04}"
LATER = """
from alembic import op

revision = "{next}"
down_revision = "{now}"


def upgrade() -> None:
    op.execute("ALTER TABLE task ADD COLUMN colour TEXT")
    op.execute("UPDATE task SET colour = 'green'")
    {then}
"""


def schema(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: plain(sql) for name, sql in rows}


def plain(sql: str) -> str:
    """A column that was added later stands behind the constraints: the order doesn't count."""
    head, _, body = " ".join(sql.replace("(", " ( ").replace(")", " ) ").split()).partition("(")
    depth, pieces = 0, [""]
    for character in body.rpartition(")")[0]:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += character
    return head + "(" + ", ".join(sorted(piece.strip() for piece in pieces))


def later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, then: str = "pass") -> None:
    """As if this were the next version of Offramp."""
    history = tmp_path / "history"
    (history / "versions").mkdir(parents=True)
    for path in (migrate.HISTORY / "env.py", *(migrate.HISTORY / "versions").glob("v*.py")):
        (history / path.relative_to(migrate.HISTORY)).write_text(path.read_text())
    (history / "versions" / f"v{NEXT}_colour.py").write_text(LATER.format(now=NOW, next=NEXT, then=then))
    monkeypatch.setattr(migrate, "HISTORY", history)
    for module in ("core.store.opening", "core.store.database", "core.store.migrate"):
        monkeypatch.setattr(f"{module}.REVISION", NEXT)


def undoing(*versions: str) -> list[str]:
    """Statements that take away again what migrations have made."""
    found = []
    for version in versions:
        for statement in import_module(f"core.store.migrations.versions.{version}").STATEMENTS:
            words = statement.split()
            if words[:2] == ["CREATE", "TABLE"]:
                found.append(f"DROP TABLE {words[2]}")
            elif words[:2] == ["ALTER", "TABLE"]:
                found.append(f"ALTER TABLE {words[2]} DROP COLUMN {words[5]}")
    return found


def backups(locations: Locations) -> list[Path]:
    return sorted(locations.home.glob(f"{locations.store.name}.backup-*"))


def test_the_history_leads_to_the_tables_of_today(locations: Locations, tmp_path: Path) -> None:
    Store.open(locations).close()
    # Alembic begins with nothing, and what it ends with is what a new store begins with.
    grown = tmp_path / "grown"
    program = (
        "import sys, sqlite3, sqlalchemy as sa; from alembic import command; from alembic.config import Config;"
        "from core.store.migrate import HISTORY;"
        "engine = sa.create_engine('sqlite:///' + sys.argv[1]);"
        "config = Config(); config.set_main_option('script_location', str(HISTORY));"
        "c = engine.connect(); config.attributes['connection'] = c;"
        "command.upgrade(config, 'head'); c.commit()"
    )
    subprocess.run([sys.executable, "-P", "-c", program, str(grown)], check=True)
    assert schema(grown) == schema(locations.store)
    with closing(sqlite3.connect(grown)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(tables.REVISION,)]
        assert raw.execute("SELECT epoch, counter, holder FROM lease").fetchall() == [(0, 0, None)]


def test_an_older_store_is_backed_up_and_migrated(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(locations) as store:
        task = store.tasks.add(new_task("old one"))
    later(monkeypatch, tmp_path)
    with Store.open(locations) as store:
        assert store.tasks.get(task.id).name == "old one"
        assert store.tasks.add(new_task("new one")).id == task.id + 1
        with store.database.read() as db:
            assert db.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert db.exec_driver_sql("SELECT colour FROM task WHERE id = ?", (task.id,)).scalar() == "green"
    (backup,) = backups(locations)
    assert f"backup-{NOW}-" in backup.name
    assert (backup.stat().st_mode & 0o777) == 0o600
    assert "colour" not in schema(backup)["table task"]
    with closing(sqlite3.connect(backup)) as raw:
        assert raw.execute("SELECT name FROM task").fetchall() == [("old one",)]
    Store.open(locations).close()
    assert backups(locations) == [backup]


def test_a_store_of_the_first_version_becomes_one_of_today(locations: Locations) -> None:
    """As the first version left it: with an export, which then can run by itself."""
    with Store.open(locations) as store:
        task = store.tasks.add(new_task("old one"))
        store.connections.add(Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db"))
        store.exports.add(Export(name="nightly", directory="/data", settings=SETTINGS))
    today = schema(locations.store)
    with closing(sqlite3.connect(locations.store)) as raw:
        for statement in undoing("v0003_more", "v0002_schedules"):
            raw.execute(statement)
        raw.execute("UPDATE alembic_version SET version_num='0001'")
        raw.commit()
    with Store.open(locations) as store:
        assert store.tasks.get(task.id).name == "old one"
        schedule = Schedule(cron="0 4 * * *")
        old = store.exports.get("nightly")
        assert old.schedule is None
        store.exports.replace(msgspec.structs.replace(old, schedule=schedule))
        assert store.schedules.active() == 1
    assert schema(locations.store) == today
    (backup,) = backups(locations)
    assert "backup-0001-" in backup.name


def test_a_migration_that_fails_changes_nothing(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(locations) as store:
        store.tasks.add(new_task())
    before = schema(locations.store)
    later(monkeypatch, tmp_path, then='op.execute("NO SUCH STATEMENT")')
    with pytest.raises(StoreError, match="syntax error"):
        Store.open(locations)
    assert schema(locations.store) == before
    with closing(sqlite3.connect(locations.store)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(NOW,)]
    assert len(backups(locations)) == 1


@pytest.mark.parametrize("holder", ["engine", "worker"])
def test_a_store_at_work_is_not_migrated(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    Store.open(locations).close()
    lock = FileLock(locations.engine_lock if holder == "engine" else locations.task_lock(1))
    assert lock.acquire()
    later(monkeypatch, tmp_path)
    with pytest.raises(StoreBusy, match="still at work"):
        Store.open(locations, patience=0.3)
    assert backups(locations) == []
    lock.release()
    Store.open(locations).close()
    assert len(backups(locations)) == 1


def test_damage_is_found_before_a_migration(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(locations) as store:
        for _ in range(200):
            store.tasks.add(new_task())
    data = bytearray(locations.store.read_bytes())
    data[-4096:-4088] = b"\xff" * 8
    locations.store.write_bytes(data)
    later(monkeypatch, tmp_path)
    with pytest.raises(StoreDamaged):
        Store.open(locations)
    assert backups(locations) == []


def test_the_version_before_refuses_what_was_migrated(
    locations: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.open(locations).close()
    with monkeypatch.context() as next_version:
        later(next_version, tmp_path)
        Store.open(locations).close()
    with pytest.raises(StoreTooNew, match=f"version {int(NEXT)}"):
        Store.open(locations)
