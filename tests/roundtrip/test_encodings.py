"""Each encoding and policy: CSV read again with Python's codecs, SQL with the client."""

from __future__ import annotations

import codecs
import csv
import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.base import Source
from core.model.settings import CSV_PRESETS, CsvSettings
from core.model.vocabulary import Content, Encoding, Format, Newline, Unencodable
from tests.roundtrip.conversion import convert_as_told
from tests.roundtrip.mysql_csv import load_data
from tests.roundtrip.running import Export, export, file_source, server_source
from tests.roundtrip.sqlite_copy import load
from tests.servers.family import MysqlFamilyServer

PLAIN = [
    "plain",
    "",
    "a,b;c",
    'quo"te',
    "it's",
    "back\\slash",
    "line\nfeed",
    "both\r\n",
    "   ",
    "NULL",
    "\\N",
    "\t",
]
LATIN = ["ü", "é¿ÿ", "\xa0", "\x85", "÷×"]
CHINESE = ["中文", "订单 表", "功", "許", "的\\", "，。"]
TRADITIONAL = ["ЖДЯ", "¢£¥", "中文", "功能", "許蓋", "功\\,", "\u3000"]
ANYTHING = ["ḿ\ue7c7\u9fb4\ue81e", "\U0001f600", "€", "e\u0301", "\u202e", "\U00020000", "誠", "𝒳"]

TEXTS = {
    Encoding.ASCII: PLAIN,
    Encoding.ISO_8859_1: PLAIN + LATIN,
    Encoding.GB2312: [*PLAIN, "中文", "功能\\,"],
    Encoding.GBK: PLAIN + CHINESE,
    Encoding.GB18030: PLAIN + CHINESE + ANYTHING + LATIN,
    Encoding.UTF_8: PLAIN + CHINESE + ANYTHING + LATIN,
    Encoding.UTF_16: PLAIN + CHINESE + ANYTHING + LATIN,
    Encoding.UTF_32: PLAIN + CHINESE + ANYTHING + LATIN,
    Encoding.BIG5: PLAIN + TRADITIONAL,
}
# Python's own names; those of several bytes a character take the byte order from the mark.
CODECS = {encoding: str(encoding) for encoding in Encoding}
MARKS = {Encoding.UTF_16: codecs.BOM_UTF16_LE, Encoding.UTF_32: codecs.BOM_UTF32_LE}
MARIADB_CHARSETS = {
    Encoding.GB2312: "gb2312",
    Encoding.GBK: "gbk",
    Encoding.UTF_8: "utf8mb4",
    Encoding.ASCII: "ascii",
}

Made = tuple[Source, Callable[[list[str]], None], str]


@pytest.fixture(params=["sqlite", "mariadb", "oceanbase"])
def texts(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """A source with a table `texts`, what fills it anew, and the database's name."""
    create = "CREATE TABLE texts (id INTEGER PRIMARY KEY, t VARCHAR(200))"
    if request.param == "sqlite":
        path = tmp_path / "texts.db"
        with sqlite3.connect(path) as db:
            db.execute(create)

        def fill(values: list[str]) -> None:
            with sqlite3.connect(path) as db:
                db.execute("DELETE FROM texts")
                db.executemany("INSERT INTO texts VALUES (?, ?)", enumerate(values))

        return file_source(path), fill, str(path)
    server: MysqlFamilyServer = request.getfixturevalue(request.param)
    database = server.new_database()
    server.run(create, database=database)

    def fill_server(values: list[str]) -> None:
        connection = server.admin(database)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM texts")
            cursor.executemany("INSERT INTO texts VALUES (%s, %s)", list(enumerate(values)))
        connection.close()

    return server_source(server, database), fill_server, database


def read(done: Export, encoding: Encoding, mark: bytes = b"") -> list[str]:
    """The second column by Python's own reader."""
    data = done.path("TABLE:texts").read_bytes()
    mark = mark or MARKS.get(encoding, b"")
    assert data.startswith(mark)
    assert data.count(mark) == 1 or not mark
    text = data.removeprefix(codecs.BOM_UTF8).decode(CODECS[encoding])
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(len(rows) - 1)]
    return [row[1] for row in rows[1:]]


def test_every_encoding_gives_back_what_it_can_hold(texts: Made, tmp_path: Path) -> None:
    source, fill, _ = texts
    for encoding, values in TEXTS.items():
        fill(values)
        done = export(source, tmp_path / encoding, encoding=encoding, content=Content.DATA)
        assert read(done, encoding) == values, encoding
        assert not done.warnings()


