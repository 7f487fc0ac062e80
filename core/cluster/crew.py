"""Parts of an object read by the workers of a Dask cluster.

Each part is a task of Dask's own, an `Errand` as text, of which so many are sent out as may be under way at
once. What a worker that was lost left on the server is ended from here, once it is known that its part began
anew.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import TYPE_CHECKING, Self

import msgspec

from connectors.base import Session, Sharing
from core.cluster.dispatch import Dispatch
from core.cluster.errand import (
    Began,
    Ended,
    Errand,
    Finished,
    Logged,
    Moved,
    Outcome,
    Saying,
    Slower,
    parts_of,
)
from core.cluster.landing import Elsewhere, Landing, SharedDisk
from core.cluster.width import Width
from core.errors import (
    ConnectionLost,
    DestinationLost,
    ErrorInfo,
    OfframpError,
    TargetExists,
    Unreachable,
    Unsupported,
    raised_again,
)
from core.model.load import Rate
from core.model.task import Snapshot
from core.pipeline.crews import Crew, Work
from core.pipeline.delivery import Delivery
from core.pipeline.pace import shared
from core.pipeline.part_process import Broken, Failed
from core.pipeline.parts import PartJob, PartResult

if TYPE_CHECKING:
    from distributed import Future

LOOK_SECONDS = 0.2
# How often each part may be lost before the task is given up, to be tried again later. Dask has a limit of
# its own for what its workers die of (distributed.scheduler.allowed-failures, 3).
LOSSES = 3
# What the executions of all parts say together in a second: the scheduler hands it all on.
SAYINGS = 100
# How long what is under way has for ending its statement and leaving.
GOODBYE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Makes crews of a cluster's workers. `address` is its scheduler's, `delivery` the way that files take
    which leave this machine."""

    address: str
    delivery: Delivery | None = None

    @contextmanager
    def __call__(self, work: Work) -> Iterator[Crew | None]:
        with DaskCrew(self, work) as crew:
            yield crew


@dataclass(slots=True)
class _Run:
    """One errand that is out. `executions` are those that have begun and not ended, with their workers;
    `begun` how many there were at all."""

    errand: Errand
    future: Future[str]
    executions: dict[str, str] = field(default_factory=dict)
    begun: int = 0
    rows: int = 0
    size: int = 0


