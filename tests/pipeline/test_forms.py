"""Files of every format and compression, from plan to verification."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from core.errors import OutputDamaged
from core.formats import compress
from core.formats.compress import decompressed, open_compressor
from core.model.format_settings import Compression
from core.model.vocabulary import Format
from core.pipeline.verify import verify, verify_against_source
from tests.pipeline.conftest import Bench
from tests.pipeline.scripted import ScriptedSession, table

Make = Callable[..., Bench]
TEXT = [form for form in Format if form.is_text]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 3)


def plain(data: bytes, compression: Compression) -> bytes:
    """As other programs read it."""
    if compression is Compression.GZIP:
        return gzip.decompress(data)
    if compression is Compression.ZSTD:
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    return data


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("form", TEXT)
def test_compressed_files_hold_what_plain_ones_do(
    bench: Make, form: Format, compression: Compression
) -> None:
    wanted = bench(table("orders", 10), table("empty", 0), format=form)
    wanted.good()
    expected = {f"{name}{compression.suffix}": data for name, data in wanted.files().items()
                if "schema" not in name and name != "load.sql"}  # fmt: skip
    b = bench(table("orders", 10), table("empty", 0), format=form, compression=compression,
              output=wanted.output.parent / "other")  # fmt: skip
    manifest = b.good()
    assert {n: plain(d, compression) for n, d in b.files().items() if n in expected} == expected
    assert verify(b.output).ok
    assert verify_against_source(b.output, ScriptedSession(b.database)).ok
    sizes = {entry.path: entry.bytes for entry in manifest.files}
    assert all(sizes[name] == len(data) for name, data in b.files().items())
    next(iter(b.database.things.values())).rows[0] = (b"0", b"other")
    b.database.snapshots.clear()
    report = verify_against_source(b.output, ScriptedSession(b.database))
    assert [verdict.name for verdict in report.problems] == ["TABLE:orders"]


@pytest.mark.parametrize("form", [Format.PARQUET, Format.ARROW])
def test_files_with_types(bench: Make, form: Format) -> None:
    b = bench(table("orders", 10), table("empty", 0), format=form)
    manifest = b.good()
    for name, rows in (("orders", 10), ("empty", 0)):
        data = b.files()[f"TABLE/{name}.{form}"]
        read = (
            pq.read_table(io.BytesIO(data))
            if form is Format.PARQUET
            else pa.ipc.open_file(io.BytesIO(data)).read_all()
        )
        assert read.num_rows == rows
        assert read.column_names == ["id", "note"]
    assert {str(o.ref): o.rows for o in manifest.objects} == {"TABLE:orders": 10, "TABLE:empty": 0}
    assert verify(b.output).ok
    assert verify_against_source(b.output, ScriptedSession(b.database)).ok


def test_json_lines(bench: Make) -> None:
    b = bench(table("orders", 4), format=Format.JSONL)
    b.good()
    lines = b.files()["TABLE/orders.jsonl"].decode().splitlines()
    assert [json.loads(line) for line in lines] == [{"id": str(n), "note": f"orders {n}"} for n in range(4)]


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
@pytest.mark.parametrize("level", [None, 1, 3])
def test_how_pieces_came_is_not_seen(
    monkeypatch: pytest.MonkeyPatch, compression: Compression, level: int | None
) -> None:
    monkeypatch.setattr(compress, "BLOCK_BYTES", 1000)
    content = b"".join(b"%d,text\n" % n for n in range(5000))
    files = set()
    for size in (1, 999, 1000, 7777, len(content)):
        compressor = open_compressor(compression, level)
        assert compressor is not None
        out = b"".join(compressor.compress(content[at : at + size]) for at in range(0, len(content), size))
        files.add(out + compressor.finish())
        assert compressor.finish() == b"", "nothing came: no empty member"
    (data,) = files
    assert plain(data, compression) == content
    assert b"".join(decompressed([data[:100], data[100:]], compression, "f")) == content
    assert b"".join(decompressed([data, data], compression, "f")) == content * 2
    for damaged in (data[:-5], b"x" + data):
        with pytest.raises(OutputDamaged, match=r"^f "):
            list(decompressed([damaged], compression, "f"))
