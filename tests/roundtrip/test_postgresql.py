"""Whole exports of PostgreSQL: read back, or loaded by psql into an empty database, they are what was there."""

from __future__ import annotations

import contextlib
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from connectors.base import Source
from connectors.sources.postgresql import PostgresqlSource
from connectors.sources.postgresql.dialect import POSTGRESQL
from core.model.format_settings import SqlRows
from core.model.settings import CSV_PRESETS, SqlSettings
from core.model.vocabulary import Content, Encoding, Format
from tests.connectors.test_postgresql_values import TYPES, VALUES
from tests.roundtrip.running import Export, export
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql


def source_of(server: PostgresqlServer, database: str) -> Source:
    return PostgresqlSource(server.connection("shop", database), server.credentials())


@pytest.fixture(scope="module")
def database(postgresql: PostgresqlServer) -> str:
    """All values, a row for each, so that NULLs stand beside them; and what schemas have."""
    name = postgresql.new_database()
    postgresql.run(TYPES, database=name)
    columns = ", ".join(f'"c{n} of {kind.replace(chr(34), "")}" {kind}' for n, (kind, _) in enumerate(VALUES))
    postgresql.run(f"CREATE TABLE every (id int PRIMARY KEY, {columns})", database=name)
    for row in range(max(len(values) for _, values in VALUES) + 1):
        given = [
            values[row] if row < len(values) else "''" if kind == "shorter" else "NULL"
            for kind, values in VALUES
        ]
        postgresql.run(f"INSERT INTO every VALUES ({row}, {', '.join(given)})", database=name)
    postgresql.run(
        "CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x text,"
        " twice text GENERATED ALWAYS AS (x || x) STORED)",
        "INSERT INTO made (x) SELECT chr(65 + i % 26) || '''\\' FROM generate_series(1, 2500) i",
        'CREATE TABLE "Other ""one""" (id serial PRIMARY KEY, made int REFERENCES made, self int REFERENCES "Other ""one""")',
        'INSERT INTO "Other ""one""" (made, self) SELECT i, 101 - i FROM generate_series(1, 100) i',
        "CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO ('2021-01-01')",
        "CREATE TABLE parted_2 PARTITION OF parted DEFAULT",
        "INSERT INTO parted SELECT i, '2020-12-25'::date + i FROM generate_series(1, 20) i",
        "CREATE VIEW seen AS SELECT count(*) FROM made",
        "CREATE MATERIALIZED VIEW kept AS SELECT x FROM made WHERE id < 3",
        "CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''a trigger fired''; END'",
        "CREATE TRIGGER fires BEFORE INSERT ON made FOR EACH ROW EXECUTE FUNCTION fire()",
        database=name,
    )  # fmt: skip
    return name


TABLES = ("every", "made", '"Other ""one"""', "parted", "parted_1", "kept", "seen")


def content(server: PostgresqlServer, database: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows as the server prints them."""
    return {
        name: server.run(
            "SET lc_monetary = 'C'", f"SELECT t::text FROM {name} t ORDER BY 1", database=database
        )
        for name in TABLES
    }


@pytest.mark.parametrize("sql", [SqlSettings(), SqlSettings(rows=SqlRows.COPY, batch_commit=999)])
def test_sql_is_loaded_by_psql_into_an_empty_database(
    postgresql: PostgresqlServer, database: str, tmp_path: Path, sql: SqlSettings
) -> None:
    done = export(
        source_of(postgresql, database), tmp_path / "out", format=Format.SQL, content=Content.SCHEMA_AND_DATA,
        sql=sql,
    )  # fmt: skip
    copy = postgresql.new_database()
    assert done.manifest.load
    assert (b"INSERT INTO" in done.path("TABLE:made").read_bytes()) is (sql.rows is SqlRows.INSERT)
    postgresql.client_load(copy, tmp_path / "out" / "load.sql")
    assert content(postgresql, copy) == content(postgresql, database)
    # What is made next has a number of its own.
    postgresql.run("DROP TRIGGER fires ON made", "INSERT INTO made (x) VALUES ('next')", database=copy)


def test_csv_is_loaded_by_the_server_as_it_is(
    postgresql: PostgresqlServer, database: str, tmp_path: Path
) -> None:
    done = export(
        source_of(postgresql, database), tmp_path / "out", objects=("TABLE:every", "TABLE:made"),
        content=Content.DATA, csv=CSV_PRESETS["postgres"],
    )  # fmt: skip
    postgresql.run(
        "CREATE TABLE back (LIKE every)", "SET lc_monetary = 'C'",
        f"COPY back FROM '{placed(done, 'TABLE:every', postgresql)}' (FORMAT csv, HEADER)", database=database,
    )  # fmt: skip
    differing = postgresql.run(
        "SELECT count(*) FROM every FULL JOIN back USING (id) WHERE every::text IS DISTINCT FROM back::text",
        database=database,
    )
    assert differing == [(0,)]
    assert postgresql.run("SELECT count(*) FROM back", database=database)[0][0] > 5
    postgresql.run("DROP TABLE back", database=database)


def placed(done: Export, ref: str, server: PostgresqlServer) -> Path:
    """A copy that the server's own account may read."""
    path = Path(server.socket) / "given.csv"
    path.write_bytes(done.path(ref).read_bytes())
    path.chmod(0o644)
    return path


def test_json_lines_say_the_same_as_csv(postgresql: PostgresqlServer, database: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"objects": ("TABLE:every", "TABLE:parted"), "content": Content.DATA}
    jsonl = export(source_of(postgresql, database), tmp_path / "jsonl", format=Format.JSONL, **settings)
    text = export(source_of(postgresql, database), tmp_path / "csv", **settings)
    with text.path("TABLE:parted").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in jsonl.path("TABLE:parted").read_text().splitlines()]
    assert [{name: str(value) for name, value in line.items()} for line in lines] == rows
    assert len(rows) == 20
    every = [json.loads(line, parse_float=str) for line in jsonl.path("TABLE:every").read_text().splitlines()]
    found = {
        kind: [line[f"c{n} of {kind.replace(chr(34), '')}"] for line in every]
        for n, (kind, _) in enumerate(VALUES)
    }
    assert found["boolean"][:3] == [True, False, None]
    assert found["bigint"][:2] == [-9223372036854775808, 9223372036854775807]
    assert found["numeric(38,10)"][0] == "-1234567890123456789012345678.0123456789"
    assert found["date"][:3] == ["infinity", "-infinity", "0044-03-15 BC"]
    assert found["char(6)"][:3] == ["ab    ", " a    ", "      "]


