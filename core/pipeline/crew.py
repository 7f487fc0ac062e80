"""Processes that read parts of an object at once, and how they come to the same point in time.

They are started when the first object wants them and stay until the task ends. Each has a session of its own,
known to the server by a name of its own, so that what one that was killed has left there can be ended without
touching the others. They belong to the worker's process group, hold its lock, and end when it is gone.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Self

from connectors.base import Session, Sharing, Source
from core.errors import (
    Aborted,
    ConnectError,
    ConnectionLost,
    ErrorInfo,
    OfframpError,
    SnapshotUnavailable,
    raised_again,
)
from core.model.load import Rate
from core.model.task import Snapshot
from core.pipeline.crews import Crew, Work
from core.pipeline.cutting import together
from core.pipeline.member import Member
from core.pipeline.pace import shared
from core.pipeline.part_process import (
    Answer,
    Begin,
    Begun,
    Broken,
    Done,
    End,
    Failed,
    Limit,
    Moved,
    Ready,
    Run,
)
from core.pipeline.parts import PartJob, PartResult

# While others wait for the lock, nothing else is waited for longer.
LOCK_SECONDS = 10.0
LOOK_SECONDS = 0.2
# How many processes a task may lose before it is given up, to be tried again later.
LOSSES = 3


@dataclass(frozen=True, slots=True)
class Processes:
    """Makes crews of processes. `default`: how many read parts of an object at once where the settings don't
    say; 1 reads one after another, here. `hold` are descriptors that they keep open."""

    default: int = 1
    hold: tuple[int, ...] = ()

    @contextlib.contextmanager
    def __call__(self, work: Work) -> Iterator[Crew | None]:
        most = work.source.connection.readers(work.settings.files.parts or self.default)
        if most < 2 or not together(work.settings, work.session):
            yield None
            return
        with ProcessCrew(
            work.source, most, hold=self.hold, log=work.log, check=work.check, rate=work.rate
        ) as crew:
            yield crew


class ProcessCrew:
    """At most `most` processes that read from `source`. `hold` are descriptors that they keep open; `check`
    may raise where the end was asked for. Use as a context: at its end they are gone."""

    def __init__(
        self,
        source: Source,
        most: int,
        *,
        hold: Sequence[int] = (),
        log: logging.Logger,
        check: Callable[[], None],
        rate: Callable[[], Rate | None] = lambda: None,
    ) -> None:
        self._source = source
        self._most = most
        self._hold = tuple(hold)
        self._log = log
        self._check = check
        self._rate = rate
        self._answers: Queue[tuple[Member, Answer | None]] = Queue()
        self._members: list[Member] = []
        self._made = 0
        self._losses = 0
        self._snapshot: Snapshot | None = None
        # All have begun at a point in time that no other can come to any more.
        self._closed = False

    # Points in time: see `Crew`

    def begin(self, session: Session, reopen: Snapshot | None = None) -> Snapshot:
        if session.sharing is not Sharing.LOCK:
            self._snapshot = session.begin(reopen)
            return self._snapshot
        while len(self._members) < self._most:
            self._start()
        try:
            self._await(lambda member: member.ready, None, "getting in")
            with session.holding_still():
                snapshot = session.begin(reopen)
                for member in self._members:
                    member.begun = False
                    member.say(Begin(None))
                self._await(lambda member: member.begun, LOCK_SECONDS, "fixing the point in time")
        except BaseException:
            # Who is late with this one must not be taken for having begun at the next.
            self._dismiss(list(self._members))
            raise
        self._closed = True
        return snapshot

    @property
    def shares(self) -> bool:
        return self._closed or self._snapshot is not None

    def end(self) -> None:
        for member in self._members:
            if member.begun:
                member.begun = False
                member.say(End())
        self._snapshot, self._closed = None, False

    def _await(self, there: Callable[[Member], bool], seconds: float | None, what: str) -> None:
        """Wait until all processes are there. Raises what one of them met."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not all(map(there, self._members)):
            self._check()
            if deadline is not None and time.monotonic() > deadline:
                raise SnapshotUnavailable(
                    f"Not every session came to the same point in time within {LOCK_SECONDS:g} s.",
                    "Try again when the server has less to do, or use fewer parts at once (--parts).",
                )
            member, answer = self._next()
            if member is None:
                continue
            if answer is not None:
                self._heed(member, answer)
            elif member.refused:
                self._go_without(member)
            else:
                raise self._gone(member, what)

    # Parts

    def run(
        self,
        jobs: Sequence[PartJob],
        done: Callable[[PartJob, PartResult], None],
        moved: Callable[[int, int], None],
    ) -> None:
        waiting = deque(jobs)
        try:
            while waiting or any(member.job for member in self._members):
                self._check()
                self._assign(waiting)
                self._share()
                member, answer = self._next()
                if member is None:
                    continue
                if answer is None:
                    self._lose(member, waiting)
                elif isinstance(answer, Done) and member.job is not None:
                    job, member.job = member.job, None
                    member.rows = member.size = 0
                    done(job, answer.result)
                else:
                    self._heed(member, answer)
                moved(sum(m.rows for m in self._members), sum(m.size for m in self._members))
        except BaseException:
            # Their parts come to nothing, and whoever goes on must find idle processes.
            self._dismiss([member for member in self._members if member.job])
            raise

    def _assign(self, waiting: deque[PartJob]) -> None:
        idle = [member for member in self._members if member.job is None]
        while waiting and (idle or (len(self._members) < self._most and not self._closed)):
            member = idle.pop() if idle else self._start()
            if not member.begun and self._snapshot is not None:
                member.begun = True
                member.say(Begin(self._snapshot))
            member.job = waiting.popleft()
            member.say(Run(member.job))

    def _share(self) -> None:
        """Tell each process that reads its share of how fast the task may."""
        at_work = [member for member in self._members if member.job]
        rate = shared(self._rate(), len(at_work))
        for member in at_work:
            if member.rate != rate:
                member.rate = rate
                member.say(Limit(rate))

    def _next(self) -> tuple[Member, Answer | None] | tuple[None, None]:
        """The next answer of a process that counts, None for its end; nothing after a while."""
        try:
            member, answer = self._answers.get(timeout=LOOK_SECONDS)
        except Empty:
            return None, None
        return (member, answer) if member in self._members else (None, None)

    def _heed(self, member: Member, answer: Answer) -> None:
        match answer:
            case Ready():
                member.ready = True
            case Begun():
                member.begun = True
            case Moved(rows, size):
                member.rows, member.size = rows, size
            case Failed(error):
                self._raise(member, error)
            case Broken(place, trace):
                self._log.error("Unexpected, in process %d:\n%s", member.pid, trace)
                raise RuntimeError(place)

    def _raise(self, member: Member, error: ErrorInfo) -> None:
        if error.code == Aborted.code:
            # Not by this task: somebody has ended the process, which goes now.
            self._check()
            member.asked = True
            return
        found = raised_again(error)
        others = any(other.refused is None for other in self._members if other is not member)
        if isinstance(found, ConnectError) and found.transient and not member.ready and others:
            # The server may take no more connections: those that it took can read everything.
            member.refused = found
            return
        raise found

    # Processes

    def _start(self) -> Member:
        self._made += 1
        member = Member(self._source, self._made, self._hold, self._answers)
        self._members.append(member)
        self._log.debug("process %d reads parts", member.pid)
        return member

    def _lose(self, member: Member, waiting: deque[PartJob]) -> None:
        """A process has gone: another one reads its part again, where it can."""
        if member.refused:
            self._go_without(member)
            if member.job is not None:
                waiting.appendleft(member.job)
            return
        error = self._gone(member, "reading a part")
        self._members.remove(member)
        if member.job is None and not self._closed:
            return
        self._losses += 1
        if self._closed or self._losses > LOSSES:
            raise error
        self._log.warning("%s Its part is read again.", error.message)
        if member.job is not None:
            waiting.appendleft(member.job)

    def _go_without(self, member: Member) -> None:
        """A process couldn't get in, and others could: no further one is tried."""
        member.wait()
        self._members.remove(member)
        self._most = len(self._members)
        self._log.warning("%s Parts are read by %d processes.", member.refused, self._most)

    def _gone(self, member: Member, what: str) -> ConnectionLost:
        self._check()
        ended = member.wait()
        try:
            member.sweep()
        except OfframpError as error:
            self._log.warning("What process %d has left on the server may still run: %s", member.pid, error)
        return ConnectionLost(f"Process {member.pid} {ended} while {what}.", "The machine may lack memory.")

    def _dismiss(self, members: Sequence[Member]) -> None:
        """Let processes go, with what they do, on the server too."""
        for member in members:
            member.let_go()
        for member in members:
            if not member.leave():
                with contextlib.suppress(OfframpError):
                    member.sweep()
            self._members.remove(member)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._dismiss(list(self._members))
