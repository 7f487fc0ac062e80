"""Values of every column type, from MariaDB and OceanBase by SQL and CSV into a second database."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.formats.compress import decompressed
from core.model.format_settings import Compression, Unfit
from core.model.settings import CSV_PRESETS, CsvSettings, SqlSettings
from core.model.vocabulary import Consistency, Content, Encoding, Format, Newline
from tests.roundtrip.mysql_csv import columns_of, insert_rows, insert_values, load_data
from tests.roundtrip.running import Export, export, server_source
from tests.servers.family import MysqlFamilyServer
from tests.servers.mysql_values import fingerprint_sql, shop_values


@dataclass
class Hostile:
    """The table of hostile values in one database, and loads of it into others."""

    server: MysqlFamilyServer
    database: str

    def rows(self, database: str | None = None) -> list[tuple[object, ...]]:
        """The server's own fingerprint of each row."""
        return self.server.run(fingerprint_sql(database or self.database, self.server.product))

    def checksum(self, database: str | None = None) -> object:
        """One number of the server's over the whole table."""
        rows = self.server.run(f"CHECKSUM TABLE `{database or self.database}`.hostile")
        return rows[0][1]

    def same(self, copy: str) -> None:
        found, wanted = self.rows(copy), self.rows()
        differing = [
            (number, column)
            for number, (one, other) in enumerate(zip(found, wanted, strict=True))
            for column, (a, b) in enumerate(zip(one, other, strict=True))
            if a != b
        ]
        assert not differing, [(at, found[at[0]][at[1]], wanted[at[0]][at[1]]) for at in differing[:5]]
        assert len(found) > 20

    def empty_copy(self, directory: Path) -> str:
        """Another database with the table, made by an export of its schema."""
        schema = directory / "schema"
        export(server_source(self.server, self.database), schema, content=Content.SCHEMA)
        copy = self.server.new_database()
        self.server.client_load(copy, schema / "TABLE/hostile-schema.sql")
        return copy


@pytest.fixture(scope="module")
def hostile(mysql_family: MysqlFamilyServer) -> Hostile:
    database = mysql_family.new_database()
    mysql_family.run(*shop_values(database, mysql_family.product))
    return Hostile(mysql_family, database)


@pytest.mark.parametrize(
    ("batch", "consistency"),
    [(None, Consistency.OBJECT), (7, Consistency.PART), (1, Consistency.TASK)],
)
def test_sql_gives_every_value_back(
    hostile: Hostile, tmp_path: Path, batch: int | None, consistency: Consistency
) -> None:
    source = server_source(hostile.server, hostile.database)
    settings = SqlSettings(batch_commit=batch)
    export(source, tmp_path / "out", format=Format.SQL, sql=settings, consistency=consistency)
    copy = hostile.server.new_database()
    hostile.server.client_load(copy, tmp_path / "out/load.sql")
    hostile.same(copy)
    if hostile.server.product == "mariadb":
        assert hostile.checksum(copy) == hostile.checksum()


def test_csv_for_mysql_gives_every_value_back_through_load_data(hostile: Hostile, tmp_path: Path) -> None:
    source = server_source(hostile.server, hostile.database)
    done = export(source, tmp_path / "out", csv=CSV_PRESETS["mysql"], content=Content.DATA)
    copy = hostile.empty_copy(tmp_path)
    load_data(hostile.server, copy, "hostile", done.path("TABLE:hostile"))
    hostile.same(copy)


@pytest.mark.parametrize(
    ("csv", "rules"),
    [
        (CsvSettings(), {}),
        (
            CsvSettings(separator="\t", quote="'", newline=Newline.CRLF, null="NULL"),
            {"separator": "\t", "quote": "'", "newline": "\r\n", "null": "NULL"},
        ),
        (CsvSettings(separator=";", null="\\N", newline=Newline.CR), {"separator": ";", "null": "\\N", "newline": "\r"}),
    ],
    ids=["default", "tab", "semicolon"],
)  # fmt: skip
def test_csv_gives_every_value_back(
    hostile: Hostile, tmp_path: Path, csv: CsvSettings, rules: dict[str, str]
) -> None:
    source = server_source(hostile.server, hostile.database)
    done = export(source, tmp_path / "out", csv=csv, content=Content.DATA)
    copy = hostile.empty_copy(tmp_path)
    insert_rows(hostile.server, copy, "hostile", done.path("TABLE:hostile"), **rules)
    hostile.same(copy)


