"""Reading back what was published, against the manifest and against the source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from core.errors import ConnectionLost, NoPrivilege, NotFound, OutputDamaged
from core.model.vocabulary import Consistency, Format, ObjectRef, ObjectType
from core.pipeline import manifest as manifests
from core.pipeline.disk import Disk
from core.pipeline.verify import VerifyReport, verify, verify_against_source
from tests.pipeline.conftest import Bench
from tests.pipeline.scripted import ScriptedSession, table, view

A = ObjectRef(ObjectType.TABLE, "a")
Make = Callable[..., Bench]


@pytest.fixture
def done(bench: Make, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 3)
    b = bench(table("a", 8), table("b", 0), view("v", "a"), reopens=True, format=Format.SQL)
    b.good()
    return b


def problems(report: VerifyReport) -> dict[str, str]:
    return {verdict.name: verdict.words for verdict in report.problems}


def test_what_was_published_verifies(done: Bench) -> None:
    report = verify(done.output)
    assert report.ok
    assert report.complete
    assert {v.name for v in report.verdicts} == set(done.files())


@pytest.mark.parametrize(
    ("spoil", "path", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), "TABLE/a.sql", "bytes"),
        (lambda p: p.write_bytes(p.read_bytes()[:-2] + b"X\n"), "TABLE/a.sql", "SHA-256"),
        (lambda p: p.unlink(), "TABLE/b-schema.sql", "missing"),
        (lambda p: p.write_bytes(b""), "VIEW/more.csv", "isn't in the manifest"),
        (lambda p: p.symlink_to("/etc/passwd"), "loose", "isn't in the manifest"),
    ],
)
def test_what_has_changed_is_named(done: Bench, spoil: Callable[[Path], None], path: str, words: str) -> None:
    spoil(done.output / path)
    report = verify(done.output)
    assert not report.ok
    assert list(problems(report)) == [path]
    assert words in problems(report)[path]


def test_a_link_in_place_of_a_file_is_not_followed(done: Bench, tmp_path: Path) -> None:
    path = done.output / "TABLE" / "a.sql"
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert "no regular file" in problems(verify(done.output))["TABLE/a.sql"]


def test_a_manifest_that_points_elsewhere_reads_nothing_there(done: Bench, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    manifest = manifests.load(Disk(done.output), "")
    entry = msgspec.structs.replace(manifest.files[0], path="../../secret", bytes=1)
    forged = msgspec.structs.replace(manifest, files=(entry, *manifest.files[1:]))
    (done.output / "manifest.json").write_bytes(manifests.dump(forged))
    assert "no path below" in problems(verify(done.output))["../../secret"]


def test_without_a_manifest_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify(tmp_path)
    with pytest.raises(NotFound):
        verify(tmp_path / "nowhere")
    for junk in (b"{}", b"\xff", b'{"format": 99}'):
        (tmp_path / "manifest.json").write_bytes(junk)
        with pytest.raises(OutputDamaged):
            verify(tmp_path)


def test_the_source_as_of_the_recorded_time_gives_the_same(done: Bench) -> None:
    done.database.things[A].rows.append((b"99", b"late"))
    done.database.calls.clear()
    report = verify_against_source(done.output, ScriptedSession(done.database))
    assert report.ok, problems(report)
    assert {v.name for v in report.verdicts} == {"TABLE:a", "TABLE:b"}
    assert done.database.asked("begin") == ["1000", "1001"]
    assert all("as of snapshot" in v.words for v in report.verdicts)


def test_the_source_as_of_now_where_that_time_is_gone(done: Bench) -> None:
    done.database.snapshots.clear()
    assert verify_against_source(done.output, ScriptedSession(done.database)).ok
    rows = done.database.things[A].rows
    rows[0] = (b"0", b"other")
    words = problems(verify_against_source(done.output, ScriptedSession(done.database)))
    assert list(words) == ["TABLE:a"]
    assert "other content" in words["TABLE:a"]
    rows.pop()
    words = problems(verify_against_source(done.output, ScriptedSession(done.database)))
    assert "8 rows were written, 7 are read as of now" in words["TABLE:a"]
    assert "may have changed" in words["TABLE:a"]


def test_what_cant_be_read_again_is_said(done: Bench) -> None:
    del done.database.things[A]
    done.database.things[ObjectRef(ObjectType.TABLE, "b")].columns = ("id", "renamed")
    words = problems(verify_against_source(done.output, ScriptedSession(done.database)))
    assert "no TABLE:a" in words["TABLE:a"]
    assert "other columns" in words["TABLE:b"]


def test_what_may_no_longer_be_read_is_said(done: Bench) -> None:
    def refuse(step: str, about: str) -> None:
        if step == "read" and about.startswith("TABLE:a"):
            raise NoPrivilege("No SELECT on a.")

    done.database.hook = refuse
    words = problems(verify_against_source(done.output, ScriptedSession(done.database)))
    assert "No SELECT" in words["TABLE:a"]
    assert "TABLE:b" not in words


def test_a_cut_connection_is_no_verdict(done: Bench) -> None:
    def cut(step: str, _about: str) -> None:
        if step == "chunk":
            raise ConnectionLost("Cut.")

    done.database.hook = cut
    with pytest.raises(ConnectionLost):
        verify_against_source(done.output, ScriptedSession(done.database))


@pytest.mark.parametrize("consistency", list(Consistency))
@pytest.mark.parametrize("rows_per_part", [1, 2, 3, 8, 100])
def test_parts_end_where_they_ended_whatever_the_chunks(
    bench: Make, monkeypatch: pytest.MonkeyPatch, consistency: Consistency, rows_per_part: int
) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", rows_per_part)
    b = bench(table("a", 8), reopens=True, format=Format.SQL, consistency=consistency)
    b.good()
    for chunk_rows in (1, 3, 100):
        b.database.chunk_rows = chunk_rows
        report = verify_against_source(b.output, ScriptedSession(b.database))
        assert report.ok, problems(report)
