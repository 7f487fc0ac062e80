"""Schemas of single PostgreSQL objects: what they need, what is said of them, what moves and what doesn't."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from connectors.base import Credentials, ObjectDdl, Session
from connectors.sources.postgresql import PostgresqlSource, survey
from connectors.sources.postgresql.ddl_script import options, plain
from connectors.sources.postgresql.link import Link
from core.errors import BrokenObject, NotFound, SourceError
from core.model.connection import Connection
from core.model.vocabulary import Mode, ObjectPattern, ObjectRef, ObjectType, SchemaFlavour
from tests.connectors.postgresql_helpers import session_of
from tests.roundtrip import postgresql_schema as given
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def database(postgresql: PostgresqlServer) -> str:
    return given.build(postgresql)


@pytest.fixture
def session(postgresql: PostgresqlServer, database: str) -> Iterator[Session]:
    source = PostgresqlSource(postgresql.connection("test", database), postgresql.credentials())
    with source.connect() as session:
        yield session


def ref(text: str) -> ObjectRef:
    pattern = ObjectPattern.parse(text)
    assert pattern.type
    return ObjectRef(pattern.type, pattern.name)


def of(
    session: Session, text: str, schema: str = "public", flavour: SchemaFlavour = SchemaFlavour.NATIVE
) -> ObjectDdl:
    return session.ddl(schema, ref(text), flavour)


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("TABLE:customer", {"TYPE:mood", "TYPE:address", "TYPE:posint", "TYPE:price_range", "SEQUENCE:numbers",
                            "FUNCTION:twice(integer)"}),
        ("TABLE:b", set()),
        ("TABLE:child", {"TABLE:parent"}),
        ("TABLE:of_type", {"TYPE:address", "TYPE:posint"}),
        ("TABLE:measure", {"TYPE:mood"}),
        ("TYPE:person", {"TYPE:address", "TYPE:mood"}),
        ("TYPE:evenint", {"TYPE:posint"}),
        ("TYPE:price_range", {"FUNCTION:posdiff(numeric, numeric)"}),
        ("VIEW:a_second", {"VIEW:z_first", "FUNCTION:twice(text)"}),
        ("VIEW:wild", {"FUNCTION:total(integer)"}),
        ("VIEW:grouped", {"TABLE:customer"}),
        ("VIEW:over_kept", {"MATERIALIZED_VIEW:kept"}),
        ("MATERIALIZED_VIEW:kept", {"VIEW:a_second", "TABLE:a", "TABLE:measure"}),
        ("FUNCTION:modern(integer)", {"FUNCTION:twice(integer)"}),
        ("FUNCTION:total(integer)", {"FUNCTION:add_up(numeric, integer)", "FUNCTION:finish(numeric)"}),
        ("FUNCTION:of_row(public.customer)", {"TABLE:customer"}),
        ("FUNCTION:rows_of()", {"VIEW:z_first"}),
        ("PROCEDURE:tidy(integer, public.mood)", {"TYPE:mood"}),
        ("TRIGGER:touched ON customer", {"TABLE:customer", "FUNCTION:touch()"}),
        ("TRIGGER:instead ON a_second", {"VIEW:a_second", "FUNCTION:touch()"}),
        ("TRIGGER:own ON measure_2", {"TABLE:measure", "FUNCTION:touch()"}),
        ("VIEW:ranging", {"TYPE:price_range", "TYPE:words", "TYPE:mood"}),
        ("SEQUENCE:numbers", set()),
    ],
)  # fmt: skip
def test_what_an_object_needs(session: Session, name: str, needs: set[str]) -> None:
    assert set(map(str, of(session, name).needs)) == needs


def test_extensions_and_other_schemas_are_said(session: Session) -> None:
    assert {f"Needs extension {name}: CREATE EXTENSION." for name in ("citext", "hstore")} <= set(
        of(session, "TABLE:customer").notes
    )
    # The operator class of an exclusion constraint.
    assert "Needs extension btree_gist: CREATE EXTENSION." in of(session, "TABLE:bookings").notes
    other = of(session, f"TABLE:{given.LONG}", given.HOSTILE)
    assert "Needs TYPE:mood of schema public." in other.notes
    assert other.preamble == (f"CREATE SCHEMA IF NOT EXISTS {given._HOSTILE}",)
    assert of(session, "TABLE:a").preamble == ()
    assert any("roles" in note for note in of(session, "TABLE:b").notes)
    flavoured = of(session, "TABLE:a", flavour=SchemaFlavour.MYSQL)
    assert any("MySQL flavour" in note for note in flavoured.notes)


def test_what_is_needed_and_not_exported_is_said(postgresql: PostgresqlServer) -> None:
    database = postgresql.new_database()
    postgresql.run(
        'CREATE COLLATION mine (locale = "C")',
        "CREATE FUNCTION same(integer, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = text, FUNCTION = same)",
        'CREATE TABLE t (a text COLLATE mine, CHECK (1 === a))',
        database=database,
    )  # fmt: skip
    source = PostgresqlSource(postgresql.connection("test", database), postgresql.credentials())
    with source.connect() as session:
        assert set(of(session, "TABLE:t").notes) == {
            "Needs collation public.mine, which isn't exported.",
            "Needs operator public.===(integer,text), which isn't exported.",
        }


def test_foreign_keys_rules_and_policies_stand_apart(session: Session) -> None:
    found = of(session, "TABLE:a")
    assert found.create == (*found.create_bare, *found.foreign_keys)
    assert not any("FOREIGN KEY" in text or "RULE" in text for text in found.create_bare)
    assert [text.split()[:2] for text in found.unlink] == [["ALTER", "TABLE"]] * 2 + [["DROP", "RULE"]]
    # Rows that are there needn't pass what was added NOT VALID.
    assert any("CHECK ((id > 1)) NOT VALID" in text for text in found.foreign_keys)
    assert (
        "CREATE POLICY everyone ON public.b FOR ALL TO PUBLIC USING (true)"
        in of(session, "TABLE:b").foreign_keys
    )


def test_a_digest_moves_with_the_shape_and_not_with_the_rows(
    postgresql: PostgresqlServer, database: str, session: Session
) -> None:
    before = {name: of(session, name) for name in ("TABLE:customer", "SEQUENCE:untouched")}
    postgresql.run("SELECT nextval('customer_serial_no_seq'), nextval('untouched')", database=database)
    after = {name: of(session, name) for name in before}
    for name, found in after.items():
        assert found.fingerprint == before[name].fingerprint
        assert found.create != before[name].create
    assert after["SEQUENCE:untouched"].create[-1] == "SELECT pg_catalog.setval('public.untouched', 1, true)"
    postgresql.run("COMMENT ON SEQUENCE untouched IS 'now it is'", database=database)
    assert of(session, "SEQUENCE:untouched").fingerprint != after["SEQUENCE:untouched"].fingerprint
    postgresql.run(
        "COMMENT ON SEQUENCE untouched IS NULL", "SELECT setval('untouched', 1, false)", database=database
    )


@pytest.mark.parametrize(
    "name",
    ["TABLE:measure_2", "SEQUENCE:customer_ids", "SEQUENCE:customer_serial_no_seq", "TYPE:citext",
     "FUNCTION:words(text, text, text)", "FUNCTION:twice", "TRIGGER:touched", "TYPE:customer", "INDEX:by_price", "VIEW:a"],
)  # fmt: skip
def test_what_is_part_of_another_is_no_object(session: Session, name: str) -> None:
    with pytest.raises(NotFound, match="part of another object"):
        of(session, name)


def test_every_object_that_is_listed_has_a_schema(session: Session) -> None:
    listed = [(schema, info.ref) for schema in session.databases() for info in session.objects(schema)]
    assert len(listed) > 50
    for schema, each in listed:
        found = session.ddl(schema, each, SchemaFlavour.NATIVE)
        assert found.create
        assert found.drop.startswith("DROP ")
        assert "CASCADE" not in found.drop


def test_views_in_a_circle_are_refused(postgresql: PostgresqlServer) -> None:
    database = postgresql.new_database()
    postgresql.run(
        "CREATE VIEW one AS SELECT 1 AS x", "CREATE VIEW two AS SELECT x FROM one",
        "CREATE OR REPLACE VIEW one AS SELECT x FROM two", database=database,
    )  # fmt: skip
    source = PostgresqlSource(postgresql.connection("test", database), postgresql.credentials())
    with source.connect() as session, pytest.raises(BrokenObject, match=r"by way of public\.two"):
        of(session, "VIEW:one")


def test_an_ordinary_account_is_enough(postgresql: PostgresqlServer, database: str) -> None:
    postgresql.run("DROP ROLE IF EXISTS plain_reader", "CREATE ROLE plain_reader LOGIN PASSWORD 'p'")
    connection = Connection(
        name="plain", mode=Mode.POSTGRESQL, unix_socket=postgresql.socket, port=postgresql.port, user="plain_reader",
        database=database,
    )  # fmt: skip
    with PostgresqlSource(connection, Credentials(password="p")).connect() as session:
        for name in ("TABLE:customer", "VIEW:a_second", "FUNCTION:twice(text)", "TYPE:mood", "TABLE:b"):
            assert of(session, name).create
        found = of(session, "SEQUENCE:numbers")
        assert found.notes == (
            "The value of sequence public.numbers may not be seen by this user: it begins anew.",
        )
        assert not any("setval" in text for text in found.create)


def test_privileges_as_they_were_given(postgresql: PostgresqlServer) -> None:
    database = postgresql.new_database()
    role = '"' + given.ROLE.replace('"', '""') + '"'
    postgresql.run(f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role}")
    postgresql.run(
        "CREATE TABLE t (id serial, a integer, p integer) PARTITION BY LIST (p)",
        "CREATE TABLE t1 PARTITION OF t DEFAULT",
        "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE e AS ENUM ()", "CREATE VIEW v AS SELECT 1",
        f"GRANT SELECT, INSERT ON t TO {role} WITH GRANT OPTION", f"GRANT UPDATE (a) ON t TO {role}",
        "GRANT SELECT ON t1 TO PUBLIC", f"GRANT USAGE ON SEQUENCE t_id_seq TO {role}",
        "REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION f(integer) TO {role}",
        f"GRANT USAGE ON TYPE e TO {role}", database=database,
    )  # fmt: skip
    source = PostgresqlSource(postgresql.connection("test", database), postgresql.credentials())
    with source.connect() as session:
        assert of(session, "TABLE:t").grants == (
            f"GRANT USAGE ON SEQUENCE public.t_id_seq TO {role}",
            f"GRANT INSERT, SELECT ON TABLE public.t TO {role} WITH GRANT OPTION",
            f"GRANT UPDATE (a) ON TABLE public.t TO {role}",
            "GRANT SELECT ON TABLE public.t1 TO PUBLIC",
        )
        assert of(session, "FUNCTION:f(integer)").grants == (
            "REVOKE EXECUTE ON FUNCTION public.f(integer) FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION public.f(integer) TO {role}",
        )
        assert of(session, "TYPE:e").grants == (f"GRANT USAGE ON TYPE public.e TO {role}",)
        assert of(session, "VIEW:v").grants == ()
    postgresql.run(f"DROP OWNED BY {role}", database=database)
    postgresql.run(f"DROP ROLE {role}")


def test_stored_options_and_statements_as_they_are_written() -> None:
    assert options(["fillfactor=70", "x=a=b'c"]) == ["fillfactor='70'", "x='a=b''c'"]
    assert options(["a=1"], "toast.") == ["toast.a='1'"]
    assert options(None) == []
    assert plain(" SELECT ';';\n") == " SELECT ';'"


def test_many_tables_are_looked_at_by_a_few_statements(
    postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = postgresql.new_database()
    made = "CREATE TABLE t%s (id serial PRIMARY KEY, x int GENERATED ALWAYS AS IDENTITY, CHECK (x > 0))"
    postgresql.run(
        f"DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('{made}', i); END LOOP; END $$",
        "CREATE TABLE p (id int, at date) PARTITION BY RANGE (at)", "CREATE INDEX ON p (at)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "CREATE TABLE p2 PARTITION OF p DEFAULT", database=name,
    )  # fmt: skip
    monkeypatch.setattr(survey, "BATCH", 25)
    with session_of(postgresql, name) as session:
        refs = [info.ref for info in session.objects("public")]
        alone = {ref: session.ddl("public", ref, SchemaFlavour.NATIVE) for ref in refs}
        asked: list[str] = []
        real = Link.rows

        def rows(link: Link, statement: str, *params: object) -> list[tuple[object, ...]]:
            asked.append(statement)
            return real(link, statement, *params)

        monkeypatch.setattr(Link, "rows", rows)
        with session.survey("public", refs):
            assert {ref: session.ddl("public", ref, SchemaFlavour.NATIVE) for ref in refs} == alone
        # But for the values of sequences, which have no catalog.
        told = [statement for statement in asked if "last_value" not in statement]
        assert len(told) < 90, len(told)
        assert len(refs) == 61


@pytest.mark.parametrize("schema", ["public", given.HOSTILE])
def test_a_survey_says_the_same_of_every_kind(session: Session, schema: str) -> None:
    refs = [info.ref for info in session.objects(schema)]

    def told() -> list[ObjectDdl | str]:
        found: list[ObjectDdl | str] = []
        for ref in refs:
            try:
                found.append(session.ddl(schema, ref, SchemaFlavour.NATIVE))
            except BrokenObject as error:
                found.append(error.message)
        return found

    alone = told()
    with session.survey(schema, refs * 20):
        assert told() == alone


def test_what_goes_or_comes_during_a_survey_disturbs_nothing_else(postgresql: PostgresqlServer) -> None:
    name = postgresql.new_database()
    postgresql.run(
        *(f"CREATE TABLE t{n} (id serial PRIMARY KEY, x int)" for n in range(30)),
        "CREATE VIEW v AS SELECT * FROM t3", database=name,
    )  # fmt: skip
    with session_of(postgresql, name) as session:
        refs = [info.ref for info in session.objects("public")]
        with session.survey("public", refs):
            session.ddl("public", refs[0], SchemaFlavour.NATIVE)
            # Nobody waits for it.
            postgresql.run(
                "SET lock_timeout = '5s'", "DROP VIEW v", "DROP TABLE t3", "ALTER TABLE t4 ADD COLUMN y int",
                "DROP TABLE t5", "CREATE TABLE t5 (id int)", "CREATE TABLE late (id int)", database=name,
            )  # fmt: skip
            gone = set()
            for ref in refs:
                try:
                    session.ddl("public", ref, SchemaFlavour.NATIVE)
                    session.check_readable("public", session.describe("public", ref))
                except (SourceError, NotFound) as error:
                    gone.add((ref.name, error.transient))
            assert gone <= {(name, False) for name in ("t3", "t4", "t5", "v")}
            assert gone >= {("t3", False), ("v", False)}
            with pytest.raises(NotFound):
                session.describe("public", ObjectRef(ObjectType.TABLE, "late"))
        assert session.describe("public", ObjectRef(ObjectType.TABLE, "late")).columns


def test_one_that_is_refused_in_a_survey_spoils_none_of_the_others(postgresql: PostgresqlServer) -> None:
    name = postgresql.new_database()
    postgresql.run(*(f"CREATE TABLE t{n} (id int)" for n in range(30)), database=name)
    asked = "SELECT oid::bigint, 1 / (relname <> 't3')::int FROM pg_catalog.pg_class WHERE oid IN {oids}"
    with session_of(postgresql, name) as session:
        link, refs = session._link, [info.ref for info in session.objects("public")]
        with link.letting_go():
            found = survey.Survey(link, "public", refs)
            for ref in refs:
                if ref.name != "t3":
                    assert found.about(found.find("public", ref), asked) == [(1,)]
            with pytest.raises(psycopg.errors.DivisionByZero), link.letting_go():
                found.about(found.find("public", ObjectRef(ObjectType.TABLE, "t3")), asked)
            assert found.find("public", refs[0])
