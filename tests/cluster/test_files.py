"""The files that a Dask cluster makes are those that this machine makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model.vocabulary import Engine
from tests.cluster.running import Shop, Task, settings_of
from tests.servers.dask import DaskCluster


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.cutting.ROWS_PER_FILE", 700)


def by_this_machine(task: Task, output: Path) -> dict[str, str]:
    """The checksums of the same task where this machine reads."""
    from msgspec.structs import replace

    local = Task(task.shop, output, replace(task.settings, engine=Engine.LOCAL))
    local.good()
    return local.whole()


def test_a_shared_directory_gets_the_same_files(shop: Shop, cluster: DaskCluster, tmp_path: Path) -> None:
    task = Task(shop, tmp_path / "out", settings_of(), cluster)
    task.good()
    found = task.whole()
    assert len(found) == 7
    assert found == by_this_machine(task, tmp_path / "local")
    readers = {line.rpartition(" ")[2] for line in task.said if "is read by the worker" in line}
    assert len(readers) > 1
