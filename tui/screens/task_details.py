"""A task's objects and files as rows, and what there is to say about the one under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.model.task import FileEntry, TaskObject
from core.model.vocabulary import ObjectStatus
from core.service import words
from tui.look import OBJECT_ROLES, Glyphs
from tui.runs import Line, join, run, wrap
from tui.screens.task_panel import summary
from tui.widgets.columns import Column
from tui.widgets.table import Cell, Row

OBJECT_COLUMNS = (
    Column(id="object", label="Object", least=16, share=2, most=40),
    Column(id="type", label="Type", least=9, drop=3),
    Column(id="schema", label="Schema", least=9, drop=2),
    Column(id="processed", label="Records", least=14, right=True),
    Column(id="total", label="of", least=12, drop=4),
    Column(id="data", label="Data", least=9),
    Column(id="rate", label="Rate", least=13, drop=6, right=True),
    Column(id="note", label="", least=10, share=3, drop=5),
)
FILE_COLUMNS = (
    Column(id="path", label="File", least=24, share=3),
    Column(id="rows", label="Rows", least=13, right=True),
    Column(id="size", label="Size", least=9, right=True),
    Column(id="sha256", label="SHA-256", least=12, most=64, share=1, drop=1),
)


class ObjectRates:
    """Rows a second of each object, between one look and the next."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[datetime, int]] = {}
        self._rates: dict[int, float] = {}

    def take(self, objects: Sequence[TaskObject], now: datetime) -> None:
        for item in objects:
            if item.data_status is not ObjectStatus.RUNNING:
                self._last.pop(item.number, None)
                self._rates.pop(item.number, None)
                continue
            seen = self._last.get(item.number)
            if seen is None or item.processed_rows < seen[1]:
                self._last[item.number] = (now, item.processed_rows)
            elif (seconds := (now - seen[0]).total_seconds()) >= 1:
                self._rates[item.number] = (item.processed_rows - seen[1]) / seconds
                self._last[item.number] = (now, item.processed_rows)

    def of(self, number: int) -> float | None:
        return self._rates.get(number)


def object_row(item: TaskObject, rate: float | None, glyphs: Glyphs) -> Row:
    about = "" if item.total_exact else glyphs.about
    total = f"{about}{item.total_rows:,}" if item.total_rows is not None else ""
    note = item.error.message if item.error else "; ".join(item.warnings)
    cells: tuple[Cell, ...] = (
        run(item.ref.name),
        run(item.ref.type.value, "dim"),
        _status(item.schema_status, glyphs),
        run(f"{item.processed_rows:,}" if item.data_status else "-", "" if item.data_status else "dim"),
        run(total, "dim"),
        _status(item.data_status, glyphs),
        run(f"{rate:,.0f}/s" if rate else "", "dim"),
        run(note, "bad" if item.error else "warn"),
    )
    return Row(item.number, cells)


def _status(status: ObjectStatus | None, glyphs: Glyphs) -> Line:
    if status is None:
        return run("-", "dim")
    return run(f"{glyphs.object[status]} {status}", OBJECT_ROLES[status])


def file_row(entry: FileEntry) -> Row:
    cells = (
        run(entry.path),
        run(f"{entry.rows:,}" if entry.kind == "data" else "-"),
        run(words.size(entry.bytes)),
        run(entry.sha256, "dim"),
    )
    return Row(entry.path, cells)


def counts(objects: Sequence[TaskObject]) -> dict[ObjectStatus, int]:
    """How many objects are in each status, both halves taken as one."""
    found = dict.fromkeys(ObjectStatus, 0)
    for item in objects:
        found[summary(item)] += 1
    return found


def about_object(item: TaskObject, now: datetime, columns: int) -> list[Line]:
    """What the row of an object has no room for: why it failed and what to do, warnings, how it is read."""
    lines: list[Line] = []
    if item.error is not None:
        lines += [run(line, "bad") for line in wrap(item.error.message, columns)]
        lines += [run(line, "accent") for line in wrap(item.error.hint, columns) if line]
    for warning in item.warnings:
        lines += [run(line, "warn") for line in wrap(warning, columns)]
    pieces = [f"{item.ref.type} {item.ref.name}"]
    if item.processed_bytes:
        pieces.append(words.size(item.processed_bytes))
    if len(item.parts) > 1:
        done = item.checkpoint.parts if item.checkpoint is not None else 0
        pieces.append(f"{done} of {len(item.parts)} parts")
    if item.started is not None:
        pieces.append(f"took {words.duration(((item.ended or now) - item.started).total_seconds())}")
    if item.total_rows is not None and not item.total_exact:
        pieces.append("the total is an estimate")
    return [*(run(line, "dim") for line in wrap(", ".join(pieces), columns)), *lines]


def about_file(entry: FileEntry, columns: int) -> list[Line]:
    """A file's path and checksum in full."""
    lines = [run(line) for line in wrap(entry.path, columns)]
    exact = (
        f"{words.count(entry.bytes, 'byte')}, of {entry.object}" if entry.object else f"{entry.bytes:,} bytes"
    )
    return [*lines, run(exact, "dim"), join(run("SHA-256 ", "dim"), run(entry.sha256))]
