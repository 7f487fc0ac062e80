"""Values of every column type, from MariaDB and OceanBase by SQL and CSV into a second database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.model.settings import CSV_PRESETS, CsvSettings, SqlSettings
from core.model.vocabulary import Consistency, Content, Encoding, Format, Newline
from tests.roundtrip.mysql_csv import insert_rows, load_data
from tests.roundtrip.running import export, server_source
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
