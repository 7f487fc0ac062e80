"""Tasks that take a choice of columns and rows, and results of queries: what is in the files, the manifest and
the checks before."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from core.errors import ErrorInfo
from core.model.choice import Choice
from core.model.settings import ExportSettings
from core.model.vocabulary import Consistency, Content, Format, ObjectRef, ObjectStatus, ObjectType
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest
from core.pipeline.preflight import Preflight, Scope, preflight
from core.pipeline.run import run_task
from core.pipeline.verify import verify_against_source
from tests.connectors.sources import PRODUCTS, Place, new_place
from tests.pipeline.memory import MemoryJournal, make_task


@pytest.fixture(params=PRODUCTS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made = new_place(request.param, request, tmp_path)
    made.run(
        "CREATE TABLE orders (id int NOT NULL PRIMARY KEY, customer int NOT NULL, note varchar(20))",
        "CREATE TABLE customers (id int NOT NULL PRIMARY KEY, name varchar(20), secret varchar(20))",
        "INSERT INTO orders VALUES (1, 7, 'one'), (2, 8, 'two'), (3, 7, NULL)",
        "INSERT INTO customers VALUES (7, 'anna', 'x'), (8, 'bert', 'y')",
    )
    return made


def run(place: Place, output: Path, **settings: Any) -> ErrorInfo | None:
    """A task of the whole database but for what `settings` say; its error."""
    chosen = {"content": Content.DATA, **settings}
    if "objects" not in chosen:
        chosen["all_objects"] = True
    journal = MemoryJournal(
        make_task(output, ExportSettings(connection="shop", database=place.database, **chosen))
    )
    run_task(journal.again(), place.source(), log=logging.Logger("task"), cancel=Cancel())
    return journal.error


def check(place: Place, output: Path, **settings: Any) -> Preflight:
    chosen = ExportSettings(connection="shop", database=place.database, **settings)
    with place.session() as session:
        return preflight(session, chosen, output, Scope())


def lines(output: Path, name: str) -> list[str]:
    """A file's lines: the head, and the rows by value."""
    head, *rows = (output / name).read_text().splitlines()
    return [head, *sorted(rows)]


CHOICES = {
    "orders": Choice(
        exclude=("customer",), where="customer IN (SELECT id FROM customers WHERE name = 'anna')"
    ),
    "TABLE:customers": Choice(columns=("name", "id")),
}
QUERY = {
    "who orders": "SELECT c.name, count(*) AS n FROM orders o JOIN customers c ON c.id = o.customer"
    " GROUP BY c.name ORDER BY c.name;\n"
}


