"""Exports by a cluster as people ask for them: the real command, a real engine, scheduler, workers and server."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Offramp
from tests.servers.dask import BARE, DaskCluster, without
from tests.servers.mariadb import make_certificate

VARIABLE = "OFFRAMP_TEST_DATABASE_PASSWORD"
ROWS = 3000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, postgresql) -> Iterator[DaskCluster]:
    environment = {VARIABLE: postgresql.password}
    with DaskCluster(tmp_path_factory.mktemp("dask"), 2, environment=environment) as made:
        yield made


@pytest.fixture(scope="module")
def database(postgresql) -> str:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE TABLE events (id int PRIMARY KEY, note text)",
        f"INSERT INTO events SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n",
        "ANALYZE events",
        database=name,
    )
    return name


@pytest.fixture
def offramp(tmp_path, postgresql, database) -> Iterator[Offramp]:
    made = Offramp(tmp_path, {VARIABLE: postgresql.password})
    url = f"postgresql://{postgresql.user}@/{database}?host={postgresql.socket}"
    made.quick(
        "connection", "add", "pg", f"{url}&", "--port", str(postgresql.port), "--password-env", VARIABLE
    )
    yield made
    made.stop_engine()


MANY = ("pg", "events", "--content", "data", "--many-files", "--statement-rows", "500")


def rows_of(directory: Path) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for path in sorted(directory.glob("TABLE/events-*.csv")):
        with path.open(newline="") as file:
            found += [tuple(row) for row in csv.reader(file)][1:]
    return sorted(found, key=lambda row: int(row[0]))


EXPECTED = [(str(n), f"note {n}") for n in range(1, ROWS + 1)]


def test_a_dump_is_read_by_the_cluster_and_says_so(offramp, cluster):
    engine = ("--engine", "dask", "--dask-scheduler", cluster.address)
    looked = offramp("dump", *MANY, *engine, "--to", "out", "--dry-run", "--json").json["preflight"]
    assert looked["ok"], looked
    assert any(f"Dask cluster at {cluster.address}: 2 workers" in note for note in looked["notes"])
    assert not (offramp.directory / "out").exists()
    said = offramp("dump", *MANY, *engine, "--to", "out", "--json", timeout=120).json["task"]
    assert (said["settings"]["engine"], said["settings"]["dask_scheduler"]) == ("dask", cluster.address)
    assert rows_of(offramp.directory / "out") == EXPECTED
    assert len(list((offramp.directory / "out" / "TABLE").iterdir())) >= ROWS // 500
    offramp("verify", "out")
    number = str(said["id"])
    assert f"Dask, {cluster.address}" in offramp.quick("show", number).out
    log = offramp.quick("logs", number).out
    assert "Dask cluster at" in log
    # The same files as this machine makes.
    offramp("dump", *MANY, "--engine", "local", "--to", "here", timeout=120)
    assert rows_of(offramp.directory / "here") == EXPECTED
    for path in (offramp.directory / "here" / "TABLE").iterdir():
        assert path.read_bytes() == (offramp.directory / "out" / "TABLE" / path.name).read_bytes()


def test_what_connection_and_destination_say_counts_for_what_says_nothing(offramp, cluster):
    shared = offramp.directory / "shared"
    offramp.quick(
        "destination", "add", "lake", str(shared), "--engine", "dask", "--dask-scheduler", cluster.address
    )
    assert f"Dask, {cluster.address}" in offramp.quick("destination", "show", "lake").out
    offramp.quick("export", "create", "nightly", "events", "--connection", "pg", *MANY[2:], "--to", "lake")
    assert "read by" not in offramp.quick("export", "show", "nightly").out
    done = offramp("run", "nightly", "--wait", "--json", timeout=120).json["task"]
    assert done["settings"]["engine"] == "dask"
    assert rows_of(Path(done["output"])) == EXPECTED
    (run,) = offramp.quick("export", "history", "nightly", "--json").json["runs"]
    assert run["engine"] == "dask"
    assert "by Dask" in offramp.quick("export", "history", "nightly").out
    # Said by the export itself, this machine wins; and it can be taken back.
    offramp.quick("export", "edit", "nightly", "--engine", "local")
    assert "this machine" in offramp.quick("export", "show", "nightly").out
    assert 'engine = "local"' in offramp.quick("export", "show", "nightly", "--toml").out
    offramp.quick("export", "edit", "nightly", "--engine", "default")
    assert offramp.quick("export", "show", "nightly", "--json").json["export"]["engine"] is None
    offramp.quick("destination", "edit", "lake", "--engine", "default", "--dask-scheduler", "none")
    assert "parts read by" not in offramp.quick("destination", "show", "lake").out


def test_what_cant_be_is_said_at_once(offramp, cluster):
    dask = ("--engine", "dask", "--dask-scheduler", cluster.address)
    wrong = offramp.quick("dump", "pg", "events", *dask, "--to", "out", code=2)
    assert "single file" in wrong.err
    assert "--many-files" in wrong.err
    wrong = offramp.quick("dump", *MANY, "--engine", "dask", "--to", "out", code=2)
    assert "Add --dask-scheduler tcp://HOST:8786." in wrong.err
    wrong = offramp.quick(
        "export", "create", "x", "events", "--connection", "pg", *MANY[2:], "--engine", "dask", code=2
    )
    assert "--dask-scheduler" in wrong.err
    wrong = offramp.quick("dump", *MANY, *dask[:3], "localhost:8786", "--to", "out", code=2)
    assert "no address of a Dask scheduler" in wrong.err
    said = offramp.quick("dump", *MANY, "--dask-scheduler", cluster.address, "--to", "out", "--dry-run")
    assert "--dask-scheduler alone asks for no cluster: add --engine dask." in said.err


def test_a_dry_run_tells_what_a_cluster_lacks(offramp, postgresql, database, cluster):
    offramp.quick("connection", "add", "kept", f"postgresql://{postgresql.user}@/{database}?host={postgresql.socket}",
                  "--port", str(postgresql.port), "--password-stdin", stdin=postgresql.password + "\n")  # fmt: skip
    dask = ("--engine", "dask", "--dask-scheduler", cluster.address)
    said = offramp("dump", "kept", "--all", "--many-files", *dask, "--to", "out", "--dry-run", code=1)
    assert "is kept on this machine" in said.err
    assert postgresql.password not in said.err + said.out
    assert not (offramp.directory / "out").exists()


def test_a_scheduler_within_tls_wants_the_certificates_of_dasks_own_configuration(
    offramp, postgresql, tmp_path
):
    """The cluster's client is the task's worker, which has the engine's environment."""
    import dask

    authority, certificate, key = map(str, make_certificate(tmp_path))
    files = {"ca-file": authority}
    for role in ("client", "scheduler", "worker"):
        files |= {f"{role}.cert": certificate, f"{role}.key": key}
    environment = {
        f"DASK_DISTRIBUTED__COMM__TLS__{name.replace('.', '__').replace('-', '_').upper()}": path
        for name, path in files.items()
    }
    there = {**environment, VARIABLE: postgresql.password}
    with (
        dask.config.set({f"distributed.comm.tls.{name}": path for name, path in files.items()}),
        DaskCluster(tmp_path / "dask", 1, environment=there, protocol="tls") as cluster,
    ):
        assert cluster.address.startswith("tls://")
        engine = ("--engine", "dask", "--dask-scheduler", cluster.address)
        wrong = offramp("dump", *MANY, *engine, "--to", "out", "--dry-run", code=1)
        assert "Dask's configuration has no certificates for the scheduler at tls://" in wrong.err
        offramp.environment.update(environment)
        offramp("dump", *MANY, *engine, "--to", "out", timeout=120)
        assert rows_of(tmp_path / "out") == EXPECTED


def test_without_dask_it_is_said_how_it_is_installed(offramp, cluster):
    environment = offramp.env | without(
        offramp.directory / "bare", "dask", "distributed", "toolz", offramp=True
    )
    engine = ("--engine", "dask", "--dask-scheduler", cluster.address)
    done = subprocess.run(
        (*BARE, "-m", "tui.cli.main", "dump", *MANY, *engine, "--to", "out", "--dry-run"),
        capture_output=True, text=True, cwd=offramp.directory, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'offramp[dask]'" in done.stderr
    assert "Traceback" not in done.stderr
