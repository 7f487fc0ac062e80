"""Tasks whose files go to destinations on real servers: all of it or nothing, whatever breaks off where."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.elsewhere import Elsewhere, RemoteFiles, Told
from core import faults
from core.errors import DestinationLost, NoPrivilege
from core.faults import Point
from core.model.settings import ExportSettings
from core.model.vocabulary import Format, OnError
from core.pipeline.cancel import Cancel
from core.pipeline.delivery import Delivery
from core.pipeline.published import RemoteReading
from core.pipeline.run import run_task
from core.pipeline.verify import verify
from tests.destinations.conftest import There
from tests.pipeline.memory import MemoryJournal, make_task
from tests.pipeline.scripted import Database, table

PATH = "shop/nightly"


class Dies(BaseException):
    """The process is gone: nobody catches it."""


@dataclass
class Bench:
    """One task whose files go to `there`, to be run as often as a test likes."""

    there: There
    spool: Path
    database: Database
    journal: MemoryJournal
    cancel: Cancel = field(default_factory=Cancel)
    on_put: Callable[[str, int], None] = lambda path, count: None

    def run(self) -> MemoryJournal:
        task = self.journal.again().task()
        elsewhere = Watched(self.there.open(), self)
        delivery = Delivery(replace(task, attempts=task.attempts + 1), elsewhere, PATH, self.spool)
        run_task(
            self.journal, self.database.source(), log=logging.Logger("task"), cancel=self.cancel,
            delivery=delivery,
        )  # fmt: skip
        return self.journal

    def good(self) -> dict[str, bytes]:
        journal = self.run()
        assert journal.outcome == (None, True), journal.outcome
        assert self.left() == []
        return self.published()

    def published(self) -> dict[str, bytes]:
        """What is at the target, but the manifest, whose snapshot has a time in it; nothing may be elsewhere."""
        there = self.there.look()
        assert all(path.startswith(f"{PATH}/") for path in there), there.keys()
        found = {path.removeprefix(f"{PATH}/"): data for path, data in there.items()}
        manifest = json.loads(found.pop("manifest.json"))
        assert {entry["path"] for entry in manifest["files"]} == found.keys()
        with self.there.open().connect() as files:
            assert verify(RemoteReading(files, PATH)).ok
        return found

    def left(self) -> list[str]:
        return [path.name for path in self.spool.rglob("*")] if self.spool.exists() else []


class Watched(Elsewhere):
    """The real destination, with somebody who looks on while files go there."""

    def __init__(self, real: Elsewhere, bench: Bench) -> None:
        super().__init__(real.destination, real.password)
        self._real = real
        self._bench = bench

    def connect(self) -> RemoteFiles:
        files = self._real.connect()
        put = files.put

        def watched(path: str, source: Path, told: Told, *, replace: bool = False) -> bool:
            def seen(count: int) -> None:
                self._bench.on_put(path, count)
                told(count)

            return put(path, source, seen, replace=replace)

        files.put = watched  # type: ignore[method-assign]
        return files


@pytest.fixture
def bench(there: There, tmp_path: Path) -> Callable[..., Bench]:
    def make(*things: Any, **settings: Any) -> Bench:
        things = things or (table("a", rows=50), table("b, c"), table("nothing", rows=0))
        chosen = ExportSettings(connection="shop", all_objects=True, **settings)
        journal = MemoryJournal(make_task(Path("lake:shop/nightly"), chosen))
        database = Database(*things)
        database.chunk_rows = 1000
        return Bench(there, tmp_path / "spool", database, journal)

    return make


@contextmanager
def dying(at: Point, times: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process dies when it gets to a point the `times`th time."""
    left = times

    def reached(point: Point) -> None:
        nonlocal left
        if point is at:
            left -= 1
            if left == 0:
                raise Dies

    with monkeypatch.context() as patch:
        patch.setattr(faults, "reached", reached)
        yield


def test_files_arrive_and_nothing_stays_behind(bench: Callable[..., Bench], tmp_path: Path) -> None:
    b = bench()
    there = b.good()
    assert len(there["TABLE/a.csv"].splitlines()) == 51
    assert {"TABLE/b, c.csv", "TABLE/b, c-schema.sql", "TABLE/nothing.csv"} < there.keys()
    assert any(stage.startswith("sending") for stage in b.journal.stages)
    assert b.journal.stages[-1].startswith("publishing")


