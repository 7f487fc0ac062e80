"""An abort in each phase: the query gone, nothing left, Aborted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Aborted, StatementFailed
from core.model.settings import SchemaSettings
from core.model.vocabulary import Consistency, Content, ObjectStatus
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from tests.pipeline.conftest import Bench
from tests.pipeline.scripted import ScriptedSession, table

STEPS = [
    "connect", "databases", "objects", "describe", "check_readable", "ddl", "check_consistency", "begin", "split",
    "read", "chunk", "last", "end", "close",
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("consistency", list(Consistency))
def test_abort_in_each_phase(bench: Callable[..., Bench], step: str, consistency: Consistency) -> None:
    b = bench(table("a", 5), table("b", 5), reopens=True, consistency=consistency)

    def hook(asked: str, _subject: str) -> None:
        if asked == step and not b.cancel.requested:
            b.cancel.request()
            b.journal.abort_asked = True
            if asked in ("ddl", "chunk"):
                raise StatementFailed("The statement was killed.")

    b.database.hook = hook
    b.run()
    assert b.journal.error is not None
    assert b.journal.error.code == "aborted"
    assert not b.output.exists()
    assert b.beside == []
    assert all(o.data_status in (ObjectStatus.KILLED, ObjectStatus.SUCCESS) for o in b.journal.objects())
    if step not in ("connect", "close"):
        assert b.database.cancelled == 1


def test_abort_while_publishing_comes_too_late(bench: Callable[..., Bench]) -> None:
    b = bench(table("a"))

    class Late(Disk):
        def rename_directory(self, source: str, target: str) -> None:
            b.cancel.request()
            super().rename_directory(source, target)

    b.good(Late)


def test_an_aborted_task_can_be_run_again(bench: Callable[..., Bench]) -> None:
    b = bench(table("a", 5), table("b"), reopens=True)
    b.database.hook = lambda step, about: (
        b.cancel.request() if (step, about) == ("chunk", "TABLE:b") else None
    )
    b.run()
    assert [o.data_status for o in b.journal.objects()] == [ObjectStatus.SUCCESS, ObjectStatus.KILLED]
    b.database.hook = lambda _step, _subject: None
    b.cancel = Cancel()
    b.good()


def test_abort_of_a_merged_schema(bench: Callable[..., Bench]) -> None:
    b = bench(table("a"), content=Content.SCHEMA, schema=SchemaSettings(merge=True))
    b.database.hook = lambda step, _about: b.cancel.request() if step == "ddl" else None
    b.run()
    assert b.journal.error is not None
    assert b.journal.error.code == "aborted"
    assert b.beside == []


def test_directories_made_for_the_output_go_again(bench: Callable[..., Bench], tmp_path: Path) -> None:
    b = bench(table("a"), output=tmp_path / "x")
    b.output = tmp_path / "new" / "deep" / "export"
    from msgspec.structs import replace

    b.journal._task = replace(b.journal._task, output=str(b.output))
    b.cancel.request()
    b.run()
    assert not (tmp_path / "new").exists()
    b.cancel = Cancel()
    b.good()


def test_a_request_cancels_the_bound_session_and_only_that() -> None:
    class Counting(ScriptedSession):
        def __init__(self) -> None:
            self.count = 0

        def cancel(self) -> None:
            self.count += 1

    cancel, session = Cancel(), Counting()
    cancel.bind(session)
    cancel.unbind()
    cancel.request()
    assert session.count == 0
    with pytest.raises(Aborted):
        cancel.bind(session)
    threads = [threading.Thread(target=cancel.request) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.count == 4
    with pytest.raises(Aborted):
        cancel.check()
