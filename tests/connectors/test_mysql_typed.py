"""Rows with types, by the binary protocol: the same files as by the text protocol, to the last byte."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from connectors.base import TableShape
from connectors.sources.mysql import MysqlSource
from connectors.sources.mysql.session import MysqlSession
from core.arrow import ArrowChunk
from core.chunk import Chunk, TextChunk
from core.errors import ConnectionLost, OfframpError, StatementFailed, Unfitting
from core.formats import open_encoder
from core.logical import Holds, LogicalType
from core.model.format_settings import Unfit
from core.model.settings import ExportSettings
from core.model.vocabulary import Format, ObjectRef, ObjectType, Unencodable
from tests.connectors.mysql_helpers import request, session_of, table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_values import shop_values

TYPED = (Format.PARQUET, Format.ARROW)


def chunks_of(
    session: MysqlSession, database: str, shape: TableShape, *, chunk_bytes: int = 1 << 20
) -> Iterator[Chunk]:
    return session.read_typed(request(database, shape, chunk_bytes=chunk_bytes))


def file_of(
    session: MysqlSession,
    database: str,
    shape: TableShape,
    chunks: Iterator[Chunk],
    form: Format,
    unfit: Unfit = Unfit.NULL,
) -> bytes:
    settings = ExportSettings(
        connection="c", format=form, all_objects=True, on_unfit=unfit, on_unencodable=Unencodable.ESCAPE
    )
    encoder = open_encoder(settings, session.dialect, database, shape)
    pieces = [encoder.begin()]
    for chunk in chunks:
        pieces += map(bytes, encoder.encode(chunk))
    return b"".join([*pieces, encoder.end()])


def assert_same(session: MysqlSession, database: str, shape: TableShape) -> None:
    """Both ways give the same files, and what comes has types, but for queries on OceanBase."""
    if shape.query is not None and session.server.product == "OceanBase":
        return
    for form in TYPED:
        text = file_of(session, database, shape, session.read(request(database, shape)), form)
        for chunk_bytes in (1 << 20, 3000):
            chunks = list(chunks_of(session, database, shape, chunk_bytes=chunk_bytes))
            assert chunks
            assert all(isinstance(chunk, ArrowChunk) for chunk in chunks)
            assert file_of(session, database, shape, iter(chunks), form) == text


def hostile(server: MysqlFamilyServer) -> str:
    database = server.new_database()
    server.run(*shop_values(database, server.product))
    return database


def test_every_type_gives_the_same_file(mysql_family: MysqlFamilyServer) -> None:
    database = hostile(mysql_family)
    mysql_family.run("CREATE VIEW w AS SELECT * FROM hostile ORDER BY id", database=database)
    with session_of(mysql_family) as session:
        for ref in (table("hostile"), ObjectRef(ObjectType.VIEW, "w")):
            assert_same(session, database, session.describe(database, ref))
        query = "SELECT *, id * 1.5 AS more, c_time AS again FROM hostile WHERE id <> 3 ORDER BY id DESC"
        shape = session.describe_query(database, ObjectRef(ObjectType.QUERY, "q"), query)
        assert_same(session, database, shape)


def test_dates_and_numbers_of_chance(mysql_family: MysqlFamilyServer) -> None:
    """Each column has NULLs of its own, and dates that no calendar has in some chunks only."""
    chance = random.Random(20261122)
    bits = [f"t{n} datetime({n})" for n in range(7)] + [f"s{n} timestamp({n}) NULL" for n in (0, 3, 6)]
    numbers = {
        "i1": ("tinyint", -128, 127), "u1": ("tinyint unsigned", 0, 255), "i3": ("mediumint", -(1 << 23), (1 << 23) - 1),
        "i8": ("bigint", -(1 << 63), (1 << 63) - 1), "u8": ("bigint unsigned", 0, (1 << 64) - 1),
    }  # fmt: skip
    names = [f"{name} {kind}" for name, (kind, _, _) in numbers.items()]
    database = mysql_family.new_database()
    columns = ", ".join([*bits, "d date", *names, "f float", "g double", "e decimal(20,6)", "v varchar(300)"])
    mysql_family.run(f"CREATE TABLE c (id int PRIMARY KEY, {columns})", database=database)

    def moment(odd: float) -> str:
        if chance.random() < odd:
            return chance.choice(["'0000-00-00'", "'2020-00-07 01:02:03.45'", "'2021-03-00'"])
        year, month, day = chance.randint(1, 9999), chance.randint(1, 12), chance.randint(1, 28)
        clock = chance.choice(["", f" {chance.randrange(24)}:{chance.randrange(60)}:59", " 1:02:03.000010"])
        return f"'{year:04}-{month}-{day}{clock}'"

    rows = []
    for number in range(1500):
        odd = 0.1 if 600 < number < 700 else 0.0
        row = [moment(odd) for _ in range(7)]
        row += [f"FROM_UNIXTIME({chance.randrange(1, 1 << 31)})" for _ in range(3)]
        row += [moment(odd)]
        row += [str(chance.randint(low, high)) for _, low, high in numbers.values()]
        row += [repr(chance.gauss(0, 10 ** chance.randint(-30, 30))) for _ in range(2)]
        row += [
            f"{chance.randint(-(10**12), 10**12)}.5",
            f"REPEAT('ü', {chance.choice([0, 3, 60, 130, 300])})",
        ]
        rows.append([str(number), *(v if chance.random() < 0.9 else "NULL" for v in row)])
    for at in range(0, len(rows), 250):
        values = ", ".join(f"({', '.join(row)})" for row in rows[at : at + 250])
        mysql_family.run("SET sql_mode = ''", f"INSERT INTO c VALUES {values}", database=database)
    with session_of(mysql_family) as session:
        assert_same(session, database, session.describe(database, table("c")))


def test_what_is_no_date_is_told_alike(mysql_family: MysqlFamilyServer) -> None:
    database = hostile(mysql_family)
    with session_of(mysql_family) as session:
        whole = session.describe(database, table("hostile"))
        told = 0
        for column in whole.columns:
            if column.type.split("(")[0] not in ("date", "datetime", "timestamp"):
                continue
            shape = replace(whole, columns=(whole.columns[0], column))
            said = []
            for chunks in (session.read(request(database, shape)), chunks_of(session, database, shape)):
                try:
                    file_of(session, database, shape, chunks, Format.PARQUET, Unfit.FAIL)
                except Unfitting as error:
                    said.append(error.message)
            assert len(set(said)) <= 1
            assert len(said) in (0, 2)
            told += len(said)
        assert told >= 8


def test_rows_of_several_packets(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE VIEW v AS SELECT 1 AS a, REPEAT('xyz', 6000000) AS b, 2 AS c UNION ALL SELECT 3, 'small', 4",
        database=database,
    )
    with session_of(mysql_family) as session:
        shape = session.describe(database, ObjectRef(ObjectType.VIEW, "v"))
        chunks = list(chunks_of(session, database, shape))
        rows = [row for chunk in chunks if isinstance(chunk, ArrowChunk) for row in chunk.batch.to_pylist()]
        assert [(row["0"], len(row["1"]), row["2"]) for row in rows] == [(1, 18_000_000, 2), (3, 5, 4)]
        text = file_of(session, database, shape, session.read(request(database, shape)), Format.ARROW)
        assert file_of(session, database, shape, iter(chunks), Format.ARROW) == text


@pytest.fixture
def endless(mysql_family: MysqlFamilyServer) -> str:
    """A database with a view of many rows."""
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE r (id INT PRIMARY KEY, a VARCHAR(300), d DATETIME)",
        "INSERT INTO r WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 900)"
        " SELECT n, REPEAT('ä', n % 100), '2020-02-02' FROM r",
        "CREATE VIEW endless AS SELECT a.* FROM r a, r b, r c WHERE c.id < 200",
        database=database,
    )
    return database


ENDLESS = ObjectRef(ObjectType.VIEW, "endless")


def test_left_before_its_end(mysql_family: MysqlFamilyServer, endless: str) -> None:
    """The query is ended, the session and its point in time remain."""
    with session_of(mysql_family) as session:
        session.begin()
        shape = session.describe(endless, ENDLESS)
        with closing(chunks_of(session, endless, shape)) as chunks:  # type: ignore[type-var]
            assert isinstance(next(chunks), ArrowChunk)
        small = session.describe(endless, table("r"))
        assert sum(chunk.rows for chunk in chunks_of(session, endless, small)) == 900
        session.end()


def test_cancelled_amid_its_rows(mysql_family: MysqlFamilyServer, endless: str) -> None:
    """Found on the server by the mark of its text, though it was prepared."""
    with session_of(mysql_family) as session:
        shape = session.describe(endless, ENDLESS)
        chunks = chunks_of(session, endless, shape)
        assert isinstance(next(chunks), ArrowChunk)
        began = time.monotonic()
        thread = threading.Thread(target=session.cancel)
        thread.start()
        with pytest.raises(OfframpError):
            for _ in chunks:
                pass
        thread.join()
        assert time.monotonic() - began < 30
        small = session.describe(endless, table("r"))
        assert sum(chunk.rows for chunk in chunks_of(session, endless, small)) == 900


def test_what_a_lost_process_left_is_found(mysql_family: MysqlFamilyServer, endless: str) -> None:
    """By what the marks of its sessions begin with, and nobody else's."""
    left, others = "offramp task 7 cafe", "offramp task 7 caf"
    with session_of(mysql_family, program=left) as session:
        chunks = chunks_of(session, endless, session.describe(endless, ENDLESS))
        assert isinstance(next(chunks), ArrowChunk)
        sources = [
            MysqlSource(mysql_family.connection(), mysql_family.credentials(), program=name)
            for name in (others, left)
        ]
        assert sources[0].end_left_over() == 0
        found: list[int] = []
        # OceanBase answers a KILL only once somebody takes the rows that it is writing.
        thread = threading.Thread(target=lambda: found.append(sources[1].end_left_over()))
        thread.start()
        with pytest.raises(ConnectionLost):
            for _ in chunks:
                pass
        thread.join()
        assert found == [1]


