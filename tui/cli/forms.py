"""The JSON forms of what commands print, and the words that several of them share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.model.connection import Connection
from core.model.format_settings import BigNumbers, BinaryText, SqlRows, Unfit
from core.model.settings import Export, ExportSettings, SysAccount
from core.model.task import Task
from core.model.trees import to_tree
from core.model.vocabulary import Format, TaskStatus
from core.service import words
from tui.cli import choice_settings, engine_options, file_options, into_options, notify

EXIT_OF = {TaskStatus.COMPLETED: 0, TaskStatus.FAILED: 1, TaskStatus.ABORTED: 5}


def task_tree(task: Task, now: datetime, *, full: bool = False) -> dict[str, Any]:
    """A task. `state` is the line that people see. With `full` its settings and snapshot too."""
    tree = to_tree(task, leave=("settings", "snapshot"))
    tree = {
        "id": tree.pop("id"),
        "name": tree.pop("name"),
        "status": tree.pop("status"),
        "state": words.state(task, now),
        "connection": task.settings.connection,
        **tree,
    }
    if full:
        tree["snapshot"] = to_tree(task.snapshot) if task.snapshot is not None else None
        tree["settings"] = _without_secret(to_tree(task.settings), task.settings.sys_account)
    return tree


def _without_secret(tree: dict[str, Any], account: SysAccount | None) -> dict[str, Any]:
    """Where a password comes from is a matter of the definition, not of every task's listing."""
    if account is not None:
        tree["sys_account"] = {"account": account.account}
    return tree


def connection_tree(connection: Connection) -> dict[str, Any]:
    return {**to_tree(connection), "place": connection.place}


def exit_code(*statuses: TaskStatus) -> int:
    """For tasks that have ended: 1 where one has failed, else 5 where one was aborted, else 0."""
    codes = {EXIT_OF[status] for status in statuses}
    return next((code for code in (1, 5) if code in codes), 0)


def settings_fields(settings: ExportSettings) -> list[tuple[str, str]]:
    """What is to be done, for people; what is as always is left out."""
    csv, schema = settings.csv, settings.schema
    default = ExportSettings(connection=settings.connection, all_objects=True)
    pairs = [
        ("connection", settings.connection),
        ("database", settings.database or ""),
        ("content", settings.content),
        ("objects", "all" if settings.all_objects else ", ".join(settings.objects)),
        ("without", ", ".join(settings.exclude)),
        ("of these", "; ".join(choice_settings.words_of(settings))),
        ("queries", "; ".join(f"{name}: {text}" for name, text in settings.queries.items())),
        ("format", _form(settings) if settings.into is None else ""),
        ("files", file_options.words_of(settings)),
        ("read by", engine_options.words_of(settings)),
        ("into", into_options.words_of(settings)),
        ("unencodable", settings.on_unencodable if settings.on_unencodable != default.on_unencodable else ""),
        ("consistency", settings.consistency),
        ("lock", settings.lock if settings.lock != default.lock else ""),
        ("on error", settings.on_error),
        ("retry limit", str(settings.retry_limit)),
        ("notify", notify.words_of(settings.notify)),
        ("sys account", settings.sys_account.account if settings.sys_account else ""),
    ]
    if settings.content.data and settings.format is Format.CSV and csv != default.csv:
        changed = {k: v for k, v in to_tree(csv).items() if v != to_tree(default.csv)[k]}
        pairs.append(("csv", ", ".join(f"{key} {value!r}" for key, value in changed.items())))
    pairs.append(("sql", ", ".join(_sql(settings))))
    pairs.append(("json", ", ".join(_json(settings))))
    pairs.append(("values", ", ".join(_typed(settings, default))))
    flags = [
        *(["DROP before CREATE"] if schema.drop else []),
        *(["one file"] if schema.merge else []),
        *(["with privileges"] if schema.privileges else []),
        *([f"flavour {schema.flavour}"] if schema != default.schema and schema.flavour != "native" else []),
    ]
    pairs.append(("schema", ", ".join(flags)))
    return [(name, str(value)) for name, value in pairs]


def _form(settings: ExportSettings) -> str:
    """`csv, UTF-8`, `jsonl gzip:3, UTF-8`, `parquet zstd`, `parquet zstd, schema in UTF-8`, `UTF-8`."""
    if not settings.content.data:
        return str(settings.encoding)
    data = f"{settings.format} {words.packing(settings)}".rstrip()
    if settings.format.is_text:
        return f"{data}, {settings.encoding}"
    return f"{data}, schema in {settings.encoding}" if settings.content.schema else data


def _sql(settings: ExportSettings) -> list[str]:
    if not settings.content.data or settings.format is not Format.SQL:
        return []
    commit = settings.sql.batch_commit
    return [
        *(["rows behind COPY"] if settings.sql.rows is SqlRows.COPY else []),
        *([f"COMMIT after every {commit:,} rows"] if commit else []),
    ]


def _json(settings: ExportSettings) -> list[str]:
    if not settings.content.data or settings.format is not Format.JSONL:
        return []
    changed = [f"bytes in {settings.json.binary}"] if settings.json.binary is BinaryText.HEX else []
    return [*changed, "big numbers as text"] if settings.json.big_numbers is BigNumbers.TEXT else changed


def _typed(settings: ExportSettings, default: ExportSettings) -> list[str]:
    if not settings.content.data or settings.format.is_text:
        return []
    rows = settings.parquet.row_group_rows
    shown = settings.format is Format.PARQUET and rows != default.parquet.row_group_rows
    changed = [f"row groups of {rows:,}"] if shown else []
    return [*changed, "NULL for what doesn't fit"] if settings.on_unfit is Unfit.NULL else changed


def export_words(export: Export) -> str:
    """What an export takes, in a few words."""
    settings = export.settings
    queries = [f"QUERY:{name}" for name in settings.queries]
    if settings.all_objects:
        without = f" without {', '.join(settings.exclude)}" if settings.exclude else ""
        return ", ".join([f"everything{without}", *queries])
    return ", ".join([*settings.objects, *queries])
