"""Paths of a task's files: templates, directories, names that are told apart."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.model.file_settings import Directories, FileSettings, IfExists
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Content, Format, ObjectRef, ObjectType
from core.pipeline.layout import LOAD, MERGED, Layout, Names
from core.pipeline.manifest import MANIFEST

MADE = datetime(2026, 11, 22, 4, 0, 5, tzinfo=UTC)
NAMES = Names(connection="ob-prod", database="my/shop", export="nightly", task=412, made=MADE)
ORDERS = ObjectRef(ObjectType.TABLE, "orders")
TRIGGER = ObjectRef(ObjectType.TRIGGER, "orders")


def layout(
    refs: list[ObjectRef] | None = None,
    *,
    content: Content = Content.SCHEMA_AND_DATA,
    form: Format = Format.CSV,
    names: Names = NAMES,
    **files: object,
) -> Layout:
    wanted = ExportSettings(
        connection="ob-prod", all_objects=True, content=content, format=form, files=FileSettings(**files)
    )  # fmt: skip
    return Layout(wanted, refs or [ORDERS], names)


@pytest.mark.parametrize(
    ("files", "number", "data", "schema"),
    [
        ({}, None, "TABLE/orders.csv", "TABLE/orders-schema.sql"),
        ({"single": False}, 12, "TABLE/orders-00012.csv", "TABLE/orders-schema.sql"),
        ({"max_records": 5}, 1, "TABLE/orders-00001.csv", "TABLE/orders-schema.sql"),
        ({"max_records": 5}, 123456, "TABLE/orders-123456.csv", "TABLE/orders-schema.sql"),
        ({"prefix": "ob_"}, None, "TABLE/ob_orders.csv", "TABLE/ob_orders-schema.sql"),
        ({"directories": Directories.FLAT}, None, "orders.csv", "orders-schema.sql"),
        (
            {"directories": Directories.OBJECTS, "single": False, "name": "part-{part:03}"},
            7,
            "TABLE/orders/part-007.csv",
            "TABLE/orders/orders-schema.sql",
        ),
        (
            {"name": "{connection}.{database}.{object}-{date}T{time}-{export}-{task}-{type}"},
            None,
            "TABLE/ob-prod.my%2Fshop.orders-20261122T040005-nightly-412-TABLE.csv",
            "TABLE/orders-schema.sql",
        ),
        ({"name": "{{{object}}}"}, None, "TABLE/{orders}.csv", "TABLE/orders-schema.sql"),
    ],
)
def test_paths(files: dict[str, object], number: int | None, data: str, schema: str) -> None:
    made = layout(**files)
    assert made.data(ORDERS, number) == data
    assert made.schema(ORDERS) == schema


def test_a_number_that_isnt_known_yet_stays_a_field() -> None:
    made = layout(name="{object}-{task}", names=Names(made=MADE))
    assert made.data(ORDERS) == "TABLE/orders-{task}.csv"


def test_people_see_the_first_of_several_files() -> None:
    made = layout(single=False)
    assert made.all_of(ORDERS, schema=True, data=True) == (
        "TABLE/orders-schema.sql",
        "TABLE/orders-00001.csv ...",
    )


def test_in_one_directory_objects_of_several_types_are_told_apart() -> None:
    named_so = ObjectRef(ObjectType.TABLE, "TRIGGER.orders")
    refs = [
        TRIGGER,
        ORDERS,
        named_so,
        ObjectRef(ObjectType.TABLE, "load"),
        ObjectRef(ObjectType.VIEW, "LOAD"),
    ]
    made = layout(refs, directories=Directories.FLAT, form=Format.SQL)
    assert made.data(ORDERS) == "orders.sql"
    assert made.schema(TRIGGER) == "TRIGGER%2Eorders-schema.sql"
    assert made.schema(named_so) == "TRIGGER.orders-schema.sql"
    paths = [made.schema(ref) for ref in refs] + [made.data(ref) for ref in refs if ref.type.has_data]
    assert len({path.casefold() for path in [*paths, LOAD, MANIFEST, MERGED]}) == len(paths) + 3


def test_a_template_may_not_call_rows_what_a_schema_is_called() -> None:
    with pytest.raises(InvalidValue, match=r"TABLE/orders-schema\.sql"):
        layout(name="{object}-schema", form=Format.SQL)
    layout(name="{object}-schema", form=Format.CSV)


def test_a_device_is_no_files_name() -> None:
    # `CON.csv` can't be opened on Windows, in whatever pieces it was put together.
    assert layout([ObjectRef(ObjectType.TABLE, "N")], prefix="CO").data(ObjectRef(ObjectType.TABLE, "N")) == (
        "TABLE/%43ON.csv"
    )


def test_long_names_leave_room_for_what_stands_around_them() -> None:
    refs = [ObjectRef(ObjectType.TABLE, letter * 200) for letter in "ab"]
    made = layout(refs, prefix="p" * 50, name="{object}-{date}-{connection}", single=False)
    paths = {made.data(ref, 100_000).partition("/")[2] for ref in refs}
    assert len(paths) == 2
    assert max(len(path.encode()) for path in paths) <= 255
    with pytest.raises(InvalidValue, match="room"):
        layout(refs, prefix="p" * 100, name="x" * 80 + "{object}{object}")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ObjectType.TABLE, ObjectType.VIEW, ObjectType.TRIGGER]),
            st.text("aAäß.1-%T", max_size=5),
        ),
        max_size=8,
        unique=True,
    ),
    st.sampled_from(["{object}", "{object}1", "x{object}.{part}", "{part:1}-{object}", "{type}-{object}"]),
    st.sampled_from(list(Directories)),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_no_two_files_are_called_the_same(
    objects: list[tuple[ObjectType, str]], name: str, directories: Directories, single: bool
) -> None:  # fmt: skip
    refs = [ObjectRef(kind, text) for kind, text in objects]
    made = layout(refs or [ORDERS], name=name, directories=directories, single=single)
    paths = [made.schema(ref) for ref in refs] + [made.foreign_keys(ref) for ref in refs]
    numbers = [None] if single else [1, 9, 10, 11, 110]
    paths += [made.data(ref, number) for ref, number in product(refs, numbers) if ref.type.has_data]
    folded = {unicodedata.normalize("NFC", unicodedata.normalize("NFD", p).casefold()) for p in paths}
    assert len(folded) == len(paths)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "empty"),
        ("data", r"\{object\}"),
        ("{objekt}", "no field"),
        ("{object", "no template"),
        ("{object}{part:05}", "beside it"),
        ("{part}{object}", "beside it"),
        ("{object}-{part:x}", "digits"),
        ("{object:5}", "only"),
        ("{object!r}", "!"),
        ("a/{object}", "'/'"),
        ("{object}\n", r"\\n"),
        (".{object}", "begins"),
        ("{object}" + "x" * 101, "longer"),
        ("{object.name}", "no field"),
    ],
)
def test_templates_that_are_none(name: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        FileSettings(name=name)


@pytest.mark.parametrize(
    "place",
    [
        {"latest": True},
        {"fixed": True, "if_exists": IfExists.NEW},
        {"fixed": True, "if_exists": IfExists.REPLACE},
    ],
)
def test_elsewhere_there_are_no_links_and_nothing_is_replaced(place: dict[str, object]) -> None:
    files = FileSettings(if_exists=place.pop("if_exists", IfExists.FAIL))
    wanted = ExportSettings(connection="c", all_objects=True, files=files)
    with pytest.raises(InvalidValue, match="local file system"):
        Export(name="e", directory="s3://bucket/x", settings=wanted, **place)
    Export(name="e", directory="/out", settings=wanted, **place)


@pytest.mark.parametrize("prefix", ["a/b", "-rf", "..", "x\0", "p" * 101, "a'b"])
def test_prefixes_that_are_none(prefix: str) -> None:
    with pytest.raises(InvalidValue):
        FileSettings(prefix=prefix)
