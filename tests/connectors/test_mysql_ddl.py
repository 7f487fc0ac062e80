"""Schemas load into another database with the official client, and are the same there."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import ObjectDdl
from connectors.sources.mysql.session import MysqlSession
from core.errors import OfframpError
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour
from tests.connectors.mysql_helpers import load_ddl, session_of, table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer

NATIVE, MYSQL = SchemaFlavour.NATIVE, SchemaFlavour.MYSQL

TABLES = [
    "CREATE TABLE parent (a int PRIMARY KEY, b varchar(10) COMMENT 'it''s \"x\" \\\\', UNIQUE KEY ub (b), KEY k2 (a, b))"
    " COMMENT 'tbl ''c'''",
    "CREATE TABLE `child` (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, pa int, pb int,"
    " gen int AS (pb + 1) VIRTUAL, gs int GENERATED ALWAYS AS (pb * 2) STORED, hidden int INVISIBLE DEFAULT 7,"
    " en enum('a','it''s','b\\\\c','comma,x','d''''q','x''') DEFAULT 'a', st set('x''y','z'),"
    " txt varchar(20) DEFAULT 'a\\\\b''c', made datetime(3) DEFAULT CURRENT_TIMESTAMP(3),"
    " CONSTRAINT fk_child FOREIGN KEY (pa) REFERENCES parent (a) ON DELETE CASCADE, KEY (pb))"
    " AUTO_INCREMENT = 100",
    "CREATE TABLE egg (id int PRIMARY KEY, hen int)",
    "CREATE TABLE hen (id int PRIMARY KEY, egg int, CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES egg (id))",
    "ALTER TABLE egg ADD CONSTRAINT egg_hen FOREIGN KEY (hen) REFERENCES hen (id)",
    "CREATE TABLE nokey (a int, b text)",
    "CREATE TABLE parted (a int, b int, PRIMARY KEY (a)) PARTITION BY HASH (a) PARTITIONS 3",
    "CREATE TABLE ranged (a int PRIMARY KEY) PARTITION BY RANGE (a)"
    " (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE words (a int PRIMARY KEY, t text, FULLTEXT KEY f (t))",
    "CREATE TABLE checked (a int, b int DEFAULT 5, CONSTRAINT ck CHECK (a > 3), e varchar(20) DEFAULT 'x''y')",
    "CREATE TABLE `we``ird \"n' %s;-- .` (`co``l \"x'` int PRIMARY KEY, `select` int, `a,b)` int)",
]
CODE = [
    "CREATE FUNCTION twice (x int) RETURNS int DETERMINISTIC RETURN x * 2",
    "CREATE PROCEDURE `say` (IN x int) COMMENT 'it''s' BEGIN SELECT x; SELECT ';', \"d\"; END",
    "CREATE VIEW v_b AS SELECT a, b, twice(a) AS t FROM parent",
    "CREATE VIEW v_a AS SELECT v_b.a, (SELECT COUNT(*) FROM child) AS n, 'from `child`; it''s' AS x FROM v_b",
    "CREATE TRIGGER t_two BEFORE INSERT ON nokey FOR EACH ROW SET NEW.a = 1",
    "CREATE TRIGGER t_one BEFORE INSERT ON nokey FOR EACH ROW BEGIN SET NEW.b = 'x;y'; SET NEW.a = NEW.a + 1; END",
]
MARIADB_ONLY = [
    "CREATE SEQUENCE seq START WITH 5 INCREMENT BY 3 CACHE 10",
    "CREATE TABLE numbered (id bigint DEFAULT NEXTVAL(seq) PRIMARY KEY, x uuid DEFAULT UUID())",
    "CREATE TABLE versioned (a int PRIMARY KEY) WITH SYSTEM VERSIONING",
    "CREATE TABLE aria (a int PRIMARY KEY, u uuid, i inet6) ENGINE=Aria TRANSACTIONAL=1"
    " COLLATE=utf8mb4_uca1400_ai_ci",
    "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2036-01-01 00:00:00' DISABLE COMMENT 'c' DO DELETE FROM nokey",
    "CREATE TABLE `cr\nlf` (`a\nb` int PRIMARY KEY)",
    "CREATE PROCEDURE `p``2` () COMMENT 'it''s' SELECT 1",
    "CREATE FUNCTION cat2 (x text) RETURNS text CHARSET utf8mb4 DETERMINISTIC RETURN x || 'y'",
]


def build(server: MysqlFamilyServer) -> str:
    database = server.new_database()
    server.run(*TABLES, *CODE, database=database)
    if server.product == "mariadb":
        server.run(*MARIADB_ONLY, database=database)
        server.run("SET sql_mode = 'PIPES_AS_CONCAT'", "CREATE FUNCTION cat3 (x text) RETURNS text DETERMINISTIC RETURN x || 'y'", database=database)  # fmt: skip
    else:
        server.run("CREATE PROCEDURE `p``2` () COMMENT 'it''s' SELECT 1", database=database)
    return database


def in_order(found: dict[ObjectRef, ObjectDdl]) -> list[ObjectRef]:
    """Each after what it needs; fails where that can't be."""
    done: list[ObjectRef] = []
    left = dict(found)
    while left:
        ready = [ref for ref, ddl in left.items() if all(n in done or n not in found for n in ddl.needs)]
        assert ready, f"needs in a circle: {left}"
        for ref in sorted(ready, key=lambda r: (list(ObjectType).index(r.type), r.name)):
            done.append(ref)
            del left[ref]
    return done


