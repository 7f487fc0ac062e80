"""Types, NULL and names: what is there is what is read, and what files hold."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq

from core.model.vocabulary import Content, Format
from tests.contract.reading import read_now, same, table
from tests.contract.subject import VALUES, Subject, Value
from tests.roundtrip.running import export
from tests.unit.formats.reading import NULL, read_csv

ROWS = 1 + max(map(len, VALUES.values()))
NAMES = (
    "a b", "it's", "semi; colon", 'say "x"', "back`tick", "100%s", "ünïcode 中", "select", "../up", "dot.ted",
    "-dash", "tab\there", "[b]x[/b]", "back\\slash",
)  # fmt: skip


def make_values(subject: Subject) -> dict[str, list[Value]]:
    """A table `vals` with every value, and a row of NULLs: what it holds by column, ordered by id."""
    columns = ", ".join(f"c_{name} {subject.types[name]}" for name in VALUES)
    subject.run(f"CREATE TABLE vals (id {subject.types['integer']} NOT NULL PRIMARY KEY, {columns})")
    held: dict[str, list[Value]] = {name: [] for name in VALUES}
    for row in range(ROWS):
        for name, values in VALUES.items():
            held[name].append(values[row] if row < len(values) else None)
        listed = ", ".join(subject.literal(held[name][row]) for name in VALUES)
        subject.run(f"INSERT INTO vals VALUES ({row}, {listed})")
    return held


def test_values_are_read_exactly(subject: Subject) -> None:
    held = make_values(subject)
    with subject.source().connect() as session:
        found = read_now(session, subject.place, "vals")
        assert [row[0] for row in found] == [str(n).encode() for n in range(ROWS)]
        for at, name in enumerate(VALUES, 1):
            wrong = [(v, row[at]) for v, row in zip(held[name], found, strict=True) if not same(v, row[at])]
            assert wrong == [], name


def test_files_hold_them_exactly(subject: Subject, tmp_path: Path) -> None:
    held = make_values(subject)
    done = export(subject.source(), tmp_path / "csv", database=subject.place, content=Content.DATA)
    text = done.path("TABLE:vals").read_bytes().decode()
    rows = sorted(read_csv(text, ",", '"', "\n", "")[1:], key=repr)
    for at, name in enumerate(VALUES, 1):
        for value, row in zip(held[name], rows, strict=True):
            raw = None if row[at] is NULL else str(row[at]).encode()
            if isinstance(value, bytes) and raw is not None:
                raw = bytes.fromhex(raw.decode())
            assert same(value, raw), (name, value, row[at])
    done = export(
        subject.source(), tmp_path / "parquet", database=subject.place, content=Content.DATA,
        format=Format.PARQUET,
    )  # fmt: skip
    by_id = sorted(pq.read_table(done.path("TABLE:vals")).to_pylist(), key=lambda row: row["id"])
    for name in VALUES:
        for value, row in zip(held[name], by_id, strict=True):
            got = row[f"c_{name}"]
            if isinstance(got, str):
                assert same(value, got.encode()), (name, value, got)
            else:
                assert got == value, (name, value, got)
                assert got is None or isinstance(got, (int, float, Decimal, bytes, datetime))


def test_names_are_what_they_are(subject: Subject, output: Path) -> None:
    names = [name for name in NAMES if not set(name) & set(subject.not_in_names)]
    for number, name in enumerate(names):
        quoted = subject.name(name)
        subject.run(f"CREATE TABLE {quoted} ({quoted} {subject.types['integer']} NOT NULL PRIMARY KEY)")
        subject.run(f"INSERT INTO {quoted} VALUES ({number})")
    with subject.source().connect() as session:
        assert subject.place in session.databases()
        assert {info.ref.name for info in session.objects(subject.place)} == set(names)
        assert [i.ref.name for i in session.objects(subject.place, search="IT'S")] == ["it's"]
        for number, name in enumerate(names):
            shape = session.describe(subject.place, table(name))
            assert ([c.name for c in shape.columns], shape.key) == ([name], (name,))
            session.check_readable(subject.place, shape)
            assert read_now(session, subject.place, name) == [(str(number).encode(),)]
    done = export(subject.source(), output, database=subject.place, format=Format.SQL)
    assert {item.ref.name for item in done.manifest.objects} == set(names)
    assert all(path.is_relative_to(output) for path in output.rglob("*"))
    copy = subject.empty()
    copy.load(output / "load.sql")
    with copy.source().connect() as session:
        for number, name in enumerate(names):
            assert read_now(session, copy.place, name) == [(str(number).encode(),)]
