"""Who serves goes, in every way there is; what runs goes on in the process that it runs in.

Each test has one export at work on a real server, held in the middle of its result by the server itself.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND
from tests.faults.conftest import ROWS, Shop
from tests.faults.processes import application, end, engine_of, state, stored, wait_for, workers
from tests.tui.pseudoterminal import PseudoTerminal

pytestmark = pytest.mark.mariadb

QUICK = "[engine]\nlease_seconds = 3\nrenew_seconds = 0.5\ndistrust_seconds = 0.5\n"


class Work:
    """A task that is at work, and whether it is left alone."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.home = shop, shop.offramp.home
        self.gate = f"gate of {shop.database}"
        self.session = shop.server.admin(shop.database)
        self.worker = 0
        self.queries: list[int] = []
        # The server comes to a stand in the last row, for as long as the lock is another's.
        shop.server.run(
            f"CREATE VIEW gated AS SELECT id, who, IF(id = {ROWS}, GET_LOCK('{self.gate}', 600), 1) AS passed "
            "FROM orders",
            database=shop.database,
        )
        self._ask(f"SELECT GET_LOCK('{self.gate}', 10)")
        (self.home / "settings.toml").write_text(QUICK)

    def _ask(self, statement: str) -> None:
        with self.session.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.fetchone() == (1,)

    def begin(self) -> None:
        """Whoever serves takes it."""
        self.shop.start("shop", "gated", "--content", "data")
        self.queries = self.shop.until_reading(1)
        self.worker = workers(self.home)[1]

    def goes_on(self) -> None:
        """In the same process, in the same query, as the first attempt."""
        assert workers(self.home).get(1) == self.worker
        assert self.shop.queries(1) == self.queries
        found = self.shop.task()
        assert (found["status"], found["attempts"], found["retries"]) == ("Running", 1, 0)

    def ends_well(self) -> None:
        """Once the server lets it: by the same attempt, every byte."""
        self.goes_on()
        self._ask(f"SELECT RELEASE_LOCK('{self.gate}')")
        self.shop.until_status(1, "Completed")
        assert self.shop.task()["attempts"] == 1
        text = "id,who,passed\n" + "".join(f"{n},customer {n},1\n" for n in range(1, ROWS + 1))
        assert (self.shop.out / "VIEW/gated.csv").read_text() == text
        self.shop.until(1, lambda task: task["slot"] is None)


@pytest.fixture
def work(shop: Shop) -> Iterator[Work]:
    made = Work(shop)
    yield made
    made.session.close()
    for pid in workers(made.home).values():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def screens(shop: Shop) -> Iterator[Callable[..., PseudoTerminal]]:
    """Starts the application on a terminal, and waits until it serves."""
    opened: list[PseudoTerminal] = []

    def start(*command: str, **environment: str) -> PseudoTerminal:
        opened.append(application(shop.offramp, *command, **environment))
        return opened[-1]

    yield start
    for one in opened:
        one.kill()


def serving(screen: PseudoTerminal, home: Path) -> None:
    screen.until("Offramp")
    wait_for(lambda: engine_of(home) == screen.pid)


def handed_over(home: Path, was: int) -> int:
    """Another process serves; which."""
    wait_for(lambda: engine_of(home) not in (None, was))
    found = engine_of(home)
    assert found is not None
    assert os.getsid(found) == found
    return found


def leave_by_q(screen: PseudoTerminal) -> None:
    screen.send("q")
    screen.until("running.")
    screen.send("b")
    assert screen.wait() == 0


def leave_by(number: signal.Signals) -> Callable[[PseudoTerminal], None]:
    def leave(screen: PseudoTerminal) -> None:
        os.kill(screen.pid, number)
        assert screen.wait() == 128 + number

    return leave


def close_the_terminal(screen: PseudoTerminal) -> None:
    os.close(screen._descriptor)
    wait_for(lambda: os.waitpid(screen.pid, os.WNOHANG)[0])


