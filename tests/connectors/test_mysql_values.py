"""Values come as the server holds them, to the last bit, and load back through the official client."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np
import pytest

from connectors.sources.mysql.floats import shorten
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.types import kind
from core.chunk import Kind, TextChunk
from core.errors import OfframpError
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour
from tests.connectors.mysql_helpers import insert_statement, load_ddl, read_rows, script, session_of, table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_values import LONE_SURROGATE_HEX, columns, fingerprint_sql, shop_values
from tests.servers.oceanbase import OceanbaseServer


def hostile(server: MysqlFamilyServer) -> str:
    database = server.new_database()
    server.run(*shop_values(database, server.product))
    return database


def test_every_type_loads_back_to_the_same_values(mysql_family: MysqlFamilyServer, tmp_path: Path) -> None:
    source, target = hostile(mysql_family), mysql_family.new_database()
    with session_of(mysql_family) as session:
        shape = session.describe(source, table("hostile"))
        load_ddl(
            mysql_family,
            session,
            target,
            [session.ddl(source, shape.ref, SchemaFlavour.NATIVE)],
            tmp_path,
        )
        rows = read_rows(session, source, shape)
        path = tmp_path / "data.sql"
        head, tail = script(session, []).split("DELIMITER ;;\n")
        body = b"".join(insert_statement(session, "hostile", shape, row) for row in rows)
        path.write_bytes(head.encode() + body + tail.encode())
        mysql_family.client_load(target, path)
    product = mysql_family.product
    there = mysql_family.run(fingerprint_sql(target, product))
    assert there == mysql_family.run(fingerprint_sql(source, product))
    assert len(there) == len(rows) > 40


def test_every_column_as_the_server_prints_it(mysql_family: MysqlFamilyServer) -> None:
    """But for FLOAT and negative zero, what is read is what CAST(… AS BINARY) gives."""
    database = hostile(mysql_family)
    chosen = {
        n: t
        for n, (t, _) in columns(mysql_family.product).items()
        if t not in ("float", "double", "bit(1)", "bit(64)")
    }
    asked = ", ".join(_as_bytes(name, definition) for name, definition in chosen.items())
    connection = mysql_family.admin(database, use_unicode=False)
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(f"SELECT {asked} FROM hostile ORDER BY id")
        expected = [tuple(v for v in row) for row in cursor.fetchall()]
    connection.close()
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("hostile"))
        rows = read_rows(session, database, shape)
    where = [i for i, c in enumerate(shape.columns) if c.name in chosen]
    for row, wanted in zip(rows, expected, strict=True):
        for index, value in zip(where, wanted, strict=True):
            got = row[index]
            assert got == value, (shape.columns[index], got, value)


def _as_bytes(name: str, definition: str) -> str:
    if definition in ("geometry", "point"):
        return f"`{name}`"
    if definition in ("uuid", "inet6", "inet4"):
        return f"CAST(`{name}` AS CHAR)"
    if kind(definition, Family.MARIADB) is Kind.TEXT:
        return f"CAST(CONVERT(`{name}` USING utf8mb4) AS BINARY)"
    return f"CAST(`{name}` AS BINARY)"


def test_doubles_and_floats_keep_their_bits(mysql_family: MysqlFamilyServer) -> None:
    chance = random.Random(20260101)
    doubles, floats = [], []
    while len(doubles) < 6000:
        double = struct.unpack("<d", chance.randbytes(8))[0]
        single = struct.unpack("<f", chance.randbytes(4))[0]
        if np.isfinite(double) and np.isfinite(single):
            doubles.append(double)
            floats.append(single)
    doubles += [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1e15, 1e16, 1e22]
    floats += [1.401298464324817e-45, -3.4028234663852886e38, 0.1, 16777216.0, 1e15, 1e7, 1.1754944e-38, 0.3]
    floats = [float(np.float32(f)) for f in floats]
    database = mysql_family.new_database()
    pairs = list(zip(doubles, floats, strict=True))
    mysql_family.run("CREATE TABLE n (id int PRIMARY KEY, d double, f float)", database=database)
    for at in range(0, len(pairs), 1000):
        rows = ",".join(f"({at + i},'{d!r}','{f!r}')" for i, (d, f) in enumerate(pairs[at : at + 1000]))
        mysql_family.run(f"INSERT INTO n VALUES {rows}", database=database)
    with session_of(mysql_family) as session:
        got = read_rows(session, database, session.describe(database, table("n")))
    for (_, d, f), (double, single) in zip(got, pairs, strict=True):
        assert d is not None
        assert f is not None
        assert struct.pack("<d", float(d)) == struct.pack("<d", double)
        assert np.float32(float(f)) == np.float32(single)
        assert np.float32(f.decode()) == np.float32(single)
        shortest = np.format_float_positional(np.float32(single), unique=True, trim="-")
        if 1e-4 < abs(single) < 1e7:
            assert len(f) <= len(shortest)


@pytest.mark.oceanbase
def test_negative_zero_is_read_and_loaded(oceanbase: OceanbaseServer, tmp_path: Path) -> None:
    source, target = oceanbase.new_database(), oceanbase.new_database()
    make = "CREATE TABLE z (id int PRIMARY KEY, d double, f float, m double(9,3))"
    oceanbase.run(make, "INSERT INTO z VALUES (1, -0e0, -0e0, -0e0), (2, 0, 0, 0)", database=source)
    oceanbase.run(make, database=target)
    sign = "SELECT id, ATAN2(d, -1) < 0, ATAN2(f, -1) < 0, ATAN2(m, -1) < 0 FROM z ORDER BY id"
    with session_of(oceanbase) as session:
        shape = session.describe(source, table("z"))
        rows = read_rows(session, source, shape)
        assert rows == [(b"1", b"-0", b"-0", b"-0.000"), (b"2", b"0", b"0", b"0.000")]
        path = tmp_path / "z.sql"
        path.write_bytes(b"".join(insert_statement(session, "z", shape, row) for row in rows))
        oceanbase.client_load(target, path)
    assert oceanbase.run(sign, database=source) == [(1, 1, 1, 1), (2, 0, 0, 0)]
    assert oceanbase.run(sign, database=target) == oceanbase.run(sign, database=source)


@pytest.mark.mariadb
def test_negative_zero_is_read_where_mariadb_has_it(mariadb: MariadbServer) -> None:
    """Only by underflow does one get in, and what MariaDB prints then is 0."""
    database = mariadb.new_database()
    mariadb.run(
        "SET sql_mode = ''",
        "CREATE TABLE z (id int PRIMARY KEY, d double, f float)",
        "INSERT INTO z VALUES (1, 0, -1e-60), (2, 0, 0)",
        database=database,
    )
    assert mariadb.run("SELECT ATAN2(f, -1) < 0 FROM z ORDER BY id", database=database) == [(1,), (0,)]
    with session_of(mariadb) as session:
        rows = read_rows(session, database, session.describe(database, table("z")))
    assert rows == [(b"1", b"0", b"-0"), (b"2", b"0", b"0")]


def test_a_lone_surrogate_arrives_as_the_bytes_it_is(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE s (id int PRIMARY KEY, t varchar(10))",
        f"INSERT INTO s VALUES (1, _utf8mb4 X'{LONE_SURROGATE_HEX}')",
        database=database,
    )
    with session_of(mysql_family) as session:
        rows = read_rows(session, database, session.describe(database, table("s")))
    assert rows == [(b"1", bytes.fromhex(LONE_SURROGATE_HEX))]


# Every sequence of one, two or (where they begin so) three bytes that the server takes as text of the character set.
@pytest.mark.mariadb
@pytest.mark.parametrize(
    "charset", ["latin1", "ucs2", "big5", "gbk", "sjis", "cp932", "koi8u", "hebrew", "tis620"]
)
def test_no_character_becomes_a_question_mark(mariadb: MariadbServer, charset: str) -> None:
    database = mariadb.new_database()
    wide = charset in ("ucs2", "big5", "gbk", "sjis", "cp932")
    mariadb.run(
        "SET sql_mode = ''",
        f"CREATE TABLE c (id int PRIMARY KEY, t varchar(4) CHARACTER SET {charset}) ENGINE=InnoDB",
        "CREATE TABLE b (id int PRIMARY KEY, x varbinary(2))",
        f"INSERT INTO b SELECT seq, UNHEX(LPAD(HEX(seq), {4 if wide else 2}, '0')) FROM seq_0_to_{65535 if wide else 255}",
        database=database,
    )
    connection = mariadb.admin(database)
    with connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute(f"INSERT IGNORE INTO c SELECT id, CONVERT(x USING {charset}) FROM b")
        # Bytes that are no text of that character set don't get in, or not as they were.
        cursor.execute("DELETE c FROM c JOIN b USING (id) WHERE CAST(c.t AS BINARY) <> b.x OR c.t IS NULL")
        cursor.execute("SELECT id, HEX(t), HEX(CONVERT(t USING utf8mb4)) FROM c ORDER BY id")
        stored = cursor.fetchall()
    connection.close()
    assert len(stored) > 200
    with session_of(mariadb) as session:
        rows = read_rows(session, database, session.describe(database, table("c")))
    unknown = 0
    for (_, value), (_, raw, converted) in zip(rows, stored, strict=True):
        assert value is not None
        if value == bytes.fromhex(converted):
            assert value != b"?" or raw.lstrip("0") == "3F"
            continue
        unknown += 1
        assert value == b"\xff" + bytes.fromhex(raw)
    assert unknown < len(stored) / 2


def test_floats_in_one_chunk_with_nulls_and_neighbours() -> None:
    values = [b"0.10000000149011612", b"", b"3.4028234663852886e38", b"1e15", b"-0", b"9.999999350456404e-39"]
    texts = [x for v in values for x in (b"a,e+05", v)]
    lengths = np.array([len(t) for t in texts])
    ends = np.cumsum(lengths)
    starts = (ends - lengths).reshape(-1, 2)
    nulls = np.zeros((6, 2), dtype=bool)
    nulls[1, 1] = True
    buffer = np.frombuffer(b"".join(texts), dtype=np.uint8)
    chunk = shorten(TextChunk(buffer, starts, ends.reshape(-1, 2), nulls), [1])
    assert [chunk.value(r, 1) for r in range(6)] == [
        b"0.1", None, b"3.4028234663852886e38", b"1e15", b"-0", b"1e-38",
    ]  # fmt: skip
    assert all(chunk.value(r, 0) == b"a,e+05" for r in range(6))


def test_a_view_gives_the_same_exact_values(mysql_family: MysqlFamilyServer) -> None:
    database = hostile(mysql_family)
    mysql_family.run("CREATE VIEW w AS SELECT * FROM hostile", database=database)
    with session_of(mysql_family) as session:
        shape = session.describe(database, ObjectRef(ObjectType.VIEW, "w"))
        seen = read_rows(session, database, shape)
        rows = read_rows(session, database, session.describe(database, table("hostile")))
    assert sorted(seen, key=repr) == sorted(rows, key=repr)


def test_a_column_that_went_is_a_changed_schema(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run("CREATE TABLE g (a int PRIMARY KEY, b int)", database=database)
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("g"))
        mysql_family.run("ALTER TABLE g DROP COLUMN b", database=database)
        with pytest.raises(OfframpError) as caught:
            read_rows(session, database, shape)
        assert caught.value.code == "schema-changed"
        mysql_family.run("DROP TABLE g", database=database)
        with pytest.raises(OfframpError) as caught:
            read_rows(session, database, shape)
        assert caught.value.code == "schema-changed"
