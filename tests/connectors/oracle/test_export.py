"""Whole exports of Oracle tables, from the preflight to the manifest, by the double of the driver's connection."""

from __future__ import annotations

import csv
import json
import logging
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.sources.oracle import statements as sql
from core.model.settings import ExportSettings, SchemaSettings
from core.model.task import Snapshot
from core.model.vocabulary import Content, Format
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.run import run_task
from tests.connectors.oracle.double import Double, refused, source
from tests.pipeline.memory import MemoryJournal, make_task
from tests.unit.formats.reading_oracle import read_oracle

COLUMNS = [
    ("ID", "NUMBER", None, 22, 9, 0, 0, None, "N", "NO"),
    ("PRICE", "NUMBER", None, 22, 10, 2, 0, None, "Y", "NO"),
    ("ANY", "NUMBER", None, 22, None, None, 0, None, "Y", "NO"),
    ("NAME", "NVARCHAR2", None, 40, None, None, 20, "C", "Y", "NO"),
    ("DAY", "DATE", None, 7, None, None, 0, None, "Y", "NO"),
    ("BODY", "CLOB", None, 4000, None, None, 0, None, "Y", "NO"),
    ("OCTETS", "RAW", None, 16, None, None, 0, None, "Y", "NO"),
    ("HEAT", "BINARY_DOUBLE", None, 8, None, None, 0, None, "Y", "NO"),
]
ROWS = pa.table(
    {
        "ID": pa.array([1, 2, 3]),
        "PRICE": pa.array([Decimal("12.50"), None, Decimal("-0.01")], pa.decimal128(10, 2)),
        "ANY": [".1234567890123456789012345678901234567890", None, "1E+125"],
        "NAME": ["it's, \n\N{PASSENGER SHIP}", None, "plain"],
        "DAY": ["2024-02-29 13:00:00", None, "-0044-03-15 00:00:00"],
        "BODY": ["x" * 5000, None, ""],
        "OCTETS": pa.array([b"\0\xff", None, b"'"], pa.binary()),
        "HEAT": [0.1, None, float("nan")],
    }
)
SNAPSHOT = "4711"


@pytest.fixture
def shop(server: Double) -> Double:
    listed = ("TABLE", "T", 3, 50, None, "VALID")
    server.answers |= dict.fromkeys(
        (sql.MATERIALIZED_VIEWS, sql.VIEWS, sql.SEQUENCES, sql.PUBLIC_SYNONYMS, sql.OTHERS, sql.CONSTRAINT_INDEXES,
         sql.IDENTITY, sql.DEPENDENCIES), (),
    )  # fmt: skip
    server.answers |= {
        sql.TABLES: [listed],
        sql.COLUMNS: COLUMNS,
        sql.OBJECT: [(1,)],
        sql.TABLE: [(3, 50, 1, None, "N", "DISABLED", 0)],
        sql.KEYS: [("P", "PK", "ID")],
        sql.UNDO_RETENTION: [("900",)],
        sql.DDL: [('CREATE TABLE "HR"."T"\n (\t"ID" NUMBER(9,0)\n ) ;',)],
        sql.DEPENDENT_DDL: lambda _: refused("ORA-31608: none"),
    }
    server.otherwise = answer
    return server


def answer(statement: str) -> Any:
    """Rows of T, as the statement asks for its columns."""
    if "\n1 = 0\n" in statement:
        return []
    asked = re.findall(r'"(\w+)"[^"]*? AS C\d+', statement.split(" FROM ", maxsplit=1)[0])
    assert f'FROM "HR"."T" AS OF SCN {SNAPSHOT}' in statement
    return [] if "> 32768" in statement else ROWS.select(asked)  # no row has a large LOB


def export(tmp_path: Path, form: Format, **more: Any) -> Path:
    output = tmp_path / "out"
    settings = ExportSettings(connection="ora", all_objects=True, format=form, **more)
    journal = MemoryJournal(make_task(output, settings))
    run_task(journal, source(), log=logging.Logger("task"), cancel=Cancel(), disk=Disk)
    assert journal.outcome == (None, True), journal.outcome
    return output


def test_csv(shop: Double, tmp_path: Path) -> None:
    output = export(tmp_path, Format.CSV)
    with (output / "TABLE" / "T.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == [column[0] for column in COLUMNS]
    assert rows[1] == [
        "1", "12.50", "0.1234567890123456789012345678901234567890", "it's, \n\N{PASSENGER SHIP}",
        "2024-02-29 13:00:00", "x" * 5000, "00FF", "0.1",
    ]  # fmt: skip
    assert rows[2] == ["2", *[""] * 7]
    assert rows[3][1:5] == ["-0.01", "1E+125", "plain", "-0044-03-15 00:00:00"]
    found = manifests.load(Disk(output), "")
    assert isinstance(found.objects[0].snapshot, Snapshot)
    assert found.objects[0].snapshot.id == SNAPSHOT


def test_sql_that_loads(shop: Double, tmp_path: Path) -> None:
    output = export(tmp_path, Format.SQL, schema=SchemaSettings(drop=True))
    data = (output / "TABLE" / "T.sql").read_bytes()
    assert b'ALTER SESSION SET CURRENT_SCHEMA = "HR";\n' in data
    read = read_oracle(data)
    assert read.rows[0] == [
        ("number", "1"), ("number", "12.50"), ("number", "0.1234567890123456789012345678901234567890"),
        "it's, \n\N{PASSENGER SHIP}", ("TO_DATE", "2024-02-29 13:00:00", "SYYYY-MM-DD HH24:MI:SS"), "x" * 5000,
        b"\0\xff", ("number", "0.1d"),
    ]  # fmt: skip
    # An empty CLOB is no NULL.
    assert read.rows[2][5] == ""
    assert read.rows[2][7] == ("name", "BINARY_DOUBLE_NAN")
    script = (output / "load.sql").read_text()
    assert script.endswith('@@"TABLE/T-schema.sql"\n@@"TABLE/T.sql"\n')


def test_json_lines(shop: Double, tmp_path: Path) -> None:
    output = export(tmp_path, Format.JSONL)
    lines = [
        json.loads(line, parse_float=Decimal)
        for line in (output / "TABLE" / "T.jsonl").open(encoding="utf-8")
    ]
    assert lines[0]["NAME"] == "it's, \n\N{PASSENGER SHIP}"
    assert lines[1] == {"ID": 2, **dict.fromkeys([c[0] for c in COLUMNS[1:]])}
    assert lines[2]["BODY"] == ""


def test_parquet(shop: Double, tmp_path: Path) -> None:
    output = export(tmp_path, Format.PARQUET, content=Content.DATA, objects=(), **{"on_unfit": "null"})
    table = pq.read_table(output / "TABLE" / "T.parquet")
    assert table.schema.field("PRICE").type == pa.decimal128(10, 2)
    assert table.schema.field("ANY").type == pa.string()
    assert table.schema.field("ID").type == pa.int64()
    assert table.column("PRICE").to_pylist() == [Decimal("12.50"), None, Decimal("-0.01")]
    assert table.column("OCTETS").to_pylist() == [b"\0\xff", None, b"'"]
    # A year before Christ is a value that no timestamp of Arrow's readers holds.
    assert table.column("DAY").null_count == 2
