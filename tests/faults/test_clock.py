"""The clock is set while tasks are scheduled, pause and run: real processes, whose C library tells another time.

Only the time of day is moved; the monotonic clock goes on, as it does when a clock is set. (libfaketime
moves what sleeps on the monotonic clock too, and then sleeping fails.)
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.store.tables import EPOCH, MICROSECOND
from tests.cli.conftest import Offramp
from tests.faults.processes import engine_of, stored, wait_for
from tests.needs import tool
from tests.servers.mariadb import free_port

SETTINGS = """
[engine]
lease_seconds = 6
renew_seconds = 0.5
[retry]
first_seconds = 4
longest_minutes = 0.1
jitter_percent = 0
"""


# clock_gettime(3) as the dynamic linker finds it first (ld.so(8), LD_PRELOAD): CPython asks it for the time of
# day. The file holds how many seconds that is ahead, as a decimal number.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    char text[32] = {0};
    int file, result;
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock, time);
    if (clock == CLOCK_REALTIME && (file = open(getenv("CLOCK_FILE"), O_RDONLY | O_CLOEXEC)) >= 0) {
        if (read(file, text, sizeof text - 1) > 0)
            time->tv_sec += atol(text);
        close(file);
    }
    return result;
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shim")
    source, library = directory / "shim.c", directory / "shim.so"
    source.write_text(SHIM)
    subprocess.run([tool("cc"), "-shared", "-fPIC", "-O", "-o", library, source, "-ldl"], check=True)
    return library


class Clock:
    """The wall clock of every program that is started by `offramp`."""

    def __init__(self, offramp: Offramp, shim: Path) -> None:
        self._file = offramp.directory / "clock"
        self.set_by(0)
        offramp.environment |= {"LD_PRELOAD": str(shim), "CLOCK_FILE": str(self._file)}

    def set_by(self, seconds: float) -> None:
        """So much ahead of the real time."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{seconds:.0f}\n")
        draft.rename(self._file)


@pytest.fixture
def clock(offramp: Offramp, shim: Path) -> Clock:
    offramp.quick("connection", "add", "shop", f"sqlite:///{offramp.database()}")
    offramp.quick("connection", "add", "away", f"mariadb://root@127.0.0.1:{free_port()}/shop")
    (offramp.home / "settings.toml").write_text(SETTINGS)
    return Clock(offramp, shim)


@pytest.fixture
def engine(offramp: Offramp, clock: Clock) -> Iterator[subprocess.Popen[bytes]]:
    process = offramp.start("--headless", stdout=None, stderr=subprocess.DEVNULL)
    wait_for(lambda: engine_of(offramp.home) == process.pid)
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def status(offramp: Offramp, number: int) -> str:
    return str(stored(offramp.home, f"SELECT status FROM task WHERE id = {number}")[0][0])


def retries(offramp: Offramp, number: int) -> int:
    return int(stored(offramp.home, f"SELECT retries FROM task WHERE id = {number}")[0][0])


def dump(offramp: Offramp, connection: str, *args: str) -> tuple[int, str]:
    """Its number, and the words about it."""
    out = offramp.directory / f"out{time.monotonic_ns()}"
    done = offramp("dump", connection, "orders", "--to", str(out), "--detach", *args)
    return int(done.out), done.err


def test_the_clock_is_set_back_and_forward(
    offramp: Offramp, clock: Clock, engine: subprocess.Popen[bytes]
) -> None:
    lease = stored(offramp.home, "SELECT epoch, holder FROM lease")
    later, _ = dump(offramp, "shop", "--at", "+90m")
    pausing, _ = dump(offramp, "away", "--retry-limit", "9")
    wait_for(lambda: retries(offramp, pausing) > 0)
    # The last, since it must not be due before the clock is set, however busy the machine is.
    soon, _ = dump(offramp, "shop", "--at", "+8s")

    # Back: what has a time of day waits for it; a pause lasts no longer than the longest one.
    tried = retries(offramp, pausing)
    clock.set_by(-3600)
    began = time.monotonic()
    wait_for(lambda: retries(offramp, pausing) > tried, 30)
    # So the time of `soon` is past by the clock that nobody set.
    time.sleep(max(0, began + 9 - time.monotonic()))
    assert status(offramp, soon) == "Scheduled"
    assert "an engine" not in offramp("ls").err

    # Forward, over one of the two times and over whatever pause there is.
    tried = retries(offramp, pausing)
    clock.set_by(60)
    wait_for(lambda: status(offramp, soon) == "Completed")
    wait_for(lambda: retries(offramp, pausing) > tried)
    assert status(offramp, later) == "Scheduled"
    clock.set_by(2 * 3600)
    wait_for(lambda: status(offramp, later) == "Completed")

    # Nobody else has served, and nothing ran twice.
    assert stored(offramp.home, "SELECT epoch, holder FROM lease") == lease
    assert stored(offramp.home, f"SELECT attempts FROM task WHERE id IN ({soon}, {later})") == [(1,), (1,)]


@pytest.mark.parametrize(
    ("given", "words", "due"),
    [
        # The clocks go from 02:00 to 03:00, and from 03:00 to 02:00: Directive 2000/84/EC.
        ("2027-03-28T02:30", "skip 02:30", datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ("2027-10-31T02:30", "first occurrence", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
    ],
    ids=["spring", "autumn"],
)
def test_a_local_time_at_the_edges_of_summer_time(
    offramp: Offramp, clock: Clock, given: str, words: str, due: datetime
) -> None:
    offramp.environment["TZ"] = "Europe/Berlin"
    clock.set_by(due.timestamp() - time.time() - 4 * 3600)
    number, said = dump(offramp, "shop", "--at", given)
    assert words in said
    (at,) = stored(offramp.home, f"SELECT not_before FROM task WHERE id = {number}")[0]
    assert EPOCH + at * MICROSECOND == due
    serves = engine_of(offramp.home)
    assert serves is not None
    # An hour before, when a clock that reads 02:30 may be another's; then in time, and only once.
    clock.set_by(due.timestamp() - time.time() - 3600)
    time.sleep(3)
    assert status(offramp, number) == "Scheduled"
    clock.set_by(due.timestamp() - time.time() - 2)
    wait_for(lambda: status(offramp, number) == "Completed")
    (started,) = stored(offramp.home, f"SELECT started FROM task WHERE id = {number}")[0]
    assert 0 <= (EPOCH + started * MICROSECOND - due).total_seconds() < 30
    clock.set_by(due.timestamp() - time.time() + 3600)
    time.sleep(3)
    assert stored(offramp.home, "SELECT id, attempts FROM task") == [(number, 1)]
