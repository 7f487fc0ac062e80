"""A whole SQLite file by SQL and CSV into a second one, with the sqlite3 client."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from core.model.settings import CSV_PRESETS, CsvSettings, SchemaSettings, SqlSettings
from core.model.vocabulary import Consistency, Content, Encoding, Format, Newline
from core.pipeline.names import decode
from tests.roundtrip import sqlite_copy
from tests.roundtrip.conversion import convert_as_told
from tests.roundtrip.running import export, file_source
from tests.roundtrip.sqlite_copy import client, definitions, ident, load, rows
from tests.unit.formats.reading import NULL, read_csv

pytestmark = pytest.mark.usefixtures("sqlite3_client")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_copy.build(tmp_path_factory.mktemp("original") / "shop.db")


def same(copy: Path, original: Path) -> None:
    assert definitions(copy) == definitions(original)
    found, wanted = rows(copy), rows(original)
    assert [(name, found[name], wanted[name]) for name in wanted if found[name] != wanted[name]] == []


@pytest.mark.parametrize(
    ("batch", "consistency", "drop", "times"),
    [
        (None, Consistency.OBJECT, False, 1),
        (1, Consistency.TASK, False, 1),
        (3, Consistency.PART, True, 2),
    ],
)
def test_sql_makes_the_same_file(
    original: Path, tmp_path: Path, batch: int | None, consistency: Consistency, drop: bool, times: int
) -> None:
    done = export(
        file_source(original),
        tmp_path / "out",
        format=Format.SQL,
        sql=SqlSettings(batch_commit=batch),
        schema=SchemaSettings(drop=drop),
        consistency=consistency,
    )
    for _ in range(times):
        load(done.output, "load.sql", tmp_path / "copy.db")
    same(tmp_path / "copy.db", original)


def test_code_and_counters_work_in_the_copy(original: Path, tmp_path: Path) -> None:
    done = export(file_source(original), tmp_path / "out", format=Format.SQL)
    load(done.output, "load.sql", tmp_path / "copy.db")
    db = sqlite3.connect(tmp_path / "copy.db")
    assert db.execute("SELECT COUNT(*) FROM log").fetchone() == (0,), "no trigger ran while it was loaded"
    db.execute("INSERT INTO a_view VALUES (7, 8)")
    assert db.execute("SELECT what FROM log").fetchall() == [("instead; 7",)]
    with pytest.raises(sqlite3.IntegrityError, match="no; no"):
        db.execute('DELETE FROM "order"')
    db.execute("INSERT INTO counted (v) VALUES ('next')")
    assert db.execute("SELECT id FROM counted WHERE v = 'next'").fetchone() == (501,)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


@pytest.mark.parametrize("drop", [False, True])
def test_the_merged_schema_loads_in_one_go(original: Path, tmp_path: Path, drop: bool) -> None:
    done = export(
        file_source(original),
        tmp_path / "out",
        content=Content.SCHEMA,
        schema=SchemaSettings(merge=True, drop=drop),
    )
    for _ in range(1 + drop):
        load(done.output, "schema.sql", tmp_path / "copy.db")
    assert definitions(tmp_path / "copy.db") == definitions(original)


@pytest.mark.parametrize(
    ("encoding", "objects"),
    [
        (Encoding.UTF_16, ("*",)),
        (Encoding.UTF_32, ("TABLE:vals", "TABLE:made")),
        (Encoding.GB18030, ("TABLE:vals", "TABLE:中文 表")),
    ],
)
def test_sql_of_other_encodings_loads_after_the_conversion_that_its_head_names(
    original: Path, tmp_path: Path, encoding: Encoding, objects: tuple[str, ...]
) -> None:
    done = export(
        file_source(original), tmp_path / "out", format=Format.SQL, encoding=encoding, objects=objects
    )
    assert convert_as_told(done.output) == len(done.manifest.load)
    load(done.output, "load.sql", tmp_path / "copy.db")
    found, wanted = rows(tmp_path / "copy.db"), rows(original)
    assert "vals" in found
    assert found == {name: wanted[name] for name in found}


def as_csv(value: Any) -> object:
    """What a reader of CSV must get for a value."""
    if value is None:
        return NULL
    return value.hex().upper() if isinstance(value, bytes) else value


@pytest.mark.parametrize(
    "csv",
    [
        CsvSettings(),
        CSV_PRESETS["mysql"],
        CSV_PRESETS["odc"],
        CsvSettings(separator=":", quote="'", newline=Newline.CR, null="NULL"),
    ],
    ids=["default", "mysql", "odc", "colon"],
)
def test_csv_gives_every_value_back(original: Path, tmp_path: Path, csv: CsvSettings) -> None:
    done = export(file_source(original), tmp_path / "out", csv=csv, content=Content.DATA)
    options = {"separator": csv.separator, "quote": csv.quote, "newline": csv.newline.text, "null": csv.null}
    text = done.path("TABLE:vals").read_bytes().decode()
    header, *found = read_csv(text, **options, backslash=csv.escape_backslash)
    assert header == ["id", "v", "w"]
    assert len(found) == len(sqlite_copy.VALUES)
    for (_, written, _), value in zip(found, sqlite_copy.VALUES, strict=True):
        if isinstance(value, (int, float)):
            assert isinstance(written, str)
            assert repr(type(value)(written)) == repr(value)
        else:
            assert written == as_csv(value)
    for name in sqlite_copy.NAMES:
        header, row = read_csv(
            done.path(f"TABLE:{name}").read_bytes().decode(), **options, backslash=csv.escape_backslash
        )
        assert header == ["k", name, f"{name} 2"]
        assert (row[0], row[2]) == (name, name)


def test_the_client_imports_csv(original: Path, tmp_path: Path) -> None:
    """With a text for NULL, since the client knows none; up to a NUL, which ends a text for it."""
    done = export(
        file_source(original), tmp_path / "out", objects=("TABLE:vals",), csv=CsvSettings(null="<NULL>")
    )
    copy = tmp_path / "copy.db"
    client(copy, stdin=b"CREATE TABLE vals (id INTEGER PRIMARY KEY, v TEXT, w TEXT);\n")
    client(copy, f".import --csv --skip 1 {done.path('TABLE:vals')} vals")
    db = sqlite3.connect(copy)
    found = dict(db.execute("SELECT id, v FROM vals"))
    db.close()
    for number, value in enumerate(sqlite_copy.VALUES, start=1):
        text = "<NULL>" if value is None else as_csv(value)
        if isinstance(text, str):
            assert found[number] == text.partition("\0")[0]
        else:
            assert repr(type(value)(found[number])) == repr(value)


def test_each_file_leads_back_to_its_object(original: Path, tmp_path: Path) -> None:
    done = export(file_source(original), tmp_path / "out", format=Format.SQL)
    manifest = done.manifest
    assert len({entry.path.casefold() for entry in manifest.files}) == len(manifest.files)
    for entry in manifest.files:
        assert (done.output / entry.path).resolve().is_relative_to(done.output.resolve())
        if entry.object is None:
            continue
        kind, _, name = entry.object.partition(":")
        directory, _, stem = entry.path.partition("/")
        assert directory == kind
        if "~" not in stem:
            assert decode(stem.removesuffix(".sql").removesuffix("-schema")) == name


def test_one_object_of_any_name_can_be_meant(original: Path, tmp_path: Path) -> None:
    for number, name in enumerate(sqlite_copy.NAMES):
        if not name:
            continue
        pattern = name.replace("\\", "\\\\").replace("*", "\\*")
        done = export(
            file_source(original), tmp_path / str(number), objects=(f"TABLE:{pattern}",), format=Format.SQL
        )
        assert [(str(o.type), o.name) for o in done.manifest.objects] == [("TABLE", name)]
        load(done.output, "load.sql", tmp_path / f"{number}.db")
        db = sqlite3.connect(tmp_path / f"{number}.db")
        assert db.execute(f"SELECT k FROM {ident(name)}").fetchall() == [(name,)]
        db.close()
