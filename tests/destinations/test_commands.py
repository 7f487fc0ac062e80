"""Destinations on the command line, and tasks that go there through the engine."""

from __future__ import annotations

import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Offramp
from tests.destinations.conftest import There
from tests.servers import ftp, s3
from tests.servers.sshd import Sshd

SECRET = s3.SECRET


@pytest.fixture
def offramp(tmp_path: Path) -> Iterator[Offramp]:
    (tmp_path / "box").mkdir()
    made = Offramp(tmp_path / "box")
    made.quick("connection", "add", "shop", f"sqlite:///{made.database()}")
    yield made
    made.stop_engine()


@pytest.fixture
def lake(offramp: Offramp, s3_bucket: There) -> There:
    options = [f"--option={key}={value}" for key, value in s3_bucket.destination.options.items()]
    offramp.quick(
        "destination", "add", "lake", s3_bucket.destination.url, *options, "--password-stdin", stdin=SECRET
    )
    return s3_bucket


def waited(check: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)


def test_a_destination_is_kept_shown_changed_and_forgotten(offramp: Offramp, lake: There) -> None:
    shown = offramp.quick("destination", "show", "lake")
    assert SECRET not in shown.out + shown.err
    assert "in the secrets file" in shown.out
    assert [d["name"] for d in offramp.quick("destination", "list", "--json").json["destinations"]] == [
        "lake"
    ]
    before = offramp.quick("destination", "show", "lake", "--json").json["destination"]
    offramp.quick("destination", "edit", "lake", "-o", "timeout=7", "--unset", "region")
    after = offramp.quick("destination", "show", "lake", "--json").json["destination"]
    assert after["options"] == {k: v for k, v in before["options"].items() if k != "region"} | {
        "timeout": "7"
    }
    assert after["secret"] == before["secret"]
    assert offramp.quick("destination", "edit", "lake", "--unset", "nothing", code=2)
    assert "exists already" in offramp.quick("destination", "add", "lake", "/data", code=2).err
    assert offramp.quick("destination", "show", "lak", code=3).err.count("lake") == 1
    offramp.quick("export", "create", "nightly", "--connection", "shop", "--all", "--to", "lake")
    assert "export 'nightly'" in offramp.quick("destination", "remove", "lake", code=2).err
    offramp.quick("export", "remove", "nightly")
    offramp.quick("destination", "remove", "lake")
    assert offramp.quick("destination", "list", "--json").json["destinations"] == []
    assert SECRET not in (offramp.home / "secrets.json").read_text()


def test_a_definition_goes_out_and_comes_back(offramp: Offramp, lake: There) -> None:
    offramp.quick("export", "create", "nightly", "--connection", "shop", "--all", "--to", "lake:in")
    text = offramp.quick("destination", "show", "lake", "--toml").out
    text += offramp.quick("export", "show", "nightly", "--toml").out
    (offramp.directory / "defs.toml").write_text(text)
    assert "= destination lake" in offramp.quick("export", "apply", "defs.toml").out
    (offramp.directory / "defs.toml").write_text(text.replace("/in", "/other"))
    assert "~ destination lake" in offramp.quick("export", "apply", "defs.toml").out
    assert (
        offramp.quick("destination", "show", "lake", "--json").json["destination"]["url"].endswith("/other")
    )


