"""Where the command line writes: data to standard output, words to standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from core.errors import OfframpError, UsageError
from tui.plain import cut, json_text, pad, plain, plain_lines, width

SCHEMA_VERSION = 1
GAP = "  "
NARROWEST = 8


class Output:
    """`quiet` leaves out words that are no errors; `ask` False never asks for anything."""

    def __init__(self, *, quiet: bool = False, ask: bool = True) -> None:
        self.quiet = quiet
        self.asks = ask and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        self.terminal = sys.stdout.isatty()
        self.terminal_words = sys.stderr.isatty()

    # Data

    def data(self, text: str) -> None:
        """One line of data."""
        print(plain(text))

    def text(self, text: str) -> None:
        """Data of several lines."""
        print(plain_lines(text.rstrip("\n")))

    def raw(self, line: str) -> None:
        """One line exactly as it is where nobody looks at it, else made inert."""
        print(plain(line) if self.terminal else line)

    def json(self, tree: dict[str, Any]) -> None:
        """One JSON document, with the version of its form."""
        print(json_text({"schema_version": SCHEMA_VERSION, **tree}))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Columns under their names; those in `right` are aligned to the right. On a terminal the widest
        columns are cut so that no line wraps."""
        cells = [list(head), *([plain(cell) for cell in row] for row in rows)]
        widths = [max(width(row[column]) for row in cells) for column in range(len(head))]
        if self.terminal:
            narrow(widths, self.columns() - len(GAP) * (len(head) - 1))
        for row in cells:
            shown = [
                pad(cut(cell, wide), wide, right=column in right)
                for column, (cell, wide) in enumerate(zip(row, widths, strict=True))
            ]
            print(GAP.join(shown).rstrip())

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Names and values, those without a value left out."""
        wide = max((len(name) for name, value in pairs if value), default=0)
        for name, value in pairs:
            if value:
                print(f"{name.ljust(wide)}{GAP}{plain(value)}")

    # Words

    def say(self, text: str) -> None:
        """Something that a person likes to know."""
        if not self.quiet:
            print(plain(text), file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Something that a person must know, however quiet it is to be."""
        print(f"offramp: {plain(text)}", file=sys.stderr, flush=True)

    def fail(self, error: OfframpError) -> None:
        """An error: what happened, and below it what to do."""
        self.warn(error.message)
        if error.hint:
            print(f"  {plain(error.hint)}", file=sys.stderr, flush=True)

    def confirm(self, question: str, *, instead: str) -> bool:
        """A question whose answer is no unless it is yes. Raises UsageError where nobody can be asked:
        `instead` is what to do then."""
        if not self.asks:
            raise UsageError(f"This needs an answer: {question}", instead)
        print(f"{plain(question)} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @staticmethod
    def columns() -> int:
        return shutil.get_terminal_size().columns


def narrow(widths: list[int], limit: int) -> None:
    """Take from the widest columns until all of them fit into `limit`, or none is wider than NARROWEST."""
    while sum(widths) > limit:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def adopt_streams() -> None:
    """What the locale can't show is written as an escape, and never ends the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def abandon_output() -> None:
    """Nobody reads standard output any more: let the interpreter end without complaining about it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
