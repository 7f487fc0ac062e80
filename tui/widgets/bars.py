"""What fills the width that it gets: progress bars with words behind them, words that get fewer."""

from __future__ import annotations

from dataclasses import dataclass

from tui.look import Glyphs, bar
from tui.runs import Line, join, length, run, shorten

BAR_COLUMNS = 10
LEAST_BAR = 4


@dataclass(frozen=True, slots=True)
class ProgressCell:
    """`███████░░░ 63% ~4 min`: a bar, and `words` behind it as far as there is room. A `share` of None has
    no bar, only words. `role` is that of the words."""

    share: float | None
    words: str
    glyphs: Glyphs
    role: str = ""

    def fit(self, columns: int) -> Line:
        if self.share is None:
            return shorten(run(self.words, self.role), columns)[0]
        percent = f"{int(self.share * 100):2d}%"
        words = run(f"{percent} {self.words}".rstrip(), self.role)
        room = columns - length(words) - 1
        if room < LEAST_BAR:
            words = run(percent, self.role)
            room = columns - length(words) - 1
        if room < LEAST_BAR:
            return words
        return join(bar(self.share, min(room, BAR_COLUMNS), self.glyphs), words, between=" ")


@dataclass(frozen=True, slots=True)
class WordsCell:
    """The first of some `wordings`, the longest first, that fits; the last one is cut where none does."""

    wordings: tuple[str, ...]
    role: str = ""

    def fit(self, columns: int) -> Line:
        lines = [run(text, self.role) for text in self.wordings]
        return next((line for line in lines if length(line) <= columns), shorten(lines[-1], columns)[0])
