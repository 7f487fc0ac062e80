"""Schema and rows of a whole place, loaded by the database's own client into an empty one, are the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import ObjectDdl, Session
from core.model.format_settings import SqlRows
from core.model.settings import SchemaSettings, SqlSettings
from core.model.vocabulary import Content, Format, ObjectRef, ObjectType, SchemaFlavour
from tests.contract.reading import Row, read_now
from tests.contract.subject import Subject
from tests.contract.test_values import make_values
from tests.roundtrip.running import export

pytestmark = pytest.mark.usefixtures("sqlite3_client")


def make(subject: Subject) -> None:
    """All values; keys that lead in a circle; an index; views on views, whose names come in the wrong order."""
    make_values(subject)
    integer, key = subject.types["integer"], subject.types["key"]
    subject.run(
        f"CREATE TABLE child (id {integer} NOT NULL PRIMARY KEY, parent {integer}, label {key} DEFAULT 'it''s' NOT NULL)",
        f"CREATE TABLE parent (id {integer} NOT NULL PRIMARY KEY, eldest {integer}, label {key} UNIQUE,"
        " CONSTRAINT to_child FOREIGN KEY (eldest) REFERENCES child (id))",
        "CREATE INDEX by_label ON child (label, parent)",
        "INSERT INTO child (id, parent) VALUES (1, 1), (2, 1), (3, NULL)",
        "INSERT INTO parent VALUES (1, 2, 'x')",
        "CREATE VIEW z_view AS SELECT id, label FROM child WHERE parent IS NOT NULL",
        "CREATE VIEW a_view AS SELECT id FROM z_view",
    )  # fmt: skip


def whole(subject: Subject, session: Session) -> tuple[dict[ObjectRef, ObjectDdl], dict[str, list[Row]]]:
    refs = [info.ref for info in session.objects(subject.place)]
    schemas = {ref: session.ddl(subject.place, ref, SchemaFlavour.NATIVE) for ref in refs}
    tables = [ref.name for ref in refs if ref.type is ObjectType.TABLE]
    return schemas, {name: read_now(session, subject.place, name) for name in tables}


def test_a_place_is_the_same_after_it_was_loaded(subject: Subject, output: Path) -> None:
    make(subject)
    with subject.source().connect() as session:
        wanted = whole(subject, session)
        rows = SqlRows.COPY if session.dialect.copies else SqlRows.INSERT
    export(
        subject.source(), output, database=subject.place, content=Content.SCHEMA_AND_DATA, format=Format.SQL,
        sql=SqlSettings(rows=rows, batch_commit=2),
    )  # fmt: skip
    copy = subject.empty()
    copy.load(output / "load.sql")
    with copy.source().connect() as session:
        found = whole(copy, session)
    assert found[1] == wanted[1]
    assert {ref: copy.common(d) for ref, d in found[0].items()} == {
        ref: subject.common(d) for ref, d in wanted[0].items()
    }


def test_one_file_makes_everything_and_takes_it_away_first(subject: Subject, output: Path) -> None:
    make(subject)
    done = export(
        subject.source(), output, database=subject.place, content=Content.SCHEMA,
        schema=SchemaSettings(merge=True, drop=True),
    )  # fmt: skip
    (file,) = done.manifest.files
    copy = subject.empty()
    for _ in range(2):
        copy.load(output / file.path)
    with subject.source().connect() as old, copy.source().connect() as new:
        assert set(whole(copy, new)[0]) == set(whole(subject, old)[0])


def test_a_survey_says_the_same(subject: Subject) -> None:
    make(subject)
    with subject.source().connect() as session:
        refs = [info.ref for info in session.objects(subject.place)]
        for number in range(60):
            subject.run(f"CREATE TABLE more_{number} (id {subject.types['integer']} NOT NULL PRIMARY KEY)")
        refs = [info.ref for info in session.objects(subject.place)]

        def told() -> list[object]:
            return [
                (
                    session.ddl(subject.place, ref, SchemaFlavour.NATIVE),
                    session.describe(subject.place, ref) if ref.type.has_data else None,
                )
                for ref in refs
            ]

        alone = told()
        with session.survey(subject.place, refs):
            assert told() == alone
