"""What there is to know about a task: itself, what is exported, how."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.model.format_settings import BigNumbers, SqlRows, Unfit
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import Content, Format, Lock, Newline, OnError, SchemaFlavour, Unencodable
from core.service import words
from tui.cli.engine_options import words_of as engine_words
from tui.cli.file_options import words_of
from tui.cli.into_options import words_of as into_words
from tui.runs import EMPTY, Line, fit, join, run, wrap

LABEL = 14
# From this width on both halves stand side by side.
BESIDE = 100

_CONTENT = {
    Content.SCHEMA_AND_DATA: "schema and data",
    Content.DATA: "data only",
    Content.SCHEMA: "schema only",
}
_UNENCODABLE = {
    Unencodable.FAIL: "ends the object",
    Unencodable.REPLACE: "is replaced by ?, and counted",
    Unencodable.ESCAPE: "is escaped, and counted",
}
_UNFIT = {Unfit.FAIL: "ends the object", Unfit.NULL: "is written as NULL, and counted"}
_NEWLINE = {Newline.LF: "LF (\\n)", Newline.CRLF: "CR LF (\\r\\n)", Newline.CR: "CR (\\r)"}


def information(task: Task, ssh_host: str | None, now: datetime, columns: int) -> list[Line]:
    """How it stands, then names and values in two blocks."""
    head: list[Line] = []
    _add(head, "state", f"{task.status}: {words.state(task, now)}", columns)
    if task.error is not None and task.error.hint:
        _add(head, "what to do", task.error.hint, columns, "accent")
    beside = columns >= BESIDE
    room = (columns - 3) // 2 if beside else columns
    left = _block("Task", basic(task, ssh_host, now), room)
    made = "Exported rows" if task.settings.into is not None else "Exported files"
    right = _block(made, exported(task.settings), room)
    if not beside:
        return [*head, EMPTY, *left, EMPTY, *right]
    height = max(len(left), len(right))
    left += [EMPTY] * (height - len(left))
    right += [EMPTY] * (height - len(right))
    return [*head, EMPTY, *(join(fit(a, room), run("   "), b) for a, b in zip(left, right, strict=True))]


def basic(task: Task, ssh_host: str | None, now: datetime) -> list[tuple[str, str]]:
    """The task itself; what has no value is left out where it is shown."""
    when = {
        "created": task.created,
        "starts": task.not_before,
        "started": task.started,
        "ended": task.ended,
    }
    return [
        ("name", task.name),
        ("number", str(task.id)),
        ("type", f"run of export {task.export}" if task.export else "export, run once"),
        ("connection", task.settings.connection),
        ("database", task.settings.database or ""),
        ("mode", words.mode_label(task.mode)),
        ("owner", task.owner),
        *((label, words.moment(moment, now)) for label, moment in when.items() if moment is not None),
        ("took", words.duration(words.progress(task, now).seconds) if task.started else ""),
        ("retry limit", str(task.settings.retry_limit)),
        (
            "retried",
            f"{words.count(task.retries, 'time')} by itself, {words.count(task.attempts, 'attempt')} in all",
        ),
        ("snapshot", _snapshot(task, now)),
        ("into" if task.settings.into is not None else "directory", task.output),
        ("", "latest leads here once it is published whole" if task.latest else ""),
        (
            "download",
            f"ssh {ssh_host} offramp download {task.id} --to - | tar x"
            if task.published and ssh_host and task.settings.into is None
            else "",
        ),
    ]


def exported(settings: ExportSettings) -> list[tuple[str, str]]:
    """Every setting that matters for this content and format, defaults too."""
    pairs = [
        ("content", _CONTENT[settings.content]),
        ("objects", "all" if settings.all_objects else ", ".join(settings.objects)),
        ("without", ", ".join(settings.exclude)),
    ]
    if settings.into is not None:
        pairs.append(("into", into_words(settings)))
        pairs += [("what won't fit", _UNFIT[settings.on_unfit])] if settings.content.data else []
        return [*pairs, *_reading(settings)]
    if settings.content.schema or settings.format.is_text:
        pairs.append(("encoding", settings.encoding.value))
    pairs.append(("not encodable", _UNENCODABLE[settings.on_unencodable]))
    if settings.content.data:
        pairs.append(("data format", settings.format.label))
        pairs += _OF_FORMAT[settings.format](settings)
        if settings.format.is_text:
            pairs.append(("compression", words.packing(settings) or "none"))
    pairs += [("files", words_of(settings))] if words_of(settings) else []
    pairs += [("read by", engine_words(settings))] if engine_words(settings) else []
    if settings.content.schema:
        schema = settings.schema
        pairs += [
            ("schema files", "one for all objects" if schema.merge else "one for each object"),
            ("", "DROP before each CREATE" if schema.drop else "no DROP before CREATE"),
            *([("", "with privileges")] if schema.privileges else []),
            ("", "for MySQL too" if schema.flavour is SchemaFlavour.MYSQL else "as the server writes them"),
        ]
    return [*pairs, *_reading(settings)]


def _reading(settings: ExportSettings) -> list[tuple[str, str]]:
    return [
        ("consistency", f"each {settings.consistency} as of one point in time"),
        ("lock", "taken for a moment" if settings.lock is Lock.BRIEF else "none"),
        ("on error", "ignore and continue" if settings.on_error is OnError.CONTINUE else "abort"),
        ("sys account", settings.sys_account.account if settings.sys_account else "not used"),
    ]


def _csv(settings: ExportSettings) -> list[tuple[str, str]]:
    csv = settings.csv
    separator = "tab" if csv.separator == "\t" else csv.separator
    null = csv.null or "nothing; an empty string is quoted"
    return [
        ("header", "yes" if csv.header else "no"),
        ("separator", f"{separator}   text qualifier {csv.quote}"),
        ("line break", _NEWLINE[csv.newline]),
        ("NULL", null),
        ("bytes as", csv.binary),
        ("", "backslashes are doubled" if csv.escape_backslash else ""),
        ("", "a byte-order mark first" if csv.bom else ""),
        ("", "an apostrophe before what looks like a formula" if csv.safe else ""),
    ]


def _sql(settings: ExportSettings) -> list[tuple[str, str]]:
    commit = settings.sql.batch_commit
    return [
        ("rows", "behind COPY" if settings.sql.rows is SqlRows.COPY else "as INSERT statements"),
        ("COMMIT", f"after every {commit:,} rows" if commit else "once at the end"),
    ]


def _jsonl(settings: ExportSettings) -> list[tuple[str, str]]:
    as_text = settings.json.big_numbers is BigNumbers.TEXT
    return [
        ("bytes as", settings.json.binary),
        ("big numbers", "as text" if as_text else "as numbers, with all digits"),
    ]


def _parquet(settings: ExportSettings) -> list[tuple[str, str]]:
    return [
        ("codec", words.packing(settings) or "none"),
        ("row groups", f"of at most {settings.parquet.row_group_rows:,} rows"),
        ("doesn't fit", _UNFIT[settings.on_unfit]),
    ]


def _arrow(settings: ExportSettings) -> list[tuple[str, str]]:
    return [("codec", words.packing(settings) or "none"), ("doesn't fit", _UNFIT[settings.on_unfit])]


_OF_FORMAT = {
    Format.CSV: _csv,
    Format.SQL: _sql,
    Format.JSONL: _jsonl,
    Format.PARQUET: _parquet,
    Format.ARROW: _arrow,
}


def _snapshot(task: Task, now: datetime) -> str:
    if task.snapshot is None:
        return ""
    return f"{task.snapshot.id or 'without a name'}, taken {words.moment(task.snapshot.taken_at, now)}"


def _block(title: str, pairs: Sequence[tuple[str, str]], columns: int) -> list[Line]:
    lines = [run(title, "strong")]
    for label, value in pairs:
        _add(lines, label, value, columns)
    return lines


def _add(lines: list[Line], label: str, value: str, columns: int, role: str = "") -> None:
    if not value:
        return
    for number, piece in enumerate(wrap(value, max(10, columns - LABEL))):
        head = run((label if number == 0 else "").ljust(LABEL), "dim")
        lines.append(join(head, run(piece, role)))
