"""SIGKILL at every named point, of the worker, of its engine and of both, then everything is started again.

The tasks of a source run on one store, under one engine at a time, which is started again whenever it has
died: what befalls one task befalls those beside it. Each test looks at what became of one of them.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import faults
from core.faults import Point
from core.model.run import Outcome
from core.model.schedule import Schedule, Unit
from core.model.settings import Export, ExportSettings
from core.model.task import Task
from core.model.task_filter import TaskFilter
from core.model.vocabulary import Consistency, TaskStatus
from core.pipeline.verify import verify
from tests.faults.soak_sources import Known, server_source, sqlite_source
from tests.faults.supervised import Step, Supervised
from tests.pipeline.conftest import tree

pytestmark = pytest.mark.timeout(600)

SECONDS = 400
"""For all tasks of a source together: as long as it may take on a machine that does much else."""

OF_ENGINE = [point for point in Point if point.of_engine]
NOT_BEGUN = {Point.SPAWNED, Point.LOCKED}


@dataclass(frozen=True)
class Case:
    """What befalls one task, one after the other. `inside`: as where a directory can't be renamed."""

    steps: tuple[Step, ...]
    inside: bool = False

    @property
    def name(self) -> str:
        return "-".join(f"{point}.{times}.{deed}" for point, times, deed in self.steps)

    @property
    def losses(self) -> range:
        """How many attempts are lost: with the worker, unless it was done; before it took hold, only an
        engine whose child it was knows."""
        deaths = [Point[point] for point, _, deed in self.steps if deed in ("die", "both")]
        most = len(deaths) - deaths.count(Point.FINISHED)
        return range(most - sum(point in NOT_BEGUN for point in deaths), most + 1)


def dies(*points: Point | tuple[Point, int], deed: str = "die", inside: bool = False) -> Case:
    pairs = [point if isinstance(point, tuple) else (point, 1) for point in points]
    return Case(tuple((point.name, times, deed) for point, times in pairs), inside)


FIRST_CHUNK, AMID_A_PART = (Point.CHUNK_WRITTEN, 1), (Point.CHUNK_WRITTEN, 3)
# The worker dies at every point; several times in the life of a task, to start no more of them than needed.
CASES = [
    dies(Point.SPAWNED, Point.HELD, Point.CHECKED),
    dies(Point.LOCKED, Point.ROOM_MADE, Point.CONNECTED),
    dies(Point.SCHEMA_WRITTEN, Point.SNAPSHOT_TAKEN, FIRST_CHUNK),
    dies(AMID_A_PART, Point.CHECKPOINT_SYNCED, Point.CHECKPOINT_STORED),
    dies((Point.CHECKPOINT_SYNCED, 2), (Point.CHECKPOINT_STORED, 2), AMID_A_PART),
    dies(Point.FILE_SYNCED, Point.OBJECT_STORED, Point.MANIFEST_NEXT),
    dies(Point.MANIFEST_WRITTEN, Point.PUBLISHING, Point.RENAMED),
    dies(Point.FINISH_NEXT, Point.FINISHED),
    dies(Point.FORWARDED, (Point.FORWARDED, 2), Point.RENAMED, inside=True),
    Case((("CHUNK_WRITTEN", 3, "end"), ("CLEANED", 1, "die"))),
    # The engine dies while the worker is there, which is adopted by the next.
    dies(Point.SPAWNED, Point.HELD, FIRST_CHUNK, Point.PUBLISHING, Point.FINISH_NEXT, deed="orphan"),
    dies(Point.LOCKED, Point.CHECKPOINT_STORED, deed="both"),
    dies(Point.PUBLISHING, Point.FINISHED, deed="both"),
]
# What is read again shows in the log: these keep parts (OceanBase), these don't (MariaDB).
KEEPING = [
    dies((Point.CHECKPOINT_STORED, 1), (Point.CHUNK_WRITTEN, 3)),
    dies(Point.CHECKPOINT_STORED, Point.RENAMED, deed="both"),
    dies(Point.FILE_SYNCED, Point.OBJECT_STORED),
]
BEGINNING = [dies(AMID_A_PART, Point.OBJECT_STORED), dies(Point.FILE_SYNCED, Point.RENAMED)]