def test_columns_rows_and_queries(place: Place, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert run(place, output, choices=CHOICES, queries=QUERY) is None
    assert lines(output, "TABLE/orders.csv") == ["id,note", "1,one", "3,"]
    assert lines(output, "TABLE/customers.csv") == ["id,name", "7,anna", "8,bert"]
    assert lines(output, "QUERY/who orders.csv") == ["name,n", "anna,2", "bert,1"]
    manifest: Manifest = manifests.load(Disk(output), "")
    found = {str(item.ref): item for item in manifest.objects}
    assert found["TABLE:orders"].where == CHOICES["orders"].where
    assert [column.name for column in found["TABLE:customers"].columns] == ["id", "name"]
    asked = found["QUERY:who orders"]
    assert (asked.query, asked.rows, asked.schema_status) == (QUERY["who orders"], 2, None)
    assert manifest.settings_of_task().choices == CHOICES
    assert manifest.complete
    # Read again, by what the store knows; a manifest alone may have been changed by anybody.
    settings = ExportSettings(
        connection="shop", database=place.database, content=Content.DATA, all_objects=True, choices=CHOICES,
        queries=QUERY,
    )  # fmt: skip
    with place.session() as session:
        report = verify_against_source(output, session, known=settings)
        assert report.ok, report.problems
        alone = {v.name: v for v in verify_against_source(output, session).verdicts}
    assert alone["TABLE:customers"].ok
    assert "isn't taken from a manifest" in alone["TABLE:orders"].words
    assert "isn't taken from a manifest" in alone["QUERY:who orders"].words


def test_queries_may_be_all_that_leaves(place: Place, tmp_path: Path) -> None:
    output = tmp_path / "out"
    settings: dict[str, Any] = {"objects": (), "queries": {"q": "SELECT id, note FROM orders WHERE id < 3"}}
    assert run(place, output, **settings) is None
    assert sorted(path.name for path in output.rglob("*.*")) == ["manifest.json", "q.csv"]


@pytest.mark.parametrize("form", [Format.JSONL, Format.PARQUET, Format.SQL])
def test_in_other_formats(place: Place, tmp_path: Path, form: Format) -> None:
    output = tmp_path / "out"
    assert run(place, output, format=form, choices=CHOICES, queries=QUERY) is None
    manifest = manifests.load(Disk(output), "")
    assert {str(item.ref): item.rows for item in manifest.objects} == {
        "TABLE:orders": 2,
        "TABLE:customers": 2,
        "QUERY:who orders": 2,
    }
    if form is Format.PARQUET:
        import pyarrow.parquet as pq

        table = pq.read_table(output / "QUERY/who orders.parquet")
        assert table.to_pylist() == [{"name": "anna", "n": 2}, {"name": "bert", "n": 1}]
    if form is Format.JSONL:
        text = (output / "QUERY/who orders.jsonl").read_text()
        assert text == '{"name":"anna","n":2}\n{"name":"bert","n":1}\n'


def test_the_schema_is_whole_and_a_query_has_none(place: Place, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert run(place, output, content=Content.SCHEMA_AND_DATA, choices=CHOICES, queries=QUERY) is None
    assert "customer" in (output / "TABLE/orders-schema.sql").read_text()
    assert not (output / "QUERY/who orders-schema.sql").exists()
    manifest = manifests.load(Disk(output), "")
    states = {str(i.ref): (i.schema_status, i.data_status) for i in manifest.objects}
    assert states["QUERY:who orders"] == (None, ObjectStatus.SUCCESS)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"choices": {"orders": Choice(columns=("id", "nota"))}}, "note"),
        ({"choices": {"orders": Choice(exclude=("id", "customer", "note"))}}, "No column"),
        ({"choices": {"orders": Choice(where="id = ")}}, "condition"),
        ({"choices": {"ordres": Choice(where="id = 1")}}, "orders"),
        ({"queries": {"q": "DELETE FROM orders"}}, "QUERY:q"),
        ({"queries": {"q": "SELECT id FROM orders; SELECT 2"}}, "QUERY:q"),
    ],
)
def test_what_the_server_would_refuse_ends_it_before_it_reads(
    place: Place, tmp_path: Path, settings: dict[str, Any], word: str
) -> None:
    output = tmp_path / "out"
    error = run(place, output, **settings)
    assert error is not None
    assert word in f"{error.message} {error.hint}"
    assert not output.exists()


def test_of_a_part_of_the_rows_nobody_has_an_estimate(place: Place, tmp_path: Path) -> None:
    found = check(place, tmp_path / "out", all_objects=True, choices=CHOICES, queries=QUERY)
    assert {str(i.ref): i.problem for i in found.objects} == {
        "TABLE:orders": None,
        "TABLE:customers": None,
        "QUERY:who orders": None,
    }
    assert {i.ref: i.rows for i in found.objects}[ObjectRef(ObjectType.TABLE, "orders")] is None


def test_what_can_not_be_as_of_the_tasks_time_is_said(place: Place, tmp_path: Path) -> None:
    found = check(
        place,
        tmp_path / "out",
        all_objects=True,
        choices=CHOICES,
        queries=QUERY,
        consistency=Consistency.TASK,
    )
    if place.product != "oceanbase":
        assert found.problems == ()
        return
    (problem,) = found.problems
    assert "TABLE:orders" in problem.message
    assert "QUERY:who orders" in problem.message
