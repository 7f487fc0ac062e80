"""Task logs: one line is one line, inert, without secrets, bounded, and read by offset."""

from __future__ import annotations

import logging
import re
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.locations import Locations
from core.tasklog import TaskLog, TaskLogHandler, escape, remove_task_logs, task_log_files

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO |WARN |ERROR) ")


def logger(path: Path, **values: object) -> logging.Logger:
    log = logging.Logger("test", logging.DEBUG)
    log.addHandler(TaskLogHandler(path, **values))  # type: ignore[arg-type]
    return log


def texts(path: Path, **values: bool) -> list[str]:
    return [line.text[31:] for line in TaskLog(path).lines(**values)]


def test_lines_have_their_form(tmp_path: Path) -> None:
    log = logger(tmp_path / "log")
    log.debug("d"), log.info("%d rows", 7), log.warning("w"), log.error("e"), log.critical("c")
    content = (tmp_path / "log").read_text().splitlines()
    assert all(LINE.match(line) for line in content)
    assert [line[25:] for line in content] == ["DEBUG d", "INFO  7 rows", "WARN  w", "ERROR e", "ERROR c"]
    assert texts(tmp_path / "log", alert=True) == ["w", "e", "c"]
    assert [line.level for line in TaskLog(tmp_path / "log").lines()] == [
        "DEBUG", "INFO", "WARN", "ERROR", "ERROR",
    ]  # fmt: skip


def fail(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\r\nb",
        "\x1b]52;c;Zm9v\x07",
        "\x9b31m",
        "\u202eevil",
        "\u2028",
        "\x00",
        "\x7f",
        "\ud800",
        "\x85",
    ],
)
def test_nothing_in_a_message_acts_on_a_terminal(tmp_path: Path, text: str) -> None:
    logger(tmp_path / "log").info("before %s after", text)
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert line.isprintable()
    assert escape(text) in line
    assert escape("订单 émile\t[b]") == "订单 émile\t[b]"


def test_a_traceback_is_lines(tmp_path: Path) -> None:
    log = logger(tmp_path / "log")
    try:
        fail("first\nsecond")
    except ValueError:
        log.exception("Unexpected")
    content = (tmp_path / "log").read_text().splitlines()
    assert all(LINE.match(line) for line in content)
    assert content[-1].endswith("ERROR second")


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("hunter22", "login hunter22 refused"),
        ("p@ss/w:rd", "mysql://u:p%40ss%2Fw%3Ard@h"),
        ('it\'s\n"1"', "sent 'it\\'s\\n\"1\"'"),
        ("new\nline", "a new\nline b"),
    ],
)
def test_secrets_never_pass(tmp_path: Path, secret: str, message: str) -> None:
    log = logger(tmp_path / "log", secrets=[secret, "x"])
    log.info("%s", message)
    try:
        fail(secret)
    except ValueError:
        log.exception("Unexpected")
    content = (tmp_path / "log").read_text()
    assert "***" in content.splitlines()[0]
    for form in (secret, escape(secret), repr(secret)[1:-1]):
        assert form not in content


def test_a_mistake_in_a_message_ends_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = logger(tmp_path / "log", secrets=["hunter22"])
    log.info("%d rows", "hunter22")
    assert texts(tmp_path / "log") == ["%d rows ('***',)"]
    assert capfd.readouterr() == ("", "")


def test_a_log_that_cant_be_written_ends_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = logger(tmp_path / "log", secrets=["hunter22"])
    handler = log.handlers[0]
    assert isinstance(handler, TaskLogHandler)
    with Path("/dev/full").open("ab", buffering=0) as full:
        handler._file = full
        log.info("hunter22")
    assert capfd.readouterr() == ("", "")


def test_attempts_append(tmp_path: Path) -> None:
    for attempt in range(3):
        logger(tmp_path / "log").info("attempt %d", attempt)
    assert texts(tmp_path / "log") == ["attempt 0", "attempt 1", "attempt 2"]


def test_a_long_log_loses_its_middle_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "task-1.log"
    log = logger(path, longest=4000, segment=1000)
    for number in range(400):
        log.info("line %03d", number)
    # Whoever opens it again goes on in the last segment.
    log = logger(path, longest=4000, segment=1000)
    for number in range(400, 450):
        log.info("line %03d", number)
    lines = texts(path)
    assert TaskLog(path).size <= 4000 + 100
    gap = [place for place, line in enumerate(lines) if "left out here" in line]
    assert len(gap) == 1
    assert lines[: gap[0]] == [f"line {n:03}" for n in range(gap[0])]
    rest = [int(line.split()[1]) for line in lines[gap[0] + 1 :]]
    assert rest == list(range(rest[0], 450))
    assert rest[0] > gap[0]
    assert [line.level for line in TaskLog(path).lines(alert=True)] == ["WARN"]


