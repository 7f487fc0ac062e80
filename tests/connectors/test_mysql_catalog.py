"""What there is: databases, objects, and shapes; and what an account may not see."""

from __future__ import annotations

import msgspec
import pytest

from connectors.base import Credentials, Session
from connectors.sources.mysql import MysqlSource, catalog, information
from connectors.sources.mysql.link import Link
from core.chunk import Kind
from core.errors import BrokenObject, NoPrivilege, NotFound, OfframpError, SchemaChanged
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour
from tests.connectors.mysql_helpers import read_rows, session_of, table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer

VIEW = ObjectType.VIEW

# Names of CASES.md (schemas), as far as the server takes them.
NAMES = [
    "../up", "a/b", "a\\b", "it's", 'say "x"', "tick`tick", "a.b", "-dash", "100%", "a;b", "a b", "CON", "select",
    "ü", "e\u0301", "\u00e9", "x" * 64, "中" * 64, "--", "#", "@x", "`", "a`.`b",
]  # fmt: skip


def names_for(server: MysqlFamilyServer) -> list[str]:
    if server.product == "mariadb":
        # In its files' names, a Chinese character takes five bytes.
        names = [name if name != "中" * 64 else "中" * 50 for name in NAMES]
        return [*names, "new\nline", "tab\tx", "Orders", "orders", "\x07bell"]
    return [name.lower() for name in NAMES]  # as OceanBase keeps them


