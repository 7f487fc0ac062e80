"""Wide, empty, partitioned and huge: no row lost, and memory that doesn't grow with the table."""

from __future__ import annotations

import csv
import hashlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from core.model.settings import CSV_PRESETS
from core.model.vocabulary import Format
from tests.cli.conftest import Offramp
from tests.roundtrip.mysql_csv import load_data
from tests.roundtrip.running import export, server_source
from tests.roundtrip.sqlite_copy import client
from tests.servers.mariadb import MariadbServer

ROWS = 1_000_000
HUGE = 64 << 20
LIMIT = (200 << 20) + 3 * HUGE
MOST_COLUMNS = 1017  # InnoDB's limit


@pytest.fixture
def offramp(tmp_path: Path) -> Offramp:
    return Offramp(tmp_path)


@pytest.mark.mariadb
def test_as_many_columns_as_a_table_can_have(mariadb: MariadbServer, tmp_path: Path) -> None:
    database = mariadb.new_database()
    names = [f"c{number}" for number in range(1, MOST_COLUMNS)]
    mariadb.run(
        f"CREATE TABLE wide (id INT PRIMARY KEY, {', '.join(f'{n} INT' for n in names)})",
        "CREATE TABLE none (id INT PRIMARY KEY, t TEXT)",
        "CREATE TABLE parts (a INT, b INT, PRIMARY KEY (b, a)) PARTITION BY RANGE (a)"
        " (PARTITION p0 VALUES LESS THAN (1000), PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "INSERT INTO parts SELECT seq * 7 % 3001, seq FROM seq_1_to_3000",
        *(
            f"INSERT INTO wide VALUES ({row}, {', '.join('NULL' if (row + at) % 3 else str(row * at) for at in range(len(names)))})"
            for row in range(3)
        ),
        database=database,
    )
    sql = export(server_source(mariadb, database), tmp_path / "sql", format=Format.SQL)
    csv_files = export(server_source(mariadb, database), tmp_path / "csv", csv=CSV_PRESETS["mysql"])
    assert {o.name: o.rows for o in sql.manifest.objects} == {"wide": 3, "none": 0, "parts": 3000}
    assert csv_files.path("TABLE:none").read_bytes() == b"id,t\n"
    copies = mariadb.new_database(), mariadb.new_database()
    mariadb.client_load(copies[0], sql.output / "load.sql")
    for name in ("wide", "none", "parts"):
        mariadb.client_load(copies[1], csv_files.path(f"TABLE:{name}", "schema"))
        load_data(mariadb, copies[1], name, csv_files.path(f"TABLE:{name}"))
        sums = [mariadb.run(f"CHECKSUM TABLE `{d}`.`{name}`")[0][1] for d in (database, *copies)]
        assert sums[0] == sums[1] == sums[2], name
    assert mariadb.run("SELECT COUNT(*) FROM parts PARTITION (p0)", database=copies[0]) == mariadb.run(
        "SELECT COUNT(*) FROM parts PARTITION (p0)", database=database
    )


@contextmanager
def engine_of(offramp: Offramp) -> Iterator[Callable[..., int]]:
    """An engine; what it gives runs a dump and says the most memory, in bytes, that its worker ever held."""
    engine = offramp.start("--headless", stdout=None, stderr=subprocess.DEVNULL)

    def dump(*arguments: str) -> int:
        most = 0
        with offramp.start("dump", *arguments) as process:
            while process.poll() is None:
                most = max(most, memory_of_children(engine.pid))
                time.sleep(0.02)
            assert process.returncode == 0, process.stderr and process.stderr.read()
        assert most > 10 << 20, "the worker has been seen"
        return most

    try:
        until = time.monotonic() + 30
        while offramp.engine() is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        yield dump
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait()


def memory_of_children(parent: int) -> int:
    """The most memory that any child ever held since it was exec'ed: VmHWM of proc(5), in bytes."""
    found = [0]
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            for child in listed.read_text().split():
                status = Path(f"/proc/{child}/status").read_text()
                found += [int(kib) * 1024 for kib in re.findall(r"VmHWM:\s+(\d+) kB", status)]
        except OSError:  # it has just ended
            continue
    return max(found)


def tiny_rows(path: Path) -> tuple[int, str]:
    """How many rows a CSV file holds, and the digest of the one huge value."""
    csv.field_size_limit(sys.maxsize)
    count, found = 0, ""
    with path.open(newline="") as file:
        rows = csv.reader(file)
        assert next(rows) == ["id", "t"]
        for number, (key, text) in enumerate(rows, start=1):
            assert int(key) == number
            count += 1
            if len(text) > 100:
                assert not found
                found = hashlib.sha256(text.encode()).hexdigest()
            else:
                assert text == f"x{number}"
    return count, found


def typed_rows(batches: Iterable[pa.RecordBatch]) -> tuple[int, str]:
    """How many rows there are, as above."""
    count, found = 0, ""
    for batch in batches:
        keys, texts = batch.column("id"), batch.column("t")
        assert keys.to_pylist() == list(range(count + 1, count + len(keys) + 1))
        large = pc.greater(pc.binary_length(texts), 100)
        names = pc.binary_join_element_wise("x", keys.cast(pa.string()), "")
        assert pc.all(pc.or_(large, pc.equal(texts, names))).as_py()
        for value in texts.filter(large):
            assert not found
            found = hashlib.sha256(value.as_py().encode()).hexdigest()
        count += len(keys)
    return count, found


