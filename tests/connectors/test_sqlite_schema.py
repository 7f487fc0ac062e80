"""What a file has, and its schema loaded into a new file by the sqlite3 client."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from connectors.sources.sqlite.session import SqliteSession
from core.errors import BrokenObject, NotFound
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour
from tests.connectors.sqlite_helpers import literal, make, read_all, source, stored, table, view, writer
from tests.connectors.test_sqlite_values import COLUMNS, hostile_file
from tests.needs import tool

NAMES = [
    "../x", "a/b", "a\\b", "a\nb", "a\r\nb", "it's", 'say "x"', "`tick`", "[box]", "a.b", "-dash", "%41", "a;b", " ",
    "   ", "\U0001f600" * 64, "CON", "Orders", "caf\u00e9", "cafe\u0301", "select", "sqlit", "\x1b[31m", "--", "?1", ":a",
]  # fmt: skip


def load(target: Path, script: bytes) -> None:
    """Have the sqlite3 client read a script from a file, stopping at the first error."""
    file = target.with_suffix(".sql")
    file.write_bytes(script)
    done = subprocess.run(
        [tool("sqlite3"), "-bail", str(target), f'.read "{file}"'],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def lines(statements: tuple[str, ...]) -> bytes:
    return b"".join(line.encode() + b"\n" for line in statements)


def schema_script(session: SqliteSession, ref: ObjectRef, *, drop: bool = False) -> bytes:
    ddl = session.ddl("main", ref, SchemaFlavour.NATIVE)
    statements = ((ddl.drop,) if drop else ()) + ddl.create
    return lines(session.dialect.header + tuple(s + ";" for s in statements) + session.dialect.footer)


def data_script(session: SqliteSession, ref: ObjectRef) -> bytes:
    """One INSERT of all rows, as the dialect says."""
    dialect, shape = session.dialect, session.describe("main", ref)
    places = [i for i, column in enumerate(shape.columns) if column.insertable]
    names = ",".join(dialect.identifier(shape.columns[i].name) for i in places)
    rows = [
        b"(" + b",".join(literal(row[i], dialect) for i in places) + b")" for row in read_all(session, ref)
    ]
    if not rows:
        return b""
    head = f"INSERT INTO {dialect.identifier(ref.name)}({names}) VALUES\n".encode()
    return lines(dialect.header) + head + b",\n".join(rows) + b";\n" + lines(dialect.footer)


def copy(path: Path, target: Path) -> None:
    """Tables, their rows, then everything else, each by its own script in the order of the object list."""
    with source(path).connect() as session:
        refs = [info.ref for info in session.objects("main")]
        for ref in refs:
            if ref.type is ObjectType.TABLE:
                load(target, schema_script(session, ref))
                load(target, data_script(session, ref))
        for ref in refs:
            if ref.type is not ObjectType.TABLE:
                load(target, schema_script(session, ref))


def plain(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return sorted(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    finally:
        connection.close()


@pytest.mark.parametrize("column", COLUMNS)
def test_the_client_loads_every_value_back(tmp_path: Path, column: str) -> None:
    path = hostile_file(tmp_path / "f.db", column)
    copy(path, tmp_path / "copy.db")
    everything = "SELECT id, x, typeof(x), length(CAST(x AS BLOB)) FROM t ORDER BY id"
    assert stored(tmp_path / "copy.db", everything) == stored(path, everything)


SHOP = """
CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE UNIQUE);
CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent(id) ON DELETE CASCADE, q INT REFERENCES child);
CREATE TABLE loop_a(id INTEGER PRIMARY KEY, b INT REFERENCES loop_b(id));
CREATE TABLE loop_b(id INTEGER PRIMARY KEY, a INT REFERENCES loop_a(id));
CREATE TABLE "without"(k TEXT, n INT, v, PRIMARY KEY(k, n DESC)) WITHOUT ROWID;
CREATE TABLE strict_one(i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT;
CREATE TABLE made(a INT, twice AS (a * 2), thrice INT GENERATED ALWAYS AS (a * 3) STORED);
CREATE UNIQUE INDEX "child by p" ON child(p, q) WHERE p IS NOT NULL;
CREATE INDEX by_expression ON parent(lower(name));
CREATE VIEW v1 AS SELECT name FROM parent -- a comment at the end
;
CREATE VIEW v2 AS SELECT count(*) AS n, (SELECT max(p) FROM child) AS m FROM v1;
CREATE TRIGGER counted AFTER INSERT ON parent BEGIN
  INSERT INTO child(p) SELECT CASE WHEN new.id > 1 THEN new.id END; DELETE FROM child WHERE p IS NULL;
END;
CREATE TRIGGER on_view INSTEAD OF INSERT ON v1 BEGIN SELECT 1; END;
INSERT INTO parent(id, name) VALUES(5, 'a'), (900, 'b');
DELETE FROM parent WHERE id = 900;
INSERT INTO "without" VALUES('a', 1, 1.0), ('a', 2, x'00'), ('b', -1, NULL);
INSERT INTO strict_one VALUES(1, 1, '1', x'01', '001'), (2, 2.5, '', x'', 3.0);
INSERT INTO made(a) VALUES(1), (2), (NULL);
INSERT INTO loop_a VALUES(1, 2); INSERT INTO loop_b VALUES(2, 1);
"""


def test_a_whole_file_comes_back(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", SHOP)
    copy(path, tmp_path / "copy.db")
    assert plain(tmp_path / "copy.db") == plain(path)
    for name in ("parent", "child", "loop_a", "loop_b", '"without"', "strict_one", "made"):
        assert stored(tmp_path / "copy.db", f"SELECT * FROM {name}") == stored(path, f"SELECT * FROM {name}")
    # The counter goes on where it was, above the rows that are there.
    with writer(tmp_path / "copy.db") as connection:
        assert connection.execute("INSERT INTO parent(name) VALUES('c') RETURNING id").fetchall() == [(901,)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_indexes_come_with_their_table_and_are_made_once_in_any_order(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", SHOP)
    index = ObjectRef(ObjectType.INDEX, "child by p")
    with source(path).connect() as session:
        ddl = session.ddl("main", table("child"), SchemaFlavour.NATIVE)
        assert ddl.create[1:] == ('CREATE UNIQUE INDEX "child by p" ON child(p, q) WHERE p IS NOT NULL',)
        alone = session.ddl("main", index, SchemaFlavour.NATIVE)
        assert alone.create[0].startswith('CREATE UNIQUE INDEX IF NOT EXISTS "child by p"')
        assert alone.needs == (table("child"),)
        assert alone.notes
        for drop in (False, True):
            target = tmp_path / f"{drop}.db"
            for ref in (table("child"), index, index):
                load(target, schema_script(session, ref, drop=drop))


def test_drop_before_create_loads_twice(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", SHOP)
    target = tmp_path / "copy.db"
    with source(path).connect() as session:
        refs = [info.ref for info in session.objects("main")]
        for _ in range(2):
            for ref in refs:
                load(target, schema_script(session, ref, drop=True))
    with writer(target) as connection:
        assert connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall() == [("parent", 900)]


def test_what_a_view_or_trigger_needs(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", SHOP)
    with source(path).connect() as session:

        def needs(kind: ObjectType, name: str) -> set[ObjectRef]:
            return set(session.ddl("main", ObjectRef(kind, name), SchemaFlavour.NATIVE).needs)

        assert needs(ObjectType.VIEW, "v1") == {table("parent")}
        assert needs(ObjectType.VIEW, "v2") == {view("v1"), table("parent"), table("child")}
        assert needs(ObjectType.TRIGGER, "counted") == {table("parent")}
        assert needs(ObjectType.TRIGGER, "on_view") == {view("v1")}
        assert needs(ObjectType.TABLE, "child") == set()


def test_the_fingerprint_follows_the_shape_not_the_rows(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", SHOP)
    with source(path).connect() as session:

        def fingerprint() -> str:
            return session.ddl("main", table("parent"), SchemaFlavour.NATIVE).fingerprint

        seen = [fingerprint()]
        with writer(path) as other:
            other.execute("INSERT INTO parent(name) VALUES('later')")
            seen.append(fingerprint())
            other.execute("CREATE INDEX later ON parent(name)")
            seen.append(fingerprint())
            other.execute("ALTER TABLE parent ADD COLUMN later")
            seen.append(fingerprint())
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_generated_columns_are_read_and_not_inserted(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", SHOP)
    with source(path).connect() as session:
        shape = session.describe("main", table("made"))
        assert [(c.name, c.insertable) for c in shape.columns] == [
            ("a", True), ("twice", False), ("thrice", False),
        ]  # fmt: skip
        assert [cell and cell[1] for cell in read_all(session, table("made"))[1]] == [b"2", b"4", b"6"]


def test_keys(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        """
        CREATE TABLE alias(a, id INTEGER PRIMARY KEY);
        CREATE TABLE quirk(id INTEGER PRIMARY KEY DESC);
        CREATE TABLE nullable(id TEXT PRIMARY KEY);
        CREATE TABLE named(id TEXT PRIMARY KEY NOT NULL, u INT NOT NULL UNIQUE);
        CREATE TABLE pair(a NOT NULL, b NOT NULL, c, UNIQUE(c), UNIQUE(b, a));
        CREATE TABLE clustered(a, b, c, PRIMARY KEY(c, a)) WITHOUT ROWID;
        CREATE TABLE partial(a NOT NULL); CREATE UNIQUE INDEX p ON partial(a) WHERE a > 1;
        CREATE TABLE expression(a NOT NULL); CREATE UNIQUE INDEX e ON expression(lower(a));
        CREATE TABLE none(a);
        """,
    )
    with source(path).connect() as session:
        keys = {
            i.ref.name: session.describe("main", i.ref).key
            for i in session.objects("main", [ObjectType.TABLE])
        }
        nullable = session.describe("main", table("clustered")).columns
    assert keys == {
        "alias": ("id",), "quirk": (), "nullable": (), "named": ("id",), "pair": ("b", "a"),
        "clustered": ("c", "a"), "partial": (), "expression": (), "none": (),
    }  # fmt: skip
    assert [c.nullable for c in nullable] == [False, True, False]


def test_names(tmp_path: Path) -> None:
    """Tables, columns, indexes, views and triggers of hostile names are listed, read and loaded back."""
    path = tmp_path / "f.db"

    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    with writer(path) as connection:
        for name in NAMES:
            n, i, v, r = quoted(name), quoted(name + "!i"), quoted(name + "!v"), quoted(name + "!r")
            connection.execute(f"CREATE TABLE {n}({n} TEXT, other INTEGER PRIMARY KEY AUTOINCREMENT)")
            connection.execute(f"CREATE INDEX {i} ON {n}({n})")
            connection.execute(f"CREATE VIEW {v} AS SELECT {n} FROM {n}")
            connection.execute(f"INSERT INTO {n} VALUES(?, 7)", [name])
            connection.execute(f"CREATE TRIGGER {r} AFTER DELETE ON {n} BEGIN SELECT 1; END")
    with source(path).connect() as session:
        found = session.objects("main")
        assert {i.ref.name for i in found if i.ref.type is ObjectType.TABLE} == set(NAMES)
        assert len(found) == 4 * len(NAMES)
        for name in NAMES:
            assert [cell and cell[1] for cell in read_all(session, table(name))[0]] == [name.encode(), b"7"]
            assert session.ddl("main", view(name + "!v"), SchemaFlavour.NATIVE).needs == (table(name),)
            assert session.split("main", session.describe("main", table(name)), 10)
        bad = session.ddl("main", table("a\r\nb"), SchemaFlavour.NATIVE)
        assert "CR LF" in bad.notes[0]
    # The client takes the CR off the end of a line: such a name it can't be given.
    with writer(path) as connection:
        connection.execute('DROP TABLE "a\r\nb"')
        connection.execute('DROP VIEW "a\r\nb!v"')
    copy(path, tmp_path / "copy.db")
    assert plain(tmp_path / "copy.db") == plain(path)


def test_objects_are_searched_sorted_and_without_sqlites_own(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", SHOP + "ANALYZE;")
    with source(path).connect() as session:
        everything = session.objects("main")
        assert [i.ref.type for i in everything] == sorted(
            (i.ref.type for i in everything),
            key=[ObjectType.TABLE, ObjectType.INDEX, ObjectType.VIEW, ObjectType.TRIGGER].index,
        )
        assert not [i for i in everything if i.ref.name.startswith("sqlite_")]
        found = [i.ref.name for i in session.objects("main", search="LOOP")]
        assert found == ["loop_a", "loop_b"]
        assert [i.ref.name for i in session.objects("main", [ObjectType.VIEW])] == ["v1", "v2"]
        assert all(i.bytes for i in everything if i.ref.type is ObjectType.TABLE)
        with pytest.raises(NotFound, match="temp"):
            session.objects("temp")
        with pytest.raises(NotFound, match="It has TABLE:parent"):
            session.describe("main", table("Parent"))
        with pytest.raises(NotFound):
            session.describe("main", ObjectRef(ObjectType.INDEX, "child by p"))


def test_estimates(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE t(a); CREATE TABLE gaps(id INTEGER PRIMARY KEY); CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID;",
        {"INSERT INTO t VALUES(?)": [(i,) for i in range(500)], "INSERT INTO gaps VALUES(?)": [(-(2**63),), (2**63 - 1,)]},
    )  # fmt: skip
    with source(path).connect() as session:
        rows = {i.ref.name: i.rows for i in session.objects("main")}
        assert (rows["t"], rows["w"]) == (500, None)
        assert rows["gaps"] is not None
        assert rows["gaps"] < 20_000, "bounded by the file's size"
        with writer(path) as other:
            other.execute("INSERT INTO w VALUES('x')")
            other.execute("DELETE FROM t WHERE a > 9 AND a < 499")
            other.execute("CREATE INDEX part ON t(a) WHERE a > 100")
            other.execute("ANALYZE")
        rows = {i.ref.name: i.rows for i in session.objects("main", [ObjectType.TABLE])}
    assert rows == {"t": 11, "gaps": 2, "w": 1}


def test_broken_objects_say_why(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE t(a); CREATE VIEW good AS SELECT a FROM t; CREATE VIEW gone AS SELECT * FROM nowhere;"
        "CREATE VIEW strange AS SELECT frobnicate(a) FROM t; CREATE VIEW circle AS SELECT * FROM circle2;"
        "CREATE VIEW circle2 AS SELECT * FROM circle;",
    )
    with writer(path) as connection:
        connection.create_collation("other", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE sorted_there(a TEXT COLLATE other PRIMARY KEY) WITHOUT ROWID")
        connection.execute("CREATE TABLE indexed_there(a TEXT COLLATE other PRIMARY KEY)")
        connection.execute("INSERT INTO indexed_there VALUES('x')")
    with source(path).connect() as session:
        assert session.describe("main", view("good")).columns[0].name == "a"
        for name, words in (("gone", "nowhere"), ("strange", "frobnicate"), ("circle", "circular")):
            with pytest.raises(BrokenObject, match=words):
                session.describe("main", view(name))
            with pytest.raises(BrokenObject, match=words):
                session.ddl("main", view(name), SchemaFlavour.NATIVE)
        shape = session.describe("main", view("good"))
        session.check_readable("main", shape)
        with writer(path) as other:
            other.execute("DROP TABLE t")
        with pytest.raises(BrokenObject, match="no such table"):
            session.check_readable("main", shape)
        # A collation that only its own program knows hinders reading only where rows are stored by it.
        with pytest.raises(BrokenObject, match="no query solution"):
            session.describe("main", table("sorted_there"))
        assert len(session.split("main", session.describe("main", table("indexed_there")), 1)) == 1
        assert [row[0] and row[0][1] for row in read_all(session, table("indexed_there"))] == [b"x"]


def test_virtual_tables_are_whole_and_their_shadows_no_objects(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        'CREATE VIRTUAL TABLE "notes using it" USING fts5(title, body); CREATE VIRTUAL TABLE old USING fts4(a);'
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1); CREATE TABLE notes_plain(a);"
        "INSERT INTO \"notes using it\"(rowid, title, body) VALUES(7, 'a', 'é'), (3, 'b', NULL);"
        "INSERT INTO old(docid, a) VALUES(9, 'z'); INSERT INTO boxes VALUES(4, 0.5, 1.5);",
    )
    with source(path).connect() as session:
        found = {i.ref.name: i.note for i in session.objects("main")}
        assert set(found) == {"notes using it", "old", "boxes", "notes_plain"}
        assert found["notes using it"] == "virtual table (fts5); its shadow tables are part of it"
        shape = session.describe("main", table("notes using it"))
        assert [c.name for c in shape.columns] == ["rowid", "title", "body"]
        assert shape.key == ("rowid",)
        with pytest.raises(NotFound, match="part of the virtual table 'old'"):
            session.describe("main", table("old_content"))
    copy(path, tmp_path / "copy.db")
    with writer(tmp_path / "copy.db") as connection:
        match = 'SELECT rowid, title FROM "notes using it" WHERE "notes using it" MATCH \'é\''
        assert connection.execute(match).fetchall() == [(7, "a")]
        assert connection.execute("SELECT docid, a FROM old WHERE old MATCH 'z'").fetchall() == [(9, "z")]
        assert connection.execute("SELECT * FROM boxes").fetchall() == [(4, 0.5, 1.5)]


def test_the_schema_is_seen_to_change_within_a_session(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", "CREATE TABLE t(a)")
    with source(path).connect() as session:
        assert len(session.describe("main", table("t")).columns) == 1
        with writer(path) as other:
            other.execute("ALTER TABLE t ADD COLUMN b")
            other.execute("CREATE TABLE u(a)")
        assert len(session.describe("main", table("t")).columns) == 2
        assert len(session.describe("main", table("u")).columns) == 1


@pytest.mark.usefixtures("sqlite3_client")
def test_include_takes_hostile_paths(tmp_path: Path) -> None:
    for name in (
        "plain.sql",
        "with space.sql",
        "it's.sql",
        "semi;colon.sql",
        "é%41.sql",
        "-dash.sql",
        "|pipe.sql",
    ):
        directory = tmp_path / "TABLE"
        directory.mkdir(exist_ok=True)
        (directory / name).write_text("CREATE TABLE t(a);\n")
        target = tmp_path / f"{name}.db"
        with source(make(tmp_path / "f.db", "")).connect() as session:
            (tmp_path / "load.sql").write_text(
                session.dialect.include.replace("{path}", f"TABLE/{name}") + "\n"
            )
        done = subprocess.run(
            [tool("sqlite3"), "-bail", str(target), ".read load.sql"],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert [row[1] for row in plain(target)] == ["t"]


def test_thousands_of_tables(tmp_path: Path) -> None:
    path = tmp_path / "f.db"
    with writer(path) as connection:
        connection.execute("BEGIN")
        for i in range(3_000):
            connection.execute(f"CREATE TABLE t{i:05}(a INTEGER PRIMARY KEY, b)")
        connection.execute("COMMIT")
    with source(path).connect() as session:
        refs = [info.ref for info in session.objects("main")]
        assert refs == [table(f"t{i:05}") for i in range(3_000)]
        began = time.monotonic()
        for ref in refs:
            session.ddl("main", ref, SchemaFlavour.NATIVE)
            session.describe("main", ref)
        assert time.monotonic() - began < 10, "the schema is read once, not once for each table"


def test_a_schema_is_not_searched_for_each_of_its_tables(tmp_path: Path) -> None:
    path = make(
        tmp_path / "many.db",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO counted VALUES (7);"
        + "".join(f"CREATE TABLE t{number} (a);" for number in range(30)),
    )
    sent: list[str] = []
    with source(path).connect() as session:
        assert isinstance(session, SqliteSession)
        tables = [info.ref for info in session.objects("main")]
        session._driver.set_trace_callback(sent.append)
        made = {ref.name: session.ddl("main", ref, SchemaFlavour.NATIVE) for ref in tables}
    assert made["counted"].create[-1] == "INSERT INTO sqlite_sequence(name, seq) VALUES('counted', 7)"
    assert all(len(made[f"t{number}"].create) == 1 for number in range(30))
    assert sum("sqlite_master" in statement for statement in sent) < 5
