"""What every kind of destination does with files, on its own real server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from connectors.elsewhere import RemoteFiles, RenamingFiles
from core.errors import Aborted, OutputDamaged, TargetExists
from tests.destinations.conftest import There
from tests.servers.s3 import BUCKET, S3

LARGE = 18 << 20


def source(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "source"
    path.write_bytes(data)
    return path


def told(_: int) -> None:
    pass


def test_a_trial_says_each_step_and_leaves_nothing(there: There, tmp_path: Path) -> None:
    steps = list(there.open().test(tmp_path))
    assert [(step.name, step.ok) for step in steps] == [("connect", True), ("list", True), ("write", True)]
    assert there.look() == {}


def test_files_go_and_come_back(there: There, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    counts: list[int] = []
    with there.open().connect() as files:
        files.make_directory("a dir/in, it")
        files.put("a dir/in, it/fil#e 1%.csv", source(tmp_path, data), counts.append)
        files.put("a dir/empty", source(tmp_path, b""), told)
        assert sum(counts) == len(data)
        assert files.entries("").keys() == {"a dir"}
        assert files.entries("")["a dir"].directory
        assert files.entries("a dir").keys() == {"in, it", "empty"}
        assert files.entries("nowhere") == {}
        found = files.status("a dir/in, it/fil#e 1%.csv")
        assert found is not None
        assert (found.bytes, found.directory) == (len(data), False)
        assert files.status("a dir/nothing") is None
        assert files.tree("") == {"a dir/in, it/fil#e 1%.csv": len(data), "a dir/empty": 0}
        assert b"".join(files.read("a dir/in, it/fil#e 1%.csv")) == data
        assert b"".join(files.read("a dir/empty")) == b""
        assert there.look() == {"a dir/in, it/fil#e 1%.csv": data, "a dir/empty": b""}
        assert not files.same("a dir/in, it/fil#e 1%.csv", source(tmp_path, b"x" * len(data)))
        assert files.same("a dir/in, it/fil#e 1%.csv", source(tmp_path, data))
        files.remove("a dir/empty")
        files.remove("a dir/empty")
        files.remove_tree("a dir")
        files.remove_tree("a dir")
        assert files.entries("") == {}
    assert there.look() == {}


def test_nothing_is_replaced_unless_asked(there: There, tmp_path: Path) -> None:
    there.put("theirs", b"foreign")
    with there.open().connect() as files:
        with pytest.raises(TargetExists):
            files.put("theirs", source(tmp_path, b"mine"), told)
        assert there.look() == {"theirs": b"foreign"}
        files.put("theirs", source(tmp_path, b"mine"), told, replace=True)
    assert there.look() == {"theirs": b"mine"}


def test_a_directory_gets_its_name_in_one_step_and_takes_nobodys_place(there: There, tmp_path: Path) -> None:
    with there.open().connect() as files:
        if not isinstance(files, RenamingFiles):
            pytest.skip("each file appears by itself")
        files.make_directory("new/in")
        files.put("new/in/file", source(tmp_path, b"1"), told)
        there.put("taken/theirs", b"2")
        with pytest.raises(TargetExists):
            files.rename("new", "taken")
        files.rename("new", "made")
        files.put("other", source(tmp_path, b"3"), told)
        files.replace("other", "made/in/file")
        assert there.look() == {"made/in/file": b"3", "taken/theirs": b"2"}
        files.remove_directory("made")
        assert files.tree("made") == {"in/file": 1}


def test_what_is_broken_off_can_be_gone_on_with(there: There, tmp_path: Path) -> None:
    """A large file that an abort ends in the middle, then sent again over the same connection."""
    data = os.urandom(LARGE)
    seen = 0

    def break_off(count: int) -> None:
        nonlocal seen
        seen += count
        if seen > LARGE // 3:
            raise Aborted("Aborted on request.")

    with there.open().connect() as files:
        files.make_directory("made")
        with pytest.raises(Aborted):
            files.put("made/file", source(tmp_path, data), break_off)
        assert there.look().get("made/file") != data
        files.remove("made/file")
        files.put("made/file", source(tmp_path, data), told)
        assert files.same("made/file", tmp_path / "source")
        assert_readable_in_part(files)
    assert there.look() == {"made/file": data}


def assert_readable_in_part(files: RemoteFiles) -> None:
    """Whoever stops reading in the middle disturbs nothing."""
    pieces = files.read("made/file")
    assert next(iter(pieces))
    pieces.close()  # type: ignore[attr-defined]
    assert files.entries("made")["file"].bytes == LARGE


def test_an_upload_that_a_dead_process_left_on_s3_is_ended(
    s3_bucket: There, s3_server: S3, tmp_path: Path
) -> None:
    """Unfinished parts are kept, and charged for, until somebody ends them."""
    prefix = s3_bucket.destination.url.removeprefix(f"s3://{BUCKET}/")
    for name in ("again", "given/up"):
        s3_server.client.create_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/{name}")
    assert len(s3_server.uploads()) == 2
    with s3_bucket.open().connect() as files:
        files.put("again", source(tmp_path, os.urandom(9 << 20)), told)
        assert s3_server.uploads() == [f"{prefix}/given/up"]
        files.remove_tree("given")
    assert s3_server.uploads() == []


def test_what_arrives_on_s3_is_compared_with_what_was_sent(
    s3_bucket: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_bucket.open().connect() as files:
        call = files._call  # type: ignore[attr-defined]

        def damaged(path: str, method: str, **arguments: Any) -> Any:
            if "Body" in arguments:
                arguments["Body"] = b"x" + arguments["Body"][1:]
            return call(path, method, **arguments)

        monkeypatch.setattr(files, "_call", damaged)
        with pytest.raises(OutputDamaged, match=r"checksum differs|MD5|digest"):
            files.put("file", source(tmp_path, b"some content"), told)
