"""Names, keys, code: a whole database of a server of the MySQL family, loaded into another."""

from __future__ import annotations

import re
from pathlib import Path

import pymysql
import pytest

from core.model.settings import CSV_PRESETS, SchemaSettings, SqlSettings
from core.model.vocabulary import Consistency, Content, Format
from core.pipeline.names import decode
from tests.roundtrip import mysql_schema
from tests.roundtrip.mysql_csv import load_data
from tests.roundtrip.running import Export, export, server_source
from tests.servers.family import MysqlFamilyServer


class Original:
    """The database, and what its server says of it."""

    def __init__(self, server: MysqlFamilyServer) -> None:
        self.server = server
        self.database = mysql_schema.build(server)
        self.schema = mysql_schema.schema(server, self.database)
        self.rows = mysql_schema.rows(server, self.database)

    def same_schema(self, copy: str) -> None:
        found = mysql_schema.schema(self.server, copy)
        assert set(found) == set(self.schema)
        differing = {key: (found[key], text) for key, text in self.schema.items() if found[key] != text}
        assert not differing

    def same(self, copy: str) -> None:
        self.same_schema(copy)
        found = mysql_schema.rows(self.server, copy)
        differing = {key: (found[key], text) for key, text in self.rows.items() if found[key] != text}
        assert not differing


@pytest.fixture(scope="module")
def original(mysql_family: MysqlFamilyServer) -> Original:
    return Original(mysql_family)


@pytest.fixture(scope="module")
def whole(original: Original, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Everything as SQL."""
    return export(
        server_source(original.server, original.database),
        tmp_path_factory.mktemp("whole") / "out",
        format=Format.SQL,
        schema=SchemaSettings(drop=True),
        sql=SqlSettings(batch_commit=2),
        consistency=Consistency.TASK,
    )


@pytest.fixture(scope="module")
def copy(original: Original, whole: Export) -> str:
    """What one command made of it."""
    database = original.server.new_database()
    original.server.client_load(database, whole.output / "load.sql", "--comments")
    return database


def test_one_command_makes_the_same_database(original: Original, copy: str) -> None:
    original.same(copy)


def test_names_that_no_server_takes(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    for name in mysql_schema.REFUSED:
        with pytest.raises(pymysql.Error):
            mysql_family.run(f"CREATE TABLE {mysql_schema.quoted(name)} (a INT)", database=database)


def test_with_drop_it_loads_over_itself(original: Original, whole: Export, copy: str) -> None:
    original.server.client_load(copy, whole.output / "load.sql", "--comments")
    original.same(copy)


def test_code_runs_in_the_copy(original: Original, copy: str) -> None:
    run = original.server.run
    ((text,),) = run("SELECT says()", database=copy)
    assert text == 'ü€中; ;; it\'s \\ "x" -- no'
    assert run("SELECT `odd``f;'`(4), z_twice(4)", database=copy) == [(5, 8)]
    counted = run(
        "CALL note(3, @y)", "SELECT @y, (SELECT COUNT(*) FROM log WHERE what LIKE 'called; %')", database=copy
    )
    assert [tuple(map(int, row)) for row in counted] == [(6, 3)]
    found = run("INSERT INTO empty VALUES (1, 'x')", "SELECT t FROM empty", database=copy)
    assert found == [("x first; second",)]
    run("DELETE FROM empty", "DELETE FROM log", database=copy)
    if original.server.product == "mariadb":
        for database in (original.database, copy):
            run("DO NEXTVAL(`se``q;`)", database=database)
        following = [run("SELECT NEXTVAL(numbers)", database=d) for d in (original.database, copy)]
        assert following[0][0][0] <= following[1][0][0], "no number is given a second time"


def test_an_auto_increment_goes_on_where_it_was(original: Original, copy: str) -> None:
    ((given,),) = original.server.run(
        "INSERT INTO counted (v) VALUES (9)", "SELECT LAST_INSERT_ID()", database=copy
    )
    original.server.run("DELETE FROM counted WHERE v = 9", database=copy)
    found = re.search(r"AUTO_INCREMENT *= *(\d+)", original.schema["TABLE", "counted"])
    assert found
    assert given >= int(found[1]) > 500


def test_each_file_leads_back_to_its_object(original: Original, whole: Export) -> None:
    manifest = whole.manifest
    names = {entry.path.casefold() for entry in manifest.files}
    assert len(names) == len(manifest.files)
    seen = set()
    for entry in manifest.files:
        path = whole.output / entry.path
        assert path.resolve().is_relative_to(whole.output.resolve())
        assert path.is_file()
        if entry.object is None:
            continue
        kind, _, name = entry.object.partition(":")
        seen.add(name)
        directory, _, stem = entry.path.partition("/")
        assert directory == kind
        if "~" not in stem:
            assert decode(stem.removesuffix(".sql").removesuffix("-schema")) == name
    wanted = set(mysql_schema.names(original.server))
    assert seen >= (wanted if original.server.product == "mariadb" else {name.lower() for name in wanted})


def test_the_merged_schema_loads_in_one_go_and_over_itself(original: Original, tmp_path: Path) -> None:
    done = export(
        server_source(original.server, original.database),
        tmp_path / "out",
        content=Content.SCHEMA,
        schema=SchemaSettings(merge=True, drop=True),
    )
    database = original.server.new_database()
    for _ in range(2):
        original.server.client_load(database, done.output / "schema.sql", "--comments")
        original.same_schema(database)


IN_CSV = ("nokey", "composite", "nullable", "folded", "gaps", "counted", "bits", "it's", "中文 表")


def test_csv_of_names_and_keys_loads(original: Original, tmp_path: Path) -> None:
    server = original.server
    source = server_source(server, original.database)
    # OceanBase's LOAD DATA takes no backtick in a table's name.
    names = (*IN_CSV, "back`tick", "Orders") if server.product == "mariadb" else IN_CSV
    done = export(
        source, tmp_path / "out", csv=CSV_PRESETS["mysql"], objects=tuple(f"TABLE:{name}" for name in names)
    )
    database = server.new_database()
    # OceanBase's LOAD DATA takes no backtick in a table's name.
    names = (*IN_CSV, "back`tick", "Orders") if server.product == "mariadb" else IN_CSV
    for name in names:
        server.client_load(database, done.path(f"TABLE:{name}", "schema"))
        load_data(server, database, name, done.path(f"TABLE:{name}"))
    found = mysql_schema.rows(server, database)
    assert found == {name: original.rows[name] for name in names}
