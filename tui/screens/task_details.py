"""What the tabs of a task show: lines of information, rows of objects and of files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.model.task import FileEntry, Task, TaskObject
from core.model.vocabulary import ObjectStatus
from core.service import words
from tui.cli.forms import settings_fields
from tui.look import OBJECT_ROLES, Glyphs
from tui.runs import EMPTY, Line, join, run, wrap
from tui.widgets.columns import Column
from tui.widgets.table import Row

LABEL = 14

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
    cells = (
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


def information(task: Task, ssh_host: str | None, now: datetime, columns: int) -> list[Line]:
    """Names and values: the task, what is exported, how."""
    lines: list[Line] = []
    _add(lines, "state", f"{task.status}: {words.state(task, now)}", columns)
    if task.error is not None and task.error.hint:
        _add(lines, "what to do", task.error.hint, columns, "accent")
    lines.append(EMPTY)
    basic = [
        ("task", f"{task.id}  {task.name}"),
        ("export", task.export or ""),
        ("mode", words.mode_label(task.mode)),
        ("owner", task.owner),
        ("created", words.moment(task.created, now)),
        ("starts", words.moment(task.not_before, now) if task.not_before else ""),
        ("started", words.moment(task.started, now) if task.started else ""),
        ("ended", words.moment(task.ended, now) if task.ended else ""),
        ("retry limit", str(task.settings.retry_limit)),
        (
            "retries",
            f"{task.retries}, {words.count(task.attempts, 'attempt')} in all" if task.attempts else "0",
        ),
        ("snapshot", _snapshot(task, now)),
        ("directory", task.output),
        (
            "download",
            f"ssh {ssh_host} offramp download {task.id} --to - | tar x"
            if task.published and ssh_host
            else "",
        ),
    ]
    for label, value in basic:
        _add(lines, label, value, columns)
    lines += [EMPTY, run("Exported files", "strong")]
    for label, value in settings_fields(task.settings):
        _add(lines, label, value, columns)
    return lines


def _add(lines: list[Line], label: str, value: str, columns: int, role: str = "") -> None:
    if not value:
        return
    for number, piece in enumerate(wrap(value, max(10, columns - LABEL))):
        head = run((label if number == 0 else "").ljust(LABEL), "dim")
        lines.append(join(head, run(piece, role)))


def _snapshot(task: Task, now: datetime) -> str:
    if task.snapshot is None:
        return ""
    return f"{task.snapshot.id or 'without a name'}, taken {words.moment(task.snapshot.taken_at, now)}"
