"""Which choice holds for an object, and what can't be one."""

from __future__ import annotations

import pytest

from core.errors import InvalidValue
from core.model.choice import Choice, check_choices, check_queries, choice_of, statement_of
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Format, ObjectRef, ObjectType

ORDERS = ObjectRef(ObjectType.TABLE, "orders")


def test_the_nearest_name_holds_for_columns_and_condition_each():
    choices = {
        "*": Choice(where="anywhere", exclude=("x",)),
        "ord*": Choice(where="pattern"),
        "orders": Choice(columns=("a",)),
        "TABLE:orders": Choice(where="typed"),
        "VIEW:orders": Choice(where="the view's"),
    }
    assert choice_of(choices, ORDERS) == Choice(columns=("a",), where="typed")
    del choices["TABLE:orders"]
    # Of patterns the first.
    assert choice_of(choices, ORDERS) == Choice(columns=("a",), where="anywhere")
    assert choice_of(choices, ObjectRef(ObjectType.VIEW, "orders")) == Choice(
        columns=("a",), where="the view's"
    )
    assert choice_of({"orders": Choice(where="x")}, ObjectRef(ObjectType.TABLE, "other")) is None
    assert choice_of({"*": Choice(where="x")}, ObjectRef(ObjectType.QUERY, "q")) is None
    assert choice_of({"*": Choice(where="x")}, ObjectRef(ObjectType.FUNCTION, "f")) is None


@pytest.mark.parametrize(
    "parts",
    [{}, {"columns": ("a",), "exclude": ("b",)}, {"columns": ("",)}, {"where": " "}],
)
def test_what_is_no_choice(parts):
    with pytest.raises(InvalidValue):
        Choice(**parts)


def test_what_can_not_be_chosen_of():
    for name in ("FUNCTION:f", "QUERY:q", ""):
        with pytest.raises(InvalidValue):
            check_choices({name: Choice(where="x")})


def test_queries():
    assert statement_of(" SELECT 1 ;\n") == "SELECT 1"
    assert statement_of("SELECT ';' -- ;x") == "SELECT ';' -- ;x"
    for name, text in (
        ("", "SELECT 1"),
        (" q", "SELECT 1"),
        ("q\n", "SELECT 1"),
        ("q", " ; "),
        ("x" * 121, "S"),
    ):
        with pytest.raises(InvalidValue):
            check_queries({name: text})
    with pytest.raises(InvalidValue):
        ExportSettings(connection="c", queries={"q": "SELECT 1"}, content=Content.SCHEMA)
    with pytest.raises(InvalidValue):
        ExportSettings(connection="c", queries={"q": "SELECT 1"}, format=Format.SQL)
    with pytest.raises(InvalidValue):
        ExportSettings(connection="c", objects=("QUERY:q",))
    assert ExportSettings(connection="c", queries={"q": "SELECT 1"}).takes_rows(
        ObjectRef(ObjectType.QUERY, "q")
    )
