"""Only what is new, and running when there is: as typed, what it stands for, and what is wrong with it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import msgspec

from core.errors import InvalidValue
from core.model.mark import AUTO, MarkSettings, NullMarks, Window, distances
from core.model.watch import Watch
from tui.cli.mark_options import columns_of
from tui.cli.watch_options import span, span_text
from tui.screens.wizard.texts import split

WATCH = "watch"
NAMES = ("probe_every", "settle", "min_interval")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRows:
    """`mark` as on the command line, several between spaces: `id`, or `orders=id kinds=`; empty: the
    most fitting column of each."""

    window: Window = Window.ALL
    mark: str = ""
    overlap: str = AUTO
    nulls: NullMarks = NullMarks.FAIL

    @classmethod
    def of(cls, window: Window, mark: MarkSettings) -> NewRows:
        named = [f"{table}={column}" for table, column in mark.columns.items()]
        words = [*([mark.column] if mark.column else []), *named]
        return cls(window=window, mark=shlex.join(words), overlap=mark.overlap, nulls=mark.nulls)

    def settings(self) -> MarkSettings:
        """Raises InvalidValue."""
        column, columns = columns_of(split(self.mark))
        overlap = self.overlap.strip() or AUTO
        return MarkSettings(column=column, columns=columns, overlap=overlap, nulls=self.nulls)


EVERY_TIME = NewRows()
"""What the form begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """When it runs because there is new data; spans as on the command line."""

    probe_every: str = span_text(Watch().probe_every)
    settle: str = span_text(Watch().settle)
    min_interval: str = span_text(Watch().min_interval)
    paused: bool = False

    @classmethod
    def of(cls, watch: Watch) -> Watching:
        return cls(**{name: span_text(getattr(watch, name)) for name in NAMES}, paused=watch.paused)

    def watch(self) -> Watch:
        """Raises InvalidValue."""
        return Watch(**{name: seconds(getattr(self, name)) for name in NAMES}, paused=self.paused)


USUAL = Watching()


def seconds(text: str) -> int:
    """Raises InvalidValue."""
    try:
        return span(text)
    except argparse.ArgumentTypeError as error:
        raise InvalidValue(f"{error}.") from None


def problems(rows: NewRows) -> Iterator[tuple[str, str]]:
    """What is wrong with the marks, by field."""
    yield "mark", _wrong(lambda: columns_of(split(rows.mark)))
    yield "overlap_by", _wrong(lambda: distances(rows.overlap.strip() or AUTO))


def watching_problems(watching: Watching) -> Iterator[tuple[str, str]]:
    for name in NAMES:
        yield name, _wrong(partial(_one, name, getattr(watching, name)))


def _one(name: str, text: str) -> Watch:
    return msgspec.structs.replace(Watch(), **{name: seconds(text)})


def _wrong(build: Callable[[], object]) -> str:
    try:
        build()
    except InvalidValue as error:
        return f"{error.message} {error.hint}".strip()
    return ""