def all_ddl(session: MysqlSession, database: str, flavour: SchemaFlavour) -> dict[ObjectRef, ObjectDdl]:
    return {o.ref: session.ddl(database, o.ref, flavour) for o in session.objects(database)}


@pytest.mark.parametrize("flavour", [NATIVE, MYSQL])
def test_everything_loads_into_another_database(
    mysql_family: MysqlFamilyServer, flavour: SchemaFlavour, tmp_path: Path
) -> None:
    source, target = build(mysql_family), mysql_family.new_database()
    with session_of(mysql_family) as session:
        found = all_ddl(session, source, flavour)
        types = {ref.type for ref in found}
        assert types == set(session._link.product.types)
        assert not [s for ddl in found.values() for s in (*ddl.create, *ddl.foreign_keys) if source in s]
        load_ddl(mysql_family, session, target, [found[ref] for ref in in_order(found)], tmp_path)
        again = all_ddl(session, target, NATIVE)
        original = all_ddl(session, source, NATIVE)
    assert set(again) == set(found)
    if flavour is NATIVE:
        for ref, ddl in original.items():
            assert ddl.create == again[ref].create, ref
            assert ddl.fingerprint == again[ref].fingerprint
    # DROP takes all of it away again, in reverse.
    mysql_family.run(
        "SET foreign_key_checks = 0", *(found[r].drop for r in reversed(in_order(found))), database=target
    )
    with session_of(mysql_family) as session:
        assert session.objects(target) == []


def test_needs(mysql_family: MysqlFamilyServer) -> None:
    database = build(mysql_family)
    with session_of(mysql_family) as session:
        view = session.ddl(database, ObjectRef(ObjectType.VIEW, "v_a"), NATIVE)
        assert set(view.needs) == {table("child"), ObjectRef(ObjectType.VIEW, "v_b")}
        view = session.ddl(database, ObjectRef(ObjectType.VIEW, "v_b"), NATIVE)
        assert set(view.needs) == {table("parent"), ObjectRef(ObjectType.FUNCTION, "twice")}
        second = session.ddl(database, ObjectRef(ObjectType.TRIGGER, "t_one"), NATIVE)
        assert set(second.needs) == {table("nokey"), ObjectRef(ObjectType.TRIGGER, "t_two")}
        if mysql_family.product == "mariadb":
            numbered = session.ddl(database, table("numbered"), NATIVE)
            assert numbered.needs == (ObjectRef(ObjectType.SEQUENCE, "seq"),)


def test_foreign_keys_are_apart_in_the_bare_form(mysql_family: MysqlFamilyServer) -> None:
    database = build(mysql_family)
    with session_of(mysql_family) as session:
        ddl = session.ddl(database, table("child"), NATIVE)
    assert "FOREIGN KEY" in ddl.create[0]
    assert "FOREIGN KEY" not in ddl.create_bare[0]
    assert len(ddl.foreign_keys) == 1
    assert ddl.foreign_keys[0].startswith("ALTER TABLE `child` ADD CONSTRAINT `fk_child` FOREIGN KEY (`pa`)")


def test_the_counter_is_in_the_schema_and_not_in_the_fingerprint(mysql_family: MysqlFamilyServer) -> None:
    database = build(mysql_family)
    with session_of(mysql_family) as session:
        before = session.ddl(database, table("child"), NATIVE)
        mysql_family.run("INSERT INTO child (pb) VALUES (1), (2)", database=database)
        after = session.ddl(database, table("child"), NATIVE)
        assert "AUTO_INCREMENT" in after.create[0].rpartition(")")[2]
        assert before.fingerprint == after.fingerprint
        mysql_family.run("ALTER TABLE child ADD COLUMN more int", database=database)
        assert session.ddl(database, table("child"), NATIVE).fingerprint != before.fingerprint
        both = [session.ddl(database, table("child"), f).fingerprint for f in (NATIVE, MYSQL)]
        assert both[0] == both[1]


@pytest.mark.mariadb
def test_a_sequence_goes_on_where_it_was(mariadb: MariadbServer, tmp_path: Path) -> None:
    source, target = build(mariadb), mariadb.new_database()
    used = [mariadb.run("SELECT NEXTVAL(seq)", database=source)[0][0] for _ in range(25)]
    with session_of(mariadb) as session:
        ddl = session.ddl(source, ObjectRef(ObjectType.SEQUENCE, "seq"), NATIVE)
        load_ddl(mariadb, session, target, [ddl], tmp_path)
    following = mariadb.run("SELECT NEXTVAL(seq)", database=target)[0][0]
    assert following > max(used)
    assert (following - 5) % 3 == 0


