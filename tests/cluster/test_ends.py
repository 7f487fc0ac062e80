"""What goes wrong on a Dask cluster: workers that die, a scheduler that goes, an abort, too little room."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.model.choice import Choice
from core.model.destination import Destination
from core.model.load import LoadSettings, Rate
from core.model.vocabulary import Consistency
from tests.cluster.conftest import ENVIRONMENT
from tests.cluster.running import Shop, Task, settings_of, until
from tests.servers.dask import DaskCluster


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.cutting.ROWS_PER_FILE", 1000)


class Gate:
    """While it is shut, the server takes for ever for statements that begin: a row each half second."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        shop.run("CREATE TABLE gate (shut INT PRIMARY KEY)")
        sleep = "pg_sleep(0.5) IS NOT NULL" if shop.server.product == "postgresql" else "SLEEP(0.5) = 0"
        self.settings = {
            "choices": {"big": Choice(where=f"NOT EXISTS (SELECT 1 FROM gate) OR {sleep}")},
            "consistency": Consistency.PART,
        }

    def shut(self) -> None:
        self._shop.run("INSERT INTO gate VALUES (1)")

    def open(self) -> None:
        self._shop.run("DELETE FROM gate")


@pytest.fixture
def gate(shop: Shop) -> Gate:
    return Gate(shop)


class Under:
    """A task that runs beside a test; it shuts the gate once a part is done. At the end of the context it is
    over."""

    def __init__(self, task: Task, gate: Gate) -> None:
        self._task = task
        self._gate = gate
        self.error: str | None = "not over"
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.error = self._task.run()

    def _shut(self, rows: int) -> None:
        if rows and any(part.files for part in self._task.journal._objects[0].parts):
            self._task.seen = lambda _: None
            self._gate.shut()

    def __enter__(self) -> Under:
        self._task.seen = self._shut
        self._thread.start()
        until(self.stuck)
        return self

    def stuck(self) -> list[Any]:
        """The statements of parts that the server doesn't come to an end with."""
        found = self._task.shop.under_way(f"{self._task.program} part")
        return found if self._gate_is_shut() else []

    def _gate_is_shut(self) -> bool:
        return bool(self._task.shop.run("SELECT shut FROM gate"))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._task.cancel.pursue()
        self._thread.join(60)
        assert not self._thread.is_alive()


def pids(cluster: DaskCluster) -> dict[str, int]:
    with cluster.client() as client:
        found: dict[str, int] = client.run(os.getpid)
    return found


def kill_reader(task: Task, cluster: DaskCluster) -> str:
    """Kill the worker that began to read last; gives its address."""
    address = [line for line in task.said if "is read by the worker" in line][-1].rpartition(" ")[2]
    pid = pids(cluster)[address]
    cluster.kill(next(worker for worker in cluster.workers if worker.pid == pid))
    return address


def test_a_part_is_read_again_where_its_worker_is_killed(
    shop: Shop, gate: Gate, cluster: DaskCluster, lake: Destination, tmp_path: Path
) -> None:
    task = Task(shop, tmp_path / "out", settings_of(parts=1, **gate.settings), cluster, lake)
    with Under(task, gate) as under:
        stuck = under.stuck()
        assert len(stuck) == 1
        gate.open()
        address = kill_reader(task, cluster)
    assert under.error is None, task.journal.error
    assert any(f"The worker at {address} is lost" in line for line in task.said), task.said
    # What it had left there would have taken much longer than all of this.
    assert shop.under_way(task.program) == []
    task.whole()


def test_an_abort_leaves_nothing(
    shop: Shop, gate: Gate, cluster: DaskCluster, lake: Destination, tmp_path: Path
) -> None:
    task = Task(shop, tmp_path / "out", settings_of(**gate.settings), cluster, lake)
    with Under(task, gate):
        threading.Thread(target=task.cancel.pursue).start()
    assert task.journal.error is not None
    assert task.journal.error.code == "aborted"
    assert shop.under_way(task.program) == []
    assert task.left() == []
    with task.open_lake().connect() as files:
        assert files.tree("") == {}


@pytest.mark.postgresql
def test_without_its_scheduler_a_task_waits_and_goes_on(
    postgresql: Any, cluster: DaskCluster, lake: Destination, tmp_path: Path
) -> None:
    shop = Shop(postgresql, 4500)
    gate = Gate(shop)
    with DaskCluster(tmp_path / "dask", 2, environment=ENVIRONMENT) as first:
        task = Task(shop, tmp_path / "out", settings_of(**gate.settings), first, lake)
        with Under(task, gate) as under:
            first.stop_scheduler()
        assert under.error == "connection-lost"
        assert task.journal.error is not None
        assert task.journal.error.transient
        assert f"The Dask scheduler at {first.address} is gone" in task.journal.error.message
        until(lambda: not shop.under_way(task.program))
        # Workers leave by themselves, with what they were at.
        for worker in first.workers:
            worker.wait(60)
    done = [part.number for part in task.journal.objects()[0].parts if part.files is not None]
    assert done
    gate.open()
    task.said.clear()
    task.cluster = cluster
    task.good()
    again = {int(line.split()[1]) - 1 for line in task.said if "is read by the worker" in line}
    assert again.isdisjoint(done)
    task.whole()


def test_as_many_sessions_as_the_account_may_have(
    postgresql: Any, cluster: DaskCluster, tmp_path: Path
) -> None:
    """The attempt's own, and one for parts: two are tried, and one is enough."""
    shop = Shop(postgresql, 4500)
    role = f"r_{shop.database}"
    shop.run(
        f"CREATE ROLE {role} LOGIN PASSWORD '{postgresql.password.replace(chr(39), chr(39) * 2)}' CONNECTION LIMIT 2",
        f"GRANT SELECT ON big TO {role}",
    )
    shop.connection = replace(shop.connection, user=role)
    task = Task(shop, tmp_path / "out", settings_of(), cluster)
    task.good()
    assert any("From now on 1 are read at once" in line for line in task.said), task.said
    task.whole()


def test_how_fast_a_task_may_read_reaches_the_workers(
    postgresql: Any, cluster: DaskCluster, tmp_path: Path
) -> None:
    shop = Shop(postgresql, 4500)
    task = Task(shop, tmp_path / "out", settings_of(load=LoadSettings(rate=Rate(500))), cluster)
    now: list[Rate | None] = [Rate(500)]
    task.journal.rate = lambda: now[0]  # type: ignore[method-assign]
    begun = time.monotonic()
    moved: list[float] = []

    def faster(rows: int) -> None:
        if rows and time.monotonic() - begun > 4:
            now[0] = None
            moved.append(time.monotonic())

    task.seen = faster
    task.good()
    # At 500 bytes a second the parts that are under way would take some minutes.
    assert time.monotonic() - moved[0] < 60
    task.whole()


@pytest.mark.postgresql
def test_a_cluster_without_workers_is_not_waited_for_in_vain(
    postgresql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.cluster.width.NOBODY_SECONDS", 0.5)
    monkeypatch.setattr("core.cluster.width.COUNT_SECONDS", 0.2)
    with DaskCluster(tmp_path / "dask", 0) as cluster:
        task = Task(Shop(postgresql, 4500), tmp_path / "out", settings_of(), cluster)
        assert task.run() == "connection-lost"
    assert task.journal.error is not None
    assert "has had no worker for 0.5 s" in task.journal.error.message
