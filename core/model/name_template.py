"""Templates of data files' names: `{object}`, `{connection}_{object}-{date}-{part:05}`.

A template is literal text with fields in braces, as in Python's format strings ("Format String Syntax" of its
library reference) with `{{` and `}}` for braces themselves. `{part:05}` says how many digits a file's number
has at least; other fields take no format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from string import Formatter

from core.errors import InvalidValue

FIELDS = {
    "object": "the object's name",
    "type": "its type: TABLE, VIEW, ...",
    "database": "the database's name",
    "connection": "the connection's name",
    "export": "the saved export's name; of a dump the task's",
    "task": "the task's number",
    "part": "the file's number, from 1; {part:05} writes 00001",
    "date": "the day on which the task was made, in UTC: 20261122",
    "time": "the time of day then, in UTC: 040000",
}
PART_WIDTH = 5
LONGEST_TEXT = 100
# As in names of objects' files (core.pipeline.names): what some file system, shell or client takes for more
# than a letter.
UNSAFE = frozenset("%/\\\"'`:*?<>|;#")
_WIDTH = re.compile(r"0?([1-9])")


@dataclass(frozen=True, slots=True)
class Piece:
    """Literal text, or a field; `width`: digits of a part's number at least."""

    text: str = ""
    field: str = ""
    width: int = 0


@lru_cache(maxsize=64)
def parse_template(text: str) -> tuple[Piece, ...]:
    """The pieces of a template, no two texts beside each other. Raises InvalidValue where it is none, or
    where a part's number could run into what stands beside it."""
    if not text:
        raise InvalidValue("The template of file names is empty.", "Write {object}.")
    pieces: list[Piece] = []
    literal = ""
    try:
        for plain, field, form, conversion in Formatter().parse(text):
            literal += plain
            if field is None:
                continue
            if literal:
                pieces.append(Piece(text=literal))
                literal = ""
            if conversion:
                raise InvalidValue(f"{{{field}!{conversion}}} in a template of file names: leave the ! out.")
            pieces.append(_field(field, form or ""))
    except ValueError as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(
            f"{text!r} is no template of file names: {error}.", "Braces themselves are written {{ and }}."
        ) from None
    if literal:
        pieces.append(Piece(text=literal))
    check_text("".join(piece.text for piece in pieces), "The template of file names")
    if pieces[0].text:
        check_beginning(pieces[0].text, "The template of file names")
    _check_part(pieces)
    return tuple(pieces)


def check_text(text: str, what: str) -> None:
    """Literal text of a file's name. Raises InvalidValue where some file system or client wouldn't take it
    as it is."""
    bad = next((c for c in text if c in UNSAFE or not c.isprintable()), None)
    if bad is not None:
        raise InvalidValue(
            f"{what} has {bad!r} in it, which can't stand in a file's name everywhere.", "Leave it out."
        )
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST_TEXT:
        raise InvalidValue(f"{what} is longer than {LONGEST_TEXT} bytes.")
    if "-- " in text:
        raise InvalidValue(f"{what} has '-- ' in it, which begins a comment in SQL.", "Leave the blank out.")


def check_beginning(text: str, what: str) -> None:
    """Text that a file's name begins with. Raises InvalidValue for what hides it, or looks like an option."""
    if text[0] in ".- ~":
        raise InvalidValue(f"{what} begins with {text[0]!r}.", "Begin with a letter or a digit.")


def _field(name: str, form: str) -> Piece:
    if name not in FIELDS:
        raise InvalidValue(
            f"{{{name}}} is no field of a template of file names.",
            f"There are: {', '.join('{' + known + '}' for known in FIELDS)}.",
        )
    if name != "part":
        if form:
            raise InvalidValue(
                f"{{{name}:{form}}}: only {{part}} takes a number of digits, as in {{part:05}}."
            )
        return Piece(field=name)
    found = _WIDTH.fullmatch(form) if form else None
    if form and found is None:
        raise InvalidValue(f"{{part:{form}}} is no number of digits.", "Write {part:05}; 1 to 9.")
    return Piece(field=name, width=int(found[1]) if found else PART_WIDTH)


def _check_part(pieces: list[Piece]) -> None:
    """Digits of a number that grows must not run into those of a name: two files could be called the same."""
    for before, after in pairwise(pieces):
        if before.field and after.field and "part" in (before.field, after.field):
            raise InvalidValue(
                f"{{{before.field}}}{{{after.field}}}: the file's number needs something beside it.",
                "Put - or _ between them.",
            )