def test_databases_are_the_users_own(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    with session_of(mysql_family) as session:
        found = session.databases()
    assert database in found
    assert found == sorted(found)
    assert not {"mysql", "information_schema", "performance_schema", "sys", "oceanbase"} & set(found)


def test_hostile_names_are_found_described_and_read(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    names = names_for(mysql_family)
    for number, name in enumerate(names):
        quoted = "`" + name.replace("`", "``") + "`"
        mysql_family.run(
            f"CREATE TABLE {quoted} ({quoted} int PRIMARY KEY)",
            f"INSERT INTO {quoted} VALUES ({number})",
            database=database,
        )
    with session_of(mysql_family) as session:
        listed = [o.ref.name for o in session.objects(database, [ObjectType.TABLE])]
        assert sorted(listed) == sorted(names)
        for number, name in enumerate(names):
            shape = session.describe(database, table(name))
            assert shape.key == (name,)
            session.check_readable(database, shape)
            assert read_rows(session, database, shape, comment=f"*/ {name}") == [(str(number).encode(),)]


def test_a_hostile_database_name(mysql_family: MysqlFamilyServer) -> None:
    name = f"we`ird '{mysql_family.new_database()}; -- x"
    quoted = "`" + name.replace("`", "``") + "`"
    mysql_family.run(f"CREATE DATABASE {quoted}", f"CREATE TABLE {quoted}.t (a int)")
    with session_of(mysql_family) as session:
        assert name in session.databases()
        assert [o.ref for o in session.objects(name)] == [table("t")]
        shape = session.describe(name, table("t"))
        assert read_rows(session, name, shape) == []


def test_types_and_search(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE orders (a int) COMMENT 'what was ordered'",
        "CREATE TABLE old_Orders (a int)" if mysql_family.product == "mariadb" else "CREATE TABLE old_orders (a int)",
        "CREATE VIEW shown_orders AS SELECT a FROM orders",
        "CREATE FUNCTION f () RETURNS int DETERMINISTIC RETURN 1",
        "CREATE PROCEDURE p () SELECT 1",
        "CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.a = 1",
        database=database,
    )  # fmt: skip
    with session_of(mysql_family) as session:
        found = session.objects(database)
        assert [o.ref.type for o in found] == [
            ObjectType.TABLE, ObjectType.TABLE, ObjectType.FUNCTION, ObjectType.PROCEDURE, VIEW, ObjectType.TRIGGER,
        ]  # fmt: skip
        assert {o.ref.name: o.comment for o in found}["orders"] == "what was ordered"
        assert {o.ref.name: o.note for o in found}["tr"] == "on orders"
        assert len(session.objects(database, search="ORDERS")) == 3
        assert [o.ref.name for o in session.objects(database, [VIEW])] == ["shown_orders"]
        assert session.objects(database, [ObjectType.INDEX]) == []
        with pytest.raises(NotFound):
            session.objects("no_such_database")


@pytest.mark.mariadb
def test_events_sequences_and_versioned_tables(mariadb: MariadbServer) -> None:
    database = mariadb.new_database()
    mariadb.run(
        "CREATE SEQUENCE s",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE COMMENT 'c' DO SELECT 1",
        "CREATE TABLE h (a int PRIMARY KEY) WITH SYSTEM VERSIONING",
        "INSERT INTO h VALUES (1)",
        "UPDATE h SET a = 2",
        database=database,
    )
    with session_of(mariadb) as session:
        found = {str(o.ref): o for o in session.objects(database)}
        assert set(found) == {"SEQUENCE:s", "EVENT:e", "TABLE:h"}
        assert "history" in found["TABLE:h"].note
        shape = session.describe(database, table("h"))
        assert "history" in shape.warnings[0]
        assert read_rows(session, database, shape) == [(b"2",)]


def test_generated_and_invisible_columns_are_read(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE g (id int AUTO_INCREMENT PRIMARY KEY, a int, v int AS (a + 1) VIRTUAL,"
        " s int GENERATED ALWAYS AS (a * 2) STORED, hidden int INVISIBLE DEFAULT 7,"
        " d datetime DEFAULT CURRENT_TIMESTAMP)",
        "INSERT INTO g (a) VALUES (10)",
        database=database,
    )
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("g"))
        assert [(c.name, c.insertable) for c in shape.columns] == [
            ("id", True), ("a", True), ("v", False), ("s", False), ("hidden", True), ("d", True),
        ]  # fmt: skip
        session.check_readable(database, shape)
        assert read_rows(session, database, shape)[0][:5] == (b"1", b"10", b"11", b"20", b"7")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("PRIMARY KEY (b, a)", ("b", "a")),
        ("UNIQUE KEY u (n)", ()),
        ("UNIQUE KEY u (n), UNIQUE KEY w (a, b)", ("a", "b")),
        ("UNIQUE KEY two (a, b), UNIQUE KEY one (b)", ("b",)),
        ("KEY plain (a)", ()),
    ],
)
def test_the_key(mysql_family: MysqlFamilyServer, keys: str, expected: tuple[str, ...]) -> None:
    database = mysql_family.new_database()
    mysql_family.run(f"CREATE TABLE k (a int NOT NULL, b int NOT NULL, n int, {keys})", database=database)
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("k"))
        assert shape.key == expected
        # No hidden key column of the server's own comes along.
        assert [c.name for c in shape.columns] == ["a", "b", "n"]
        assert read_rows(session, database, shape) == []


@pytest.mark.mariadb
def test_a_unique_key_over_a_prefix_names_no_row(mariadb: MariadbServer) -> None:
    database = mariadb.new_database()
    mariadb.run("CREATE TABLE k (t varchar(50) NOT NULL, UNIQUE KEY u (t(5)))", database=database)
    with session_of(mariadb) as session:
        assert session.describe(database, table("k")).key == ()


def test_a_thousand_columns(mysql_family: MysqlFamilyServer) -> None:
    columns = 1017 if mysql_family.product == "mariadb" else 1000
    database = mysql_family.new_database()
    listed = ", ".join(f"c{i} tinyint" for i in range(columns - 1))
    mysql_family.run(
        f"CREATE TABLE w (id int PRIMARY KEY, {listed})",
        f"INSERT INTO w VALUES ({', '.join(str(i % 100) for i in range(columns))})",
        database=database,
    )
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("w"))
        assert len(shape.columns) == columns
        (row,) = read_rows(session, database, shape)
        assert row == tuple(str(i % 100).encode() for i in range(columns))