def test_an_export_goes_there_is_verified_and_downloaded(offramp: Offramp, lake: There) -> None:
    assert "FAIL" not in offramp.quick("destination", "test", "lake").out
    offramp.quick("export", "create", "nightly", "--connection", "shop", "--all", "--to", "lake:in")
    number = offramp("run", "nightly", "--wait").out.strip()
    task = offramp.quick("show", number, "--json").json["task"]
    assert task["status"] == "Completed", task
    assert task["output"].startswith("lake:in/nightly/")
    base = task["output"].removeprefix("lake:")
    there = lake.look()
    assert {f"{base}/manifest.json", f"{base}/TABLE/orders.csv"} < there.keys()
    assert not any(".partial" in path for path in there)
    assert not list((offramp.home / "spool").iterdir())
    assert offramp.quick("verify", number, "--against-source")
    assert offramp.quick("verify", task["output"])
    offramp.quick("download", number, "--to", "got")
    assert (offramp.directory / "got/TABLE/orders.csv").read_bytes() == there[f"{base}/TABLE/orders.csv"]
    offramp.quick("download", number, "--to", "got.tar.gz")
    with tarfile.open(offramp.directory / "got.tar.gz") as archive:
        assert f"{base.rpartition('/')[2]}/TABLE/orders.csv" in archive.getnames()
    lake.put(f"{base}/TABLE/orders.csv", b"changed")
    assert "7 bytes" in offramp.quick("verify", number, code=1).out
    offramp.quick("rm", number)
    assert f"{base}/manifest.json" in lake.look(), "exported files stay"
    kept = b"".join(
        path.read_bytes()
        for path in offramp.home.rglob("*")
        if path.is_file() and path.name != "secrets.json"
    )
    assert SECRET.encode() not in kept


def test_a_dump_goes_to_a_destination_a_directory_of_it_or_a_url(offramp: Offramp, lake: There) -> None:
    where = offramp("dump", "shop", "TABLE:orders", "--to", "lake", "--name", "to the lake").out.strip()
    assert where.startswith("lake:to-the-lake-")
    assert offramp("dump", "shop", "TABLE:orders", "--to", "lake:by/hand").out.strip() == "lake:by/hand"
    assert "isn't empty" in offramp("dump", "shop", "TABLE:orders", "--to", "lake:by/hand", code=1).err
    assert (
        "isn't empty"
        in offramp.quick("dump", "shop", "orders", "--to", "lake:by/hand", "--dry-run", code=1).err
    )
    dry = offramp.quick("dump", "shop", "orders", "--to", "lake:other", "--dry-run", "--json").json[
        "preflight"
    ]
    assert dry["ok"]
    assert dry["output"] == "lake:other"
    offramp.environment |= {
        "AWS_ACCESS_KEY_ID": s3.KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": lake.destination.options["endpoint"],
    }  # fmt: skip
    offramp.stop_engine()
    url = f"{lake.destination.url}/by/url"
    assert offramp("dump", "shop", "TABLE:orders", "--to", url).out.strip() == url
    there = lake.look()
    assert there["by/url/TABLE/orders.csv"] == there["by/hand/TABLE/orders.csv"]
    assert "root of a destination" in offramp.quick("dump", "shop", "orders", "--to", "s3://lake", code=2).err


def test_a_local_directory_by_name_is_a_local_directory(offramp: Offramp) -> None:
    offramp.quick("destination", "add", "vault", "data/vault")
    assert "ok" in offramp.quick("destination", "test", "vault").out
    where = offramp("dump", "shop", "TABLE:orders", "--to", "vault:a").out.strip()
    assert where == str(offramp.directory / "data/vault/a")
    assert (Path(where) / "manifest.json").is_file()


@pytest.fixture
def slow(offramp: Offramp, slow_ftp: There) -> There:
    (offramp.home / "settings.toml").write_text("[retry]\nfirst_seconds = 0.2\n")
    (offramp.directory / "shop.db").unlink()
    offramp.database(rows=150_000)
    offramp.quick(
        "destination", "add", "lake", slow_ftp.destination.url, "--password-stdin", stdin=ftp.PASSWORD
    )
    offramp.quick("export", "create", "nightly", "--connection", "shop", "TABLE:orders", "--to", "lake")
    return slow_ftp


def amid_sending(offramp: Offramp, there: There, number: str) -> int:
    """The worker, once a part of the large file has arrived."""
    waited(lambda: any("orders.csv" in path and data for path, data in there.look().items()))
    worker = worker_of(offramp, number)
    assert worker
    return worker


