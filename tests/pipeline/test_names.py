"""File names: safe on any file system, distinct, and reversible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.pipeline.names import MAX_BYTES, decode, encode, file_names

HOSTILE = [
    "../x", "/", "\\", "a\nb", 'quo"te', "it's", "back`tick", "a.b", "-leading", "100%", "a;b", "   ", " x ",
    "CON", "con", "nul.txt", "COM1", "Orders", "orders", "ORDERS", ".hidden", ".", "..", "trailing.", "", "a\0b",
    "订单", "中文 表", "é", "e\u0301", "É", "E\u0301", "ß", "ss", "SS", "straße", "strasse", "ﬁ", "fi",
    "a\u202eb", "\ufeff", "orders-schema", "orders.0001", "x~0123456789abcdef", "%41", "a:b", "a|b", "a*b?",
    "\U0001f600" * 64, "é" * 150, "İ", "i̇", "ſ", "s", "K", "k", "\udcff",
]  # fmt: skip


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def check(names: list[str]) -> None:
    result = file_names(names)
    assert len({folded(stem) for stem in result.values()}) == len(set(names)), "distinct on every file system"
    for name, stem in result.items():
        assert stem
        assert len(stem.encode()) <= MAX_BYTES
        assert not set(stem) & set("/\\\"'`:*?<>|;\0\n\r")
        assert stem.isprintable()
        assert stem[0] not in ".- "
        assert stem[-1] not in ". "
        if "~" not in stem:
            assert decode(stem) == name


def test_hostile_names_become_distinct_safe_and_reversible() -> None:
    check(HOSTILE)


def test_the_same_set_gives_the_same_names_in_any_order() -> None:
    assert file_names(HOSTILE) == file_names(reversed(HOSTILE))


@given(st.lists(st.text(max_size=12), max_size=8))
@settings(max_examples=300, deadline=None)
def test_any_names(names: list[str]) -> None:
    check(names)


@given(st.lists(st.text("aAäÄßsSéE\u0301.-~%Iiİı", max_size=6), max_size=12))
@settings(max_examples=300, deadline=None)
def test_names_that_differ_little(names: list[str]) -> None:
    check(names)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("orders", "orders"),
        ("Orders", "Orders"),
        ("订单", "订单"),
        ("order items", "order items"),
        ("../etc", "%2E.%2Fetc"),
        ("-rf", "%2Drf"),
        ("CON", "%43ON"),
        ("#x", "%23x"),
        ("a -- b", "a --%20b"),
        ("orders-schema", "orders%2Dschema"),
        ("orders.0001", "orders%2E0001"),
    ],
)
def test_one_name_alone(name: str, stem: str) -> None:
    assert file_names([name]) == {name: stem}
    assert decode(stem) == name


def test_names_that_differ_in_case_are_told_apart_by_their_upper_case_letters() -> None:
    assert file_names(["Orders", "orders"]) == {"Orders": "%4Frders", "orders": "orders"}


def test_a_name_that_is_too_long_ends_in_a_digest_and_keeps_its_escapes_whole() -> None:
    stem = file_names(["x" + "/" * 100])["x" + "/" * 100]
    assert len(stem.encode()) <= MAX_BYTES
    assert stem.partition("~")[0].removeprefix("x").replace("%2F", "") == ""
    with pytest.raises(InvalidValue):
        decode(stem)
    assert encode("x") == "x"
