"""The preset for MySQL is read back by LOAD DATA of a real server, in the encodings that it can read."""

from __future__ import annotations

import random

import pytest

from core.chunk import Kind
from core.model.settings import CSV_PRESETS
from core.model.vocabulary import Encoding
from core.model.vocabulary import Unencodable as Policy
from tests.unit.formats.building import chunk_of, file_of, settings_of, shape_of
from tests.unit.formats.strategies import HOSTILE

# Characters whose last byte in GBK or BIG5 is a backslash, a quote's neighbour, or looks like a letter.
TRAILS = {
    Encoding.UTF_8: (),
    Encoding.GBK: tuple("縗誠運崊乗乣"),
    Encoding.BIG5: tuple("功許蓋淚"),
    Encoding.GB2312: tuple("猫中文"),
}
CHARSETS = {Encoding.UTF_8: "utf8mb4", Encoding.GBK: "gbk", Encoding.BIG5: "big5", Encoding.GB2312: "gb2312"}


def texts(encoding: Encoding) -> list[bytes | None]:
    pieces = [c for c in (*HOSTILE, *TRAILS[encoding]) if c.encode(encoding, "ignore")]
    rnd = random.Random(7)
    single = [p.encode() for p in pieces]
    pairs = [(a + b).encode() for a in pieces for b in pieces]
    longer = ["".join(rnd.choices(pieces, k=rnd.randrange(3, 12))).encode() for _ in range(500)]
    return [None, b"", *single, *pairs, *longer]


@pytest.mark.mariadb
@pytest.mark.parametrize("encoding", TRAILS)
def test_load_data_reads_the_preset(mariadb, tmp_path, encoding):
    values = texts(encoding)
    rows = [[b"%d" % n, value, value if value is None else value[::-1]] for n, value in enumerate(values)]
    settings = settings_of(csv=CSV_PRESETS["mysql"], encoding=encoding, on_unencodable=Policy.FAIL)
    shape = shape_of([Kind.NUMBER, Kind.TEXT, Kind.BINARY])
    path = tmp_path / "t.csv"
    path.write_bytes(file_of(settings, shape, [[chunk_of(rows)]]))
    database = mariadb.new_database()
    connection = mariadb.admin(database, local_infile=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL local_infile = 1")
        cursor.execute("CREATE TABLE t (n INT PRIMARY KEY, v TEXT CHARACTER SET utf8mb4, b VARBINARY(200))")
        cursor.execute(
            f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE t CHARACTER SET {CHARSETS[encoding]}"
            r""" FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '\\'"""
            " LINES TERMINATED BY '\\n' IGNORE 1 LINES (n, v, @b) SET b = UNHEX(@b)"
        )
        cursor.execute("SELECT HEX(CONVERT(v USING utf8mb4)), HEX(b) FROM t ORDER BY n")
        got = cursor.fetchall()
    wanted = [tuple(None if v is None else v.hex().upper() for v in row[1:]) for row in rows]
    assert [pair for pair in zip(got, wanted, strict=True) if pair[0] != pair[1]] == []
