"""A database with names, keys and code that exporters stumble over, and what it looks like to its server."""

from __future__ import annotations

import re
from typing import Any

from tests.servers.family import MysqlFamilyServer

NAMES = [
    "../x", "/", "\\", "a\\b", "a\nb", "cr\rlf", 'quo"te', "it's", "back`tick", "``", "a.b", ".dot", "-dash",
    "--", "100%", "%s", "a;b", ";;", "DELIMITER ;;", "CON", "nul.txt", "select", "*", "t*", "TABLE:x", "#x", "/*x*/",
    "Orders", "é", "e\u0301", "中文 表", "x-schema", "x.0001", "中" * 50, "a -- b", "\u202egnp", "[b]x[/b]",
]  # fmt: skip
REFUSED = ["\U0001f600" * 64, "   "]


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def names(server: MysqlFamilyServer) -> list[str]:
    """OceanBase takes Orders and orders for one, MariaDB no characters of four bytes."""
    return [*NAMES, *(["orders"] if server.product == "mariadb" else ["\U0001f600" * 32])]


def names_statements(server: MysqlFamilyServer) -> list[str]:
    """For each name a table with a row, a column of that name, keys and a comment of that name."""
    made = []
    for number, name in enumerate(names(server)):
        comment = name.replace("\\", "\\\\").replace("'", "''")
        made += [
            f"CREATE TABLE {quoted(name)} (id INT PRIMARY KEY, {quoted(name)} VARCHAR(80) DEFAULT '{comment}'"
            f" COMMENT '{comment}', KEY {quoted(name)} ({quoted(name)})) COMMENT '{comment}'",
            f"INSERT INTO {quoted(name)} VALUES ({number}, '{comment}')",
        ]
    return made


KEYS = [
    "CREATE TABLE nokey (a INT, b VARCHAR(20))",
    "INSERT INTO nokey VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (2, '')",
    "CREATE TABLE allsame (a INT NOT NULL, b INT, KEY (a))",
    "INSERT INTO allsame SELECT 5, 5 FROM nokey, nokey AS more",
    "CREATE TABLE composite (a INT, b VARCHAR(20), c DATE, v INT, PRIMARY KEY (b, a, c))",
    "INSERT INTO composite VALUES (1, 'x', '2020-01-01', 1), (1, 'y', '2020-01-01', 2), (2, 'x', '2020-01-01', 3)",
    "CREATE TABLE nullable (a INT, b INT, UNIQUE KEY (a, b))",
    "INSERT INTO nullable VALUES (NULL, 1), (NULL, 1), (1, NULL), (1, NULL), (NULL, NULL), (1, 1)",
    "CREATE TABLE folded (k VARCHAR(40) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)",
    "INSERT INTO folded VALUES ('a', 1), ('B', 2), ('c', 3), ('é', 4), ('ß', 5), ('', 6), ('中', 7)",
    "CREATE TABLE uuids (k CHAR(36) PRIMARY KEY, v INT)",
    "INSERT INTO uuids SELECT UUID(), a FROM allsame",
    "CREATE TABLE gaps (k BIGINT UNSIGNED PRIMARY KEY)",
    "INSERT INTO gaps VALUES (0), (1), (2), (9223372036854775807), (9223372036854775808), (18446744073709551615)",
    "CREATE TABLE counted (id INT AUTO_INCREMENT PRIMARY KEY, v INT) AUTO_INCREMENT = 500",
    "INSERT INTO counted VALUES (NULL, 1), (-7, 2), (NULL, 3)",
    "UPDATE counted SET id = 0 WHERE id = -7",
    "CREATE TABLE made (id INT PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a + 1) VIRTUAL,"
    " s INT GENERATED ALWAYS AS (a * 2) STORED, hidden INT INVISIBLE DEFAULT 7, z INT, KEY (s))",
    "INSERT INTO made (id, a, hidden, z) VALUES (1, 10, 11, 12), (2, NULL, NULL, NULL)",
    "CREATE TABLE `group` (`order` INT PRIMARY KEY, `key` INT, `from` INT, `rank` INT, `rows` INT, KEY `index` (`key`))",
    "INSERT INTO `group` VALUES (1, 2, 3, 4, 5)",
    "CREATE TABLE empty (id INT PRIMARY KEY, t TEXT)",
    "CREATE TABLE bits (b BIT(9) PRIMARY KEY, v INT)",
    "INSERT INTO bits VALUES (b'0', 0), (b'111111111', 1)",
    "CREATE TABLE parted (a INT, b INT, PRIMARY KEY (a, b)) PARTITION BY RANGE (a) SUBPARTITION BY HASH (b)"
    " SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO parted SELECT FLOOR(v / 3), v FROM uuids JOIN (SELECT 1 AS one) AS o UNION SELECT a, a + 100 FROM nokey"
    " WHERE a IS NOT NULL",
    "CREATE TABLE hashed (a INT PRIMARY KEY, b INT) PARTITION BY KEY (a) PARTITIONS 3",
    "INSERT INTO hashed VALUES (1, 1), (2, 2), (3, 3), (100, 4)",
    "CREATE TABLE cycle_a (id INT PRIMARY KEY, b INT, KEY (b))",
    "CREATE TABLE cycle_b (id INT PRIMARY KEY, a INT, CONSTRAINT b_to_a FOREIGN KEY (a) REFERENCES cycle_a (id))",
    "ALTER TABLE cycle_a ADD CONSTRAINT a_to_b FOREIGN KEY (b) REFERENCES cycle_b (id)",
    "CREATE TABLE selfish (id INT PRIMARY KEY, up INT, CONSTRAINT up_to FOREIGN KEY (up) REFERENCES selfish (id)"
    " ON DELETE CASCADE)",
    "INSERT INTO selfish VALUES (9, NULL)",
    "INSERT INTO selfish VALUES (1, 9)",
    "UPDATE selfish SET up = 1 WHERE id = 9",
    "INSERT INTO cycle_a VALUES (1, NULL)",
    "INSERT INTO cycle_b VALUES (2, 1)",
    "UPDATE cycle_a SET b = 2",
]