def test_what_is_missing(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run("CREATE TABLE t (a int)", "CREATE VIEW v AS SELECT a FROM t", database=database)
    with session_of(mysql_family) as session:
        for ref in (table("x"), ObjectRef(VIEW, "t"), table("v")):
            with pytest.raises(NotFound):
                session.describe(database, ref)
        with pytest.raises(NotFound):
            session.describe("no_such_database", table("t"))


def look(session: Session, database: str, ref: ObjectRef) -> None:
    session.check_readable(database, session.describe(database, ref))


def test_broken_views(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE gone (a int)",
        "CREATE FUNCTION fgone () RETURNS int DETERMINISTIC RETURN 1",
        "CREATE VIEW without_table AS SELECT a FROM gone",
        "CREATE VIEW without_function AS SELECT fgone() AS x",
        "DROP TABLE gone",
        "DROP FUNCTION fgone",
        database=database,
    )
    names = ["without_table", "without_function"]
    if mysql_family.product == "mariadb":
        mysql_family.run(
            "CREATE OR REPLACE USER leaver",
            "CREATE DEFINER = leaver@'%' VIEW without_definer AS SELECT 1 AS x",
            "DROP USER leaver",
            database=database,
        )
        names.append("without_definer")
    with session_of(mysql_family) as session:
        for name in names:
            with pytest.raises(BrokenObject) as caught:
                look(session, database, ObjectRef(VIEW, name))
            assert name in caught.value.message
        # They are in the list nevertheless, and the others are as readable as ever.
        assert {o.ref.name for o in session.objects(database)} == set(names)


def restricted(server: MysqlFamilyServer, database: str, *grants: str) -> MysqlSource:
    user = f"r{database}"
    server.run(f"CREATE USER {user} IDENTIFIED BY 'pw'", *(f"GRANT {g} TO {user}" for g in grants))
    if server.product == "mariadb":
        server.run(f"CREATE USER {user}@localhost IDENTIFIED BY 'pw'")
        server.run(*(f"GRANT {g} TO {user}@localhost" for g in grants))
    connection = msgspec.structs.replace(server.connection(), user=user)
    return MysqlSource(connection, Credentials(password="pw"))


def test_what_the_account_may_not_read(mysql_family: MysqlFamilyServer) -> None:
    """A column that may not be seen is left out of information_schema without a word: it must not be left out
    of an export that way."""
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE open_t (a int, b int)",
        "CREATE TABLE closed (a int)",
        "CREATE TABLE half (a int, secret int)",
        "INSERT INTO open_t VALUES (1, 2)",
        database=database,
    )
    source = restricted(
        mysql_family,
        database,
        f"SELECT ON `{database}`.open_t",
        f"SELECT (a) ON `{database}`.half",
        f"INSERT ON `{database}`.closed",
    )
    with source.connect() as session:
        shape = session.describe(database, table("open_t"))
        session.check_readable(database, shape)
        listed = {o.ref.name for o in session.objects(database)}
        # OceanBase doesn't show a table to who may read but some of its columns.
        assert listed == {"open_t", "closed", *(["half"] if mysql_family.product == "mariadb" else [])}
        for name in ("half", "closed"):
            hidden = mysql_family.product == "oceanbase" and name == "half"
            with pytest.raises(NotFound if hidden else NoPrivilege) as caught:
                look(session, database, table(name))
            assert name in caught.value.message
        with pytest.raises(OfframpError) as other:
            session.describe("mysql", table("user"))
        assert other.value.code in ("no-privilege", "not-found")


def test_a_shape_that_is_out_of_date(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run("CREATE TABLE t (a int, b int)", database=database)
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("t"))
        mysql_family.run("ALTER TABLE t ADD COLUMN c int", database=database)
        with pytest.raises(SchemaChanged):
            session.check_readable(database, shape)
        mysql_family.run("ALTER TABLE t DROP COLUMN c, DROP COLUMN b", database=database)
        with pytest.raises(SchemaChanged):
            session.check_readable(database, shape)