def test_what_the_binary_protocol_has_otherwise_comes_as_text(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE t (id int PRIMARY KEY, b int)", "INSERT INTO t VALUES (1, 100)", database=database
    )
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("t"))
        narrow = replace(shape.columns[1], logical=LogicalType(Holds.INTEGER, bits=8))
        narrowed = replace(shape, columns=(shape.columns[0], narrow))
        chunks = chunks_of(session, database, narrowed)
        chunk = next(chunks)
        assert not isinstance(chunk, ArrowChunk)
        assert [chunk.value(0, 0), chunk.value(0, 1)] == [b"1", b"100"]
        assert not list(chunks)


def test_a_refusal_is_in_the_words_of_the_text_protocol(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run("CREATE TABLE t (id int PRIMARY KEY, b int)", database=database)
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("t"))
        mysql_family.run("ALTER TABLE t DROP COLUMN b", database=database)
        said = []
        for chunks in (session.read(request(database, shape)), chunks_of(session, database, shape)):
            with pytest.raises(OfframpError) as caught:
                next(chunks)
            said.append((type(caught.value), caught.value.message))
        assert said[0] == said[1]


@pytest.mark.mariadb
def test_a_server_without_prepared_statements_is_read_as_text(mariadb: MariadbServer) -> None:
    database = hostile(mariadb)
    ((before,),) = mariadb.run("SELECT @@max_prepared_stmt_count")
    with session_of(mariadb) as session:
        shape = session.describe(database, table("hostile"))
        whole = file_of(session, database, shape, session.read(request(database, shape)), Format.PARQUET)
        met = []

        def seen() -> Iterator[Chunk]:
            for chunk in chunks_of(session, database, shape):
                met.append(type(chunk))
                yield chunk

        mariadb.run("SET GLOBAL max_prepared_stmt_count = 0")
        try:
            assert file_of(session, database, shape, seen(), Format.PARQUET) == whole
        finally:
            mariadb.run(f"SET GLOBAL max_prepared_stmt_count = {before}")
        assert met == [TextChunk]


