"""A source that another distribution brings works everywhere by its entry point alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model.vocabulary import SOURCES, Mode
from tests.cli.conftest import Offramp
from tests.contract import outside_source
from tui.screens import connection_fields

METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
TABLES = {"people": [["id", "name"], ["1", 'Ann "A"'], ["2", None]], "none": [["x"]]}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory as pip would leave it: the module, and what it is said to be."""
    place = tmp_path / "site"
    said = place / "tiny-1.0.dist-info"
    said.mkdir(parents=True)
    (said / "METADATA").write_text(METADATA)
    (said / "entry_points.txt").write_text(f"[{SOURCES}]\ntiny = tinysource:TinySource\n")
    (place / "tinysource.py").write_text(Path(str(outside_source.__file__)).read_text())
    return place


@pytest.fixture
def offramp(tmp_path: Path, elsewhere: Path) -> Iterator[Offramp]:
    made = Offramp(tmp_path, {"PYTHONPATH": str(elsewhere)})
    yield made
    made.stop_engine()


def test_it_is_connected_to_tested_listed_and_exported(
    offramp: Offramp, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.json").write_text(json.dumps(TABLES))
    with monkeypatch.context() as installed:
        installed.syspath_prepend(str(elsewhere))
        offramp.quick("connection", "add", "mine", "tiny:///data.json")
        listed = offramp.quick("connection", "list", "--json").json["connections"]
        assert [(c["mode"], c["path"]) for c in listed] == [("tiny", str(tmp_path / "data.json"))]
        assert "2 tables" in offramp.quick("connection", "test", "mine").out
        names = [o["name"] for o in offramp.quick("objects", "mine", "--json").json["objects"]]
        assert names == ["none", "people"]
    # The engine and the worker are processes of their own, which look for it themselves.
    offramp("dump", "mine", "--all", "--to", "out", timeout=120)
    assert (tmp_path / "out/TABLE/people.csv").read_text() == 'id,name\n1,"Ann ""A"""\n2,\n'
    assert json.loads((tmp_path / "out/manifest.json").read_text())["complete"]
    # What was told of it stays to be seen when it is gone; what it is needed for is refused in words.
    (task,) = offramp.quick("ls", "--json").json["tasks"]
    assert (task["status"], task["mode"]) == ("Completed", "tiny")
    assert "No connector for tiny is installed" in offramp.quick("objects", "mine", code=None).err
    again = offramp.quick("connection", "add", "more", "tiny:///data.json", code=None)
    assert again.code != 0
    assert "'tiny' is no kind of connection" in again.err


def test_the_form_offers_it(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(elsewhere)])
    (mode,) = [field for field in connection_fields.fields(edits=False) if field.id == "mode"]
    assert ("tiny", "tiny") in mode.choices
    blank = {field.id: "" for field in connection_fields.fields(edits=False)}
    values = blank | connection_fields.start(None, 10) | {"mode": "tiny", "path": "/data.json"}
    assert connection_fields.seen(values) == {"name", "mode", "path", "task_limit"}
    made = connection_fields.connection_of(values, "mine", Path("/"))
    assert (made.mode, made.place) == (Mode("tiny"), "/data.json")
    assert made.mode.outside