class Run:
    """All cases of a source, and one undisturbed task, up to their ends."""

    def __init__(
        self, directory: Path, known: Known, cases: Sequence[Case], consistency: Consistency
    ) -> None:
        self.known, self.out = known, directory / "out"
        self.out.mkdir()
        self.settings = ExportSettings(
            connection=known.connection.name, objects=("TABLE:items", "TABLE:orders"), consistency=consistency
        )
        self.bench = Supervised(directory / "home", [known.connection])
        self.bench.befalls("engine", [(point.name, 1, "die") for point in OF_ENGINE])
        self.numbers: dict[str, int] = {}
        for case in [Case(()), *cases]:
            output = self.out / (case.name or "undisturbed")
            if case.inside:
                output.mkdir()
            self.numbers[case.name] = self.bench.add(self.settings, output, case.steps, inside=case.inside)
        self.aborted = self.bench.add(self.settings, self.out / "aborted", [("CHUNK_WRITTEN", 1, "hang")])
        # One that runs by itself, once, and was due an hour ago: the engine dies around that, too.
        due = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        schedule = Schedule(every=100, unit=Unit.MONTHS, start=due.replace(tzinfo=None))
        periodic = Export(
            name="periodic", directory=str(directory / "periodic"), settings=self.settings, schedule=schedule
        )
        self.bench.store.exports.add(periodic, due - timedelta(hours=1))
        self.unfinished: set[str] = set()
        self.done = self.bench.until(self._look, SECONDS)
        # The engine that is told to end may die before it gives the lease back.
        for _ in range(2):
            if self.bench.engine is not None:
                self.bench.engine.terminate()
                self.bench.engine.wait(60)
            self.bench.keep()
        self.done = self.done and self.bench.until(self._settled, 60)

    def _look(self) -> bool:
        """Nothing is ever at a final name before it is complete."""
        for path in self.out.iterdir():
            if not path.name.startswith(".partial-") and "FORWARDED" not in path.name:
                whole = (path / "manifest.json").exists() or not path.exists()
                self.unfinished |= set() if whole else {path.name}
        if (
            self.bench.befell(str(self.aborted))
            and self.bench.task(self.aborted).status is TaskStatus.RUNNING
        ):
            self.bench.store.tasks.request_abort(self.aborted)
        return self._settled()

    def _settled(self) -> bool:
        periodic = [task.id for task in self.periodic()]
        known = [self.aborted, *self.numbers.values(), *periodic]
        return bool(periodic) and all(map(self.bench.settled, known))

    def periodic(self) -> list[Task]:
        return self.bench.store.tasks.list(TaskFilter(export="periodic"))

    def check(self, case: Case) -> None:
        bench, number = self.bench, self.numbers[case.name]
        task, output = bench.task(number), self.out / case.name
        assert all(bench.befell(str(number), n) for n in range(len(case.steps))), (
            "it never came to that point"
        )
        assert task.status is TaskStatus.COMPLETED, (task, bench.log(number))
        assert task.published
        assert case.name not in self.unfinished
        report = verify(output)
        assert report.ok, report.problems
        assert report.complete
        assert {(e.path, e.sha256) for e in bench.store.tasks.files(number)} == {
            (e.path, e.sha256) for e in bench.store.tasks.files(self.numbers[""])
        }
        same = tree(self.out / "undisturbed", but={"manifest.json"})
        assert tree(output, but={"manifest.json"}) == same
        with (output / "TABLE/orders.csv").open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        assert rows == [[str(n), who, note or ""] for n, who, note in self.known.rows["orders"]]
        assert not list(self.out.glob(f".partial-{number}-*"))
        assert not bench.locked(number)
        assert task.retries in case.losses, "each lost worker counts as one transient failure"
        assert task.attempts in (task.retries, task.retries + 1)

    def close(self) -> None:
        self.bench.close()
        shutil.rmtree(self.out)


