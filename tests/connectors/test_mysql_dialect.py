"""The dialect, against the real client; and texts of servers that aren't to be had here, as recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.sources.mysql import sizes
from connectors.sources.mysql.ddl import without_auto_increment, without_definer
from connectors.sources.mysql.dialect import dialect
from connectors.sources.mysql.errors import statement_error
from connectors.sources.mysql.flavour import plain_modes, plain_table
from connectors.sources.mysql.product import Family, Product, detect
from connectors.sources.mysql.repair import packed_members, quoted_definer, raw_members
from connectors.sources.mysql.sizes import sys_user, tenant_of
from connectors.sources.mysql.sql import (
    comment,
    has_comments,
    split_definitions,
    substitute,
    tokens,
    unqualify,
)
from connectors.sources.mysql.types import ColumnFacts, expression, kind
from connectors.words import shown
from core.chunk import Kind
from core.model.connection import Connection
from core.model.settings import SysAccount
from core.model.vocabulary import Encoding, Mode
from tests.connectors.mysql_helpers import session_of
from tests.servers.family import MysqlFamilyServer

CODECS = {Encoding.UTF_8: "utf-8", Encoding.ASCII: "ascii", Encoding.GB2312: "gb2312"}


def test_every_character_of_every_charset_arrives(mysql_family: MysqlFamilyServer, tmp_path: Path) -> None:
    """Each alone before the closing quote, and amid others: read by the official client, kept by the server."""
    with session_of(mysql_family) as session:
        dialect = session.dialect
    assert Encoding.UTF_8 in dialect.client_charsets
    for encoding, charset in dialect.client_charsets.items():
        database = mysql_family.new_database()
        mysql_family.run("CREATE TABLE c (cp int PRIMARY KEY, s varchar(10))", database=database)
        points = []
        for point in range(0x110000):
            # Of the planes beyond the third, which hold hardly any characters, one in sixteen.
            if 0xD800 <= point < 0xE000 or (point > 0x3FFFF and point % 16):
                continue
            try:
                chr(point).encode(CODECS[encoding])
            except UnicodeEncodeError:
                continue
            points.append(point)
        escapes = {k.decode(): v.decode() for k, v in dialect.escapes.items()}
        lines = [dialect.charset_statement.replace("{charset}", charset), *dialect.header]
        for at in range(0, len(points), 2000):
            values = []
            for point in points[at : at + 2000]:
                text = escapes.get(chr(point), chr(point))
                values.append(f"({point},'{text}a{text}')")
            lines.append("INSERT INTO c VALUES " + ",".join(values) + ";")
        path = tmp_path / f"{charset}.sql"
        path.write_bytes("\n".join([*lines, *dialect.footer, ""]).encode(CODECS[encoding]))
        mysql_family.client_load(database, path)
        wrong = [
            (hex(point), text)
            for point, text in mysql_family.run("SELECT cp, s FROM c", database=database)
            if text != f"{chr(point)}a{chr(point)}"
        ]
        assert not wrong, (encoding, len(wrong), wrong[:10])
        assert mysql_family.run("SELECT COUNT(*) FROM c", database=database) == [(len(points),)]


def test_the_session_is_given_back_as_it_was(mysql_family: MysqlFamilyServer, tmp_path: Path) -> None:
    names = "@@time_zone, @@sql_mode, @@unique_checks, @@foreign_key_checks"
    with session_of(mysql_family) as session:
        dialect = session.dialect
    path = tmp_path / "s.sql"
    middle = [f"SELECT {names};"]
    path.write_text("\n".join([f"SELECT {names};", *dialect.header, *middle, *dialect.footer, *middle, ""]))
    with path.open("rb") as file:
        done = mysql_family.client(None, "--skip-column-names", stdin=file)
    before, within, after = done.stdout.decode().splitlines()
    assert before == after
    assert within == "+00:00\tNO_AUTO_VALUE_ON_ZERO\t0\t0"


def test_a_script_that_includes_another(mysql_family: MysqlFamilyServer, tmp_path: Path) -> None:
    database = mysql_family.new_database()
    with session_of(mysql_family) as session:
        include = session.dialect.include
    (tmp_path / "TABLE").mkdir()
    (tmp_path / "TABLE" / "a%20b-schema.sql").write_text("CREATE TABLE included (a int);\n")
    (tmp_path / "load.sql").write_text(include.replace("{path}", "TABLE/a%20b-schema.sql") + "\n")
    mysql_family.client_load(database, tmp_path / "load.sql")
    assert mysql_family.run("SELECT COUNT(*) FROM included", database=database) == [(0,)]


@pytest.mark.parametrize(
    ("version", "said", "family", "number"),
    [
        ("10.11.19-MariaDB-0+deb12u1", "Debian 12", Family.MARIADB, (10, 11, 19)),
        ("5.5.5-10.5.8-MariaDB-log", "MariaDB Server", Family.MARIADB, (10, 5, 8)),
        ("8.0.36-0ubuntu0.22.04.1", "(Ubuntu)", Family.MYSQL, (8, 0, 36)),
        ("8.4.0", "MySQL Community Server - GPL", Family.MYSQL, (8, 4, 0)),
        ("8.0.36-28", "Percona Server (GPL), Release 28", Family.MYSQL, (8, 0, 36)),
        (
            "5.7.25-OceanBase-v4.2.1.8",
            "OceanBase_CE 4.2.1.8 (r108000022024072217-x) (Built Jul 22 2024 14:46:15)",
            Family.OCEANBASE,
            (4, 2, 1, 8),
        ),
        (
            "5.7.25-OceanBase seekdb-v1.4.0.0",
            "OceanBase 4.3.5.3 seekdb (r1.4.0.0) (Built 1-d0cb)",
            Family.OCEANBASE,
            (4, 3, 5, 3),
        ),
        ("3.1.4-OceanBase 2.2.77", "OceanBase 2.2.77 (r1)", Family.OCEANBASE, (2, 2, 77)),
    ],
)
def test_servers_are_recognised(version: str, said: str, family: Family, number: tuple[int, ...]) -> None:
    product = detect(version, said)
    assert (product.family, product.number) == (family, number)


# As SHOW CREATE TABLE of MySQL 8.0 prints it ("SHOW CREATE TABLE", "Generated Columns", "Invisible Columns").
MYSQL_8 = """CREATE TABLE `t` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `a` json DEFAULT NULL COMMENT 'AUTO_INCREMENT=5, FOREIGN KEY (x',
  `b` int GENERATED ALWAYS AS (json_extract(`a`,_utf8mb4'$.x,)')) STORED,
  `c` varchar(10) COLLATE utf8mb4_0900_as_cs DEFAULT (_utf8mb4'x)') /*!80023 INVISIBLE */,
  `p` int DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `fx` ((`b` + 1)),
  KEY `fk``1` (`p`) /*!80000 INVISIBLE */,
  CONSTRAINT `fk``1` FOREIGN KEY (`p`) REFERENCES `shop`.`other` (`id`) ON DELETE SET NULL,
  CONSTRAINT `t_chk_1` CHECK ((`b` > 0))
) ENGINE=InnoDB AUTO_INCREMENT=4711 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='AUTO_INCREMENT=1'
/*!50100 PARTITION BY KEY (id)
PARTITIONS 2 */"""


def test_a_mysql_8_table_is_taken_apart() -> None:
    assert "".join(tokens(MYSQL_8)) == MYSQL_8
    head, definitions, tail = split_definitions(MYSQL_8)
    assert head + ",".join(definitions) + tail == MYSQL_8
    assert len(definitions) == 10
    assert [bool(re.match(r"\\s*CONSTRAINT.*FOREIGN KEY", d)) for d in definitions].count(True) == 0
    assert definitions[8].strip().startswith("CONSTRAINT `fk``1` FOREIGN KEY")
    bare = without_auto_increment(MYSQL_8)
    assert "4711" not in bare
    assert "COMMENT='AUTO_INCREMENT=1'" in bare
    assert "'AUTO_INCREMENT=5, FOREIGN KEY (x'" in bare
    assert "REFERENCES `other` (`id`)" in unqualify(MYSQL_8, "shop", lambda _: True)
    assert plain_table(MYSQL_8, Family.MYSQL) == (MYSQL_8, [])


def test_definers() -> None:
    for text, bare in (
        (
            "CREATE ALGORITHM=UNDEFINED DEFINER=`a``b`@`%` SQL SECURITY DEFINER VIEW `v` AS select 1",
            "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1",
        ),
        ("CREATE DEFINER = `root`@`%` trigger t before", "CREATE trigger t before"),
        ("CREATE DEFINER='u'@'h' PROCEDURE p() SELECT 1", "CREATE PROCEDURE p() SELECT 1"),
        ("CREATE VIEW `v` AS select 'DEFINER=`a`@`b`'", "CREATE VIEW `v` AS select 'DEFINER=`a`@`b`'"),
    ):
        assert without_definer(text) == bare
    assert (
        quoted_definer("CREATE DEFINER = o'x@% trigger t", "o'x@%") == "CREATE DEFINER = `o'x`@`%` trigger t"
    )


def test_names_lose_their_database_only_where_they_have_one() -> None:
    text = "select `d`.`t`.`d` AS `d`,`d`.`x` from `d`.`t` `d` where `d`.`t`.`a` = '`d`.`t`' and d.t.b"
    known = {"t"}
    assert (
        unqualify(text, "d", known.__contains__)
        == "select `t`.`d` AS `d`,`d`.`x` from `t` `d` where `t`.`a` = '`d`.`t`' and t.b"
    )
    oceanbase = "select `d`.`m`.`a` AS `a`,`e`.`d`.`m` AS `m` from (`d`.`t` `m` join `e`.`d`)"
    assert (
        unqualify(oceanbase, "d", known.__contains__)
        == "select `m`.`a` AS `a`,`e`.`d`.`m` AS `m` from (`t` `m` join `e`.`d`)"
    )


def test_members_that_were_printed_without_escapes() -> None:
    assert raw_members("enum('a','it's','b\\c','comma,x')") == ["a", "it's", "b\\c", "comma,x"]
    packed = bytes.fromhex("0501610004697427730003625C630007636F6D6D612C7800046427277100")
    assert packed_members(packed) == ["a", "it's", "b\\c", "comma,x", "d''q"]
    assert packed_members(b"\x01\x80\x01" + b"x" * 128 + b"\0") == ["x" * 128]


def test_statements_carry_a_comment_that_can_not_be_left() -> None:
    assert comment("task 1 of ann") == "/* task 1 of ann */ "
    hostile = comment("*/ DROP TABLE x; /* \n /*! */ --")
    assert hostile.count("*/") == 1
    assert hostile.count("/*") == 1
    assert "\n" not in hostile
    assert comment("!80000 x").startswith("/* !")
    assert comment("") == ""


def test_comments_are_found_outside_of_strings() -> None:
    for text in ("BEGIN /* a */ END", "BEGIN -- a\n END", "BEGIN # a\n END", "/**/"):
        assert has_comments(text), text
    for text in (
        "BEGIN SELECT '/* a */ -- b', `#`, \"-- \"; END",
        "/*!50003 SELECT 1 */",
        "SELECT 5 - -3, 1--1",
    ):
        assert not has_comments(text), text


def test_substitution_stays_out_of_strings() -> None:
    text = "ENGINE=Aria COMMENT='ENGINE=Aria' `ENGINE=Aria` /* ENGINE=Aria */"
    assert substitute(text, r"ENGINE=Aria", "X") == "X COMMENT='ENGINE=Aria' `ENGINE=Aria` /* ENGINE=Aria */"


def test_modes_that_mysql_knows() -> None:
    modes = "STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER,SIMULTANEOUS_ASSIGNMENT,PIPES_AS_CONCAT"
    assert plain_modes(modes) == "STRICT_TRANS_TABLES,PIPES_AS_CONCAT"


def test_kinds_that_differ_by_product() -> None:
    assert kind("vector(3)", Family.MYSQL) is Kind.BINARY
    assert kind("VECTOR(3)", Family.OCEANBASE) is Kind.TEXT
    assert kind("ARRAY(INT)", Family.OCEANBASE) is Kind.TEXT
    assert kind("year(4)", Family.MYSQL) is Kind.PLAIN
    assert kind("double precision", Family.MYSQL) is Kind.NUMBER


def test_mysql_reads_double_as_it_is_and_float_as_double() -> None:
    assert expression(ColumnFacts("d", "double", None), Family.MYSQL) == "`d`"
    assert expression(ColumnFacts("f", "float", None), Family.MYSQL) == "`f` * 1e0"
    assert expression(ColumnFacts("f", "float(7,3)", None), Family.MYSQL) == "`f`"
    assert expression(ColumnFacts("t", "text", "utf8mb4"), Family.MYSQL) == "`t`"
    assert "USING gb18030" in expression(ColumnFacts("t", "text", "gb18030"), Family.MYSQL)


def test_the_mysql_dialect() -> None:
    found = dialect(Product(Family.MYSQL, "8.0.36", (8, 0, 36)))
    assert found.name == "MySQL"
    assert found.client == "mysql"
    assert found.special_numbers[b"-0"] == b"-0e0"


def test_sys_accounts() -> None:
    def connection(user: str) -> Connection:
        return Connection(name="c", mode=Mode.OCEANBASE, host="h", port=2883, user=user)

    account = SysAccount(account="root")
    assert sys_user(connection("u@t#cl"), account) == "root@sys#cl"
    assert sys_user(connection("u@t"), account) == "root@sys"
    assert tenant_of(connection("u@t#cl")) == "t"
    assert tenant_of(connection("u")) is None


@pytest.mark.parametrize(
    ("number", "view", "reading", "code"),
    [
        (1142, False, False, "no-privilege"),
        (1227, False, True, "no-privilege"),
        (1317, False, True, "connection-lost"),
        (3024, False, True, "connection-lost"),
        (4012, False, True, "connection-lost"),
        (2013, False, True, "connection-lost"),
        (4138, False, True, "snapshot-gone"),
        (1412, False, True, "schema-changed"),
        (1146, False, True, "schema-changed"),
        (1146, False, False, "not-found"),
        (1146, True, True, "broken-object"),
        (1356, False, False, "broken-object"),
        (1449, True, True, "broken-object"),
        (9999, False, False, "statement-failed"),
    ],
)
def test_what_the_numbers_mean(number: int, view: bool, reading: bool, code: str) -> None:
    from pymysql.err import OperationalError

    error = statement_error(OperationalError(number, "said\x1b[2J so"), "doing", reading=reading, view=view)
    assert error.code == code
    assert "\x1b" not in str(error)


def test_names_in_messages_are_inert() -> None:
    assert shown("a\x1b]52;c;x\x07\n\u202eb") == "a\\x1b]52;c;x\\x07\\n\\u202eb"


def test_sizes_are_asked_for_the_tenant_that_is_meant() -> None:
    assert "DBA_OB_TABLE_SPACE_USAGE" in sizes._statement("d'b", None)
    assert "'d''b'" in sizes._statement("d'b", None)
    other = sizes._statement("shop", "tenant1")
    assert "CDB_OB_TABLET_REPLICAS" in other
    assert "'tenant1'" in other