def test_what_an_encoding_lacks_fails_by_default_and_is_counted_otherwise(
    texts: Made, tmp_path: Path
) -> None:
    source, fill, _ = texts
    fill(["fine", "a中b😀", "fine"])
    for encoding, replaced, escaped in (
        (Encoding.ASCII, "a?b?", "a\\u{4E2D}b\\u{1F600}"),
        (Encoding.ISO_8859_1, "a?b?", "a\\u{4E2D}b\\u{1F600}"),
        (Encoding.BIG5, "a中b?", "a中b\\u{1F600}"),
        (Encoding.GBK, "a中b?", "a中b\\u{1F600}"),
    ):
        failed = Export(source, tmp_path / f"{encoding}-fail", encoding=encoding, content=Content.DATA)
        assert failed.error is not None
        assert failed.error.code == "unencodable"
        for word in ("texts", "column t", "id=1", str(encoding)):
            assert word in failed.error.message
        assert not failed.output.exists()
        for policy, wanted in ((Unencodable.REPLACE, replaced), (Unencodable.ESCAPE, escaped)):
            done = export(
                source, tmp_path / f"{encoding}-{policy}", encoding=encoding, on_unencodable=policy, content=Content.DATA
            )  # fmt: skip
            assert read(done, encoding) == ["fine", wanted, "fine"]
            (words,) = [words for words in done.warnings() if "characters" in words]
            assert f"{wanted.count('?') or wanted.count('{')} characters" in words


def test_escapes_are_quoted_like_any_text_in_sql(
    texts: Made, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source, fill, database = texts
    fill(["a中'b", "\\", "plain"])
    done = export(
        source,
        tmp_path / "out",
        format=Format.SQL,
        encoding=Encoding.ASCII,
        on_unencodable=Unencodable.ESCAPE,
    )
    assert done.path("TABLE:texts").read_bytes().isascii()
    wanted = [("a\\u{4E2D}'b",), ("\\",), ("plain",)]
    if database.endswith(".db"):
        load(done.output, "load.sql", tmp_path / "copy.db")
        with sqlite3.connect(tmp_path / "copy.db") as db:
            assert db.execute("SELECT t FROM texts ORDER BY id").fetchall() == wanted
        return
    server: MysqlFamilyServer = request.getfixturevalue(
        "mariadb" if "mariadb" in request.node.name else "oceanbase"
    )
    copy = server.new_database()
    server.client_load(copy, done.output / "load.sql")
    assert server.run("SELECT t FROM texts ORDER BY id", database=copy) == wanted


def test_header_mark_and_line_breaks(texts: Made, tmp_path: Path) -> None:
    source, fill, _ = texts
    fill(["x\ny", "z"])
    excel = export(source, tmp_path / "excel", csv=CSV_PRESETS["excel"], content=Content.DATA)
    assert excel.path("TABLE:texts").read_bytes() == codecs.BOM_UTF8 + b'id,t\r\n0,"x\ny"\r\n1,z\r\n'
    bare = CsvSettings(header=False, newline=Newline.CR, separator=";")
    done = export(source, tmp_path / "bare", csv=bare, content=Content.DATA)
    assert done.path("TABLE:texts").read_bytes() == b'0;"x\ny"\r1;z\r'
    utf16 = export(
        source, tmp_path / "utf16", csv=CsvSettings(bom=True), encoding=Encoding.UTF_16, content=Content.DATA
    )
    assert utf16.path("TABLE:texts").read_bytes() == codecs.BOM_UTF16_LE + 'id,t\n0,"x\ny"\n1,z\n'.encode(
        "utf-16-le"
    )


def test_sql_loads_in_every_encoding(mysql_family: MysqlFamilyServer, tmp_path: Path) -> None:
    """Directly where the client reads it, else after the conversion that the head names."""
    for encoding, values in TEXTS.items():
        database, copy = mysql_family.new_database(), mysql_family.new_database()
        mysql_family.run("CREATE TABLE texts (id INTEGER PRIMARY KEY, t VARCHAR(200))", database=database)
        connection = mysql_family.admin(database)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO texts VALUES (%s, %s)", list(enumerate(values)))
        connection.close()
        source = server_source(mysql_family, database)
        done = export(source, tmp_path / encoding, format=Format.SQL, encoding=encoding)
        with source.connect() as session:
            direct = encoding in session.dialect.client_charsets
        assert bool([n for n in done.manifest.notes if "convert the file first" in n]) is not direct
        if not direct:
            convert_as_told(done.output)
        mysql_family.client_load(copy, done.output / "load.sql")
        found = mysql_family.run("SELECT HEX(t) FROM texts ORDER BY id", database=copy)
        assert [bytes.fromhex(text).decode() for (text,) in found] == values, encoding


@pytest.mark.mariadb
def test_load_data_reads_csv_in_its_character_sets(mariadb: MysqlFamilyServer, tmp_path: Path) -> None:
    for encoding, charset in MARIADB_CHARSETS.items():
        database, copy = mariadb.new_database(), mariadb.new_database()
        for name in (database, copy):
            mariadb.run("CREATE TABLE texts (id INTEGER PRIMARY KEY, t VARCHAR(200))", database=name)
        connection = mariadb.admin(database)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO texts VALUES (%s, %s)", list(enumerate(TEXTS[encoding])))
        connection.close()
        source = server_source(mariadb, database)
        done = export(source, tmp_path / encoding, csv=CSV_PRESETS["mysql"], encoding=encoding)
        load_data(mariadb, copy, "texts", done.path("TABLE:texts"), charset)
        found = mariadb.run("SELECT t FROM texts ORDER BY id", database=copy)
        assert [text for (text,) in found] == TEXTS[encoding], encoding
