"""The files that a Dask cluster makes are those that this machine makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.model.destination import Destination
from core.model.file_settings import FileSettings
from core.model.vocabulary import Consistency, Encoding, Engine, Format, OnError
from tests.cluster.running import PATH, Shop, Task, settings_of
from tests.servers.dask import DaskCluster
from tests.servers.s3 import BUCKET, S3


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
    # The scheduler could do without this program.
    with cluster.client() as client:
        assert (
            client.run_on_scheduler(
                eval, "{n.partition('.')[0] for n in __import__('sys').modules} & {'core'}"
            )
            == set()
        )
    assert [rows for number, rows, _ in task.journal.progressed][-1] == shop.rows


def test_an_object_store_gets_the_same_files_from_four_workers(
    server: Any, cluster: DaskCluster, lake: Destination, tmp_path: Path
) -> None:
    shop = Shop(server, 2400)
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
    assert len(found) == 8
    assert found == by_this_machine(task, tmp_path / "local")
    assert len(readers(task)) > 2
    assert any(line.startswith("8 files of ") for line in task.said)


@pytest.mark.postgresql
def test_where_directories_are_renamed_everything_appears_at_once(
    postgresql: Any, cluster: DaskCluster, sftp: Destination, tmp_path: Path
) -> None:
    """Files of a run that doesn't count never get among the others."""
    there = tmp_path / "there"
    shop = Shop(postgresql, 4500)
    settings = settings_of(files=FileSettings(single=False, max_records=500))
    task = Task(shop, tmp_path / "out", settings, cluster, sftp)
    seen: list[list[str]] = []

    def look(_rows: int) -> None:
        exports = there / "exports"
        seen.append(sorted(path.name for path in exports.iterdir()) if exports.exists() else [])

    task.seen = look
    task.good()
    found = task.whole()
    assert found == by_this_machine(task, tmp_path / "local")
    assert len(found) == 9
    assert len(seen[-1]) == 1
    assert seen[-1][0].startswith(".partial-7-")


@pytest.mark.postgresql
@pytest.mark.parametrize("kind", ["lake", "sftp"])
def test_a_retry_adds_what_was_missing(
    postgresql: Any, cluster: DaskCluster, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shop = Shop(postgresql, 1500)
    shop.run(
        "UPDATE big SET note = 'x'",
        "CREATE TABLE bad AS SELECT * FROM big",
        "ALTER TABLE bad ADD PRIMARY KEY (id)",
        "UPDATE bad SET note = 'é' WHERE id = 1200",
        "ANALYZE bad",
    )
    settings = settings_of(objects=("bad", "big"), encoding=Encoding.ASCII, on_error=OnError.CONTINUE)
    task = Task(shop, tmp_path / "out", settings, cluster, request.getfixturevalue(kind))
    assert task.run() == "incomplete"
    assert not task.manifest().complete
    shop.run("UPDATE bad SET note = 'e' WHERE id = 1200")
    task.said.clear()
    task.good()
    assert len(task.whole()) == 6
    assert task.manifest().complete
    assert not [line for line in task.said if line.startswith("TABLE:big: part")]


@pytest.mark.postgresql
def test_what_another_execution_has_sent_gives_way(
    postgresql: Any, cluster: DaskCluster, lake: Destination, s3_server: S3, tmp_path: Path
) -> None:
    """One that an earlier attempt left behind sends its file after the next attempt has looked for it."""
    shop = Shop(postgresql, 2000)
    settings = settings_of(consistency=Consistency.PART, parts=1)
    task = Task(shop, tmp_path / "out", settings, cluster, lake)
    task.attempts = 1
    key = f"{tmp_path.name}/{PATH}/TABLE/big-00003.csv"

    def send(rows: int) -> None:
        if rows:
            task.seen = lambda _: None
            s3_server.client.put_object(Bucket=BUCKET, Key=key, Body=b"of another time\n")

    task.seen = send
    task.good()
    assert any("part 3 is read again: another execution had sent its file" in line for line in task.said)
    task.whole()


# Has the source say something on each worker, with a password in it.
TALKING = """
import logging
from connectors.sources.postgresql.source import PostgresqlSource as source
source.silent = source.connect
def connect(self):
    logging.getLogger("offramp.source.postgresql").info("gets in with %s", self.credentials.password)
    return self.silent()
source.connect = connect
"""
SILENT = """
from connectors.sources.postgresql.source import PostgresqlSource as source
source.connect = source.silent
"""


@pytest.mark.postgresql
def test_what_a_source_says_on_a_worker_is_in_the_tasks_log(
    postgresql: Any, cluster: DaskCluster, tmp_path: Path
) -> None:
    task = Task(Shop(postgresql, 1500), tmp_path / "out", settings_of(), cluster)
    with cluster.client() as client:
        client.run(exec, TALKING, {})
        try:
            task.good()
        finally:
            client.run(exec, SILENT, {})
    assert sorted(line for line in task.said if "gets in" in line) == [
        f"part {n}: gets in with ***" for n in (1, 2, 3)
    ]


def test_a_worker_leaves_arrow_whole_for_others() -> None:
    """Its process runs others' code, too, which may want Arrow's own clients of object stores."""
    look = "import pyarrow.fs as fs; print(fs._not_imported)"
    programs = (look, f"import core.cluster.part, core.formats.typed; {look}")
    found = [
        subprocess.run((sys.executable, "-P", "-c", each), capture_output=True, timeout=60, check=True).stdout
        for each in programs
    ]
    assert found[0] == found[1]
