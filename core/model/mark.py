"""Only what is new: which column tells it, how far it has been read, and what is looked at again.

A mark is the largest value of a column that has been exported, kept as the text in which the server wrote it.
Numbers and times are the only kinds: their texts can be compared and moved back here without a server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum

import msgspec

from core.errors import InvalidValue


class Window(StrEnum):
    """Which rows a run takes: ALL of them every time, or those that are NEW since the last run."""

    ALL = "all"
    NEW = "new"


class NullMarks(StrEnum):
    """Rows whose mark is NULL, which never are newer than another. FAIL: the object fails while there are
    any. SKIP: they are left out, and counted in a warning. EACH: every run takes all of them."""

    FAIL = "fail"
    SKIP = "skip"
    EACH = "each"


class MarkKind(StrEnum):
    NUMBER = "number"
    TIME = "time"


AUTO = "auto"
_DISTANCE = re.compile(r"(\d{1,18})\s*([a-z]*)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
# As servers print them with their sessions pinned, and as programs write them into SQLite.
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:(?P<between>[ T])(?P<clock>\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d{1,9})?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?"
)


@dataclass(frozen=True, slots=True)
class Distances:
    """How far behind the newest mark a run looks again; None where it wasn't said."""

    number: int | None = None
    time: timedelta | None = None


def distances(text: str) -> Distances:
    """`auto`, `10m`, `5000`, or one of each: `10m, 5000`. Raises InvalidValue."""
    number: int | None = None
    time: timedelta | None = None
    for piece in text.split(","):
        word = piece.strip().lower()
        if word == AUTO:
            continue
        found = _DISTANCE.fullmatch(word)
        if found is None or (found[2] and found[2] not in _SECONDS):
            raise InvalidValue(
                f"{text!r} is no overlap.",
                "Write auto, a span for marks that are times (10m, 2h, 1d), a distance for numbers (5000), "
                "or both: 10m,5000.",
            )
        if found[2]:
            time = timedelta(seconds=min(int(found[1]) * _SECONDS[found[2]], 10**9))
        else:
            number = int(found[1])
    return Distances(number, time)


class MarkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`column` tells what is new in every object that has it; `columns` says it for an object by its name, an
    empty one that all of its rows are taken every time. Where neither does, the most fitting column is taken.

    `overlap`: how far behind its end a run looks again for rows that were committed late; what was
    exported already is known and isn't exported again. Never less than the age of the oldest open transaction
    where the server tells that. See `distances`.
    """

    column: str | None = None
    columns: dict[str, str] = {}
    overlap: str = AUTO
    nulls: NullMarks = NullMarks.FAIL

    def __post_init__(self) -> None:
        if self.column is not None and not self.column:
            raise InvalidValue("A mark's column has no name.")
        distances(self.overlap)


class MarkPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`value` was the largest that could be seen `at` that time of the server's clock."""

    at: datetime
    value: str | None = None


class MarkRange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run reads of an object: marks from `low` (after it where `above`; None: from the first) up to
    `high` (None: there is no row). What is behind `floor` is looked at again by the next run.

    `before` is the mark that it goes on from, `moves` how often that had been moved by then. `repeated`
    counts rows that were left out because they had been exported already. `points` are where later runs may
    begin to look again. `nulls`: rows without a mark are read too.
    """

    column: str
    kind: MarkKind
    moves: int = 0
    before: str | None = None
    low: str | None = None
    above: bool = False
    high: str | None = None
    floor: str | None = None
    points: tuple[MarkPoint, ...] = ()
    nulls: bool = False
    repeated: int = 0

    @property
    def plain(self) -> MarkRange:
        """Without what only later runs need."""
        return msgspec.structs.replace(self, points=())


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an export has read an object (`TYPE:NAME`). `value` None: nothing of it yet. The next run reads
    from `floor` on, or after it where `above`. `remembered` rows behind that are known as exported. `task`
    moved it last, None where a person did."""

    export: str
    object: str
    column: str
    kind: MarkKind
    value: str | None = None
    floor: str | None = None
    above: bool = False
    moves: int = 0
    remembered: int = 0
    points: tuple[MarkPoint, ...] = ()
    at: datetime | None = None
    task: int | None = None


class MoveCause(StrEnum):
    RUN = "run"
    SET = "set"
    REWIND = "rewind"
    FORGET = "forget"


class MarkMove(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That a mark was moved from `before` to `after`, when and why. `rows` were exported by it, `repeated`
    looked at again and left out."""

    export: str
    object: str
    at: datetime
    cause: MoveCause
    column: str
    before: str | None = None
    after: str | None = None
    task: int | None = None
    rows: int | None = None
    repeated: int | None = None


# Comparing and moving marks


def ordered(text: str, kind: MarkKind) -> Decimal | tuple[datetime, str]:
    """What compares as the mark does. Raises InvalidValue for a text that isn't of that kind: infinity, a
    year past 9999, 0000-00-00."""
    if kind is MarkKind.NUMBER:
        return _number(text)
    moment, fraction, _ = _time(text)
    return moment, fraction.ljust(9, "0")


def least(texts: list[str | None], kind: MarkKind) -> str | None:
    """The smallest; None, which is before every value, where it is among them."""
    known = [text for text in texts if text is not None]
    return min(known, key=lambda text: ordered(text, kind)) if len(known) == len(texts) and known else None


def greatest(texts: list[str | None], kind: MarkKind) -> str | None:
    """The largest; None where there is none."""
    known = [text for text in texts if text is not None]
    return max(known, key=lambda text: ordered(text, kind)) if known else None


def back(text: str, kind: MarkKind, by: Distances) -> str:
    """A mark so much before another, in its form. Raises InvalidValue."""
    if kind is MarkKind.NUMBER:
        number = _number(text)
        return format(number - by.number, "f") if by.number else text
    if not by.time:
        return text
    moment, fraction, zone = _time(text)
    found = _TIME.fullmatch(text.strip())
    try:
        earlier = moment - by.time
    except OverflowError:
        earlier = datetime.min
    date, clock = earlier.isoformat(" ").split(" ")
    if found is None or found["clock"] is None:
        return date + zone
    clock = clock[: len(found["clock"])]
    return date + found["between"] + clock + (f".{fraction}" if fraction else "") + zone


def kind_of(text: str) -> MarkKind | None:
    """Of which kind a value is that a person gives; None for neither."""
    for kind in MarkKind:
        try:
            ordered(text, kind)
        except InvalidValue:
            continue
        return kind
    return None


def _number(text: str) -> Decimal:
    try:
        if _NUMBER.fullmatch(text.strip()):
            return Decimal(text.strip())
    except InvalidOperation:
        pass
    raise InvalidValue(f"{text!r} is no number that a mark can be.")


def _time(text: str) -> tuple[datetime, str, str]:
    """Clock to seconds, digits of the fraction, zone."""
    found = _TIME.fullmatch(text.strip())
    if found is not None:
        clock = found["clock"] or "00:00"
        try:
            moment = datetime.fromisoformat(f"{found['date']} {clock}")
        except ValueError:
            pass
        else:
            return moment, (found["fraction"] or ".")[1:], found["zone"] or ""
    raise InvalidValue(
        f"{text!r} is no time that a mark can be.",
        "Leave such values out by a condition, or use another column.",
    )
