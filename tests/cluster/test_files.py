"""The files that a Dask cluster makes are those that this machine makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from core.model.destination import Destination
from core.model.file_settings import FileSettings
from core.model.vocabulary import Consistency, Engine, Format
from tests.cluster.running import Shop, Task, settings_of
from tests.servers.dask import DaskCluster


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.cutting.ROWS_PER_FILE", 700)


def by_this_machine(task: Task, output: Path) -> dict[str, str]:
    """The checksums of the same task where this machine reads."""
    local = Task(task.shop, output, replace(task.settings, engine=Engine.LOCAL))
    local.good()
    return local.whole()


def readers(task: Task) -> set[str]:
    return {line.rpartition(" ")[2] for line in task.said if "is read by the worker" in line}


def test_a_shared_directory_gets_the_same_files(shop: Shop, cluster: DaskCluster, tmp_path: Path) -> None:
    task = Task(shop, tmp_path / "out", settings_of(), cluster)
    task.good()
    found = task.whole()
    assert len(found) == 7
    assert found == by_this_machine(task, tmp_path / "local")
    assert len(readers(task)) == 2
    assert [rows for number, rows, _ in task.journal.progressed][-1] == shop.rows


def test_an_object_store_gets_the_same_files_from_four_workers(
    shop: Shop, cluster: DaskCluster, lake: Destination, tmp_path: Path
) -> None:
    for _ in range(2):
        cluster.add_worker(wait=False)
    cluster.wait(4)
    settings = settings_of(
        format=Format.PARQUET,
        files=FileSettings(single=False, max_records=300),
        consistency=Consistency.TASK,
    )
    task = Task(shop, tmp_path / "out", settings, cluster, lake)
    task.good()
    found = task.whole()
    assert len(found) == 15
    assert found == by_this_machine(task, tmp_path / "local")
    assert len(readers(task)) == 4