def wanted_digest() -> str:
    return hashlib.sha256(b'ab,"' * (HUGE // 4)).hexdigest()


def test_one_huge_value_among_a_million_tiny_rows_of_sqlite(offramp: Offramp) -> None:
    path = offramp.directory / "big.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, t TEXT)")
    db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO big SELECT i, 'x' || i FROM n",
        (ROWS,),
    )
    db.execute("UPDATE big SET t = ? WHERE id = 600000", ('ab,"' * (HUGE // 4),))
    db.commit()
    db.close()
    offramp.quick("connection", "add", "big", f"sqlite:///{path}")
    with engine_of(offramp) as dump:
        assert dump("big", "--all", "--to", "csv") < LIMIT
        assert dump("big", "--all", "--format", "sql", "--to", "sql") < LIMIT
        assert dump("big", "--all", "--format", "jsonl", "--compression", "zstd", "--to", "jsonl") < LIMIT
        assert dump("big", "--all", "--format", "arrow", "--to", "arrow") < LIMIT
        assert dump("big", "--all", "--format", "parquet", "--to", "parquet") < LIMIT
    with pa.OSFile(str(offramp.directory / "arrow/TABLE/big.arrow")) as file:
        reader = pa.ipc.open_file(file)
        assert typed_rows(map(reader.get_batch, range(reader.num_record_batches))) == (ROWS, wanted_digest())
    with pq.ParquetFile(offramp.directory / "parquet/TABLE/big.parquet") as parquet:
        assert typed_rows(parquet.iter_batches()) == (ROWS, wanted_digest())
    assert tiny_rows(offramp.directory / "csv/TABLE/big.csv") == (ROWS, wanted_digest())
    copy = offramp.directory / "copy.db"
    client(copy, stdin=(offramp.directory / "sql/load.sql").read_bytes(), cwd=offramp.directory / "sql")
    db = sqlite3.connect(copy)
    db.execute("ATTACH ? AS first", (str(path),))
    assert db.execute(
        "SELECT COUNT(*) FROM big JOIN first.big AS b USING (id) WHERE big.t = b.t"
    ).fetchone() == (ROWS,)
    db.close()


def test_huge_values_that_do_not_compress(offramp: Offramp) -> None:
    """Where every copy is as large as the value; behind ordinary rows, whose memory is there already."""
    path = offramp.directory / "large.db"
    chance = random.Random(1)
    values = [chance.randbytes(HUGE) for _ in range(2)]
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, b BLOB)")
    db.executemany("INSERT INTO large (b) VALUES (?)", ((chance.randbytes(200),) for _ in range(50_000)))
    db.executemany("INSERT INTO large (b) VALUES (?)", ((value,) for value in values))
    db.commit()
    db.close()
    offramp.quick("connection", "add", "large", f"sqlite:///{path}")
    with engine_of(offramp) as dump:
        assert dump("large", "--all", "--content", "data", "--format", "parquet", "--to", "parquet") < LIMIT
    with pq.ParquetFile(offramp.directory / "parquet/TABLE/large.parquet") as parquet:
        groups = parquet.metadata.num_row_groups
        found = [parquet.read_row_group(n)["b"][0].as_py() for n in (groups - 2, groups - 1)]
    assert found == values


@pytest.mark.mariadb
def test_one_huge_value_among_a_million_tiny_rows_of_mariadb(
    offramp: Offramp, mariadb: MariadbServer
) -> None:
    database = mariadb.new_database()
    mariadb.run(
        "CREATE TABLE big (id INT PRIMARY KEY, t LONGTEXT)",
        f"INSERT INTO big SELECT seq, CONCAT('x', seq) FROM seq_1_to_{ROWS}",
        f"UPDATE big SET t = REPEAT('ab,\"', {HUGE // 4}) WHERE id = 600000",
        database=database,
    )
    offramp.quick(
        "connection", "add", "big", "--mode", "mariadb", "--unix-socket", mariadb.socket, "--user", mariadb.user,
        "--database", database, "--password-stdin", stdin=mariadb.password + "\n",
    )  # fmt: skip
    with engine_of(offramp) as dump:
        assert dump("big", "--all", "--content", "data", "--to", "csv") < LIMIT
        assert dump("big", "--all", "--format", "sql", "--to", "sql") < LIMIT
    assert tiny_rows(offramp.directory / "csv/TABLE/big.csv") == (ROWS, wanted_digest())
    copy = mariadb.new_database()
    mariadb.client(
        copy, "--max-allowed-packet=1G", stdin=(offramp.directory / "sql/load.sql").open("rb"),
        cwd=offramp.directory / "sql",
    )  # fmt: skip
    sums = [mariadb.run(f"CHECKSUM TABLE `{d}`.big")[0][1] for d in (database, copy)]
    assert sums[0] == sums[1]