def test_a_worker_that_is_killed_while_it_sends_is_gone_on_with(offramp: Offramp, slow: There) -> None:
    number = offramp("run", "nightly").out.strip()
    os.kill(amid_sending(offramp, slow, number), signal.SIGKILL)
    offramp("wait", number, "--timeout", "90", timeout=120)
    log = offramp.quick("logs", number).out
    assert "killed by signal 9" in log
    assert "everything has been read already" in log
    assert offramp.quick("verify", number)
    assert not any(".partial" in path for path in slow.look())
    assert not list((offramp.home / "spool").iterdir())


def test_an_abort_takes_back_what_even_a_killed_worker_has_sent(offramp: Offramp, slow: There) -> None:
    number = offramp("run", "nightly").out.strip()
    os.kill(amid_sending(offramp, slow, number), signal.SIGSTOP)
    offramp("abort", "--force", number)
    offramp("wait", number, "--timeout", "60", code=5)
    waited(lambda: not slow.look())
    assert not list((offramp.home / "spool").iterdir())


def worker_of(offramp: Offramp, number: str) -> int | None:
    """The process that holds the task's lock."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
            if b"core.engine.worker" not in line:
                continue
            links = [str(fd.readlink()) for fd in (path.parent / "fd").iterdir()]
        except OSError:
            continue
        if str(offramp.home / f"locks/task-{number}.lock") in links:
            return int(path.parent.name)
    return None


def test_a_server_that_isnt_known_is_refused_in_words(offramp: Offramp, sshd: Sshd, tmp_path: Path) -> None:
    nobody = tmp_path / "known_hosts"
    nobody.write_text("")
    url = f"sftp://127.0.0.1:{sshd.port}{tmp_path}/there"
    offramp.quick(
        "destination", "add", "vault", url, "-o", f"known_hosts={nobody}", "-o", f"identity={sshd.identity}"
    )
    out = offramp.quick("destination", "test", "vault", code=1).out
    assert "FAIL  connect" in out
    assert f"isn't in {nobody}" in out
    other = sshd.other.with_suffix(".pub").read_text().split()
    nobody.write_text(f"[127.0.0.1]:{sshd.port} {other[0]} {other[1]}\n")
    assert "shows another key" in offramp.quick("destination", "test", "vault", code=1).out
    offramp.quick(
        "destination",
        "edit",
        "vault",
        "-o",
        f"known_hosts={sshd.known_hosts}",
        "-o",
        f"identity={sshd.other}",
    )
    assert "refuses the login" in offramp.quick("destination", "test", "vault", code=1).out
    offramp.quick("destination", "edit", "vault", "-o", f"identity={sshd.identity}")
    assert "FAIL" not in offramp.quick("destination", "test", "vault").out


def test_what_is_wrong_with_a_bucket_is_said_in_words(offramp: Offramp, lake: There) -> None:
    offramp.quick("destination", "edit", "lake", "--url", "s3://no-such-bucket/x")
    assert "no bucket 'no-such-bucket'" in offramp.quick("destination", "test", "lake", code=1).out
    assert "no bucket" in offramp("dump", "shop", "orders", "--to", "lake:x", code=1).err
    offramp.quick("destination", "edit", "lake", "-o", "endpoint=http://127.0.0.1:9")
    assert "doesn't answer" in offramp.quick("destination", "test", "lake", code=1).out


def test_only_what_goes_there_loads_what_talks_to_it(offramp: Offramp, lake: There) -> None:
    from tests.cli.test_imports import loaded

    offramp.quick("export", "create", "nightly", "--connection", "shop", "--all", "--to", "lake")
    heavy = {"fsspec", "s3fs", "botocore", "aiohttp", "paramiko", "numpy"}
    for args in (("destination", "list"), ("destination", "show", "lake"), ("export", "list"), ("ls",)):
        assert not heavy & loaded(offramp, *args)
    found = loaded(offramp, "destination", "test", "lake")
    assert "s3fs" in found
    assert "paramiko" not in found
    assert not {"fsspec", "s3fs"} & loaded(offramp, "connection", "test", "shop")
