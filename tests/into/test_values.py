"""Values that exporters are known to lose, into other databases: kept as they are, or found before they get there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.model.format_settings import Unfit
from core.model.into import Existing
from core.model.vocabulary import Content
from tests.connectors.sources import PRODUCTS
from tests.connectors.test_postgresql_values import TYPES, VALUES
from tests.into.places import Place, bring, new_place, nothing_of_ours, task_of
from tests.into.shop import TEXTS
from tests.roundtrip.sqlite_copy import build, rows
from tests.servers.mysql_values import LONE_SURROGATE_HEX, shop_values

# FLOAT(M,D) prints a value that its own type refuses: 999999.999 is 1000000 as a FLOAT.
REFUSED_BY_ITSELF = "ALTER TABLE hostile DROP COLUMN c_floatmd"


def hostile(product: str, request: pytest.FixtureRequest, directory: Path) -> Place:
    place = new_place(product, request, directory / "hostile.db")
    place.run(*shop_values(place.database, product))
    place.run(REFUSED_BY_ITSELF)
    return place


@pytest.mark.parametrize("product", PRODUCTS[1:3])
@pytest.mark.parametrize("content", [Content.SCHEMA_AND_DATA, Content.DATA])
def test_the_mysql_family_keeps_all(
    product: str, content: Content, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = hostile(product, request, tmp_path)
    target = new_place(product, request, tmp_path / "none", "target")
    bring(source, target, content=content)
    assert target.rows("hostile") == source.rows("hostile")
    assert nothing_of_ours(target)


@pytest.mark.mariadb
def test_by_inserts_too(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server takes no LOAD DATA LOCAL; that it says so is put in its mouth, since its setting is
    everybody's."""
    from connectors.sources.mysql.link import Link

    asked = Link.rows

    def without(self: Link, statement: str) -> list[tuple[object, ...]]:
        found = asked(self, statement)
        return [("local_infile", "OFF")] if "local_infile" in statement else found

    monkeypatch.setattr(Link, "rows", without)
    source = hostile("mariadb", request, tmp_path)
    target = new_place("mariadb", request, tmp_path / "none", "target")
    done = bring(source, target)
    assert done.said("rows go in by INSERT")
    assert target.rows("hostile") == source.rows("hostile")


