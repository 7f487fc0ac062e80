"""The piece of a log that a log view holds: some hundred lines around the cursor, read as one moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.log_pages import Keep, LogPages, Place, PlacedLine, alerts, everything, holding

CHUNK = 200
KEPT = 1000
MOST_COPIED = 1000


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show: `lines` with the cursor's index; `share` of the log that lies before the
    cursor; `cut`: lines are missing in its middle; `at_end`: the cursor is on the last line."""

    lines: tuple[PlacedLine, ...] = ()
    cursor: int = 0
    share: float = 0.0
    cut: bool = False
    at_end: bool = True

    @property
    def line(self) -> PlacedLine | None:
        return self.lines[self.cursor] if self.lines else None


class LogWindow:
    """Everything here reads the disk: to be called in a thread, one call at a time. `stopped` ends long
    searches; each method leaves a window that can be shown, whatever it has found."""

    def __init__(self, pages: LogPages, *, alert: bool, stopped: Callable[[], bool]) -> None:
        self.pages = pages
        self._keep: Keep = alerts if alert else everything
        self._stopped = stopped
        self._lines: list[PlacedLine] = []
        self._cursor = 0
        # Behind the last line, and behind whatever follows it and is not kept.
        self._reached: Place = (0, 0)

    def view(self) -> View:
        if not self._lines:
            return View(cut=self.pages.cut)
        here = self._lines[self._cursor]
        return View(
            tuple(self._lines),
            self._cursor,
            self.pages.share(here.end),
            self.pages.cut,
            here is self._lines[-1] and self._reached >= self.pages.end(),
        )

    # Moving

    def go_begin(self) -> None:
        self._lines, self._cursor = [], 0
        self._reached = (0, 0)
        self._more(CHUNK)

    def go_end(self) -> None:
        end = self.pages.end()
        self._lines = self._before(end, CHUNK)
        half = self._lines and not self._lines[-1].whole
        self._reached = self._lines[-1].start if half else end
        self._cursor = max(0, len(self._lines) - 1)

    def go(self, place: Place) -> None:
        """To the line at `place`, or the next one that is shown."""
        for index, placed in enumerate(self._lines):
            if placed.start == place:
                self._cursor = index
                return
        before = self._before(place, CHUNK)
        self._lines, self._reached = list(before), place
        self._more(CHUNK)
        self._cursor = max(0, min(len(before), len(self._lines) - 1))

    def move(self, lines: int) -> None:
        wanted = self._cursor + lines
        if wanted < 0 and self._lines:
            more = self._before(self._lines[0].start, CHUNK - wanted)
            self._lines = more + self._lines
            wanted += len(more)
        if wanted >= len(self._lines):
            self._more(CHUNK + wanted - len(self._lines))
        self._cursor = max(0, min(wanted, len(self._lines) - 1))
        self._trim()

    def grow(self, *, follow: bool) -> None:
        """Take in what was logged meanwhile; with `follow` the cursor goes to the end."""
        if not follow and len(self._lines) >= CHUNK:
            return
        before = len(self._lines)
        self._more(CHUNK)
        if follow and len(self._lines) - before >= CHUNK:
            # Far behind: straight to the end.
            self.go_end()
        elif follow:
            self._cursor = max(0, len(self._lines) - 1)
        self._trim()

    # What is kept, searched, copied

    def keep(self, *, alert: bool) -> None:
        """Show warnings and errors only, or all lines; the cursor stays as near as it can."""
        here = self._lines[self._cursor].start if self._lines else self.pages.end()
        self._keep = alerts if alert else everything
        self._lines = []
        self.go(here)

    def find(self, text: str, *, back: bool, here: bool = False) -> str:
        """Go to the next line with `text`, or the one before, round the end; with `here` the cursor's own
        line counts. Gives back "", or words: that there is none, or that it was found beyond the end."""
        line = self._lines[self._cursor] if self._lines else None
        if line is None:
            return "There is nothing to search in."
        wanted = holding(text, self._keep)
        if back:
            found = self.pages.before(line.start, 1, wanted, self._stopped)
            wrapped = found or self.pages.before(self.pages.end(), 1, wanted, self._stopped)
        else:
            found = self.pages.after(line.start if here else line.end, 1, wanted, self._stopped)
            wrapped = found or self.pages.after((0, 0), 1, wanted, self._stopped)
        if self._stopped():
            return "The search was stopped."
        if not wrapped:
            return f"{text!r} is nowhere in the log."
        self.go(wrapped[0].start)
        if found:
            return ""
        return (
            "Found beyond the beginning, from the end on."
            if back
            else "Found beyond the end, from the beginning on."
        )

    def go_time(self, when: datetime) -> None:
        self.go(self.pages.at_time(when))

    def text(self, mark: Place | None) -> tuple[list[str], bool]:
        """The lines from the marked one to the cursor's (that one without a mark), as they stand in the
        log, and whether there are more than can be copied at once."""
        if not self._lines:
            return [], False
        here = self._lines[self._cursor].start
        first, last = sorted((mark or here, here))
        found = [
            p for p in self.pages.after(first, MOST_COPIED + 1, self._keep, self._stopped) if p.start <= last
        ]
        return [placed.line.text for placed in found[:MOST_COPIED]], len(found) > MOST_COPIED

    # Reading

    def _before(self, place: Place, count: int) -> list[PlacedLine]:
        return self.pages.before(place, count, self._keep, self._stopped)

    def _more(self, count: int) -> None:
        """Lines behind the last one; that one anew where it wasn't whole."""
        if self._lines and not self._lines[-1].whole:
            self._lines.pop()
            count += 1
        more, self._reached = self.pages.read_on(self._reached, count, self._keep, self._stopped)
        self._lines += more

    def _trim(self) -> None:
        """Keep what is near the cursor."""
        if len(self._lines) > KEPT:
            first = max(0, min(self._cursor - KEPT // 2, len(self._lines) - KEPT))
            if first + KEPT < len(self._lines):
                self._reached = self._lines[first + KEPT].start
            self._lines = self._lines[first : first + KEPT]
            self._cursor -= first
