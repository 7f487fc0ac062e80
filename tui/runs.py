"""Text as the screens draw it: runs of characters, each with a role instead of a colour.

A `Line` is a tuple of runs `(text, role)`: comparable, so that a widget draws again only what differs, and
never read as markup. Whatever comes from outside (names, errors, paths) goes through `run`, which makes it
inert. Roles are the keys of `tui.look.ROLES`; the theme decides how they look.
"""

from __future__ import annotations

from collections.abc import Iterable

from tui.plain import cut, plain, width

Run = tuple[str, str]
Line = tuple[Run, ...]

EMPTY: Line = ()


def run(text: str, role: str = "") -> Line:
    """A line of one run, with what a terminal would act on made visible."""
    return ((plain(text), role),) if text else EMPTY


def join(*lines: Line, between: str = "") -> Line:
    """Lines one after the other, with `between` them; empty ones are left out."""
    made: list[Run] = []
    for line in lines:
        if line:
            if made and between:
                made.append((between, ""))
            made.extend(line)
    return tuple(made)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def length(line: Line) -> int:
    """In columns."""
    return sum(width(text) for text, _ in line)


def fit(line: Line, columns: int, *, right: bool = False) -> Line:
    """Exactly so many columns: cut at the end with an ellipsis in ASCII, or filled up with spaces."""
    taken = length(line)
    if taken > columns:
        line, taken = shorten(line, columns)
    fill: Line = ((" " * (columns - taken), ""),) if taken < columns else EMPTY
    return fill + line if right else line + fill


def shorten(line: Line, columns: int) -> tuple[Line, int]:
    """The beginning of a line that is too long, and how many columns it takes."""
    made: list[Run] = []
    left = columns
    for index, (text, role) in enumerate(line):
        wide = width(text)
        rest = any(other for other, _ in line[index + 1 :])
        if wide < left - 2 or (wide <= left and not rest):
            made.append((text, role))
            left -= wide
            continue
        # Whatever follows doesn't fit: the cut is marked here.
        piece = cut(text + ("...." if rest and wide <= left else ""), left)
        made.append((piece, role))
        left -= width(piece)
        break
    return tuple(made), columns - left


def ends(left: Line, right: Line, columns: int) -> Line:
    """A line with something at both ends; where both don't fit, the right one gives way first."""
    room = columns - length(left)
    if length(right) + 2 > room:
        right = shorten(right, max(0, room - 2))[0] if room > 12 else EMPTY
    return fit(left, columns - length(right)) + right


def wrap(text: str, columns: int) -> list[str]:
    """A text broken into lines of at most so many columns, at spaces where there are any; made inert."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_wrap_one(plain(paragraph), max(columns, 1)))
    return lines


def _wrap_one(text: str, columns: int) -> Iterable[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width(longer) <= columns:
            line = longer
            continue
        if line:
            yield line
        while width(word) > columns:
            piece = _head(word, columns)
            yield piece
            word = word[len(piece) :]  # noqa: PLW2901 - what is left of it
        line = word
    yield line


def _head(word: str, columns: int) -> str:
    used = 0
    for index, character in enumerate(word):
        used += width(character)
        if used > columns:
            return word[: max(index, 1)]
    return word
