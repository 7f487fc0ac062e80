"""What starts programs after a reboot, for real: systemd's user manager and cron, each in a mount namespace of
its own, so that they see a machine that has just booted, and nothing of them is left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Offramp, Result
from tests.needs import tool

# A manager for the user says that the machine was booted with systemd only where this directory is; the rest
# of what it would like (a bus, devices) it does without.
SYSTEMD = """
mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system
for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  [ -w "$tree/cgroup.procs" ] || continue
  mkdir "$tree/$1" 2>/dev/null && echo $$ > "$tree/$1/cgroup.procs" && break
done
exec /usr/lib/systemd/systemd --user --log-target=console
"""
# With a /run of its own there is no mark that the jobs of @reboot were run already.
CRON = """
mkdir -p /var/spool/cron/crontabs
mount -t tmpfs -o mode=1730,gid="$(stat -c %g /var/spool/cron/crontabs)" tmpfs /var/spool/cron/crontabs
mount -t tmpfs tmpfs /run
exec sleep 600
"""


class Machine:
    """Runs programs beside the manager `process`, which sees other mounts than the rest of the machine."""

    def __init__(self, process: subprocess.Popen[bytes], offramp: Offramp) -> None:
        self.process = process
        self.offramp = offramp

    def run(self, *words: str, stdin: str = "") -> Result:
        done = subprocess.run(
            ("nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", *words),
            input=stdin.encode(), capture_output=True, cwd=self.offramp.directory, env=self.offramp.env,
            timeout=90, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def __call__(self, *args: str, code: int = 0, stdin: str = "") -> Result:
        """`offramp` with these arguments."""
        result = self.run(*COMMAND, *args, stdin=stdin)
        assert result.code == code, f"{args}: {result}"
        assert "Traceback" not in result.err, result.err
        return result

    def engine(self) -> int | None:
        return self.offramp.engine()

    def another_engine(self, than: int | None = None) -> int:
        return int(until(lambda: found if (found := self.engine()) != than else None))


def until(found: Callable[[], object], seconds: float = 60) -> int:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)
    return value  # type: ignore[return-value]


def _need_namespaces() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    for name in ("unshare", "nsenter"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: apt-get install util-linux")


@contextmanager
def user_manager(offramp: Offramp) -> Iterator[Machine]:
    """A machine with systemd's user manager. Its programs' files go to a home below the test's directory."""
    _need_namespaces()
    tool("systemctl")
    runtime = Path(tempfile.mkdtemp(prefix="run-", dir="/tmp"))  # the path of a socket is short
    home = offramp.directory / "user"
    home.mkdir()
    offramp.environment |= {
        "XDG_RUNTIME_DIR": str(runtime),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
    }
    with (offramp.directory / "manager.log").open("wb") as log:
        process = subprocess.Popen(
            ("unshare", "--mount", "sh", "-c", SYSTEMD, "sh", f"offramp-{runtime.name}"),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=offramp.env, start_new_session=True,
        )  # fmt: skip
    machine = Machine(process, offramp)
    try:
        try:
            until(lambda: machine.run("systemctl", "--user", "show", "--property=Version").code == 0, 20)
        except AssertionError:
            said = (offramp.directory / "manager.log").read_text(errors="replace")
            pytest.skip(f"systemd's user manager doesn't run here: {said.strip() or process.poll()}")
        yield machine
    finally:
        _end(process, signal.SIGTERM)
        offramp.stop_engine()
        shutil.rmtree(runtime, ignore_errors=True)
        for tree in ("systemd", "."):
            _remove_groups(Path("/sys/fs/cgroup", tree, f"offramp-{runtime.name}"))


def _remove_groups(group: Path) -> None:
    """Control groups are removed from within, once nothing runs in them."""
    if group.is_dir():
        for inner in sorted(group.rglob("*/"), reverse=True):
            with suppress(OSError):
                inner.rmdir()
        with suppress(OSError):
            group.rmdir()


@contextmanager
def cron_machine(offramp: Offramp) -> Iterator[Machine]:
    """A machine with a crontab of its own, and without systemd."""
    _need_namespaces()
    tool("crontab")
    process = subprocess.Popen(
        ("unshare", "--mount", "sh", "-c", CRON),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=offramp.env, start_new_session=True,
    )  # fmt: skip
    machine = Machine(process, offramp)
    try:
        until(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == "sleep", 20)
        yield machine
    finally:
        _end(process, signal.SIGTERM)
        offramp.stop_engine()


@contextmanager
def booted(machine: Machine) -> Iterator[None]:
    """The machine of `cron_machine` while its cron daemon runs, from boot on."""
    process = subprocess.Popen(
        ("nsenter", f"--mount=/proc/{machine.process.pid}/ns/mnt", tool("cron"), "-f"),
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        _end(process, signal.SIGTERM)


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    process.send_signal(number)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def words_of(line: str) -> str:
    """A line of the crontab as cron hands it to the shell."""
    return re.sub(r"^@reboot ", "", line).replace("\\%", "%")