CODE = [
    "CREATE TABLE log (what VARCHAR(80))",
    "CREATE FUNCTION z_twice (x INT) RETURNS INT DETERMINISTIC RETURN x * 2",
    "CREATE FUNCTION `odd``f;'` (x INT) RETURNS INT DETERMINISTIC COMMENT 'it''s; \\\\' RETURN x + 1",
    "CREATE FUNCTION says () RETURNS VARCHAR(80) DETERMINISTIC RETURN 'ü€中; ;; it''s \\\\ \"x\" -- no'",
    "CREATE PROCEDURE note (IN x INT, OUT y INT) MODIFIES SQL DATA BEGIN"
    " DECLARE i INT DEFAULT 0; /* a ;; comment */ -- and; another\n"
    " WHILE i < x DO INSERT INTO log VALUES (CONCAT('called; ', i)); SET i = i + 1; END WHILE;"
    " SET y = z_twice(x); END",
    "CREATE VIEW z_view AS SELECT a, z_twice(a) AS doubled FROM nokey",
    "CREATE VIEW m_view AS SELECT * FROM z_view WHERE doubled > 1",
    "CREATE VIEW a_view AS SELECT m.a, (SELECT COUNT(*) FROM z_view) AS n, 'from `x`.`y`; it''s' AS `na``me`"
    " FROM m_view m JOIN `a;b` ON 1 = 1",
    "CREATE VIEW `vi;e``w'` AS SELECT 1 AS one",
    "CREATE TRIGGER z_first BEFORE INSERT ON empty FOR EACH ROW SET NEW.t = CONCAT(NEW.t, ' first')",
    "CREATE TRIGGER a_second BEFORE INSERT ON empty FOR EACH ROW BEGIN SET NEW.t = CONCAT(NEW.t, '; second');"
    " INSERT INTO log VALUES (NEW.t); END",
    "CREATE TRIGGER on_loaded AFTER INSERT ON nokey FOR EACH ROW INSERT INTO log VALUES ('loaded')",
    "CREATE TRIGGER `odd t;` BEFORE UPDATE ON `a.b` FOR EACH ROW SET NEW.id = NEW.id + 1",
]
MARIADB_CODE = [
    "CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 3 CACHE 10",
    "DO NEXTVAL(numbers)",
    "CREATE SEQUENCE `se``q;` START WITH 1 NOCACHE",
    "CREATE TABLE numbered (id BIGINT DEFAULT NEXTVAL(numbers) PRIMARY KEY, v INT)",
    "INSERT INTO numbered (v) VALUES (1), (2)",
    "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2036-01-01 00:00:00' DISABLE COMMENT 'it''s' DO BEGIN"
    " DELETE FROM log; DELETE FROM empty; END",
    "CREATE TABLE ignored (a INT PRIMARY KEY, b INT, KEY kb (b) IGNORED, CHECK (a > b), CONSTRAINT `c;k` CHECK (b <> 4))",
]