@pytest.mark.mariadb
@pytest.mark.postgresql
def test_what_postgresql_cannot_hold(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    source = hostile("mariadb", request, tmp_path)
    target = new_place("postgresql", request, tmp_path / "none", "target")
    failed = task_of(target).attempt(source.source, target.elsewhere())
    assert failed.error is not None
    assert failed.error.code == "unfitting"
    assert re.search(r"column c_\w+, id=\d+: ", failed.error.message), failed.error.message
    assert target.tables() == []
    done = bring(source, target, on_unfit=Unfit.NULL)
    assert done.said("Column c_date: 3 values that don't fit date became NULL.")
    assert done.said("Column c_text: 1 values that don't fit text became NULL.")
    here, there = source.rows("hostile"), target.rows("hostile")
    names = [column.name for column in source.shape("hostile").columns]
    unfit = {"c_date", "c_datetime", "c_datetime6", "c_stamp", "c_varchar", "c_bin_collation", "c_text"}
    for one, two in zip(here, there, strict=True):
        for name, value, kept in zip(names, one, two, strict=True):
            assert kept == value or (name in unfit and kept is None), name


@pytest.mark.postgresql
@pytest.mark.parametrize("content", [Content.SCHEMA_AND_DATA, Content.DATA])
def test_postgresql_keeps_all(content: Content, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Types of its own, too, where definitions leave; without, these are text there."""
    source = every_type(request, tmp_path)
    target = new_place("postgresql", request, tmp_path / "none", "target")
    bring(source, target, content=content)
    here = source.rows("every")
    if content is Content.DATA:
        # By the rules a type of its own is text: told as text on both sides.
        assert [[str(v) for v in row] for row in target.rows("every")] == [
            [str(v) for v in row] for row in here
        ]
    else:
        assert target.rows("every") == here


def every_type(request: pytest.FixtureRequest, directory: Path) -> Place:
    place = new_place("postgresql", request, directory / "none")
    place.run(TYPES)
    columns = ", ".join(f'"c{n}" {kind}' for n, (kind, _) in enumerate(VALUES))
    place.run(f"CREATE TABLE every (id int PRIMARY KEY, {columns})")
    for row in range(max(len(values) for _, values in VALUES) + 1):
        given = [
            values[row] if row < len(values) else "''" if kind == "shorter" else "NULL"
            for kind, values in VALUES
        ]
        place.run(f"INSERT INTO every VALUES ({row}, {', '.join(given)})")
    return place


@pytest.mark.postgresql
@pytest.mark.parametrize("product", [PRODUCTS[0], PRODUCTS[1]])
def test_types_of_postgresql_elsewhere(product: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Infinity, NaN, dates before Christ and after 9999 are found; the rest is there."""
    source = every_type(request, tmp_path)
    target = new_place(product, request, tmp_path / "target.db", "target")
    done = bring(source, target, content=Content.DATA, on_unfit=Unfit.NULL)
    assert done.said("don't fit")
    assert len(target.rows("every")) == len(source.rows("every"))
    if product == "mariadb":
        failed = task_of(target, Existing.REPLACE, content=Content.DATA).attempt(
            source.source, target.elsewhere()
        )
        assert failed.error is not None
        assert failed.error.code == "unfitting", failed.error


def test_sqlite_keeps_all(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each value's own type, text that is no UTF-8, real numbers among integers; definitions to the letter."""
    path = build(tmp_path / "hostile.db")
    source = new_place("sqlite", request, path)
    target = new_place("sqlite", request, tmp_path / "target.db", "target")
    bring(source, target)
    assert rows(tmp_path / "target.db") == rows(path)


@pytest.mark.parametrize("product", PRODUCTS)
def test_one_column_of_text(product: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Where a value stands alone on its line: an end of data, an empty line and NULL are told apart."""
    source = new_place("sqlite", request, tmp_path / "source.db")
    source.run("CREATE TABLE t (x TEXT)")
    for text in [*TEXTS, None]:
        source.run(f"INSERT INTO t VALUES ({'NULL' if text is None else _literal(text)})")
    target = new_place(product, request, tmp_path / "target.db", "target")
    bring(source, target, content=Content.DATA)
    assert target.rows("t") == source.rows("t")


def _literal(text: str) -> str:
    return f"CAST(X'{text.encode().hex()}' AS TEXT)"


@pytest.mark.mariadb
@pytest.mark.postgresql
def test_text_that_is_no_utf8_goes_nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    source = new_place("mariadb", request, tmp_path / "none")
    source.run(
        "CREATE TABLE t (id int PRIMARY KEY, x text)", f"INSERT INTO t VALUES (3, X'{LONE_SURROGATE_HEX}')"
    )
    target = new_place("postgresql", request, tmp_path / "none", "target")
    done = task_of(target).attempt(source.source, target.elsewhere())
    assert done.error is not None
    assert done.error.code == "invalid-text"
    assert "id=3" in done.error.message


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(
    ("column", "value"), [("varchar(3)", "'abcdef'"), ("varchar(3) NOT NULL", "NULL")], ids=["long", "null"]
)
def test_what_a_column_would_cut_is_refused(
    product: str, column: str, value: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = new_place("sqlite", request, tmp_path / "source.db")
    source.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)", f"INSERT INTO t VALUES (1, 'abc'), (2, {value})"
    )
    target = new_place(product, request, tmp_path / "target.db", "target")
    target.run(f"CREATE TABLE t (id bigint PRIMARY KEY, x {column})")
    done = task_of(target, Existing.APPEND, content=Content.DATA).attempt(source.source, target.elsewhere())
    if product == "sqlite" and value != "NULL":
        assert target.rows("t") == source.rows("t"), "a length is no limit there"
        return
    assert done.error is not None
    assert done.error.code == "unfitting", done.error
    assert target.rows("t") == []
    assert nothing_of_ours(target)


@pytest.mark.parametrize("product", PRODUCTS)
def test_names_full_of_quotes(product: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    name, column = 'Or"de`rs; DROP TABLE x --', "a'b\"c`d %s"
    source = new_place("sqlite", request, tmp_path / "source.db")
    quoted, inner = ('"' + text.replace('"', '""') + '"' for text in (name, column))
    source.run(
        f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, {inner} TEXT)",
        f"INSERT INTO {quoted} VALUES (1, 'x')",
    )
    target = new_place(product, request, tmp_path / "target.db", "target")
    bring(source, target, content=Content.DATA)
    bring(source, target, Existing.REPLACE, content=Content.DATA)
    (kept,) = [table for table in target.tables() if table.lower() == name.lower()]
    assert len(target.rows(kept)) == 1
    assert nothing_of_ours(target)
