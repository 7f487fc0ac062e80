"""What is told of a task's end: the same JSON for a command and a web hook, and words for people.

{"schema_version": 1, "event": "task-ended", "test": false, "host": "jump", "task": {"id": 7, ...}}
"""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import msgspec

from core.model.task import Task
from core.model.vocabulary import TaskStatus

SCHEMA_VERSION = 1


def ended(task: Task) -> dict[str, Any]:
    """Of a task that has ended: points in time in UTC, no settings, no secret."""
    return {
        "schema_version": SCHEMA_VERSION,
        "event": "task-ended",
        "test": False,
        "host": socket.gethostname(),
        "task": {
            "id": task.id,
            "name": task.name,
            "status": str(task.status),
            "connection": task.settings.connection,
            "database": task.settings.database,
            "export": task.export,
            "output": task.output,
            "owner": task.owner,
            "created": _utc(task.created),
            "started": _utc(task.started),
            "ended": _utc(task.ended),
            "attempts": task.attempts,
            "rows": task.processed_rows,
            "bytes": task.processed_bytes,
            "objects": {
                "total": task.objects_total,
                "done": task.objects_done,
                "failed": task.objects_failed,
            },
            "published": task.published,
            "error": msgspec.to_builtins(task.error) if task.error is not None else None,
        },
    }


def trial() -> dict[str, Any]:
    """One that says of itself that it is a test."""
    now = _utc(datetime.now(UTC))
    return {
        "schema_version": SCHEMA_VERSION,
        "event": "task-ended",
        "test": True,
        "host": socket.gethostname(),
        "task": {
            "id": 0,
            "name": "a test of notifications",
            "status": str(TaskStatus.COMPLETED),
            "connection": "none",
            "database": None,
            "export": None,
            "output": "/dev/null",
            "owner": "",
            "created": now,
            "started": now,
            "ended": now,
            "attempts": 1,
            "rows": 0,
            "bytes": 0,
            "objects": {"total": 0, "done": 0, "failed": 0},
            "published": False,
            "error": None,
        },
    }


def subject(document: dict[str, Any]) -> str:
    """`offramp on jump: nightly 7 Failed`."""
    task = document["task"]
    test = "test: " if document["test"] else ""
    return _line(f"offramp on {document['host']}: {test}{task['name']} {task['id']} {task['status']}")


def text(document: dict[str, Any]) -> str:
    """What a person reads."""
    task, error = document["task"], document["task"]["error"]
    counts = task["objects"]
    pairs = [
        ("Task", f"{task['name']} {task['id']}"),
        ("Status", task["status"]),
        ("Error", f"{error['message']} {error.get('hint', '')}".strip() if error else ""),
        ("Connection", task["connection"] + (f", database {task['database']}" if task["database"] else "")),
        ("Export", task["export"] or ""),
        ("Output", task["output"]),
        ("Objects", f"{counts['done']} of {counts['total']} done, {counts['failed']} failed"),
        ("Rows", f"{task['rows']:,}"),
        ("Bytes", f"{task['bytes']:,}"),
        ("Started", task["started"] or "never"),
        ("Ended", task["ended"] or ""),
        ("Asked by", task["owner"]),
        ("Log", f"offramp logs {task['id']}"),
    ]
    head = ["This is a test of Offramp's notifications.", ""] if document["test"] else []
    return "\n".join([*head, *(f"{name + ':':12}{_line(value)}" for name, value in pairs if value), ""])


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(value: str) -> str:
    """In one line, whatever a name holds."""
    return "".join(c if c.isprintable() else " " for c in value)
