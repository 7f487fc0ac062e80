"""SQLite files: one that exporters stumble over, what is in a file, and loading by its own client."""

from __future__ import annotations

import math
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

VALUES: list[Any] = [
    None, "", "NULL", "\\N", 0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 0.1, 0.30000000000000004, -0.0, 0.0, 1.0, 1e15,
    1e16, 1e22, 123456789012345680.0, 5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308,
    1.7976931348623157e308, math.inf, -math.inf, 1.2345678901234567e-7, 9007199254740993.0, "plain", "it's", 'quo"te',
    '""', "'", "a,b;c:d\te|f", "line\nfeed", "carriage\rreturn", "both\r\n", "\n", "\r", "back\\slash", "\\", "\\'",
    "nul\0inside", "\0", "\x1a", "\ufeffbom", "   ", " x ", "ü€中文", "\U0001f600", "e\u0301", "\u202egnp.exe",
    "\x1b]52;c;AAAA\x07", "[b]x[/b]", "%s %d", "--", "/* c */", "#", ";", ".quit", "\n.quit\n", "=1+1", "0x41", "1e5",
    "00012", "9223372036854775808", "inf", "nan", "x" * 100_000, b"", b"\0", b"\x00\xff\x27\r\n\x1a", bytes(range(256)),
    b"text as bytes", b"NULL", b"\xff" * 70_000,
]  # fmt: skip

NAMES = [
    "../x", "/", "\\", "a\\b", "a\nb", "cr\rlf", 'quo"te', "it's", "back`tick", "a.b", ".dot", "-dash", "--", "a -- b",
    "100%", "%s", "a;b", "#x", "/*x*/", "CON", "nul.txt", "select", "*", "TABLE:x", "Orders", "orders items", "é",
    "e\u0301", "中文 表", "   ", " x", "\U0001f600" * 64, "中" * 100, "x-schema", "x.0001", "\u202egnp", "[b]x[/b]", "",
]  # fmt: skip

SCRIPT = """
CREATE TABLE cycle_a (id INTEGER PRIMARY KEY, b INT REFERENCES cycle_b(id));
CREATE TABLE cycle_b (id INTEGER PRIMARY KEY, a INT REFERENCES cycle_a(id) ON DELETE CASCADE);
INSERT INTO cycle_a VALUES (1, 2);
INSERT INTO cycle_b VALUES (2, 1);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
INSERT INTO counted VALUES (0, 'zero'), (-5, 'below'), (500, 'high');
DELETE FROM counted WHERE id = 500;
CREATE TABLE made (id INTEGER PRIMARY KEY, a, v GENERATED ALWAYS AS (a || '!') VIRTUAL, s AS (a * 2) STORED, z);
INSERT INTO made (id, a, z) VALUES (1, 10, 'z'), (2, NULL, NULL);
CREATE TABLE keyless (a, b);
INSERT INTO keyless VALUES (1, 1), (1, 1), (NULL, NULL), (NULL, NULL), ('', '');
CREATE TABLE composite (a TEXT, b INT, c REAL, v, PRIMARY KEY (b, a, c)) WITHOUT ROWID;
INSERT INTO composite VALUES ('x', 1, 0.1, 1), ('x', 2, 0.1, 2), ('y', 1, 0.1, 3);
CREATE TABLE nullable (a, b, UNIQUE (a, b));
INSERT INTO nullable VALUES (NULL, 1), (NULL, 1), (1, NULL), (1, NULL), (1, 1);
CREATE TABLE folded (k TEXT COLLATE NOCASE PRIMARY KEY, v);
INSERT INTO folded VALUES ('a', 1), ('B', 2), ('c', 3), ('Ä', 4), ('ä', 5);
CREATE TABLE gaps (k INTEGER PRIMARY KEY, v);
INSERT INTO gaps VALUES (-9223372036854775808, 1), (0, 2), (9223372036854775807, 3);
CREATE TABLE strictly (i INT, r REAL, t TEXT, b BLOB, x ANY) STRICT;
INSERT INTO strictly VALUES (1, 1, '1', X'31', 1), (NULL, 0.1, '', X'', '1');
CREATE TABLE affine (i INTEGER, n NUMERIC, r REAL, t TEXT, b BLOB);
INSERT INTO affine VALUES ('x', 'y', 'z', 1, 2), (1.5, '1e400', '1', X'00', '3'), (X'31', X'31', X'31', X'31', X'31');
CREATE TABLE "order" ("group" INT PRIMARY KEY, "select" TEXT DEFAULT 'a;b''c', CHECK ("group" <> 4));
INSERT INTO "order" VALUES (1, 'x');
CREATE TABLE empty (a, b);
CREATE TABLE log (what);
CREATE UNIQUE INDEX "in;d""ex" ON keyless (a, b) WHERE a > 5;
CREATE INDEX by_expression ON made (lower(a), z DESC);
CREATE VIEW z_view AS SELECT id, a FROM cycle_b; -- after it
CREATE VIEW m_view AS SELECT * FROM z_view /* within */ -- ends in a comment
;
CREATE VIEW a_view (x, "y;") AS SELECT id, 'from "z"; it''s' FROM m_view;
CREATE TRIGGER on_view INSTEAD OF INSERT ON a_view BEGIN INSERT INTO log VALUES ('instead; ' || new.x); END;
CREATE TRIGGER on_keyless AFTER INSERT ON keyless BEGIN INSERT INTO log VALUES ('ran; once'); SELECT 1; END;
CREATE TRIGGER "odd;'t" BEFORE DELETE ON "order" WHEN old."group" = 1 BEGIN SELECT RAISE(ABORT, 'no; no'); END;
"""


