"""A task's log: written by its worker, read by offset.

A line is `2026-11-22T04:00:00.123Z INFO  text`: the instant in UTC, the level padded to five (DEBUG INFO
WARN ERROR), and the text, in which every control character is escaped, so that a line is a line and a
terminal shows it inert. An exception's traceback follows as lines of its own.

A log is a head, `task-7.log`, and segments after it, `task-7.log.000001` and on, each `SEGMENT` bytes at
most. It is kept whole up to `LONGEST` bytes; beyond that the segments after the head go, oldest first, and
the head ends with a line that says so. All of it is UTF-8.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from core.locations import Locations
from core.model.hiding import Hiding

LONGEST = 256 << 20
SEGMENT = 16 << 20
_BLOCK = 1 << 16
# C0 but tab, DEL and C1; lone surrogates; line and paragraph separators; what turns the reading direction.
_UNSAFE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LEVELS = {"WARNING": "WARN", "CRITICAL": "ERROR"}
_GAP = "Lines were left out here: the log had grown beyond its limit."


def escape(text: str) -> str:
    """`text` with every character escaped that could end a line or do something to a terminal."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


@dataclass(frozen=True, slots=True)
class LogLine:
    """`text` is the whole line without its end."""

    text: str

    @property
    def level(self) -> str | None:
        """DEBUG, INFO, WARN or ERROR; None for a line of another form."""
        word = self.text[25:30].rstrip()
        return word if word in ("DEBUG", "INFO", "WARN", "ERROR") else None

    @property
    def alert(self) -> bool:
        return self.level in ("WARN", "ERROR")