def test_kinds(mysql_family: MysqlFamilyServer) -> None:
    from tests.servers.mysql_values import shop_values

    database = mysql_family.new_database()
    mysql_family.run(*shop_values(database, mysql_family.product))
    with session_of(mysql_family) as session:
        kinds = {c.name: c.kind for c in session.describe(database, table("hostile")).columns}
    expected = {
        Kind.NUMBER: "bool tiny small medium int fill big ubig dec money float floatmd double doublemd",
        Kind.PLAIN: "date datetime datetime6 time time6 stamp stamp6 year uuid inet6 inet4",
        Kind.BINARY: "bit1 bit binary varbinary tinyblob blob mediumblob longblob geometry point",
    }
    for kind, names in expected.items():
        for name in names.split():
            assert kinds.get(f"c_{name}", kind) is kind, name
    text = {n for n, k in kinds.items() if k is Kind.TEXT}
    assert {"c_char", "c_varchar", "c_text", "c_enum", "c_set", "c_json", "c_longtext"} <= text


@pytest.mark.mariadb
def test_many_tables_are_listed_without_being_opened(
    mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "ESTIMATED_TABLES", 5)
    database = mariadb.new_database()
    mariadb.run(*(f"CREATE TABLE t{i} (a int PRIMARY KEY)" for i in range(7)), database=database)
    mariadb.run("INSERT INTO t3 SELECT seq FROM seq_1_to_1000", "ANALYZE TABLE t3", database=database)
    with session_of(mariadb) as session:
        rows = {o.ref.name: o.rows for o in session.objects(database)}
        assert len(rows) == 7
        assert rows["t3"] == 1000
    # Without the right to see those statistics, there are none.
    with restricted(mariadb, database, f"SELECT ON `{database}`.*").connect() as session:
        assert {o.rows for o in session.objects(database)} == {None}


def looked_at(session: Session, database: str, refs: list[ObjectRef]) -> list[object]:
    """Shape and schema of each, or the error's kind and words."""
    found: list[object] = []
    for ref in refs:
        try:
            shape = session.describe(database, ref) if ref.type.has_data else None
            found.append((shape, session.ddl(database, ref, SchemaFlavour.NATIVE)))
        except OfframpError as error:
            found.append((error.code, error.message))
    return found


def test_a_survey_says_what_single_questions_say_in_fewer_statements(
    mysql_family: MysqlFamilyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(information, "TOGETHER", 5)
    database = mysql_family.new_database()
    tables = [name for name in names_for(mysql_family) if "\x07" not in name][:12]
    for name in tables:
        quoted = "`" + name.replace("`", "``") + "`"
        mysql_family.run(
            f"CREATE TABLE {quoted} (a int NOT NULL, b varchar(9) NOT NULL, c enum('x','it''s'), UNIQUE (b, a))",
            database=database,
        )
    mysql_family.run(
        "CREATE TABLE parts (id int PRIMARY KEY, v int GENERATED ALWAYS AS (id + 1)) PARTITION BY HASH (id) PARTITIONS 3",
        "CREATE TABLE gone (a int)",
        "CREATE VIEW broken AS SELECT a FROM gone",
        "CREATE VIEW fine AS SELECT id FROM parts",
        "DROP TABLE gone",
        "CREATE TRIGGER first_one BEFORE INSERT ON parts FOR EACH ROW SET @a = 1",
        "CREATE TRIGGER second_one BEFORE INSERT ON parts FOR EACH ROW SET @a = 2",
        database=database,
    )
    sent = 0
    query = Link._query

    def counted(self: Link, statement: str) -> object:
        nonlocal sent
        sent += 1
        return query(self, statement)

    monkeypatch.setattr(Link, "_query", counted)
    with session_of(mysql_family) as session:
        refs = [info.ref for info in session.objects(database)]
        refs.append(table("not there"))
        sent = 0
        singly = looked_at(session, database, refs)
        single, sent = sent, 0
        with session.survey(database, refs):
            together = looked_at(session, database, refs)
        assert together == singly
        assert sent < single - 2 * len(tables)
        assert sum(isinstance(found[0], str) for found in singly if isinstance(found, tuple)) >= 2
        # Afterwards the server is asked again.
        mysql_family.run("ALTER TABLE parts ADD later int", database=database)
        assert [c.name for c in session.describe(database, table("parts")).columns] == ["id", "v", "later"]
        with session.survey(database, refs[:2]):
            assert looked_at(session, database, refs[:2]) == singly[:2]