@pytest.mark.mariadb
def test_code_keeps_the_sql_mode_it_was_made_in(mariadb: MariadbServer, tmp_path: Path) -> None:
    source, target = build(mariadb), mariadb.new_database()
    with session_of(mariadb) as session:
        found = [session.ddl(source, ObjectRef(ObjectType.FUNCTION, n), NATIVE) for n in ("cat2", "cat3")]
        load_ddl(mariadb, session, target, found, tmp_path)
    for database in (source, target):
        assert mariadb.run("SELECT cat2('1'), cat3('x')", database=database) == [("1", "xy")]


@pytest.mark.mariadb
def test_definer_is_kept_natively_and_left_out_for_mysql(mariadb: MariadbServer) -> None:
    database = build(mariadb)
    with session_of(mariadb) as session:
        for ref in (
            ObjectRef(ObjectType.VIEW, "v_b"), ObjectRef(ObjectType.FUNCTION, "twice"),
            ObjectRef(ObjectType.TRIGGER, "t_one"), ObjectRef(ObjectType.EVENT, "tidy"),
        ):  # fmt: skip
            native, plain = (session.ddl(database, ref, f) for f in (NATIVE, MYSQL))
            assert any("DEFINER=`root`@`localhost`" in s for s in native.create)
            assert not any("DEFINER=" in s for s in plain.create)
            assert any("DEFINER" in note for note in native.notes)
            assert any("DEFINER" in note for note in plain.notes)


@pytest.mark.mariadb
def test_mysql_flavour_of_mariadb(mariadb: MariadbServer) -> None:
    database = build(mariadb)
    with session_of(mariadb) as session:
        aria = session.ddl(database, table("aria"), MYSQL)
        versioned = session.ddl(database, table("versioned"), MYSQL)
    text = aria.create[0]
    assert "ENGINE=InnoDB" in text
    assert "TRANSACTIONAL" not in text
    assert "uca1400" not in text
    assert "`u` char(36)" in text
    assert "`i` varchar(45)" in text
    assert len(aria.notes) >= 4
    assert "VERSIONING" not in versioned.create[0]


@pytest.mark.oceanbase
def test_mysql_flavour_of_oceanbase(oceanbase: OceanbaseServer, tmp_path: Path) -> None:
    database = build(oceanbase)
    with session_of(oceanbase) as session:
        native, plain = (session.ddl(database, table("child"), f) for f in (NATIVE, MYSQL))
    assert "ORGANIZATION" in native.create[0]
    for word in ("ORGANIZATION", "BLOCK_SIZE", "COMPRESSION", "TABLET_SIZE", "PCTFREE", "LOCAL"):
        assert word not in plain.create[0]
    assert "enum('a','it''s','b\\\\c','comma,x','d''''q','x''')" in plain.create[0]


@pytest.mark.oceanbase
@pytest.mark.mariadb
def test_mysql_flavour_of_oceanbase_loads_into_another_product(
    oceanbase: OceanbaseServer, mariadb: MariadbServer, tmp_path: Path
) -> None:
    source, target = build(oceanbase), mariadb.new_database()
    with session_of(oceanbase) as session:
        found = all_ddl(session, source, MYSQL)
        # Collations are the servers' own, and not at issue.
        load_ddl(mariadb, session, target, [found[ref] for ref in in_order(found)], tmp_path)
    with session_of(mariadb) as session:
        assert {o.ref for o in session.objects(target)} == set(found)


def test_what_is_not_there(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    with session_of(mysql_family) as session:
        for kind in session._link.product.types:
            with pytest.raises(OfframpError) as caught:
                session.ddl(database, ObjectRef(kind, "nothing"), NATIVE)
            assert caught.value.code == "not-found", kind
        with pytest.raises(OfframpError) as caught:
            session.ddl("no_such_database", table("t"), NATIVE)
        assert caught.value.code == "not-found"


@pytest.mark.mariadb
def test_a_body_that_may_not_be_seen(mariadb: MariadbServer) -> None:
    database = build(mariadb)
    mariadb.run(
        "CREATE OR REPLACE USER noddl@localhost IDENTIFIED BY 'x'",
        f"GRANT EXECUTE ON `{database}`.* TO noddl@localhost",
    )
    connection = mariadb.connection()
    import msgspec

    from connectors.base import Credentials
    from connectors.sources.mysql import MysqlSource

    other = msgspec.structs.replace(connection, user="noddl")
    with MysqlSource(other, Credentials(password="x")).connect() as session:
        with pytest.raises(OfframpError) as caught:
            session.ddl(database, ObjectRef(ObjectType.FUNCTION, "twice"), NATIVE)
        assert caught.value.code == "no-privilege"
