"""The real engine and its worker on a Dask cluster: a worker that is killed, and who comes after it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Offramp, offramp
from tests.cluster.running import KEY, Shop, until
from tests.faults.processes import gone, workers
from tests.faults.test_connections_tasks import QUICK
from tests.servers import s3
from tests.servers.dask import DaskCluster

__all__ = ["offramp"]


@pytest.fixture
def server(oceanbase: object) -> object:
    return oceanbase


@pytest.fixture
def command(offramp: Offramp, shop: Shop, s3_server: s3.S3, tmp_path: Path) -> Offramp:
    """With a connection `shop` and a destination `lake`, and short pauses."""
    offramp.home.mkdir()
    (offramp.home / "settings.toml").write_text(QUICK)
    offramp.environment[KEY] = s3.SECRET
    url = f"oceanbase://root@localhost/{shop.database}?unix_socket={shop.server.socket}"
    offramp.quick("connection", "add", "shop", url)
    offramp.quick(
        "destination", "add", "lake", f"s3://{s3.BUCKET}/{tmp_path.name}", "--password-env", KEY,
        "--option", f"endpoint={s3_server.endpoint}", "--option", f"key={s3.KEY}", "--option", "region=us-east-1",
    )  # fmt: skip
    return offramp


def begun(command: Offramp, cluster: DaskCluster) -> str:
    """The number of a task of six parts that is slow, and has done two of them."""
    done = command.quick(
        "dump", "shop", "big", "--content", "data", "--many-files", "--statement-rows", "800", "--to", "lake:nightly",
        "--engine", "dask", "--dask-scheduler", cluster.address, "--limit-rate", "20k", "--detach",
    )  # fmt: skip
    number = done.out.strip()
    until(lambda: command.quick("logs", number, code=None).out.count(" is done: ") >= 2, pause=0.4)
    return number


@pytest.mark.oceanbase
def test_a_killed_worker_is_gone_on_after(
    command: Offramp, shop: Shop, cluster: DaskCluster, s3_server: s3.S3, tmp_path: Path
) -> None:
    number = begun(command, cluster)
    prefix = f"{tmp_path.name}/nightly/"
    (worker,) = workers(command.home).values()
    os.kill(worker, signal.SIGKILL)
    until(lambda: gone(worker))
    before = {key for key in s3_server.keys(prefix) if key.endswith(".csv")}
    assert len(before) >= 2
    command.quick("limit", number, "none")
    command("wait", number, timeout=120)
    log = command.quick("logs", number).out
    assert "goes on after" in log
    # Whatever the first attempt had finished was read once.
    assert log.count("TABLE:big: part ") == 6
    assert all(f"TABLE:big: part {n} is done: " in log for n in range(1, 7))
    command("verify", number, "--against-source")
    assert not [key for key in s3_server.keys(prefix) if ".partial" in key]
    until(lambda: not shop.under_way(f"offramp task {number} "))


@pytest.mark.oceanbase
def test_an_abort_that_waits_for_nobody_takes_back_what_was_sent(
    command: Offramp, shop: Shop, cluster: DaskCluster, s3_server: s3.S3, tmp_path: Path
) -> None:
    number = begun(command, cluster)
    assert s3_server.keys(tmp_path.name)
    command.quick("abort", number, "--force")
    command("wait", number, code=5)
    until(lambda: not s3_server.keys(tmp_path.name))
    until(lambda: not shop.under_way(f"offramp task {number} "))
