"""Schemas of PostgreSQL: a database with every kind of object, loaded by psql into another and compared."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from connectors.base import Source
from connectors.sources.postgresql import PostgresqlSource
from core.model.format_settings import SqlRows
from core.model.settings import SchemaSettings, SqlSettings
from core.model.vocabulary import Consistency, Content, Format, OnError
from tests.roundtrip import postgresql_schema as given
from tests.roundtrip.running import Export, export, file_source
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql

SCHEMAS = ("public", given.HOSTILE)
SEQUENCES = (
    "SELECT schemaname, sequencename, last_value, pg_get_serial_sequence('public.customer', 'id')"
    " FROM pg_sequences ORDER BY 1, 2"
)
POPULATED = "SELECT matviewname, ispopulated FROM pg_matviews ORDER BY 1"


class Original:
    def __init__(self, server: PostgresqlServer) -> None:
        self.server = server
        self.database = given.build(server)
        self.dump = given.dump(server, self.database)

    def source(self) -> Source:
        return PostgresqlSource(self.server.connection("shop", self.database), self.server.credentials())

    def same(self, copy: str) -> None:
        """Everything that pg_dump knows of, and what it doesn't call schema."""
        found = given.dump(self.server, copy)
        assert sorted(set(found) ^ set(self.dump)) == []
        assert found == self.dump
        for query in (SEQUENCES, POPULATED):
            assert self.server.run(query, database=copy) == self.server.run(query, database=self.database)


@pytest.fixture(scope="module")
def original(postgresql: PostgresqlServer) -> Original:
    return Original(postgresql)


def test_merged_schemas_load_in_one_go_and_over_themselves(original: Original, tmp_path: Path) -> None:
    copy = given.empty(original.server)
    files = []
    for number, schema in enumerate(SCHEMAS):
        done = export(
            original.source(),
            tmp_path / str(number),
            database=schema,
            content=Content.SCHEMA,
            schema=SchemaSettings(merge=True, drop=True),
        )
        files.append(done.output / "schema.sql")
    for path in (files[0], files[0], files[1], files[1]):
        original.server.client_load(copy, path)
    original.same(copy)
    # Nothing is dropped that the file itself doesn't make.
    with pytest.raises(RuntimeError, match="other objects depend on it"):
        original.server.client_load(copy, files[0])


def test_schema_and_rows_load_object_by_object(original: Original, tmp_path: Path) -> None:
    copy = given.empty(original.server)
    original.server.run("CREATE TABLE nothing ()", database=copy)
    for number, schema in enumerate(SCHEMAS):
        done = export(
            original.source(),
            tmp_path / str(number),
            database=schema,
            # A table without columns has no rows that could be written.
            exclude=("TABLE:nothing",) if schema == "public" else (),
            format=Format.SQL,
            consistency=Consistency.TASK,
        )
        assert {e.kind for e in done.manifest.files} >= {"schema", "data", "foreign-keys", "load"}
        original.server.client_load(copy, done.output / "load.sql")
    original.same(copy)
    for table in ("a", "b", "measure", "measure_2", "measure_3_rest"):
        rows = f"SELECT * FROM public.{table} ORDER BY 1, 2"
        expected = original.server.run(rows, database=original.database)
        assert expected
        assert original.server.run(rows, database=copy) == expected


def test_one_object_loads_alone(original: Original, tmp_path: Path) -> None:
    done = export(
        original.source(),
        tmp_path / "out",
        database="public",
        content=Content.SCHEMA,
        objects=("TABLE:measure",),
    )
    files = {entry.kind: entry.path for entry in done.manifest.files}
    copy = given.empty(original.server)
    original.server.run("CREATE TYPE mood AS ENUM ('sad')", database=copy)
    original.server.client_load(copy, done.output / files["schema"])
    parts = "SELECT count(*) FROM pg_partition_tree('measure')"
    assert original.server.run(parts, database=copy) == [(6,)]
    other = export(
        original.source(),
        tmp_path / "other",
        database=given.HOSTILE,
        content=Content.SCHEMA,
        objects=('TYPE:ty"pe\n%s',),
    )
    original.server.client_load(copy, other.path('TYPE:ty"pe\n%s', "schema"))


def test_privileges_load_where_they_are_asked_for(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    database, role = postgresql.new_database(), f'"{tmp_path.name} ""reader"""'
    postgresql.run(
        f"CREATE ROLE {role}",
        "CREATE TABLE t (id serial, a integer)", "CREATE VIEW v AS SELECT a FROM t",
        "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        f"GRANT SELECT, INSERT ON t TO {role} WITH GRANT OPTION", f"GRANT UPDATE (a) ON t TO {role}",
        f"GRANT USAGE ON SEQUENCE t_id_seq TO {role}", "GRANT SELECT ON v TO PUBLIC",
        "REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION f(integer) TO {role}",
        database=database,
    )  # fmt: skip
    source = PostgresqlSource(postgresql.connection("shop", database), postgresql.credentials())
    try:
        for merge in (True, False):
            done = export(
                source,
                tmp_path / str(merge),
                database="public",
                content=Content.SCHEMA,
                schema=SchemaSettings(merge=merge, privileges=True),
            )
            copy = postgresql.new_database()
            postgresql.client_load(copy, done.output / ("schema.sql" if merge else "load.sql"))
            assert given.dump(postgresql, copy) == given.dump(postgresql, database)
            postgresql.run(f"DROP OWNED BY {role}", database=copy)
        done = export(source, tmp_path / "without", database="public", content=Content.SCHEMA)
        assert not any("GRANT" in path.read_text() for path in done.output.glob("*/*.sql"))
    finally:
        postgresql.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}", database=database)


def test_privileges_of_others_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (a)")
    done = Export(file_source(file), tmp_path / "out", schema=SchemaSettings(privileges=True))
    assert done.error is not None
    assert "Privileges of SQLite aren't exported" in done.error.message


@pytest.mark.parametrize("rows", SqlRows)
def test_a_table_of_generated_columns_only_is_said_before_it_is_read(
    postgresql: PostgresqlServer, tmp_path: Path, rows: SqlRows
) -> None:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE TABLE g (x int GENERATED ALWAYS AS (1) STORED)", "INSERT INTO g DEFAULT VALUES",
        "CREATE TABLE t AS SELECT 1 AS x", database=name,
    )  # fmt: skip
    source = PostgresqlSource(postgresql.connection("shop", name), postgresql.credentials())
    settings = {"format": Format.SQL, "sql": SqlSettings(rows=rows)}
    done = Export(source, tmp_path / "stops", **settings)
    assert done.error is not None
    assert "All columns of TABLE:g are generated" in done.error.message
    done = Export(source, tmp_path / "goes on", **settings, on_error=OnError.CONTINUE)
    assert done.error is not None
    assert "1 of 2 objects failed" in done.error.message
    assert "COPY" in done.path("TABLE:t").read_text() or "INSERT" in done.path("TABLE:t").read_text()


def test_rows_behind_copy_are_refused_where_no_client_loads_them(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (a)")
    done = Export(file_source(file), tmp_path / "out", format=Format.SQL, sql=SqlSettings(rows=SqlRows.COPY))
    assert done.error is not None
    assert "SQL of SQLite has no rows behind COPY" in done.error.message
    assert not (tmp_path / "out").exists()
