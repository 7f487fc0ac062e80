"""What becomes of tables that are there: refused, added to, replaced; and what can't go into them."""

from __future__ import annotations

import pytest

from core.errors import InvalidValue
from core.model.into import Existing, Into
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, OnError
from tests.into.places import Place, bring, nothing_of_ours, task_of
from tests.into.shop import TRACKS

DATA = {"content": Content.DATA, "objects": ("artist",)}


def test_create_refuses_what_is_there(lite: Place, target: Place) -> None:
    bring(lite, target, **DATA)
    again = task_of(target, **DATA).attempt(lite.source, target.elsewhere())
    assert again.error is not None
    assert again.error.code == "preflight-failed"
    assert "has a 'artist' already" in again.error.message
    assert len(target.rows("artist")) == 20
    assert nothing_of_ours(target)


def test_append_adds(lite: Place, target: Place) -> None:
    bring(lite, target, **DATA)
    target.run("DELETE FROM artist WHERE id > 5", "INSERT INTO artist VALUES (100, 'own')")
    target.run("DELETE FROM artist WHERE id < 6")
    done = bring(lite, target, Existing.APPEND, **DATA)
    assert [(entry.path, entry.rows) for entry in done.files] == [(f"{target.database}.artist", 20)]
    assert len(target.rows("artist")) == 21
    assert nothing_of_ours(target)


def test_append_of_a_key_that_is_there_changes_nothing(lite: Place, target: Place) -> None:
    bring(lite, target, **DATA)
    before = target.rows("artist")
    again = task_of(target, Existing.APPEND, **DATA).attempt(lite.source, target.elsewhere())
    assert again.error is not None
    assert again.error.code == "unfitting", again.error
    assert not again.error.transient
    assert target.rows("artist") == before
    assert nothing_of_ours(target)


def test_append_needs_a_table(lite: Place, target: Place) -> None:
    done = task_of(target, Existing.APPEND, **DATA).attempt(lite.source, target.elsewhere())
    assert done.error is not None
    assert "has no table 'artist'" in done.error.message


def test_new_rows_in_the_place_of_the_old(lite: Place, target: Place) -> None:
    """The table stays, with what belongs to it: an index of its own, a column that it has beside."""
    bring(lite, target, **DATA)
    target.run(
        "ALTER TABLE artist ADD COLUMN note integer", "CREATE INDEX own_index ON artist (note)",
        "UPDATE artist SET note = 7", "INSERT INTO artist (id, name) VALUES (500, 'gone soon')",
    )  # fmt: skip
    bring(lite, target, Existing.REPLACE, **DATA)
    rows = target.rows("artist")
    assert len(rows) == 20
    assert {row[2] for row in rows} == {None}
    assert nothing_of_ours(target)


def test_a_new_table_in_the_place_of_the_old(lite: Place, target: Place) -> None:
    quoted = "`" if target.product in ("mariadb", "oceanbase") else '"'
    target.run(f"CREATE TABLE artist ({quoted}other{quoted} integer)", "INSERT INTO artist VALUES (1)")
    bring(lite, target, Existing.REPLACE, objects=("artist",))
    assert [column.name for column in target.shape("artist").columns] == ["id", "name"]
    assert len(target.rows("artist")) == 20
    assert nothing_of_ours(target)


def test_a_table_that_cannot_take_the_columns(lite: Place, target: Place) -> None:
    target.run("CREATE TABLE track (id date)")
    done = task_of(target, Existing.APPEND, content=Content.DATA, objects=("track",)).attempt(
        lite.source, target.elsewhere()
    )
    assert done.error is not None
    assert "The table there can't take TABLE:track" in done.error.message
    assert "column album_id isn't there." in done.error.message


def test_the_others_are_published_where_one_fails(lite: Place, target: Place) -> None:
    """And another attempt brings only what is missing."""
    target.run("CREATE TABLE track (id integer PRIMARY KEY)")
    task = task_of(target, content=Content.DATA, on_error=OnError.CONTINUE)
    task.attempt(lite.source, target.elsewhere())
    assert task.error is not None
    assert task.error.code == "incomplete"
    assert sorted(entry.path for entry in task.files) == [
        f"{target.database}.{n}" for n in ("album", "artist")
    ]
    target.run("DROP TABLE track", "DELETE FROM artist WHERE id > 1")
    task.attempt(lite.source, target.elsewhere("offramp attempt 2"))
    assert task.error is None, task.log
    assert len(target.rows("track")) == TRACKS
    assert len(target.rows("artist")) == 1, "what was published isn't brought again"
    assert nothing_of_ours(target)


def test_a_row_that_a_table_refuses(lite: Place, target: Place) -> None:
    """With the others kept: the failed table's rows are nowhere."""
    target.run(
        "CREATE TABLE artist (id bigint PRIMARY KEY, name varchar(300))",
        "INSERT INTO artist VALUES (7, 'in the way')",
        "CREATE TABLE album (id bigint PRIMARY KEY, title varchar(300), artist_id bigint)",
    )
    task = task_of(
        target, Existing.APPEND, content=Content.DATA, objects=("artist", "album"), on_error=OnError.CONTINUE
    ).attempt(lite.source, target.elsewhere())
    assert task.error is not None
    if target.product in ("mariadb", "oceanbase"):
        # Found when the rows go from their staging tables into the tables, all of them at once.
        assert task.error.code == "unfitting"
        assert target.rows("album") == []
    else:
        assert task.error.code == "incomplete"
        assert len(target.rows("album")) == 60
    assert len(target.rows("artist")) == 1
    assert nothing_of_ours(target)


def test_rows_do_not_go_where_they_come_from(lite: Place) -> None:
    done = task_of(lite, Existing.REPLACE, content=Content.DATA).attempt(lite.source, lite.elsewhere())
    assert done.error is not None
    assert "itself" in done.error.message
    assert len(lite.rows("track")) == TRACKS


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"into": Into(connection="x", existing=Existing.APPEND)}, "tables that are there"),
        ({"into": Into(connection="x"), "window": "new"}, "are added"),
    ],
)
def test_settings_that_make_no_sense(fields: dict[str, object], words: str) -> None:
    from core.model.mark import Window

    if "window" in fields:
        fields = {**fields, "window": Window.NEW, "content": Content.DATA}
    with pytest.raises(InvalidValue, match=words):
        ExportSettings(connection="shop", all_objects=True, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "into"),
    [
        ("connection:warehouse", Into(connection="warehouse")),
        ("connection:ware house/public", Into(connection="ware house", database="public")),
        ("connection:a%2Fb/c%25d", Into(connection="a/b", database="c%d")),
        ("/data/out", None),
        ("lake:shop", None),
    ],
)
def test_places(text: str, into: Into | None) -> None:
    assert Into.parse(text) == into
    if into is not None:
        assert into.place == text


def test_places_that_are_none() -> None:
    for text in ("connection:a/", "connection:a/b/c", "connection:"):
        with pytest.raises(InvalidValue):
            Into.parse(text)
