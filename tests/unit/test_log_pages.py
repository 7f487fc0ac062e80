"""A log in pages: the same lines as reading it through, and no more read than a page takes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import log_pages
from core.log_pages import LogPages, PlacedLine, alerts, everything, holding

BEGIN = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)


def stamp(seconds: float) -> str:
    when = BEGIN + timedelta(seconds=seconds)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(number: int, level: str = "INFO", text: str = "") -> str:
    return f"{stamp(number)} {level:<5} {text or f'line {number}'}\n"


class Counted(LogPages):
    """Counts what is read."""

    bytes = 0
    lines = 0

    def read(self, number: int, offset: int, count: int) -> bytes:
        data = super().read(number, offset, count)
        self.bytes += len(data)
        self.lines += data.count(b"\n")
        return data


def texts(found: list[PlacedLine]) -> list[str]:
    return [placed.line.text for placed in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "task-7.log"


def test_an_absent_log_is_empty(path: Path) -> None:
    pages = LogPages(path)
    assert pages.after((0, 0), 10) == []
    assert pages.before(pages.end(), 10) == []
    assert (pages.size(), pages.end(), pages.cut, pages.parts()) == (0, (0, 0), False, [])
    assert pages.at_time(BEGIN) == (0, 0)


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 16])
def test_both_directions_find_the_lines_of_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(log_pages, "BLOCK", block)
    die = random.Random(block)
    written = [line(n, text="x" * die.choice((0, 1, 5, 63, 64, 65, 200)) + "\u4e2d") for n in range(60)]
    path.write_text("".join(written[:20]))
    path.with_name("task-7.log.000001").write_text("".join(written[20:21]))
    path.with_name("task-7.log.000002").write_text("".join(written[21:]))
    pages = LogPages(path)
    wanted = [text.rstrip("\n") for text in written]
    found = pages.after((0, 0), 1000)
    assert texts(found) == wanted
    assert texts(pages.before(pages.end(), 1000)) == wanted
    for index in (0, 19, 20, 21, 22, 59):
        assert texts(pages.after(found[index].start, 3)) == wanted[index : index + 3]
        assert texts(pages.before(found[index].start, 3)) == wanted[max(0, index - 3) : index]
        assert pages.before(found[index].end, 1)[0] == found[index]
    shares = [pages.share(placed.start) for placed in found]
    assert shares == sorted(shares)
    assert (shares[0], pages.share(pages.end())) == (0.0, 1.0)


def test_a_line_that_is_still_written_is_not_whole(path: Path) -> None:
    path.write_text(line(1) + "2026-11-22T04:00:02.000Z INFO  half")
    pages = LogPages(path)
    assert [p.whole for p in pages.after((0, 0), 5)] == [True, False]
    last = pages.before(pages.end(), 1)[0]
    assert not last.whole
    with path.open("a") as file:
        file.write(" and half\n")
    assert texts(pages.after(last.start, 5)) == ["2026-11-22T04:00:02.000Z INFO  half and half"]


def test_a_log_with_its_middle_cut_out_says_so_and_goes_on_behind_it(path: Path) -> None:
    path.write_text(line(1))
    path.with_name("task-7.log.000004").write_text(line(50))
    pages = LogPages(path)
    assert pages.cut
    assert [p.message for p in pages.after((0, 0), 5)] == ["line 1", "line 50"]
    # A place in a segment that has gone meanwhile.
    assert [p.message for p in pages.after((2, 17), 5)] == ["line 50"]
    assert [p.message for p in pages.before((2, 17), 5)] == ["line 1"]


def test_alerts_and_search(path: Path) -> None:
    levels = ["DEBUG", "INFO", "WARN", "ERROR", "INFO"]
    path.write_text("".join(line(n, levels[n % 5], f"Orders {n}") for n in range(50)) + "WARN  of no form\n")
    pages = LogPages(path)
    assert {p.line.level for p in pages.after((0, 0), 99, alerts)} == {"WARN", "ERROR"}
    assert len(pages.after((0, 0), 99, alerts)) == 20
    assert [p.message for p in pages.before(pages.end(), 2, alerts)] == ["Orders 47", "Orders 48"]
    assert [p.message for p in pages.after((0, 0), 99, holding("oRDERS 4", alerts))] == [
        "Orders 42", "Orders 43", "Orders 47", "Orders 48",
    ]  # fmt: skip
    assert pages.after((0, 0), 99, holding("4[2")) == []


def test_a_search_stops_when_it_is_told_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pages, "BLOCK", 256)
    path.write_text("".join(line(n) for n in range(1000)))
    pages = Counted(path)
    assert pages.after((0, 0), 1, holding("nowhere"), stopped=lambda: True) == []
    assert pages.before(pages.end(), 1, holding("nowhere"), stopped=lambda: True) == []
    assert pages.bytes <= 512


def test_a_time_is_found_by_halving(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pages, "BLOCK", 512)
    path.write_text("".join(line(n) for n in range(2000)))
    path.with_name("task-7.log.000001").write_text(
        "".join(line(n) + "Traceback without a time\n" for n in range(2000, 4000))
    )
    pages = Counted(path)
    for seconds in (-5, 0, 0.5, 1, 1234, 1999, 1999.5, 2000, 2001.2, 3999):
        found = pages.after(pages.at_time(BEGIN + timedelta(seconds=seconds)), 1)
        assert found[0].time == BEGIN + timedelta(seconds=max(0, -int(-seconds // 1)))
    assert pages.at_time(BEGIN + timedelta(hours=9)) == pages.end()
    pages.lines = 0
    pages.at_time(BEGIN + timedelta(seconds=1777))
    assert pages.lines < 400


def test_a_page_of_a_million_lines_reads_a_page(path: Path) -> None:
    chunk = "".join(line(n) for n in range(10_000)).encode()
    with path.open("wb") as file:
        for _ in range(100):
            file.write(chunk)
    pages = Counted(path)
    assert len(pages.before(pages.end(), 50)) == 50
    assert len(pages.after((0, 0), 50)) == 50
    assert pages.bytes <= 2 * log_pages.BLOCK
    assert pages.lines < 5000


def test_an_endless_line_is_shown_from_its_beginning(path: Path) -> None:
    path.write_text(line(1, text="x" * 300_000) + line(2))
    pages = LogPages(path)
    long, short = pages.after((0, 0), 9)
    assert len(long.line.text) == log_pages.LONGEST_LINE
    assert short.message == "line 2"
    assert pages.before(short.start, 1) == [long]


def test_everything_keeps_everything() -> None:
    assert everything(b"") is True