def ident(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def build(path: Path) -> Path:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE vals (id INTEGER PRIMARY KEY, v, w TEXT)")
    db.executemany("INSERT INTO vals (v, w) VALUES (?, 'w')", [(v,) for v in VALUES])
    for number, name in enumerate(NAMES):
        db.execute(
            f"CREATE TABLE {ident(name)} (k TEXT PRIMARY KEY, {ident(name)} INT, {ident(name + ' 2')})"
        )
        db.execute(f"INSERT INTO {ident(name)} VALUES (?, ?, ?)", (name, number, name))
    db.executescript(SCRIPT)
    db.commit()
    db.close()
    return path


def client(target: Path, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> bytes:
    """Run the sqlite3 client; it must say nothing on stderr. Gives what it printed."""
    done = subprocess.run(
        ["sqlite3", "-bail", str(target), *arguments], input=stdin, cwd=cwd, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    return done.stdout


def load(directory: Path, script: str, target: Path) -> None:
    """What a person would do: one command, started in the task's directory."""
    client(target, stdin=(directory / script).read_bytes(), cwd=directory)


def definitions(path: Path) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(path)
    found = db.execute(
        "SELECT type, name, tbl_name, rtrim(sql, char(10)) FROM sqlite_schema ORDER BY 1, 2, 3"
    )
    rows = found.fetchall()
    db.close()
    return rows


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Each table's rows, sorted, by SQLite's own words: storage class, and the value quoted (reals in 17
    digits, text and blobs in hex)."""
    db = sqlite3.connect(path)
    names = [n for (n,) in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
    result = {}
    for name in names:
        columns = [row[1] for row in db.execute(f"PRAGMA table_xinfo({ident(name)})")]
        said = ", ".join(
            f"typeof({c}), CASE typeof({c}) WHEN 'real' THEN printf('%!.17g', {c})"
            f" WHEN 'text' THEN hex(CAST({c} AS BLOB)) ELSE quote({c}) END"
            for c in map(ident, columns)
        )
        result[name] = sorted(db.execute(f"SELECT {said} FROM {ident(name)}"))
    db.close()
    return result