def run_of(directory: Path, known: Known, cases: Sequence[Case], consistency: Consistency) -> Iterator[Run]:
    run = Run(directory, known, cases, consistency)
    try:
        yield run
    finally:
        run.close()


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("sqlite")
    yield from run_of(directory, sqlite_source(directory, 1), CASES, Consistency.PART)


@pytest.fixture(scope="module")
def on_oceanbase(oceanbase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:  # type: ignore[no-untyped-def]
    directory = tmp_path_factory.mktemp("oceanbase")
    yield from run_of(directory, server_source(oceanbase, directory, 1), KEEPING, Consistency.OBJECT)


@pytest.fixture(scope="module")
def on_mariadb(mariadb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:  # type: ignore[no-untyped-def]
    directory = tmp_path_factory.mktemp("mariadb")
    yield from run_of(directory, server_source(mariadb, directory, 1), BEGINNING, Consistency.TASK)


def test_every_point_of_the_worker_is_among_the_cases() -> None:
    assert {Point[name] for case in CASES for name, _, _ in case.steps} == set(Point) - set(OF_ENGINE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sqlite(on_sqlite: Run, case: Case) -> None:
    on_sqlite.check(case)
    if "CHECKPOINT_STORED" in case.name:
        assert "goes on after" in on_sqlite.bench.log(on_sqlite.numbers[case.name]), "finished parts are kept"


def test_engines_died_at_every_point_of_theirs(on_sqlite: Run) -> None:
    missed = [point for n, point in enumerate(OF_ENGINE) if not on_sqlite.bench.befell("engine", n)]
    assert not missed
    assert on_sqlite.done
    assert len(on_sqlite.bench.deaths) > len(OF_ENGINE)
    assert on_sqlite.bench.store.claims.running() == []


def test_what_was_due_has_run_once(on_sqlite: Run) -> None:
    (task,) = on_sqlite.periodic()
    assert task.status is TaskStatus.COMPLETED
    (run,) = on_sqlite.bench.store.schedules.runs("periodic", 10)
    assert (run.outcome, run.task) == (Outcome.STARTED, task.id)
    assert verify(Path(task.output)).ok


def test_an_abort_outlives_engines_that_die_of_it(on_sqlite: Run) -> None:
    assert on_sqlite.bench.task(on_sqlite.aborted).status is TaskStatus.ABORTED
    assert not (on_sqlite.out / "aborted").exists()
    assert not list(on_sqlite.out.glob(".partial-*"))


@pytest.mark.oceanbase
@pytest.mark.parametrize("case", KEEPING, ids=lambda case: case.name)
def test_oceanbase_goes_on_as_of_the_same_time(on_oceanbase: Run, case: Case) -> None:
    on_oceanbase.check(case)
    log = on_oceanbase.bench.log(on_oceanbase.numbers[case.name])
    assert "TABLE:items: goes on after" in log
    assert "anew" not in log


@pytest.mark.mariadb
@pytest.mark.parametrize("case", BEGINNING, ids=lambda case: case.name)
def test_mariadb_starts_again_as_of_one_time(on_mariadb: Run, case: Case) -> None:
    on_mariadb.check(case)
    log = on_mariadb.bench.log(on_mariadb.numbers[case.name])
    assert "goes on" not in log
    # Nothing of an earlier point in time is kept, unless all of it was there.
    assert log.count("TABLE:items: begins") == (2 if "RENAMED" in case.name else 3)


def test_the_seam_costs_nothing() -> None:
    """What stands in the product is an empty function: it reads nothing, and no setting changes it."""
    code = faults.reached.__code__
    assert (code.co_names, code.co_freevars, code.co_varnames) == ((), (), ("point",))