class TaskLogHandler(logging.Handler):
    """Writes records to the log at `path`, appending to what earlier attempts wrote.

    The last line of defence for `secrets`: wherever one of them (of at least four characters) occurs in a
    line, `***` stands instead. A log that can't be written (a full disk) loses lines, and never ends a
    task; `longest` and `segment` are bytes.
    """

    def __init__(
        self, path: Path, *, secrets: Collection[str] = (), longest: int = LONGEST, segment: int = SEGMENT
    ) -> None:
        super().__init__()
        self._path = path
        self._segment = segment
        self._segments = max(2, longest // segment)
        self._hide = Hiding(secrets)
        self._numbers = part_numbers(path)
        self._file = _append(part_path(path, self._numbers[-1]))
        self._torn = False

    def emit(self, record: logging.LogRecord) -> None:
        # Not `handleError`, which would print the message and its arguments as they are.
        with suppress(OSError):
            data = self._format(record)
            self._roll(len(data))
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._torn:
            data = b"\n" + data
        written = self._file.write(data) or 0
        # A disk that fills up takes the beginning of a line: what comes later begins one of its own.
        self._torn = 0 < written < len(data) or (self._torn and written == 0)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _format(self, record: logging.LogRecord) -> bytes:
        stamp = _stamp(record.created)
        level = _LEVELS.get(record.levelname, record.levelname)
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # Arguments that don't fit the message: no reason to end a task.
            message = f"{record.msg} {record.args!r}"
        lines = [escape(self._hide(message))]
        if record.exc_info:
            # Before it is cut into lines: a secret may have several.
            trace = logging.Formatter().formatException(record.exc_info)
            lines += map(escape, self._hide(trace).splitlines())
        text = "".join(f"{stamp} {level:<5} {line}\n" for line in lines)
        return text.encode()

    def _roll(self, size: int) -> None:
        if self._file.tell() + size <= self._segment or self._file.tell() == 0:
            return
        # Where there is no room for another segment, the present one is still there to go on with.
        following = _append(part_path(self._path, self._numbers[-1] + 1))
        self._file.close()
        self._file, self._torn = following, False
        self._numbers.append(self._numbers[-1] + 1)
        if len(self._numbers) > self._segments:
            if self._numbers[1] == 1:
                with _append(self._path) as head:
                    head.write(f"{_stamp(time.time())} WARN  {_GAP}\n".encode())
            part_path(self._path, self._numbers.pop(1)).unlink(missing_ok=True)


class TaskLog:
    """Reads a task's log, also while it grows. A log that isn't there is empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def size(self) -> int:
        """Bytes in all segments."""
        return sum(_size(part_path(self._path, number)) for number in part_numbers(self._path))

    def lines(self, *, alert: bool = False) -> Iterator[LogLine]:
        """All lines from the first, or those of levels WARN and ERROR only."""
        return self.follow(lambda: True, alert=alert)

    def follow(
        self, ended: Callable[[], bool], *, alert: bool = False, pause: float = 0.25
    ) -> Iterator[LogLine]:
        """All lines from the first, then those that come, until `ended` has said so and the rest is read;
        looks for more every `pause` seconds. A line is given once it is whole."""
        place = 0, 0
        while True:
            last = ended()
            for line, after in self._read(place, rest=last):
                place = after
                if not alert or line.alert:
                    yield line
            if last:
                return
            time.sleep(pause)

    def tail(self, count: int, *, alert: bool = False) -> list[LogLine]:
        """The last `count` lines, in their order, reading no more of the log than that takes."""
        found: list[LogLine] = []
        for number in reversed(part_numbers(self._path)):
            for data in _backwards(part_path(self._path, number)):
                if len(found) == count:
                    break
                line = _line(data)
                if not alert or line.alert:
                    found.append(line)
        return found[::-1]

    def _read(self, place: tuple[int, int], *, rest: bool) -> Iterator[tuple[LogLine, tuple[int, int]]]:
        """Whole lines from `place` (segment, offset), each with the place after it; with `rest` also a
        last one that isn't whole."""
        numbers = [number for number in part_numbers(self._path) if number >= place[0]]
        for number in numbers:
            offset = place[1] if number == place[0] else 0
            try:
                file = part_path(self._path, number).open("rb")
            except FileNotFoundError:
                continue
            with file:
                file.seek(offset)
                for data in file:
                    if not data.endswith(b"\n") and not rest:
                        break
                    offset += len(data)
                    yield _line(data), (number, offset)


def task_log_files(locations: Locations, task: int) -> list[Path]:
    """Everything that a task has left in the directory of logs."""
    log = locations.task_log(task)
    found = [part_path(log, number) for number in part_numbers(log)]
    return [path for path in (*found, locations.worker_output(task)) if path.exists()]


def remove_task_logs(locations: Locations, task: int) -> None:
    """Remove a task's logs. Raises OSError where one can't be removed."""
    for path in task_log_files(locations, task):
        path.unlink(missing_ok=True)


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _append(path: Path) -> FileIO:
    """Without a buffer: a killed process leaves what it has logged."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)


def part_path(path: Path, number: int) -> Path:
    """Segment 0 is the head."""
    return path.with_name(f"{path.name}.{number:06}") if number else path


def append(path: Path, level: int, text: str) -> None:
    """Write one line to the log of a task that has no worker; nothing where it can't be written."""
    with suppress(OSError):
        handler = TaskLogHandler(path)
        try:
            handler.emit(logging.LogRecord("offramp.task", level, "", 0, text, None, None))
        finally:
            handler.close()


def part_numbers(path: Path) -> list[int]:
    """The numbers of the segments that are there, the head's always among them."""
    names = (found.name.removeprefix(f"{path.name}.") for found in path.parent.glob(f"{path.name}.*"))
    return [0, *sorted(int(name) for name in names if name.isdecimal())]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _line(data: bytes) -> LogLine:
    return LogLine(data.rstrip(b"\n").decode("utf-8", "backslashreplace"))


def _backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file from its last."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        end = file.seek(0, os.SEEK_END)
        begun = b""
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            lines = (file.read(end - start) + begun).split(b"\n")
            if lines[-1] == b"" and not begun:
                lines.pop()
            begun = lines.pop(0)
            yield from reversed(lines)
            end = start
        if begun:
            yield begun
