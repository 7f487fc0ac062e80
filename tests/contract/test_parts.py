"""Keys, parts, points in time and marks: each row once, whatever others do meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.base import Sharing
from core.errors import SnapshotGone, SnapshotUnavailable
from core.model.mark import MarkKind
from tests.contract.reading import read, read_now, table
from tests.contract.subject import Subject, Value

ROWS = 240
# Columns, what is said of them together, and the values of row n.
Definition = tuple[str, str, Callable[[int], tuple[Value, ...]]]
KEYS: dict[str, Definition] = {
    "one": ("id {integer} NOT NULL PRIMARY KEY", "", lambda n: (n,)),
    "sparse": ("id {integer} NOT NULL PRIMARY KEY", "", lambda n: (n * 1_000_000_007 - 40_000_000_000,)),
    "texts": ("id {key} NOT NULL PRIMARY KEY", "", lambda n: (f"it's %_\\\n{n * 7 % 240:04}",)),
    "two": (
        "a {key} NOT NULL, id {integer} NOT NULL",
        ", PRIMARY KEY (a, id)",
        lambda n: ("same" if n < 200 else "Same ", n),
    ),
    "none": ("id {integer}", "", lambda n: (n % 3,)),
    "nullable": ("id {integer} UNIQUE", "", lambda n: (None if n == 7 else n,)),
}


def make(subject: Subject, name: str, rows: int = ROWS) -> None:
    """A table with a key of this kind, and how often each row was changed."""
    columns, together, values = KEYS[name]
    changes = f"changes {subject.types['integer']}"
    subject.run(f"CREATE TABLE keyed ({columns.format(**subject.types)}, {changes}{together})")
    given = (", ".join(map(subject.literal, (*values(n), 0))) for n in range(rows))
    subject.run(f"INSERT INTO keyed VALUES {', '.join(f'({row})' for row in given)}")


@pytest.mark.parametrize("name", KEYS)
def test_every_row_is_in_one_part(subject: Subject, name: str) -> None:
    make(subject, name)
    with subject.source().connect() as session:
        shape = session.describe(subject.place, table("keyed"))
        assert shape.key == {"none": (), "nullable": (), "two": ("a", "id")}.get(name, ("id",))
        session.begin()
        whole = read(session, subject.place, shape)
        parts = session.split(subject.place, shape, 50)
        assert [part.number for part in parts] == list(range(len(parts)))
        by_part = [read(session, subject.place, shape, part) for part in parts]
        session.end()
        assert len(whole) == ROWS
        assert sorted(map(repr, whole)) == sorted(repr(row) for rows in by_part for row in rows)
        if shape.key:
            assert 3 <= len(parts) <= 6
            assert max(map(len, by_part)) <= 100


def test_a_condition_is_met_within_each_part(subject: Subject) -> None:
    make(subject, "one")
    with subject.source().connect() as session:
        shape = session.describe(subject.place, table("keyed"))
        where = f"{subject.name('id')} >= 200 OR {subject.name('id')} < 20"
        session.check_readable(subject.place, shape, where)
        session.begin()
        parts = session.split(subject.place, shape, 10, where)
        found = [r for part in parts for r in read(session, subject.place, shape, part, where=where)]
        session.end()
        assert sorted(int(row[0] or b"") for row in found) == [*range(20), *range(200, ROWS)]
        assert len(parts) >= 4


def write(subject: Subject) -> None:
    """What others do: change each row, remove some and add some."""
    subject.run(
        "UPDATE keyed SET changes = changes + 1", "DELETE FROM keyed WHERE id < 20 OR id >= 5000",
        "INSERT INTO keyed VALUES (5000, 0), (-5, 0)",
    )  # fmt: skip


def test_a_point_in_time_is_kept_whatever_is_written(subject: Subject) -> None:
    make(subject, "one")
    with subject.source().connect() as session:
        shape = session.describe(subject.place, table("keyed"))
        snapshot = session.begin()
        parts = session.split(subject.place, shape, 60)
        found = []
        for part in parts:
            found += read(session, subject.place, shape, part)
            write(subject)
        assert sorted(int(row[0] or b"") for row in found) == list(range(ROWS))
        assert {row[1] for row in found} == {b"0"}
        assert snapshot.taken_at.tzinfo is not None
        session.end()
        # What begins now sees all of it.
        after = read_now(session, subject.place, "keyed")
        assert {row[1] for row in after} >= {str(len(parts)).encode()}
        assert (b"1",) not in [row[:1] for row in after]


def test_sessions_share_a_point_in_time_as_they_say(subject: Subject) -> None:
    make(subject, "one", 50)
    with subject.source().connect() as one, subject.source().connect() as two:
        shape = one.describe(subject.place, table("keyed"))
        two.describe(subject.place, table("keyed"))
        if one.sharing is Sharing.LOCK:
            with one.holding_still():
                one.begin()
                two.begin()
            write(subject)
        else:
            snapshot = one.begin()
            write(subject)
            if one.sharing is Sharing.NONE:
                with pytest.raises((SnapshotGone, SnapshotUnavailable)):
                    two.begin(snapshot)
                return
            assert snapshot.joins or snapshot.reopens
            assert two.begin(snapshot).id == snapshot.id
        for session in (one, two):
            rows = read(session, subject.place, shape)
            assert sorted(int(row[0] or b"") for row in rows) == list(range(50))
            assert {row[1] for row in rows} == {b"0"}
            session.end()


def test_marks_tell_the_new_rows(subject: Subject) -> None:
    integer = subject.types["integer"]
    subject.run(
        f"CREATE TABLE news (id {integer} NOT NULL PRIMARY KEY, seen {integer}, note {subject.types['text']})",
        "INSERT INTO news VALUES (1, 10, 'a'), (2, 30, 'b'), (3, NULL, 'c'), (4, 20, NULL)",
    )
    with subject.source().connect() as session:
        marks, shape = session.marks, session.describe(subject.place, table("news"))
        assert marks is not None
        columns = {column.name: column for column in marks.columns(subject.place, shape)}
        assert set(columns) >= {"id", "seen"}
        own, seen = columns["id"], columns["seen"]
        assert (own.kind, own.indexed, own.unique) == (MarkKind.NUMBER, True, True)
        assert (seen.nullable, seen.indexed) == (True, False)

        def newer(low: str | None, high: str | None, *, above: bool = True) -> list[bytes | None]:
            condition = marks.condition(subject.place, shape, seen, low, high, above=above)
            return [row[0] for row in read(session, subject.place, shape, where=condition)]

        session.begin()
        newest = marks.newest(subject.place, shape, seen)
        assert newest == "30"
        subject.run("INSERT INTO news VALUES (5, 31, 'late')")
        assert marks.newest(subject.place, shape, seen) == "30", "as of the point in time"
        assert newer("10", newest) == [b"2", b"4"]
        assert newer("10", newest, above=False) == [b"1", b"2", b"4"]
        session.end()
        session.begin()
        assert newer(newest, marks.newest(subject.place, shape, seen)) == [b"5"]
        missing = marks.missing(shape, seen)
        assert [row[0] for row in read(session, subject.place, shape, where=missing)] == [b"3"]
        ahead = marks.ahead(
            subject.place, shape, seen, marks.condition(subject.place, shape, seen, "10", None, above=True)
        )
        assert (ahead.rows, ahead.lowest, ahead.highest) == (3, "20", "31")
        session.end()