def test_below_its_limit_a_log_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "task-1.log"
    log = logger(path, longest=40_000, segment=1000)
    for number in range(500):
        log.info("line %03d", number)
    assert texts(path) == [f"line {n:03}" for n in range(500)]
    assert len(list(tmp_path.iterdir())) >= 20


@pytest.mark.parametrize("count", [0, 1, 7, 60, 1000])
def test_the_tail_is_the_end_of_all_lines(tmp_path: Path, count: int) -> None:
    path = tmp_path / "task-1.log"
    log = logger(path, longest=4000, segment=1000)
    for number in range(100):
        (log.warning if number % 3 else log.info)("line %03d %s", number, "é" * (number % 50))
    reader = TaskLog(path)
    for alert in (False, True):
        everything = list(reader.lines(alert=alert))
        assert reader.tail(count, alert=alert) == (everything[-count:] if count else [])


def test_the_tail_of_lines_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.tasklog._BLOCK", 64)
    log = logger(tmp_path / "log")
    for number in range(20):
        log.info("%d %s", number, "x" * (number * 17))
    reader = TaskLog(tmp_path / "log")
    for count in range(22):
        assert reader.tail(count) == (list(reader.lines())[-count:] if count else [])


def test_a_log_that_isnt_there_is_empty(tmp_path: Path) -> None:
    reader = TaskLog(tmp_path / "none")
    assert (list(reader.lines()), reader.tail(5), reader.size) == ([], [], 0)


def test_following_gives_whole_lines_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "task-1.log"
    done = threading.Event()
    seen: list[str] = []

    def follow() -> None:
        for line in TaskLog(path).follow(done.is_set, pause=0.01):
            seen.append(line.text[31:])

    reader = threading.Thread(target=follow)
    reader.start()
    log = logger(path, longest=100_000, segment=500)
    for number in range(50):
        log.info("%d", number)
    wait(lambda: len(seen) == 50)
    with path.with_name("task-1.log.000004").open("ab") as file:
        file.write(b"2026-11-22T04:00:00.000Z INFO  half")
        file.flush()
        time.sleep(0.05)
        assert len(seen) == 50
        file.write(b" a line\n")
    wait(lambda: seen[-1] == "half a line")
    done.set()
    reader.join(5)
    assert not reader.is_alive()
    assert seen[:-1] == [str(number) for number in range(50)]


def test_all_of_a_tasks_logs_are_removed(tmp_path: Path) -> None:
    locations = Locations(tmp_path)
    locations.ensure()
    for task in (1, 11):
        log = logger(locations.task_log(task), longest=10_000, segment=500)
        for number in range(50):
            log.info("%d", number)
        locations.worker_output(task).write_text("")
    assert len(task_log_files(locations, 1)) > 3
    remove_task_logs(locations, 1)
    assert task_log_files(locations, 1) == []
    assert all("task-11." in path.name for path in locations.logs.iterdir())


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_line_that_was_cut_off_by_a_full_disk_spoils_no_other(tmp_path: Path) -> None:
    """A limit of this process stands in for the disk's: the system takes what fits, and refuses the next."""
    path = tmp_path / "task-1.log"
    log = logger(path)
    log.info("whole")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, before[1]))
    try:
        log.info("cut off " + "x" * 100)
        log.info("lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.info("whole again")
    found = [line.text for line in TaskLog(path).lines()]
    assert len(found) == 3
    assert found[0].endswith("whole")
    assert "cut off" in found[1]
    assert LINE.match(found[2])
    assert found[2].endswith("whole again")


def test_no_room_for_the_next_segment_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "task-1.log"
    log = logger(path, segment=200)
    log.info("x" * 150)
    with monkeypatch.context() as full:

        def refuse(_: Path) -> None:
            raise OSError(28, "No space left on device")

        full.setattr("core.tasklog._append", refuse)
        log.info("lost")
        log.info("lost, too")
    log.info("kept")
    assert [text[-4:] for text in texts(path)] == ["xxxx", "kept"]
