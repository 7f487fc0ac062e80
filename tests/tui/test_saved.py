"""What is saved, with what is known around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import NotFound
from core.model.connection import Connection
from core.model.secret import EnvironmentSecret
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Mode, TaskStatus
from core.service import Service
from tests.tui.harness import MINUTE, Home


def save(home: Home, name: str, *, connection: str = "ob-prod", directory: str = "/data/out") -> None:
    settings = ExportSettings(connection=connection, all_objects=True)
    home.store.exports.add(Export(name=name, directory=directory, settings=settings))


def test_an_export_comes_with_its_newest_run(home: Home) -> None:
    home.connection("ob-prod")
    save(home, "nightly")
    save(home, "never")
    home.task("nightly", TaskStatus.COMPLETED, age=9 * MINUTE, export="nightly")
    newest = home.task("nightly", TaskStatus.FAILED, age=3 * MINUTE, export="nightly")
    home.task("nightly", TaskStatus.COMPLETED, age=MINUTE)  # of the same name, but by hand
    with Service(home.locations) as service:
        found = {saved.export.name: saved for saved in service.saved.exports()}
    assert found["never"].last is None
    assert found["nightly"].last is not None
    assert found["nightly"].last.id == newest
    assert found["nightly"].connection is not None


def test_history_is_the_exports_own_newest_first(home: Home) -> None:
    home.connection("ob-prod")
    save(home, "nightly")
    runs = [home.task("nightly", TaskStatus.COMPLETED, age=n * MINUTE, export="nightly") for n in (9, 5, 1)]
    home.task("other", TaskStatus.COMPLETED, export="other")
    with Service(home.locations) as service:
        history = service.saved.history("nightly")
        assert [task.id for task in history.runs] == runs[::-1]
        assert history.total == 3
        with pytest.raises(NotFound):
            service.saved.history("none")


def test_a_connection_comes_with_who_uses_it(home: Home) -> None:
    home.connection("ob-prod")
    home.connection("unused")
    save(home, "nightly")
    waiting = home.task("nightly", TaskStatus.QUEUED)
    home.task("nightly", TaskStatus.COMPLETED)
    with Service(home.locations) as service:
        used, unused = service.saved.connections()
    assert (used.exports, used.tasks) == (("nightly",), (waiting,))
    assert (unused.exports, unused.tasks, unused.last_test) == ((), (), None)


def test_directories_with_their_room(home: Home, tmp_path: Path) -> None:
    home.connection("ob-prod")
    save(home, "a", directory=str(tmp_path))
    save(home, "b", directory=str(tmp_path / "not" / "yet"))
    (tmp_path / "file").touch()
    save(home, "c", directory=str(tmp_path / "file"))
    with Service(home.locations) as service:
        found = {item.directory: item for item in service.saved.destinations("/usual")}
        rooms = service.saved.room(sorted(found))
    assert found[str(tmp_path)].exports == ("a",)
    assert found["/usual"].usual
    assert rooms[str(tmp_path)].exists
    assert rooms[str(tmp_path)].free > 0
    assert not rooms[str(tmp_path / "not" / "yet")].exists
    assert rooms[str(tmp_path / "not" / "yet")].free == pytest.approx(rooms[str(tmp_path)].free, rel=0.05)
    assert "directory" in rooms[str(tmp_path / "file")].problem


def test_a_password_can_be_taken_away(home: Home) -> None:
    connection = Connection(name="my", mode=Mode.MYSQL, host="h", port=3306, user="u")
    with Service(home.locations) as service:
        service.connections.add(connection, EnvironmentSecret(variable="PW"))
        assert service.connections.replace(connection).secret == EnvironmentSecret(variable="PW")
        assert service.connections.replace(connection, keep_password=False).secret is None
