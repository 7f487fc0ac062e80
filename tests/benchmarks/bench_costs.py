"""What each thing costs that an export does beside forming rows: checksum, fsync, progress; and each encoding
and compression.

    python -m tests.benchmarks.bench_costs [--rows 300000] [--repeats 5]

The standard table's rows, in chunks of a megabyte, the same few over and over, go through the real pieces (encoder, sink,
disk, a journal on a store) into a CSV file. Each line differs from the first in one thing. All are run in
turns; shown is the quickest run of each: nanoseconds a row by the clock and of CPU (all threads), and how
much more or less that is than the first line's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from core import formats
from core.chunk import TextChunk
from core.locations import Locations
from core.model.connection import Connection
from core.model.format_settings import Compression
from core.model.settings import ExportSettings
from core.model.task import TaskObject
from core.model.vocabulary import Encoding, Format, Mode, ObjectStatus, Unencodable
from core.pipeline import writer
from core.pipeline.disk import Disk, OpenFile
from core.pipeline.pieces import DataFiles, Output
from core.store import NewTask, Store
from core.store.journal import StoreJournal
from tests.benchmarks import table
from tests.benchmarks.bench_formats import DIALECT, SHAPE, wire_chunk

CHUNK_ROWS = 4_000
Progress = Callable[[int, int], None]
# For characters that an encoding lacks stands the first of these that it has.
_STAND_INS = "猫中éä~"


@dataclass(frozen=True)
class Case:
    """One way to write the file."""

    name: str
    encoding: Encoding = Encoding.UTF_8
    compression: Compression = Compression.NONE
    policy: Unencodable = Unencodable.FAIL
    checksum: bool = True
    sync: bool = True
    progress: bool = True


def cases() -> list[Case]:
    found = [
        Case("UTF-8, with all of it"),
        Case("no checksum", checksum=False),
        Case("no fsync", sync=False),
        Case("no progress", progress=False),
    ]
    found += [Case(str(each), encoding=each) for each in Encoding if each is not Encoding.UTF_8]
    found.append(Case("GBK, ? for others", encoding=Encoding.GBK, policy=Unencodable.REPLACE))
    found += [Case(str(each), compression=each) for each in Compression if each is not Compression.NONE]
    return found


class _NoSync(Disk):
    def sync(self, file: OpenFile) -> None:
        pass


def _no_digest() -> Any:
    return SimpleNamespace(update=lambda _data: None, hexdigest=lambda: "")


def chunks_for(case: Case) -> list[TextChunk]:
    """Rows in chunks of about a megabyte, with characters that the encoding has unless the policy is to
    replace others."""
    change: dict[int, str] = {}
    if case.policy is Unencodable.FAIL:
        codec = {Encoding.ISO_8859_1: "latin-1"}.get(case.encoding, str(case.encoding))

        def had(character: str) -> bool:
            return character.encode(codec, "ignore") != b""

        stand_in = next(filter(had, _STAND_INS))
        change = str.maketrans({each: stand_in for each in table.HOSTILE if not had(each)})
    return _chunks(tuple(change.items()))


@cache
def _chunks(change: tuple[tuple[int, str], ...]) -> list[TextChunk]:
    rows = [
        tuple(v.translate(dict(change)) if isinstance(v, str) else v for v in row)
        for row in table.seed_rows()
    ]
    return [wire_chunk(rows[at : at + CHUNK_ROWS]) for at in range(0, len(rows), CHUNK_ROWS)]


def once(
    case: Case, chunks: Sequence[TextChunk], rows: int, disk: Disk, progress: Progress
) -> tuple[float, float, int]:
    """Write a file of at least so many rows: seconds, seconds of CPU, bytes; the first two by row."""
    settings = ExportSettings(
        connection="bench", objects=("t",), format=Format.CSV, encoding=case.encoding,
        compression=case.compression, on_unencodable=case.policy,
    )  # fmt: skip
    output = Output(
        disk=disk, settings=settings, ref="t",
        encoder=lambda: formats.open_encoder(settings, DIALECT, "shop", SHAPE),
        path=lambda _number: "file", built=lambda path: path, part=lambda _number: None,
    )  # fmt: skip
    begun, cpu = time.perf_counter(), time.process_time()
    with DataFiles(output) as files:
        for chunk in cycle(chunks):
            if files.rows >= rows:
                break
            files.write(chunk)
            progress(files.rows, files.size)
        files.end_part()
        (entry,) = files.finish(at_least_one=True)
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - begun
    disk.remove("file")
    return seconds / entry.rows, cpu / entry.rows, entry.bytes


def measure(rows: int, repeats: int, root: Path) -> dict[Case, list[tuple[float, float, int]]]:
    found: dict[Case, list[tuple[float, float, int]]] = {case: [] for case in cases()}
    chunks = {case: chunks_for(case) for case in found}
    with Store.open(Locations(root / "home")) as store:
        store.connections.add(Connection(name="bench", mode=Mode.SQLITE, path="/bench"))
        settings = ExportSettings(connection="bench", all_objects=True)
        store.tasks.add(NewTask(name="t", settings=settings, output="/out", mode=Mode.SQLITE, owner="ann"))
        epoch = store.lease.acquire(store.lease.state(), "a benchmark")
        assert epoch is not None
        claim = store.claims.claim_next(epoch, datetime.now(UTC))
        assert claim is not None
        journal = StoreJournal(store, claim.task, claim.token)
        journal.take_hold(1, 1, datetime.now(UTC))
        journal.plan([TaskObject(number=0, ref=SHAPE.ref, data_status=ObjectStatus.RUNNING)], None)
        for _ in range(repeats):
            for case, samples in found.items():
                disk = Disk(root) if case.sync else _NoSync(root)

                def told(rows: int, size: int) -> None:
                    journal.progress(0, rows, size)

                def silent(_rows: int, _size: int) -> None:
                    pass

                progress = told if case.progress else silent
                if case.checksum:
                    samples.append(once(case, chunks[case], rows, disk, progress))
                else:
                    with mock.patch.object(writer, "hashlib", SimpleNamespace(sha256=_no_digest)):
                        samples.append(once(case, chunks[case], rows, disk, progress))
        journal.close()
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--directory", type=Path, help="where to write; a temporary directory")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=options.directory) as scratch:
        found = measure(options.rows, options.repeats, Path(scratch))
    first = next(iter(found.values()))
    base = [min(sample[at] for sample in first) for at in range(2)]
    print(f"{'':22} {'ns/row':>8} {'':>8} {'CPU ns':>8} {'':>8} {'MB':>8}")
    for case, samples in found.items():
        clock = min(sample[0] for sample in samples)
        cpu = min(sample[1] for sample in samples)
        size = samples[0][2]
        print(
            f"{case.name:22} {clock * 1e9:8.0f} {(clock - base[0]) * 1e9:+8.0f} {cpu * 1e9:8.0f} "
            f"{(cpu - base[1]) * 1e9:+8.0f} {size / 1e6:8.1f}"
        )


if __name__ == "__main__":
    main()
