"""Only new rows, from SQLite files: ranges, repeats, NULLs, moving marks by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import faults
from core.errors import Conflict, ErrorInfo, InvalidValue, NotFound
from core.faults import Point
from core.model.connection import Connection
from core.model.into import Existing, Into
from core.model.mark import MoveCause
from core.model.vocabulary import Encoding, Mode, TaskStatus
from core.pipeline.into.there import Elsewhere
from core.store import Backoff
from tests.marks.running import EXPORT, Runs
from tests.roundtrip.running import file_source

Open = Callable[..., Runs]


class Shop:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.do("CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, changed DATETIME)")

    def do(self, *statements: str) -> None:
        with sqlite3.connect(self.path) as raw:
            for statement in statements:
                raw.execute(statement)

    def orders(self, *names: str, changed: str = "2026-11-22 10:00:00") -> None:
        self.do(*(f"INSERT INTO orders(what, changed) VALUES('{name}', '{changed}')" for name in names))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.sqlite")


@pytest.fixture
def opened(tmp_path: Path, shop: Shop) -> Iterator[Open]:
    made: list[Runs] = []

    def make(**settings: object) -> Runs:
        made.append(Runs(tmp_path / f"r{len(made)}", file_source(shop.path), **settings))
        return made[-1]

    yield make
    for runs in made:
        runs.close()


def names(runs: Runs, table: str = "orders", column: int = 1) -> list[str]:
    return [row[column] for row in runs.rows(runs.done(), table)]


def test_each_run_takes_what_is_new(shop: Shop, opened: Open) -> None:
    runs = opened()
    shop.orders("a", "b")
    assert names(runs) == ["a", "b"]
    assert (runs.mark("orders").column, runs.mark("orders").value) == ("id", "2")
    assert names(runs) == []
    shop.orders("c")
    task = runs.done()
    assert [row[1] for row in runs.rows(task, "orders")] == ["c"]
    (item,) = runs.store.tasks.objects(task.id)
    assert item.mark is not None
    assert (item.mark.before, item.mark.high, item.mark.repeated) == ("2", "3", 1)
    newest = runs.store.marks.moves(EXPORT)[0]
    assert (newest.cause, newest.before, newest.after, newest.rows) == (MoveCause.RUN, "2", "3", 1)


def test_a_change_comes_with_a_time_that_tells_of_it(shop: Shop, opened: Open) -> None:
    runs = opened(mark={"column": "changed", "overlap": "0s"})
    shop.orders("a", "b")
    assert names(runs) == ["a", "b"]
    # In the same second as the newest: not the same row.
    shop.orders("c")
    shop.do("UPDATE orders SET what = 'A', changed = '2026-11-22 10:00:01' WHERE id = 1")
    assert sorted(names(runs)) == ["A", "c"]
    assert runs.mark("orders").value == "2026-11-22 10:00:01"


def test_what_comes_late_is_found_within_the_overlap(shop: Shop, opened: Open) -> None:
    runs = opened(mark={"column": "changed", "overlap": "10m"})
    shop.orders("a", changed="2026-11-22 10:00:00")
    assert names(runs) == ["a"]
    shop.orders("late", changed="2026-11-22 09:51:00")
    shop.orders("too late", changed="2026-11-22 09:49:00")
    assert names(runs) == ["late"]
    assert names(runs) == []


def test_rows_that_are_the_same_are_counted(shop: Shop, opened: Open) -> None:
    shop.do("CREATE TABLE bag(at DATETIME, what TEXT)")
    two = ["INSERT INTO bag VALUES('2026-11-22 10:00:00', 'x')"] * 2
    shop.do(*two)
    runs = opened(objects=("TABLE:bag",), mark={"column": "at"})
    assert names(runs, "bag") == ["x", "x"]
    shop.do(two[0])
    assert names(runs, "bag") == ["x"]
    assert names(runs, "bag") == []


@pytest.mark.parametrize(("policy", "first", "second"), [("each", ["a", "n"], ["n"]), ("skip", ["a"], [])])
def test_rows_without_a_mark(
    shop: Shop, opened: Open, policy: str, first: list[str], second: list[str]
) -> None:
    shop.orders("a")
    shop.do("INSERT INTO orders(what) VALUES('n')")
    runs = opened(mark={"column": "changed", "nulls": policy})
    assert sorted(names(runs)) == first
    task = runs.done()
    assert [row[1] for row in runs.rows(task, "orders")] == second
    (item,) = runs.store.tasks.objects(task.id)
    assert any("left out" in text for text in item.warnings) is (policy == "skip")


def test_rows_without_a_mark_fail_unless_told_otherwise(shop: Shop, opened: Open) -> None:
    shop.do("INSERT INTO orders(what) VALUES('n')")
    task = opened(mark={"column": "changed"}).run()
    assert task.status is TaskStatus.FAILED
    assert task.error is not None
    assert "1 rows have no value in 'changed'" in task.error.message


def test_a_table_of_which_everything_is_taken(shop: Shop, opened: Open) -> None:
    shop.do("CREATE TABLE kinds(name TEXT)", "INSERT INTO kinds VALUES('k')")
    shop.orders("a")
    task = opened().run()
    assert task.error is not None
    assert "kinds" in task.error.message
    assert "--mark 'kinds='" in task.error.hint
    runs = opened(mark={"columns": {"kinds": ""}})
    for _ in range(2):
        task = runs.done()
        assert runs.rows(task, "kinds") == [("k",)]
    assert runs.rows(task, "orders") == []


def test_a_run_that_fails_moves_nothing(shop: Shop, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.orders("a")
    runs = opened(encoding=Encoding.ASCII)
    shop.orders("ü")
    assert runs.run().status is TaskStatus.FAILED
    assert runs.store.marks.of(EXPORT) == []
    shop.do("UPDATE orders SET what = 'u' WHERE id = 2")
    assert names(runs) == ["a", "u"]


def test_moving_marks_by_hand(shop: Shop, opened: Open) -> None:
    runs = opened()
    marks = runs.store.marks
    shop.orders("a", "b", "c")
    first = runs.done()
    shop.orders("d")
    assert names(runs) == ["d"]
    marks.set(EXPORT, "TABLE:orders", "1", None)
    assert names(runs) == ["b", "c", "d"]
    with pytest.raises(NotFound):
        marks.rewind(EXPORT, 4711)
    marks.rewind(EXPORT, first.id)
    assert marks.of(EXPORT) == []
    assert names(runs) == ["a", "b", "c", "d"]
    shop.orders("e")
    last = runs.done()
    shop.orders("f")
    runs.done()
    marks.rewind(EXPORT, last.id)
    assert runs.mark("orders").value == "4"
    # The last row before the point is known no more, and comes once more.
    assert names(runs) == ["d", "e", "f"]
    marks.forget(EXPORT, ["TABLE:orders"])
    assert len(names(runs)) == 6
    causes = [move.cause for move in marks.moves(EXPORT)]
    assert {MoveCause.SET, MoveCause.REWIND, MoveCause.FORGET, MoveCause.RUN} == set(causes)


def test_no_mark_is_moved_by_hand_while_a_task_reads(shop: Shop, opened: Open) -> None:
    runs = opened()
    shop.orders("a")
    runs.done()
    task, journal = runs.start()
    with pytest.raises(Conflict, match="at work"):
        runs.store.marks.set(EXPORT, "TABLE:orders", "0", None)
    runs.carry_out(task, journal)
    runs.store.marks.set(EXPORT, "TABLE:orders", "0", None)
    assert names(runs) == ["a"]


def test_tasks_of_one_export_read_one_after_the_other(shop: Shop, opened: Open) -> None:
    runs = opened()
    shop.orders("a")
    first, journal = runs.start()
    second = runs.queue()
    assert runs.store.claims.claim_next(runs.epoch, datetime.now(UTC)) is None
    runs.carry_out(first, journal)
    shop.orders("b")
    task = runs.carry_out(second, runs.claim())
    assert [row[1] for row in runs.rows(task, "orders")] == ["b"]


def test_into_another_database_new_rows_are_added(tmp_path: Path, shop: Shop, opened: Open) -> None:
    there = tmp_path / "there.sqlite"
    with sqlite3.connect(there) as raw:
        raw.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, what TEXT, changed DATETIME)")
    runs = opened(into=Into(connection="there", existing=Existing.APPEND))
    place = Connection(name="there", mode=Mode.SQLITE, path=str(there))
    runs.elsewhere = Elsewhere.of(place, None)

    def found() -> list[str]:
        with sqlite3.connect(there) as raw:
            return [what for (what,) in raw.execute("SELECT what FROM orders ORDER BY id")]

    shop.orders("a", "b")
    runs.done()
    assert found() == ["a", "b"]
    runs.done()
    shop.orders("c")
    runs.done()
    assert found() == ["a", "b", "c"]
    assert runs.mark("orders").value == "3"
    with pytest.raises(InvalidValue, match="are added"):
        opened(into=Into(connection="there", existing=Existing.REPLACE))


class Died(BaseException):
    """As a worker dies: nothing is told to anybody."""


@pytest.mark.parametrize(
    "point",
    [Point.SNAPSHOT_TAKEN, Point.CHUNK_WRITTEN, Point.OBJECT_STORED, Point.PUBLISHING, Point.FINISH_NEXT],
)
def test_a_worker_that_dies_loses_and_repeats_nothing(
    shop: Shop, opened: Open, monkeypatch: pytest.MonkeyPatch, point: Point
) -> None:
    runs = opened()
    shop.orders("a", "b")
    runs.done()
    before = runs.mark("orders")
    shop.orders("c")
    task, journal = runs.start()

    def die(reached: Point) -> None:
        if reached is point:
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(faults, "reached", die)
        with pytest.raises(Died):
            runs.carry_out(task, journal)
    assert runs.mark("orders") == before
    shop.orders("d")
    lost = ErrorInfo(code="worker-lost", message="It died.", transient=True)
    (slot,) = runs.store.claims.running()
    past = datetime.now(UTC) - timedelta(hours=1)
    runs.store.claims.lost(runs.epoch, slot, lost, backoff=Backoff(first=0, jitter=0), now=past)
    task = runs.carry_out(task, runs.claim())
    assert task.status is TaskStatus.COMPLETED, task.error
    first = [row[1] for row in runs.rows(task, "orders")]
    second = names(runs)
    assert first + second == ["c", "d"]
    assert runs.mark("orders").value == "4"
    manifest = (Path(task.output) / "manifest.json").read_text()
    assert '"before": "2"' in manifest


def test_a_failed_task_that_a_later_run_has_overtaken_begins_anew(
    shop: Shop, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = opened(retry_limit=0)
    shop.orders("a")
    task, journal = runs.start()

    def die(reached: Point) -> None:
        if reached is Point.PUBLISHING:
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(faults, "reached", die)
        with pytest.raises(Died):
            runs.carry_out(task, journal)
    (slot,) = runs.store.claims.running()
    lost = ErrorInfo(code="worker-lost", message="It died.", transient=True)
    runs.store.claims.lost(runs.epoch, slot, lost, backoff=Backoff(), now=datetime.now(UTC))
    assert names(runs) == ["a"]
    shop.orders("b")
    runs.store.tasks.retry(task.id)
    task = runs.carry_out(task, runs.claim())
    assert [row[1] for row in runs.rows(task, "orders")] == ["b"]
    assert runs.mark("orders").value == "2"


def test_old_moves_are_forgotten_and_marks_stay(shop: Shop, opened: Open) -> None:
    runs = opened()
    shop.orders("a")
    runs.done()
    now = datetime.now(UTC)
    assert runs.store.marks.forget_moves(runs.epoch, now - timedelta(days=1)) == 0
    assert runs.store.marks.forget_moves(runs.epoch, now + timedelta(days=1)) == 1
    assert runs.store.marks.moves(EXPORT) == []
    assert runs.mark("orders").value == "1"
