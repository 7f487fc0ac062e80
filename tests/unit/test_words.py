from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from core.errors import ErrorInfo
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import Content, TaskStatus
from core.service import words

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
TASK = Task(
    id=7,
    name="n",
    status=TaskStatus.QUEUED,
    settings=ExportSettings(connection="shop", all_objects=True),
    output="/o",
    created=NOW,
    owner="me",
    mode="sqlite",
)


def task(status, **fields):
    return msgspec.structs.replace(TASK, status=status, **fields)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (task(TaskStatus.QUEUED, position=1), "next"),
        (task(TaskStatus.QUEUED, position=3), "place 3 in the queue"),
        (
            task(
                TaskStatus.QUEUED,
                position=1,
                reason="retry 2 of 3",
                retries=2,
                not_before=NOW + timedelta(minutes=4),
                error=ErrorInfo(code="unreachable", message="Server is gone."),
            ),
            "retry 2 of 3 in 4 min: Server is gone.",
        ),
        (
            task(TaskStatus.QUEUED, position=2, reason="retry 1 of 3", retries=1),
            "place 2 in the queue, retry 1 of 3",
        ),
        (
            task(
                TaskStatus.RUNNING,
                stage="reading TABLE:a",
                objects_total=3,
                objects_done=1,
                total_rows=10,
                processed_rows=4,
            ),
            "reading TABLE:a, 1 of 3 objects, 4 of about 10 rows",
        ),
        (
            task(
                TaskStatus.COMPLETED,
                objects_total=1,
                objects_done=1,
                total_rows=1,
                processed_rows=1234567,
                processed_bytes=82_000_000,
                started=NOW,
                ended=NOW + timedelta(seconds=12),
            ),
            "1 object, 1,234,567 rows, 82.0 MB in 12 s",
        ),
        (task(TaskStatus.FAILED, error=ErrorInfo(code="x", message="No room.")), "No room."),
        (task(TaskStatus.ABORTED), "nothing was published"),
        (task(TaskStatus.ABORTING), "ending the worker and its query"),
    ],
)
def test_state(item, expected):
    assert words.state(item, NOW) == expected


def test_scheduled_says_when():
    text = words.state(task(TaskStatus.SCHEDULED, not_before=NOW + timedelta(hours=3)), NOW)
    assert text.startswith("starts 2026-11-2")
    assert text.endswith("(in 3 h)")


@pytest.mark.parametrize(
    ("item", "last"),
    [
        (task(TaskStatus.QUEUED, position=123), "place 123"),
        (task(TaskStatus.QUEUED, reason="retry 2 of 3", not_before=NOW + timedelta(seconds=252)), "in 4 min 12 s"),
        (task(TaskStatus.SCHEDULED, not_before=NOW + timedelta(hours=20, minutes=44)), "in 20 h 44 min"),
        (task(TaskStatus.ABORTING), "ending"),
        (task(TaskStatus.ABORTED), "nothing"),
        (task(TaskStatus.ABORTED, processed_rows=41_207_331, objects_total=9), "41,207,331 rows"),
        (task(TaskStatus.COMPLETED, processed_rows=41_207_331, processed_bytes=10**9), "41,207,331 rows"),
    ],
)  # fmt: skip
def test_wordings_begin_with_all_and_end_with_what_fits_the_narrowest_list(item, last):
    found = words.wordings(item, NOW)
    assert found[-1] == last
    assert len(found[-1]) <= 20
    assert [len(text) for text in found] == sorted((len(text) for text in found), reverse=True)
    assert item.status is TaskStatus.COMPLETED or found[0] == words.state(item, NOW)


def test_schema_only_speaks_of_no_rows():
    settings = ExportSettings(connection="s", all_objects=True, content=Content.SCHEMA)
    text = words.amount(task(TaskStatus.RUNNING, settings=settings, objects_total=2))
    assert text == "0 of 2 objects"


def test_an_estimate_never_makes_a_task_look_done():
    late = task(
        TaskStatus.RUNNING,
        started=NOW - timedelta(seconds=10),
        total_rows=10,
        processed_rows=500,
        objects_total=1,
    )
    found = words.progress(late, NOW)
    assert found.share == pytest.approx(0.99)
    assert found.left is None
    assert found.rate == pytest.approx(50)
    assert words.amount(late) == "0 of 1 object, 500 rows"


def test_progress_without_a_total_goes_by_objects():
    found = words.progress(task(TaskStatus.RUNNING, objects_total=4, objects_done=1), NOW)
    assert (found.share, found.left) == (0.25, None)
    alone = words.progress(task(TaskStatus.RUNNING, objects_total=1, processed_rows=5), NOW)
    assert (alone.share, alone.left) == (None, None)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3599, "1 h"),
        (4800, "1 h 20 min"), (48 * 3600, "2 d"), (100 * 3600, "4 d 4 h"),
    ],
)  # fmt: skip
def test_duration(seconds, expected):
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2.5e15, "2.5 PB"),
    ],
)
def test_size(number, expected):
    assert words.size(number) == expected