def test_parquet_has_types_and_says_what_none_fits(
    postgresql: PostgresqlServer, database: str, tmp_path: Path
) -> None:
    postgresql.run(
        "CREATE TABLE typed (id bigint PRIMARY KEY, n numeric(20,4), f float8, b boolean, raw bytea, d date,"
        " t time, ts timestamp, tz timestamptz, u uuid, a int[], j jsonb)",
        "INSERT INTO typed VALUES (1, -12345678901.5, 'NaN', true, '\\x00ff', '2020-02-29', '23:59:59.000001',"
        " '1969-12-31 23:59:59.999999', '2021-10-31 02:30:00+01', '00112233-4455-6677-8899-aabbccddeeff',"
        " '{1,NULL}', '[1.10]')",
        "INSERT INTO typed VALUES (2)",
        database=database,
    )
    done = export(
        source_of(postgresql, database), tmp_path / "out", objects=("TABLE:typed",), format=Format.PARQUET,
        content=Content.DATA,
    )  # fmt: skip
    table = pq.read_table(done.path("TABLE:typed"))
    types = {field.name: str(field.type) for field in table.schema}
    assert types["id"] == "int64"
    assert types["n"] == "decimal128(20, 4)"
    assert types["f"] == "double"
    assert types["b"] == "bool"
    assert types["raw"] in ("binary", "large_binary")
    assert types["tz"] == "timestamp[us, tz=UTC]"
    first, second = table.to_pylist()
    assert (first["id"], str(first["n"]), first["b"], first["raw"]) == (
        1,
        "-12345678901.5000",
        True,
        b"\0\xff",
    )
    assert (str(first["d"]), str(first["t"])) == ("2020-02-29", "23:59:59.000001")
    assert str(first["ts"]) == "1969-12-31 23:59:59.999999"
    assert first["tz"].isoformat() == "2021-10-31T01:30:00+00:00"
    assert (first["a"], first["j"]) == ("{1,NULL}", "[1.10]")
    assert set(second.values()) == {2, None}
    postgresql.run("DROP TABLE typed", database=database)


# Encodings that psql reads by itself.


def signs(encoding: Encoding) -> list[int]:
    """Every character that the encoding has; of those beyond the first 65,536 each 997th."""
    found = []
    for number in (*range(1, 0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x110000, 997)):
        with contextlib.suppress(UnicodeError):
            chr(number).encode(str(encoding))
            found.append(number)
    return found


@pytest.mark.parametrize("rows", SqlRows)
@pytest.mark.parametrize("encoding", POSTGRESQL.client_charsets)
def test_every_character_arrives_by_psql(
    postgresql: PostgresqlServer, tmp_path: Path, encoding: Encoding, rows: SqlRows
) -> None:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE TABLE signs (id int PRIMARY KEY, sign text)",
        f"INSERT INTO signs SELECT i, chr(i) || '\\''' FROM unnest(ARRAY{signs(encoding)}) i",
        database=name,
    )
    export(
        source_of(postgresql, name), tmp_path / "out", format=Format.SQL, content=Content.SCHEMA_AND_DATA,
        encoding=encoding, sql=SqlSettings(rows=rows),
    )  # fmt: skip
    copy = postgresql.new_database()
    postgresql.client_load(copy, tmp_path / "out" / "load.sql")
    digest = "SELECT count(*), md5(string_agg(id || sign, ',' ORDER BY id)) FROM signs"
    found = postgresql.run(digest, database=copy)
    assert found == postgresql.run(digest, database=name)
    assert found[0][0] == len(signs(encoding)) > 100
