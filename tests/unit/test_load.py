"""Rates as people type them, and readers that heed them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from core.chunk import Bytes, TextChunk
from core.errors import Aborted, InvalidValue
from core.model.load import LoadSettings, Per, Rate
from core.pipeline import pace as module
from core.pipeline.pace import Pace, shared


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100", Rate(100)),
        ("10m", Rate(10 << 20)),
        ("500 KiB/s", Rate(500 << 10)),
        ("2G", Rate(2 << 30)),
        ("1 b", Rate(1)),
        ("20000 rows", Rate(20_000, Per.ROWS)),
        ("1row/s", Rate(1, Per.ROWS)),
    ],
)
def test_rates_are_read_and_written_alike(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "fast", "-1", "0", "0 rows", "1.5m", "10 mrows", "5 x"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(InvalidValue):
        Rate.parse(text)


def test_statements_have_rows() -> None:
    with pytest.raises(InvalidValue, match="Statements of 0 rows"):
        LoadSettings(statement_rows=0)


class Clock:
    """A time that goes on by sleeping alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module, "time", self)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def chunk(rows: int, size: int = 10) -> TextChunk:
    starts = np.arange(rows, dtype=np.int64).reshape(rows, 1) * size
    return TextChunk(np.zeros(rows * size, np.uint8), starts, starts + size)


@pytest.mark.parametrize(("rate", "seconds"), [(Rate(100), 10), (Rate(10, Per.ROWS), 10), (None, 0)])
def test_a_reader_takes_its_time(monkeypatch: pytest.MonkeyPatch, rate: Rate | None, seconds: int) -> None:
    clock = Clock(monkeypatch)
    pace = Pace(lambda: rate, lambda: None)
    begun = clock.now
    for _ in range(10):
        pace.passed(chunk(10))
    assert clock.now - begun == pytest.approx(seconds, abs=module.CREDIT_SECONDS)


def test_what_is_read_counts_whether_it_is_written_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = Pace(lambda: Rate(10, Per.ROWS), lambda: None)
    begun = clock.now
    held: list[weakref.ref[Bytes]] = []

    def read() -> Iterator[TextChunk]:
        for _ in range(10):
            # Nobody holds the one before while the next is read: both may be large.
            assert not held or held[-1]() is None
            new = chunk(10)
            held.append(weakref.ref(new.buffer))
            yield new
            del new

    def nothing(chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        for one in chunks:
            if not one.rows:
                yield one
            del one

    assert list(nothing(pace.slowed(read()))) == []
    assert clock.now - begun == pytest.approx(10, abs=module.CREDIT_SECONDS)


def test_time_that_was_not_used_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    pace = Pace(lambda: Rate(100), lambda: None)
    pace.passed(chunk(10))
    clock.sleep(60)  # the server was slow
    begun = clock.now
    for _ in range(10):
        pace.passed(chunk(10))
    assert clock.now - begun >= 10 - module.CREDIT_SECONDS - 0.01


@pytest.mark.parametrize(
    ("later", "seconds"), [(None, 1), (Rate(1000), 2), (Rate(5, Per.ROWS), 1), (Rate(50), 17)]
)
def test_a_rate_that_changes_while_it_waits(
    monkeypatch: pytest.MonkeyPatch, later: Rate | None, seconds: float
) -> None:
    clock = Clock(monkeypatch)
    begun = clock.now
    pace = Pace(lambda: Rate(100) if clock.now < begun + 1 else later, lambda: None)
    pace.passed(chunk(100))  # ten seconds, but for the credit
    assert clock.now - begun == pytest.approx(seconds, abs=1.2)


def test_whoever_waits_can_be_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def check() -> None:
        if clock.now > 1003:
            raise Aborted("Aborted on request.")

    with pytest.raises(Aborted):
        Pace(lambda: Rate(1), check).passed(chunk(1000))
    assert clock.now < 1004


def test_readers_share_a_rate() -> None:
    assert shared(Rate(100), 4) == Rate(25)
    assert shared(Rate(2, Per.ROWS), 4) == Rate(1, Per.ROWS)
    assert shared(None, 4) is None
    assert shared(Rate(7), 0) == Rate(7)
