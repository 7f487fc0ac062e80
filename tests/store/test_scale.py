"""With 10,000 tasks each question is answered from an index: asserted on the query plans, not on a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from core.model.vocabulary import Mode, TaskStatus
from core.store import Store, TaskFilter, tables
from core.store import task_queries as queries
from core.store.claims import next_ready, occupied
from core.store.rows import to_json
from tests.store.conftest import SETTINGS

NOW = datetime.now(UTC)
TASKS = 10_000


@pytest.fixture
def full(store: Store) -> Store:
    settings = to_json(SETTINGS)
    rows = [
        {
            "name": f"export {n}",
            "connection": f"c{n % 50}",
            "mode": str(Mode.SQLITE),
            "owner": "ann",
            "output": f"/data/{n}",
            "settings": settings,
            "status": str(TaskStatus.COMPLETED if n % 100 else TaskStatus.QUEUED),
            "created": NOW - timedelta(minutes=n),
            "ended": NOW - timedelta(minutes=n) if n % 100 else None,
            "queue_number": n,
        }
        for n in range(TASKS)
    ]
    with store.database.write() as db:
        db.execute(sa.insert(tables.task), rows)
    return store


def plan(store: Store, statement: sa.Select[object]) -> list[str]:
    """How SQLite goes about it, a line for each table that it touches."""
    text = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with store.database.read() as db:
        rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {str(text).replace('%', '%%')}").all()
    return [row.detail for row in rows]


def scans(lines: list[str]) -> list[str]:
    """Lines that read all rows of the task table itself."""
    return [line for line in lines if line.startswith("SCAN task") and "COVERING INDEX" not in line]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (TaskFilter(since=NOW - timedelta(hours=48)), "ix_task_created"),
        (TaskFilter(statuses=(TaskStatus.FAILED,)), "ix_task_status_queue_number"),
        (TaskFilter(connection="c7"), "ix_task_connection_created"),
        (TaskFilter(text="export 77"), "ix_task_words"),
        (TaskFilter(ids=(5, 6)), "INTEGER PRIMARY KEY"),
    ],
)
def test_lists_are_answered_from_an_index(full: Store, wanted: TaskFilter, index: str) -> None:
    lines = plan(full, queries.listing(wanted, NOW))
    assert any(index in line for line in lines), lines
    assert not scans(lines), lines
    assert any("ix_task_status_queue_number" in line for line in lines), lines
    assert not scans(plan(full, queries.counting(wanted)))


def test_a_window_in_the_usual_order_needs_no_sorting(full: Store) -> None:
    lines = plan(full, queries.listing(TaskFilter(limit=100), NOW))
    assert any("ix_task_created" in line and "SCAN" in line for line in lines), lines
    # What is sorted is the queue alone, inside of its own subquery.
    assert lines.count("USE TEMP B-TREE FOR ORDER BY") == 1, lines
    queue = next(place for place, line in enumerate(lines) if line.startswith("SCAN (subquery"))
    assert lines.index("USE TEMP B-TREE FOR ORDER BY") < queue, lines


def test_claiming_takes_the_first_of_the_queue_without_sorting(full: Store) -> None:
    lines = plan(full, next_ready().params(now=NOW))
    assert lines[0] == "SEARCH task USING INDEX ix_task_status_queue_number (status=?)"
    # Whether it waits for another, or for its connection, is looked up for the first ones only.
    assert lines[1] == "CORRELATED SCALAR SUBQUERY 1"
    assert all(line.startswith(("SEARCH", "CORRELATED")) for line in lines[2:]), lines
    assert plan(full, occupied()) == ["SEARCH task USING INDEX sqlite_autoindex_task_1 (slot>? AND slot<?)"]


def test_queueing_reads_one_entry_of_an_index(full: Store) -> None:
    lines = plan(full, sa.select(queries.next_queue_number()))
    assert [line for line in lines if "task" in line] == [
        "SEARCH numbers USING COVERING INDEX ix_task_queue_number"
    ]


def test_what_comes_back_is_right(full: Store) -> None:
    window = full.tasks.list(TaskFilter(limit=3, offset=99))
    assert [task.name for task in window] == ["export 99", "export 100", "export 101"]
    assert [task.position for task in window] == [None, 2, None]
    assert len(full.tasks.list(TaskFilter(since=NOW - timedelta(hours=48)))) == 48 * 60 + 1 + 71
    assert full.tasks.count(TaskFilter(text="export 77")) == 111


def test_a_window_costs_what_it_shows_and_not_what_there_is(full: Store) -> None:
    """Tasks behind the window are looked at in an index only: their places in the queue, and the limits of
    their connections, aren't worked out."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with full.database.read() as db:
        driver = db.connection.dbapi_connection
        assert driver is not None
        driver.set_progress_handler(count, 1000)
        try:
            wanted = TaskFilter(since=NOW - timedelta(hours=48), limit=100)
            assert len(db.execute(queries.listing(wanted, NOW)).all()) == 100
        finally:
            driver.set_progress_handler(None, 0)
    assert steps < 300