class DaskCrew:
    """See `Crew`. Use as a context: at its end nothing of the attempt is under way any more."""

    def __init__(self, cluster: Cluster, work: Work) -> None:
        self._cluster = cluster
        self._work = work
        self._landing: Landing = (
            SharedDisk(work.disk, work.place, work.check)
            if cluster.delivery is None
            else Elsewhere(cluster.delivery)
        )
        self._opened: Dispatch | None = None
        # What executions say, and None where the end of one is known.
        self._events: Queue[Saying | None] = Queue()
        self._runs: dict[int, _Run] = {}
        self._sent = 0
        self._losses: dict[int, int] = {}
        self._left_over = False
        self._snapshot: Snapshot | None = None
        self._width = Width(work.settings.files.parts, work.source.connection)
        self._rate: Rate | None = None

    # Points in time

    def begin(self, session: Session, reopen: Snapshot | None = None) -> Snapshot:
        snapshot = session.begin(reopen)
        if session.sharing is Sharing.SNAPSHOT:
            self._snapshot = snapshot
        return snapshot

    @property
    def shares(self) -> bool:
        return self._snapshot is not None

    def end(self) -> None:
        self._snapshot = None

    # Parts

    def run(
        self,
        jobs: Sequence[PartJob],
        done: Callable[[PartJob, PartResult], None],
        moved: Callable[[int, int], None],
    ) -> None:
        dispatch = self._dispatch()
        self._landing.prepare(jobs)
        self._losses.clear()
        waiting = deque(jobs)
        try:
            while waiting or self._runs:
                self._work.check()
                self._width.count(dispatch)
                at_once = min(self._width.now, len(waiting) + len(self._runs))
                while waiting and len(self._runs) < self._width.now:
                    self._send(dispatch, waiting.popleft(), at_once)
                self._slow_down(dispatch)
                self._listen()
                for run in [run for run in self._runs.values() if run.future.done()]:
                    del self._runs[run.errand.number]
                    result = self._result_of(run)
                    if result is None:
                        waiting.appendleft(self._job_of(run, jobs))
                    else:
                        done(self._job_of(run, jobs), result)
                moved(sum(r.rows for r in self._runs.values()), sum(r.size for r in self._runs.values()))
        except BaseException:
            # Their parts come to nothing.
            self._call_back(dispatch)
            raise

    @staticmethod
    def _job_of(run: _Run, jobs: Sequence[PartJob]) -> PartJob:
        return next(job for job in jobs if job.number == run.errand.job.number)

    def _send(self, dispatch: Dispatch, job: PartJob, at_once: int) -> None:
        self._sent += 1
        number, work = self._sent, self._work
        errand = Errand(
            program=work.source.program,
            number=number,
            connection=work.source.connection,
            job=job,
            directory=self._landing.directory(number, job),
            apart=self._landing.apart,
            snapshot=self._snapshot,
            destination=self._landing.destination,
            rate=shared(work.rate(), at_once),
            seconds=max(1.0, self._width.now / SAYINGS),
        )
        self._runs[number] = _Run(errand, dispatch.send(errand, lambda: self._events.put(None)))

    def _listen(self) -> None:
        """Wait a moment for what executions say, and heed it."""
        try:
            saying = self._events.get(timeout=LOOK_SECONDS)
            while True:
                if saying is not None:
                    self._heed(saying)
                saying = self._events.get_nowait()
        except Empty:
            return

    def _heed(self, saying: Saying) -> None:
        run = self._runs.get(saying.number)
        if run is None:
            return
        match saying:
            case Began(worker=worker):
                part = run.errand.job.number + 1
                if run.executions:
                    self._lost(run)
                run.executions[saying.execution] = worker
                run.begun += 1
                run.rows = run.size = 0
                self._work.log.debug("part %d is read by the worker at %s", part, worker)
            case Moved(rows=rows, size=size):
                if saying.execution in run.executions:
                    run.rows, run.size = rows, size
            case Logged(level=level, text=text):
                self._work.log.log(level, "part %d: %s", run.errand.job.number + 1, text)
            case Ended():
                run.executions.pop(saying.execution, None)

    # What becomes of them

    def _result_of(self, run: _Run) -> PartResult | None:
        """The result of an errand whose future is done, its files in their places; None where the part is to
        be read again. Raises what the part met."""
        future = run.future
        if future.status == "cancelled":
            raise ConnectionLost(
                f"The Dask scheduler at {self._cluster.address} is gone, or has let go of the task's parts.",
                "What is finished is used again.",
            )
        if future.status == "error":
            raise self._error_of(run)
        try:
            text = future.result(timeout=GOODBYE_SECONDS)
        except Exception as error:  # noqa: BLE001 - of any kind: the worker has gone with its answer
            self._again(run, f"its answer can't be fetched: {type(error).__name__}")
            return None
        match msgspec.json.decode(text, type=Outcome):
            case Finished() as finished:
                self._landing.take(run.errand.number, finished)
                return finished.result
            case Failed(info):
                self._refused(run, info)
            case Broken(place, trace):
                self._work.log.error("Unexpected, on a worker:\n%s", trace)
                raise RuntimeError(place)
        return None

    def _refused(self, run: _Run, error: ErrorInfo) -> None:
        """A part that failed in words, some of which mean that it is to be read again. Raises the others."""
        if error.code == "aborted":
            # Not by this task: the worker is being closed.
            self._again(run, "its worker is being closed")
            return
        if error.code == TargetExists.code and self._may_have_been_sent(run):
            # By an execution that was taken for lost, after what it had sent was looked for.
            self._again(run, "another execution had sent its file")
            return
        if error.code == Unreachable.code and self._width.now > 1:
            # There is room for those that are at it.
            self._width.lower(max(1, len(self._runs)))
            self._again(run, f"{error.message} From now on {self._width.now} are read at once")
            return
        if error.code == DestinationLost.code:
            self._again(run, error.message)
            return
        raise raised_again(error)

    def _may_have_been_sent(self, run: _Run) -> bool:
        """Whether another execution of a part may have sent its files."""
        delivery = self._cluster.delivery
        again = run.begun > 1 or run.errand.job.number in self._losses
        return delivery is not None and (again or delivery.task.attempts > 1)

    def _error_of(self, run: _Run) -> OfframpError:
        """What Dask itself says of a part that it couldn't have read."""
        kind = type(run.future.exception(timeout=GOODBYE_SECONDS)).__name__
        part = f"part {run.errand.job.number + 1} of {run.errand.job.request.shape.ref}"
        if kind == "KilledWorker":
            return ConnectionLost(
                f"Workers of the Dask cluster died again and again while reading {part}.",
                "They may lack memory: see their logs.",
            )
        return Unsupported(
            f"A worker of the Dask cluster can't read {part}: {kind}.",
            "The same Offramp must be installed there, with all it needs.",
        )

    def _again(self, run: _Run, why: str) -> None:
        """Note that a part is read once more. Raises ConnectionLost where that was so too often."""
        number = run.errand.job.number
        self._losses[number] = self._losses.get(number, 0) + 1
        self._left_over = True
        self._work.log.warning("part %d is read again: %s.", number + 1, why.rstrip("."))
        if self._losses[number] > LOSSES:
            what = f"Part {number + 1} of {run.errand.job.request.shape.ref}"
            raise ConnectionLost(
                f"{what} was lost {LOSSES + 1} times: {why.rstrip('.')}.",
                "What is finished is used again.",
            )
        self._landing.again(run.errand.job)

    def _lost(self, run: _Run) -> None:
        """Dask has given the part to another worker: what the last one left on the server goes."""
        self._left_over = True
        for execution, worker in run.executions.items():
            self._work.log.warning(
                "The worker at %s is lost; part %d is read again.", worker, run.errand.job.number + 1
            )
            self._sweep(run.errand.program_of(execution))
        run.executions.clear()

    def _sweep(self, program: str) -> None:
        """End on the server what has this name. Where that can't be, it is said."""
        source = self._work.source
        own = type(source)(source.connection, source.credentials, program=program)
        try:
            own.end_left_over()
        except OfframpError as error:
            self._work.log.warning("What was lost may still run on the server: %s", error)

    # The cluster

    def _dispatch(self) -> Dispatch:
        if self._opened is None:
            program = self._work.source.program
            self._opened = Dispatch(self._cluster.address, program, self._events.put)
        return self._opened

    def _slow_down(self, dispatch: Dispatch) -> None:
        """Tell the executions where their share of how fast the task may read has changed."""
        rate = shared(self._work.rate(), len(self._runs))
        workers = {worker for run in self._runs.values() for worker in run.executions.values()}
        if rate == self._rate or not workers:
            return
        self._rate = rate
        dispatch.slow_down(Slower(program=self._work.source.program, rate=rate), workers)

    def _call_back(self, dispatch: Dispatch) -> None:
        """End what is under way, on the server too."""
        self._left_over = True
        if dispatch.call_back(run.future for run in self._runs.values()):
            # Who has begun says when it has left.
            deadline = time.monotonic() + GOODBYE_SECONDS
            while any(run.executions for run in self._runs.values()) and time.monotonic() < deadline:
                self._listen()
        self._runs.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._opened is None:
            return
        with self._opened:
            if self._left_over:
                self._sweep(parts_of(self._work.source.program))
            try:
                self._landing.close()
            except OfframpError as error:
                if kind is None:
                    raise
                self._work.log.warning("What parts have left can't be removed: %s", error)
