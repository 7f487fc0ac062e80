"""Every kind into every kind: the same rows, and between the same kinds the same definitions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.target_rules import family
from core.model.choice import Choice
from core.model.into import Existing
from core.model.vocabulary import Consistency, Content, ObjectRef, ObjectType, SchemaFlavour
from tests.into.places import Place, bring, new_place, nothing_of_ours
from tests.into.shop import TABLES, TRACKS


def test_the_rows_are_the_same(shop: Place, target: Place) -> None:
    done = bring(shop, target)
    tables = [entry for entry in done.files if entry.kind == "table"]
    assert sorted(entry.path for entry in tables) == [f"{target.database}.{name}" for name in TABLES]
    for name in TABLES:
        there = target.rows(name, settled=target.product == "sqlite")
        if target.product == "sqlite" and shop.product != "sqlite" and name == "track":
            # A server of the MySQL family prints every digit of a fraction.
            there = sorted(
                ((*row[:5], re.sub(r"\.?0*$", "", str(row[5])), *row[6:]) for row in there), key=repr
            )
        assert there == _known(shop, name, target), name
    assert {entry.rows for entry in tables} == {20, 60, TRACKS}
    assert nothing_of_ours(target)
    # What was made by the rules takes the same rows again.
    bring(shop, target, Existing.REPLACE, content=Content.DATA)
    assert len(target.rows("track")) == TRACKS
    if family(shop.connection.mode) == family(target.connection.mode):
        _same_definitions(shop, target)
    else:
        assert done.said("Tables are made by the rules for types")
        key = target.shape("track").key
        assert key == ("id",)


def _known(shop: Place, name: str, target: Place) -> list[tuple[object, ...]]:
    """The rows of the shop, as SQLite has them where that is where they go: decimals are text."""
    rows = shop.rows(name, settled=shop.product == "sqlite")
    if target.product != "sqlite" or shop.product == "sqlite" or name != "track":
        return rows
    return sorted((tuple(_in_sqlite(at, value) for at, value in enumerate(row)) for row in rows), key=repr)


def _in_sqlite(at: int, value: object) -> object:
    return f"{value:.2f}" if at == 4 and value is not None else value


def _same_definitions(shop: Place, target: Place) -> None:
    flavour = SchemaFlavour.NATIVE if shop.product == target.product else SchemaFlavour.MYSQL
    with shop.source.connect() as here, target.source.connect() as there:
        for name in TABLES:
            ref = ObjectRef(ObjectType.TABLE, name)
            one = here.ddl(shop.database, ref, flavour)
            two = there.ddl(target.database, ref, flavour)
            if shop.product == target.product:
                assert one.create == two.create, name
            assert len(one.foreign_keys) == len(two.foreign_keys) or shop.product == "sqlite"


@pytest.mark.parametrize("consistency", [Consistency.TASK, Consistency.PART])
def test_consistencies(lite: Place, target: Place, consistency: Consistency) -> None:
    bring(lite, target, consistency=consistency, content=Content.DATA)
    assert len(target.rows("track")) == TRACKS


def test_views_bring_their_rows(lite: Place, target: Place, request: pytest.FixtureRequest) -> None:
    lite.run("CREATE VIEW IF NOT EXISTS cheap AS SELECT id, name FROM track WHERE price < 100")
    try:
        bring(lite, target, content=Content.DATA, objects=("VIEW:cheap",))
        assert len(target.rows("cheap")) == lite.run("SELECT count(*) FROM cheap")[0][0]
    finally:
        lite.run("DROP VIEW cheap")


def test_replaced_twice_it_is_there_once(lite: Place, target: Place) -> None:
    for _ in range(2):
        bring(lite, target, Existing.REPLACE)
    assert len(target.rows("track")) == TRACKS
    assert nothing_of_ours(target)


def test_some_columns_some_rows_and_a_query(lite: Place, target: Place) -> None:
    choices = {"artist": Choice(columns=("id",)), "album": Choice(exclude=("title",), where="id < 8")}
    bring(
        lite, target, content=Content.DATA, objects=("artist", "album"), choices=choices,
        queries={"few": "SELECT id, name FROM track WHERE id < 3"},
    )  # fmt: skip
    assert target.rows("artist") == [(row[0],) for row in lite.rows("artist")]
    assert len(target.rows("album")) == 7
    assert [column.name for column in target.shape("album").columns] == ["id", "artist_id"]
    assert len(target.rows("few")) == 3


def test_some_columns_between_the_same_kinds(
    shop: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The source's own definition would have the columns that are left out."""
    target = new_place(shop.product, request, tmp_path / "target.db", "target")
    bring(shop, target, objects=("artist",), choices={"artist": Choice(columns=("id",))})
    assert [column.name for column in target.shape("artist").columns] == ["id"]
    assert len(target.rows("artist")) == 20