def build(server: MysqlFamilyServer) -> str:
    database = server.new_database()
    server.run(
        "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci",
        *names_statements(server),
        *KEYS,
        *CODE,
        database=database,
    )
    if server.product == "mariadb":
        server.run(*MARIADB_CODE, database=database)
    return database


class Asking:
    """What a server says of one database, over one connection."""

    def __init__(self, server: MysqlFamilyServer, database: str) -> None:
        self._server = server
        self._database = database
        self._connection = server.admin(database)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def listed(self, what: str, table: str, where: str) -> list[tuple[Any, ...]]:
        return self.ask(f"SELECT {what} FROM information_schema.{table} WHERE {where} = '{self._database}'")

    def tables(self) -> dict[str, str]:
        return {str(n): str(k) for n, k in self.listed("TABLE_NAME, TABLE_TYPE", "TABLES", "TABLE_SCHEMA")}

    def schema(self) -> dict[tuple[str, str], str]:
        """SHOW CREATE of everything, without the database's name and times of creation."""
        found = {(kind, name) for name, kind in self.tables().items()}
        found |= set(self.listed("ROUTINE_TYPE, ROUTINE_NAME", "ROUTINES", "ROUTINE_SCHEMA"))
        found |= set(self.listed("'TRIGGER', TRIGGER_NAME", "TRIGGERS", "TRIGGER_SCHEMA"))
        if self._server.product == "mariadb":
            found |= set(self.listed("'EVENT', EVENT_NAME", "EVENTS", "EVENT_SCHEMA"))
        result = {}
        for kind, name in sorted(found):
            word = kind.removeprefix("BASE ")
            (row,) = self.ask(f"SHOW CREATE {word} {quoted(name)}")
            text = " | ".join(str(part) for part in row[1:] if not re.match(r"\d{4}-\d\d-\d\d", str(part)))
            result[word, name] = text.replace(f"`{self._database}`.", "").replace(self._database, "DB")
        return result

    def rows(self) -> dict[str, list[str]]:
        """All rows of all tables and views, invisible columns too, sorted."""
        columns: dict[str, list[str]] = {}
        for name, column in self.listed("TABLE_NAME, COLUMN_NAME", "COLUMNS", "TABLE_SCHEMA"):
            columns.setdefault(name, []).append(quoted(column))
        return {
            name: sorted(
                map(repr, self.ask(f"SELECT {', '.join(sorted(columns[name]))} FROM {quoted(name)}"))
            )
            for name, kind in self.tables().items()
            if kind != "SEQUENCE"
        }


def tables(server: MysqlFamilyServer, database: str) -> dict[str, str]:
    """Names and types of tables, views and sequences."""
    with Asking(server, database) as asking:
        return asking.tables()


def schema(server: MysqlFamilyServer, database: str) -> dict[tuple[str, str], str]:
    with Asking(server, database) as asking:
        return asking.schema()


def rows(server: MysqlFamilyServer, database: str) -> dict[str, list[str]]:
    with Asking(server, database) as asking:
        return asking.rows()