@pytest.mark.parametrize(
    ("point", "times"),
    [(Point.FORWARDED, 1), (Point.FORWARDED, 3), (Point.PUBLISHING, 1), (Point.RENAMED, 1),
     (Point.MANIFEST_WRITTEN, 1), (Point.FINISH_NEXT, 1)],
)  # fmt: skip
def test_whoever_dies_on_the_way_is_gone_on_with(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, point: Point, times: int
) -> None:
    b = bench()
    with dying(point, times, monkeypatch), pytest.raises(Dies):
        b.run()
    before = b.database.asked("read")
    assert len(before) == 3
    there = b.good()
    assert b.database.asked("read") == before, "nothing is read again"
    assert len(there["TABLE/a.csv"].splitlines()) == 51


def test_one_that_dies_amid_a_file_is_gone_on_with(bench: Callable[..., Bench]) -> None:
    b = bench(table("large", rows=100_000))
    seen = 0

    def die(path: str, count: int) -> None:
        nonlocal seen
        seen += count
        if "large.csv" in path and seen > 0:
            raise Dies

    b.on_put = die
    with pytest.raises(Dies):
        b.run()
    assert b.left() != []
    assert not any(path.endswith("manifest.json") and path.startswith(PATH) for path in b.there.look())
    b.on_put = lambda path, count: None
    assert "TABLE/large.csv" in b.good()


def test_an_abort_takes_back_what_was_sent(bench: Callable[..., Bench]) -> None:
    b = bench()

    def abort(path: str, count: int) -> None:
        if "b, c.csv" in path or "b%2C" in path or path.endswith("c.csv"):
            b.cancel.request()

    b.on_put = abort
    journal = b.run()
    assert journal.error is not None
    assert journal.error.code == "aborted"
    assert b.there.look() == {}
    assert b.left() == []


def test_a_lost_connection_is_tried_again_and_sends_what_is_missing(bench: Callable[..., Bench]) -> None:
    b = bench()
    sent: list[str] = []

    def lose(path: str, count: int) -> None:
        sent.append(path)
        if len(sent) == 3:
            raise DestinationLost("The connection was lost.")

    b.on_put = lose
    error = b.run().error
    assert error is not None
    assert error.transient
    before = set(sent[:2])
    sent.clear()
    b.on_put = lambda path, count: sent.append(path)
    b.good()
    assert not before.intersection(path for path in sent if not path.endswith(".json"))


def test_what_is_there_already_is_left_alone(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.there.put(f"{PATH}/theirs.txt", b"foreign")
    error = b.run().error
    assert error is not None
    assert error.code == "target-exists"
    assert b.there.look() == {f"{PATH}/theirs.txt": b"foreign"}


def test_what_comes_in_between_is_left_alone(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.on_put = lambda path, count: b.there.put(f"{PATH}/TABLE/theirs.txt", b"foreign")
    journal = b.run()
    there = b.there.look()
    assert there[f"{PATH}/TABLE/theirs.txt"] == b"foreign"
    if journal.error is not None:
        assert journal.error.code == "target-exists"


def test_objects_that_failed_follow_later(bench: Callable[..., Bench]) -> None:
    """`on error continue`: what was published stays, the rest comes beside it, the manifest says so last."""
    b = bench(table("a"), table("bad"), on_error=OnError.CONTINUE, format=Format.SQL)

    def refuse(step: str, subject: str) -> None:
        if step == "read" and "bad" in subject:
            raise NoPrivilege("The account may not read it.")

    b.database.hook = refuse
    b.run()
    first = b.there.look()
    assert not json.loads(first[f"{PATH}/manifest.json"])["complete"]
    b.database.hook = lambda step, subject: None
    there = b.good()
    assert b"bad" in there["load.sql"], "what loads all of it is made anew"
    assert b"bad" not in first[f"{PATH}/load.sql"]
    assert there["TABLE/a.sql"] == first[f"{PATH}/TABLE/a.sql"]
