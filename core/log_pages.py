"""A task's log in pages: lines before and after a place, found without reading the rest of the log.

A place is a segment's number and an offset in bytes within it (`core.tasklog` says what segments are), so
places compare as they stand in the log. A line that is still being written counts as one, and is not `whole`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.tasklog import LogLine, part_numbers, part_path

Place = tuple[int, int]
Keep = Callable[[bytes], bool]
Stopped = Callable[[], bool]
BLOCK = 1 << 16
# What is shown of one line. The rest of a longer one is in the file.
LONGEST_LINE = 1 << 15
STAMP = len("2026-11-22T04:00:00.123Z")
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
_ALERTS = (b"WARN ", b"ERROR")


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line, where it begins, and where the next one does."""

    start: Place
    end: Place
    line: LogLine
    whole: bool = True

    @property
    def missing(self) -> int:
        """Bytes of a very long line that `line` doesn't have."""
        return max(0, self.end[1] - self.start[1] - LONGEST_LINE)

    @property
    def time(self) -> datetime | None:
        """When it was logged; None for a line of another form."""
        try:
            return datetime.fromisoformat(self.line.text[:STAMP])
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """The text behind time and level; all of it for a line of another form."""
        return self.line.text[STAMP + 7 :] if self.line.level and self.time else self.line.text


def everything(data: bytes) -> bool:
    del data
    return True


def alerts(data: bytes) -> bool:
    """Lines of the levels WARN and ERROR."""
    return data[STAMP + 1 : STAMP + 6] in _ALERTS


def holding(text: str, also: Keep = everything) -> Keep:
    """Lines with `text` in them that `also` keeps; upper and lower case of ASCII letters are the same."""
    wanted = text.encode("utf-8", "replace").lower()
    return lambda data: wanted in data.lower() and also(data)


class LogPages:
    """Reads the log at `path`, also while it grows and while its middle is cut out. A log that isn't there
    is empty. `stopped` is asked after each block of a long search, which ends with what it has found."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> list[Path]:
        """The files that the log consists of now, in order."""
        return [p for p in (part_path(self.path, n) for n in part_numbers(self.path)) if p.exists()]

    @property
    def cut(self) -> bool:
        """Whether lines were left out of the middle."""
        numbers = part_numbers(self.path)
        return numbers != list(range(len(numbers)))

    def size(self) -> int:
        return sum(self._size(number) for number in part_numbers(self.path))

    def end(self) -> Place:
        """The place behind the last line."""
        last = part_numbers(self.path)[-1]
        return last, self._size(last)

    def share(self, place: Place) -> float:
        """How much of the log lies before a place, from 0 to 1."""
        sizes = {number: self._size(number) for number in part_numbers(self.path)}
        before = sum(size for number, size in sizes.items() if number < place[0]) + place[1]
        return min(1.0, before / total) if (total := sum(sizes.values())) else 1.0

    def after(
        self, place: Place, count: int, keep: Keep = everything, stopped: Stopped = lambda: False
    ) -> list[PlacedLine]:
        """The next `count` lines that `keep` keeps, from `place` on, which is the beginning of a line."""
        return self.read_on(place, count, keep, stopped)[0]

    def read_on(
        self, place: Place, count: int, keep: Keep = everything, stopped: Stopped = lambda: False
    ) -> tuple[list[PlacedLine], Place]:
        """The same, and the place from which to go on later: behind all whole lines that were looked at."""
        found: list[PlacedLine] = []
        reached = place
        for number in part_numbers(self.path):
            if number < place[0]:
                continue
            for start, data in self._forwards(number, place[1] if number == place[0] else 0):
                if data is None:
                    if stopped():
                        return found, reached
                    continue
                if data.endswith(b"\n"):
                    reached = (number, start + len(data))
                if keep(data):
                    found.append(_placed(number, start, data))
                    if len(found) == count:
                        return found, reached
        return found, reached

    def before(
        self, place: Place, count: int, keep: Keep = everything, stopped: Stopped = lambda: False
    ) -> list[PlacedLine]:
        """The last `count` lines before `place` that `keep` keeps, in the order of the log."""
        found: list[PlacedLine] = []
        for number in reversed(part_numbers(self.path)):
            if number > place[0]:
                continue
            end = place[1] if number == place[0] else self._size(number)
            for start, data in self._backwards(number, end):
                if data is not None and keep(data):
                    found.append(_placed(number, start, data))
                    if len(found) == count:
                        return found[::-1]
                elif data is None and stopped():
                    return found[::-1]
        return found[::-1]

    def at_time(self, when: datetime) -> Place:
        """Where the first line not older than `when` begins, by halving: times in a log grow."""
        stamp = when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
        numbers = part_numbers(self.path)
        chosen = numbers[0]
        for number in numbers[1:]:
            first = self._stamped(number, 0)
            if first is None or first[1] >= stamp:
                break
            chosen = number
        low, high = 0, self._size(chosen)
        while high - low > BLOCK:
            middle = (low + high) // 2
            found = self._stamped(chosen, middle)
            if found is not None and found[0] < high and found[1] < stamp:
                low = found[0]
            else:
                high = middle
        late = self.after(
            (chosen, low), 1, lambda data: _STAMP.match(data) is not None and data[:STAMP] >= stamp
        )
        return late[0].start if late else self.end()

    # Within one segment

    def _stamped(self, number: int, offset: int) -> tuple[int, bytes] | None:
        """The first line with a time that begins at or after `offset`: where it begins, and the time."""
        aligned = offset == 0
        for start, data in self._forwards(number, offset):
            if data is None:
                continue
            if aligned and _STAMP.match(data):
                return start, data[:STAMP]
            aligned = True
        return None

    def _forwards(self, number: int, offset: int) -> Iterator[tuple[int, bytes | None]]:
        """Lines with their ends from `offset` on, each with where it begins; None after each block."""
        begun = b""
        while data := self.read(number, offset + len(begun), BLOCK):
            lines = (begun + data).split(b"\n")
            begun = lines.pop()
            for line in lines:
                yield offset, line + b"\n"
                offset += len(line) + 1
            yield offset, None
        if begun:
            yield offset, begun

    def _backwards(self, number: int, end: int) -> Iterator[tuple[int, bytes | None]]:
        """Lines with their ends that begin before `end`, from the last; None after each block."""
        begun = b""
        while end > 0:
            start = max(0, end - BLOCK)
            *whole, rest = (self.read(number, start, end - start) + begun).split(b"\n")
            lines = [line + b"\n" for line in whole] + ([rest] if rest else [])
            # The first one may have begun in an earlier block.
            begun = lines.pop(0) if start and lines else b""
            place = start + len(begun) + sum(map(len, lines))
            for line in reversed(lines):
                place -= len(line)
                yield place, line
            end = start
            yield end, None

    def read(self, number: int, offset: int, count: int) -> bytes:
        """Up to `count` bytes of a segment; none where it has gone. Everything read goes through here."""
        try:
            with part_path(self.path, number).open("rb") as file:
                return os.pread(file.fileno(), count, offset)
        except FileNotFoundError:
            return b""

    def _size(self, number: int) -> int:
        try:
            return part_path(self.path, number).stat().st_size
        except FileNotFoundError:
            return 0


def _placed(number: int, start: int, data: bytes) -> PlacedLine:
    text = data[:LONGEST_LINE].rstrip(b"\n").decode("utf-8", "backslashreplace")
    return PlacedLine((number, start), (number, start + len(data)), LogLine(text), data.endswith(b"\n"))