def stall_the_terminal(screen: PseudoTerminal) -> None:
    """Nobody reads: its buffer fills up, until what draws stands in a write. Then it is hung up."""
    terminal = os.open(f"/proc/{screen.pid}/fd/0", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(terminal, select.POLLOUT)
    try:
        full = 0
        while full < 10:
            screen.send("T")
            time.sleep(0.05)
            full = 0 if poll.poll(0) else full + 1
    finally:
        os.close(terminal)
    os.kill(screen.pid, signal.SIGHUP)
    wait_for(lambda: os.waitpid(screen.pid, os.WNOHANG)[0])


def test_the_application_goes_in_every_way_and_the_export_stays(
    work: Work, screens: Callable[..., PseudoTerminal]
) -> None:
    """One export sees five applications, and the engines that each of them leaves behind, come and go."""
    background = 0
    for leave in (
        leave_by_q,
        leave_by(signal.SIGTERM),
        leave_by(signal.SIGHUP),
        close_the_terminal,
        stall_the_terminal,
    ):
        screen = screens()
        # The engine that was left in the background has been killed: this one takes its place at once.
        serving(screen, work.home)
        if not background:
            work.begin()
        screen.until("1 running")
        work.goes_on()
        leave(screen)
        background = handed_over(work.home, screen.pid)
        work.goes_on()
        if leave is not stall_the_terminal:
            end(background, signal.SIGKILL)
    work.ends_well()


def test_ctrl_z_stops_the_screens_only(work: Work, screens: Callable[..., PseudoTerminal]) -> None:
    shell = screens("bash", "--norc", "--noprofile", "-i", PS1="shell> ")
    shell.until("shell>")
    shell.send(" ".join(COMMAND) + "\n")
    shell.until("nothing to do")
    wait_for(lambda: engine_of(work.home))
    screen = engine_of(work.home)
    assert screen is not None
    work.begin()
    shell.until("1 running")
    since = len(shell.output)
    shell.send("\x1a")
    shell.until("Stopped", since=since)
    background = handed_over(work.home, screen)
    assert state(screen) == "T"
    work.ends_well()
    since = len(shell.output)
    shell.send("fg\n")
    shell.until("Completed", since=since)
    assert engine_of(work.home) == background
    shell.send("q")
    shell.until("shell>", since=since)


def test_whoever_comes_next_takes_the_place_of_a_killed_engine(work: Work, tmp_path: Path) -> None:
    """A list, another export, an engine in the foreground: each finds the running task and leaves it alone."""
    offramp, home = work.shop.offramp, work.home
    work.begin()

    def kill() -> None:
        serves = engine_of(home)
        assert serves is not None
        end(serves, signal.SIGKILL)
        work.goes_on()

    kill()
    assert "one was started, and they go on" in offramp("ls").err
    kill()
    other = work.shop.start("shop", "orders", to=tmp_path / "other")
    work.shop.until_status(other, "Completed")
    kill()
    foreground = offramp.start("--headless", stderr=subprocess.DEVNULL)
    wait_for(lambda: engine_of(home) == foreground.pid)
    work.goes_on()
    # Another one in the foreground stands by, and takes over when the first is told to end.
    second = offramp.start("--headless", stderr=subprocess.DEVNULL)
    try:
        foreground.terminate()
        assert foreground.wait(30) == 0
        wait_for(lambda: engine_of(home) == second.pid)
        work.ends_well()
    finally:
        second.terminate()
        assert second.wait(30) == 0
    assert offramp.quick("show", "1", "--json").json["task"]["attempts"] == 1


def test_a_stopped_engine_loses_the_lease_and_writes_nothing_when_it_wakes(work: Work) -> None:
    offramp, home = work.shop.offramp, work.home
    stopped = offramp.start("--headless", stderr=subprocess.PIPE)
    wait_for(lambda: engine_of(home) == stopped.pid)
    work.begin()
    stopped.send_signal(signal.SIGSTOP)
    follower = offramp.start("--headless", stderr=subprocess.DEVNULL)
    try:
        # Its kernel lock is held still; that its counter stands is what tells.
        wait_for(lambda: engine_of(home) == follower.pid)
        work.goes_on()
        epoch = stored(home, "SELECT epoch FROM lease")
        stopped.send_signal(signal.SIGCONT)
        assert stopped.stderr is not None
        while b"Another engine has taken over" not in (line := stopped.stderr.readline()):
            assert line, "it ended"
        assert stored(home, "SELECT epoch FROM lease") == epoch
        assert engine_of(home) == follower.pid
        work.ends_well()
        assert stored(home, "SELECT epoch FROM lease") == epoch
    finally:
        for one in (stopped, follower):
            one.terminate()
            one.wait(30)
            assert one.returncode == 0