@pytest.mark.mariadb
def test_the_server_keeps_no_statement(mariadb: MariadbServer) -> None:
    """Whether it was read to its end, left, or ended with an error."""
    database = mariadb.new_database()
    mariadb.run(
        "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT seq FROM seq_1_to_9", database=database
    )

    def count() -> int:
        return int(mariadb.run("SHOW STATUS LIKE 'Prepared_stmt_count'")[0][1])

    def number_of(session: MysqlSession, query: str) -> TableShape:
        return session.describe_query(database, ObjectRef(ObjectType.QUERY, "q"), query)

    before = count()
    with session_of(mariadb) as session:
        shape = session.describe(database, table("t"))
        assert sum(chunk.rows for chunk in chunks_of(session, database, shape)) == 9
        many = number_of(session, "SELECT seq AS a FROM seq_1_to_100000000")
        with closing(chunks_of(session, database, many)) as chunks:  # type: ignore[type-var]
            next(chunks)
        wrong = number_of(session, "SELECT (SELECT id FROM t) AS a FROM t")
        with pytest.raises(StatementFailed):
            list(chunks_of(session, database, wrong))
        assert count() == before


def test_a_connection_that_is_lost(mysql_family: MysqlFamilyServer, endless: str) -> None:
    with session_of(mysql_family) as session:
        chunks = chunks_of(session, endless, session.describe(endless, ENDLESS))
        next(chunks)
        # OceanBase answers this only once somebody takes the rows that it is writing.
        thread = threading.Thread(target=mysql_family.run, args=[f"KILL {session._link.wire.thread_id()}"])
        thread.start()
        with pytest.raises(ConnectionLost):
            for _ in chunks:
                pass
        thread.join()
