"""Homes on a network file system: a real one (sshfs, by way of sftp-server alone), where it may be mounted.

No NFS can be served here; NFS is recognised by the name that the system gives it, as sshfs is, and that is
tested with such a name put in (tests/store/test_opening.py).
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.filesystems import FileSystem, file_system
from tests.cli.conftest import COMMAND, Offramp, offramp
from tests.needs import PATH, tool

__all__ = ["offramp"]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Path]:
    """A directory on sshfs."""
    sshfs = tool("sshfs")
    server = shutil.which("sftp-server", path=f"/usr/lib/openssh:/usr/lib/ssh:/usr/libexec:{PATH}")
    if server is None:
        pytest.skip("sftp-server is not where it is usually installed")
    remote, point, connect = tmp_path / "remote", tmp_path / "net", tmp_path / "connect"
    remote.mkdir()
    point.mkdir()
    connect.write_text(f"#!/bin/sh\nexec {server}\n")
    connect.chmod(0o700)
    done = subprocess.run(
        [sshfs, "-o", f"ssh_command={connect}", f"nowhere:{remote}", str(point)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"sshfs may not be mounted here: {done.stderr.strip()}")
    yield point
    subprocess.run(["fusermount3", "-u", "-z", str(point)], check=True, timeout=60)


@pytest.fixture
def away(offramp: Offramp, network: Path) -> Offramp:
    """An `offramp` whose home is on the network."""
    offramp.environment["OFFRAMP_HOME"] = str(network / "home")
    return offramp


def test_a_home_on_the_network_is_refused_in_words(away: Offramp, network: Path) -> None:
    found = file_system(network / "not" / "there")
    assert found == FileSystem("fuse.sshfs", str(network))
    refused = away("ls", code=1)
    assert "network file system (fuse.sshfs)" in refused.err
    assert "offramp store move DIR" in refused.err
    assert "network" in away("--headless", "--drain", code=1).err
    assert not (network / "home" / "store.sqlite3").exists()
    found = {f["name"]: f for f in away.quick("doctor", "--json", code=1).json["findings"]}
    assert found["file system"]["level"] == "fail"
    assert "offramp store move" in found["file system"]["advice"]


def test_a_local_directory_is_chosen_once_and_tasks_run_there(away: Offramp, network: Path) -> None:
    local = away.directory / "local"
    assert "is on a network file system" in away.quick("store", "move", str(network / "other"), code=1).err
    assert str(local) in away.quick("store", "move", str(local)).err
    away.quick("connection", "add", "shop", f"sqlite:///{away.database()}")
    away("dump", "shop", "orders", "--to", "out")
    assert (away.directory / "out" / "manifest.json").exists()
    kept = away.quick("store", "show", "--json").json["store"]
    assert kept["path"] == str(local / "store.sqlite3")
    assert kept["origin"] == str(network / "home")
    assert not list((network / "home").glob("*sqlite3*"))
    found = {(f["name"], f["level"]) for f in away.quick("doctor", "--json").json["findings"]}
    assert ("file system", "ok") in found
    # What stops the engine looks into the home.
    away.environment["OFFRAMP_HOME"] = str(local)
    stop(local)


def stop(home: Path) -> None:
    from core.locations import Locations
    from core.store import Store

    with Store.open(Locations(home)) as store:
        holder = store.lease.state().holder
    if holder is not None:
        os.kill(int(holder.split()[1]), 15)


@pytest.mark.parametrize(
    ("command", "answer"),
    [(("ls",), "the other"), (("ls",), "no"), ((), "no")],
    ids=["ls", "ls-no", "screens-no"],
)
def test_on_a_terminal_it_is_asked_for(
    away: Offramp, network: Path, command: tuple[str, ...], answer: str
) -> None:
    """The screens ask before they take the terminal."""
    local = away.directory / "local"
    master, slave = pty.openpty()
    process = subprocess.Popen(
        (*COMMAND, *command), stdin=slave, stdout=slave, stderr=slave, cwd=away.directory, env=away.env
    )
    os.close(slave)
    seen = b""
    while b"or n for none:" not in seen:
        seen += os.read(master, 1024)
    os.write(master, b"n\n" if answer == "no" else f"{local}\n".encode())
    while True:
        try:
            seen += os.read(master, 1024)
        except OSError:
            break
    code = process.wait(60)
    os.close(master)
    if answer == "no":
        assert code == 1
        assert b"\x1b[?1049h" not in seen, "the screens were opened"
        assert not (network / "home" / "hosts.json").exists()
    else:
        assert code == 0, seen.decode()
        assert (local / "store.sqlite3").exists()
        assert away.quick("ls").err == "No task in the last 48 hours.\n"


@pytest.mark.parametrize(
    ("kind", "network"),
    [("nfs", True), ("nfs4", True), ("cifs", True), ("smb3", True), ("9p", True), ("fuse.sshfs", True), ("ceph", True),
     ("fuse.rclone", True), ("ext4", False), ("overlay", False), ("xfs", False), ("btrfs", False), ("zfs", False),
     ("fuseblk", False), ("fuse.bindfs", False), ("tmpfs", False), ("virtiofs", False)],
)  # fmt: skip
def test_which_file_systems_are_the_networks(kind: str, network: bool) -> None:
    assert FileSystem(kind, "/").network is network