@pytest.mark.parametrize("encoding", [Encoding.UTF_16, Encoding.UTF_32, Encoding.GB18030])
def test_sql_of_other_encodings_loads_after_the_conversion_that_its_head_names(
    hostile: Hostile, tmp_path: Path, encoding: Encoding
) -> None:
    source = server_source(hostile.server, hostile.database)
    export(source, tmp_path / "out", format=Format.SQL, encoding=encoding)
    from tests.roundtrip.conversion import convert_as_told

    converted = convert_as_told(tmp_path / "out")
    assert converted == 2
    copy = hostile.server.new_database()
    hostile.server.client_load(copy, tmp_path / "out/load.sql")
    hostile.same(copy)


@pytest.mark.parametrize("compression", list(Compression))
def test_json_lines_give_every_value_back(hostile: Hostile, tmp_path: Path, compression: Compression) -> None:
    source = server_source(hostile.server, hostile.database)
    done = export(
        source, tmp_path / "out", format=Format.JSONL, content=Content.DATA, compression=compression
    )
    path = done.path("TABLE:hostile")
    pieces = decompressed([path.read_bytes()], compression, path.name)
    objects = [json.loads(line, parse_int=str, parse_float=str) for line in b"".join(pieces).splitlines()]
    copy = hostile.empty_copy(tmp_path)
    columns = columns_of(hostile.server, copy, "hostile")
    rows = [
        [
            base64.b64decode(value).hex() if is_bytes and value is not None else value
            for (_, is_bytes), value in zip(columns, found.values(), strict=True)
        ]
        for found in objects
    ]
    insert_values(hostile.server, copy, "hostile", list(objects[0]), rows)
    hostile.same(copy)


@pytest.mark.parametrize("form", [Format.PARQUET, Format.ARROW])
def test_files_with_types_give_every_value_back(hostile: Hostile, tmp_path: Path, form: Format) -> None:
    """But for dates that no calendar has: these stop the object, or are NULL and counted."""
    source = server_source(hostile.server, hostile.database)
    chosen = {"format": form, "content": Content.DATA}
    refused = Export(source, tmp_path / "refused", **chosen)
    assert refused.error is not None
    assert "-00" in refused.error.message
    assert "--on-unfit null" in refused.error.hint
    done = export(source, tmp_path / "out", on_unfit=Unfit.NULL, **chosen)
    assert any("don't fit" in words for o in done.manifest.objects for words in o.warnings)
    path = done.path("TABLE:hostile")
    read = pq.read_table(path) if form is Format.PARQUET else pa.ipc.open_file(path).read_all()
    copy = hostile.empty_copy(tmp_path)
    rows = [[as_text(value) for value in found.values()] for found in read.to_pylist()]
    insert_values(hostile.server, copy, "hostile", read.column_names, rows)
    wanted = hostile.rows()
    lost = 0
    for found, before in zip(hostile.rows(copy), wanted, strict=True):
        for one, other in zip(found, before, strict=True):
            if one is None and other is not None:
                assert b"-00" in bytes.fromhex(str(other))
                lost += 1
            else:
                assert one == other
    assert 0 < lost < len(wanted)


def as_text(value: object) -> object:
    """As MySQL takes it."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None else str(value)


def test_compressed_sql_loads_after_what_its_script_says(hostile: Hostile, tmp_path: Path) -> None:
    source = server_source(hostile.server, hostile.database)
    export(source, tmp_path / "out", format=Format.SQL, compression=Compression.GZIP)
    head = (tmp_path / "out/load.sql").read_text().splitlines()
    (told,) = [line.partition("first: ")[2] for line in head if "Decompress" in line]
    subprocess.run(told, shell=True, cwd=tmp_path / "out", check=True)
    copy = hostile.server.new_database()
    hostile.server.client_load(copy, tmp_path / "out/load.sql")
    hostile.same(copy)
