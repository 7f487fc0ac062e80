"""JSON Lines read back exactly, with a strict reader, in every layout and encoding."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.formats.jsonl as module
from core.chunk import Kind
from core.errors import InvalidText
from core.formats import open_encoder
from core.formats.jsonl_body import json_number
from core.logical import Holds, LogicalType
from core.model.format_settings import BigNumbers, BinaryText, JsonSettings
from core.model.vocabulary import Encoding, Format, Unencodable
from tests.unit.formats.building import MYSQL, Rows, chunk_of, cut, file_of, settings_of, shape_of
from tests.unit.formats.strategies import cuts, gaps, tables

STRICT = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


class Digits(str):
    """A number's digits, told apart from a string."""

    __slots__ = ()


def read(data: bytes, encoding: str = "utf-8") -> list[dict[str, object]]:
    """Every line as an object, numbers as their digits. Raises where it isn't JSON by the letter."""

    def refused(name: str) -> object:
        raise ValueError(name)

    lines = data.decode(encoding).removeprefix("\ufeff").split("\n")
    assert lines.pop() == ""
    return [json.loads(s, parse_int=Digits, parse_float=Digits, parse_constant=refused) for s in lines]


def written(value: bytes | None, kind: Kind, form: BinaryText, *, as_text: bool = False) -> object:
    if value is None:
        return None
    if kind is Kind.BINARY:
        return base64.b64encode(value).decode() if form is BinaryText.BASE64 else value.hex().upper()
    text = value.decode()
    return Digits(text) if kind is Kind.NUMBER and not as_text else text


def same(found: list[dict[str, object]], kinds: Sequence[Kind], rows: Rows, form: BinaryText) -> None:
    expected = [
        {f"c{n}": written(v, k, form) for n, (v, k) in enumerate(zip(row, kinds, strict=True))}
        for row in rows
    ]
    assert found == expected
    assert [[type(v) for v in row.values()] for row in found] == [
        [type(v) for v in row.values()] for row in expected
    ]


@given(tables(), cuts, gaps, st.sampled_from(list(BinaryText)))
def test_rows_read_back(
    table: tuple[list[Kind], list[list[bytes | None]]], at: list[int], gap: bytes, form: BinaryText
) -> None:
    kinds, rows = table
    chosen = settings_of(Format.JSONL, json=JsonSettings(binary=form))
    data = file_of(chosen, shape_of(kinds), [[chunk_of(piece, gap)] for piece in cut(rows, at)])
    same(read(data), kinds, rows, form)


@given(tables(), st.data())
def test_kinds_that_differ_by_row(
    table: tuple[list[Kind], list[list[bytes | None]]], data: st.DataObject
) -> None:
    kinds, rows = table
    declared = data.draw(st.lists(st.sampled_from(list(Kind)), min_size=len(kinds), max_size=len(kinds)))
    chunk = chunk_of(rows, kinds=[kinds] * len(rows))
    found = read(file_of(settings_of(Format.JSONL), shape_of(declared), [[chunk]]))
    same(found, kinds, rows, BinaryText.BASE64)


@pytest.mark.parametrize("encoding", list(Encoding))
@given(table=tables())
@settings(max_examples=30)
def test_every_encoding_holds_every_character(
    table: tuple[list[Kind], list[list[bytes | None]]], encoding: Encoding
) -> None:
    kinds, rows = table
    chosen = settings_of(Format.JSONL, encoding=encoding)
    data = file_of(chosen, shape_of(kinds), [[chunk_of(rows)]])
    codec = {"UTF-16": "utf-16", "UTF-32": "utf-32"}.get(encoding, encoding.lower())
    same(read(data, codec), kinds, rows, BinaryText.BASE64)


@given(st.from_regex(r"[+-]?([0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9})([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_numbers_are_written_by_the_letter(number: str) -> None:
    text, is_string = json_number(number.encode())
    assert not is_string
    assert STRICT.fullmatch(text.decode())
    assert Decimal(text.decode()) == Decimal(number)
    assert text.startswith(b"-") == number.startswith("-")


def test_numbers_that_servers_print_in_other_ways() -> None:
    numbers = [b"00042", b"-007.50", b"inf", b"-inf", b"nan", b"0", b"-0", b"0.5", b".5", b"1e30", b"0e0"]
    data = file_of(settings_of(Format.JSONL), shape_of([Kind.NUMBER]), [[chunk_of([[n] for n in numbers])]])
    assert [line for line in data.decode().split("\n") if line] == [
        f'{{"c0":{text}}}'
        for text in (
            "42", "-7.50", '"Infinity"', '"-Infinity"', '"NaN"', "0", "-0", "0.5", "0.5", "1e30", "0e0",
        )
    ]  # fmt: skip


def test_big_numbers_as_text_by_column() -> None:
    shape = shape_of([Kind.NUMBER] * 3)
    types = [
        LogicalType(Holds.INTEGER, bits=64),
        LogicalType(Holds.INTEGER, bits=32),
        LogicalType(Holds.DECIMAL),
    ]
    columns = tuple(replace(c, logical=t) for c, t in zip(shape.columns, types, strict=True))
    rows: Rows = [[b"1", b"2", b"3.10"], [None, None, None], [b"007", b"007", b"inf"]]
    chosen = settings_of(Format.JSONL, json=JsonSettings(big_numbers=BigNumbers.TEXT))
    data = file_of(chosen, replace(shape, columns=columns), [[chunk_of(rows)]])
    assert data.decode().splitlines() == [
        '{"c0":"1","c1":2,"c2":"3.10"}',
        '{"c0":null,"c1":null,"c2":null}',
        '{"c0":"7","c1":7,"c2":"Infinity"}',
    ]


def test_names_are_escaped() -> None:
    shape = shape_of([Kind.NUMBER])
    name = 'a"b\\c\n猫'
    named = replace(shape, columns=(replace(shape.columns[0], name=name),))
    assert read(file_of(settings_of(Format.JSONL), named, [[chunk_of([[b"1"]])]])) == [{name: Digits("1")}]


@pytest.mark.parametrize("policy", list(Unencodable))
def test_bytes_that_are_no_text(policy: Unencodable) -> None:
    chosen = settings_of(Format.JSONL, on_unencodable=policy)
    chunk = chunk_of([[b"1", b"a\xffb"], [b"2", "\u20ac".encode()]])
    shape = shape_of([Kind.NUMBER, Kind.TEXT], ("c0",))
    if policy is Unencodable.FAIL:
        with pytest.raises(InvalidText, match=r"column c1, c0=1: the byte 0xFF"):
            file_of(chosen, shape, [[chunk]])
        return
    stand_in = "?" if policy is Unencodable.REPLACE else "\\x{FF}"
    assert [row["c1"] for row in read(file_of(chosen, shape, [[chunk]]))] == [f"a{stand_in}b", "\u20ac"]


@pytest.mark.parametrize("encoding", [Encoding.UTF_8, Encoding.GBK, Encoding.UTF_16])
def test_rows_too_large_to_be_joined_at_once(monkeypatch: pytest.MonkeyPatch, encoding: Encoding) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 64)
    kinds = [Kind.TEXT, Kind.BINARY, Kind.NUMBER, Kind.PLAIN, Kind.TEXT]
    rows: Rows = [
        ['x"\\\n\u00e9\U0001f6a2'.encode() * 30, bytes(range(256)), b"0042", b"2024-01-01", None],
        [b"", b"", None, None, b"y" * 100],
    ]
    data = file_of(settings_of(Format.JSONL, encoding=encoding), shape_of(kinds), [[chunk_of(rows)]])
    found = read(data, {"UTF-16": "utf-16"}.get(encoding, encoding.lower()))
    rows[0][2] = b"42"  # type: ignore[index]
    same(found, kinds, rows, BinaryText.BASE64)


def test_gone_on_with() -> None:
    chosen, shape = settings_of(Format.JSONL), shape_of([Kind.TEXT])
    first = open_encoder(chosen, MYSQL, "shop", shape)
    begun = first.begin() + b"".join(bytes(p) for p in first.encode(chunk_of([[b"a"]]))) + first.flush()
    again = open_encoder(chosen, MYSQL, "shop", shape)
    again.resume(first.state())
    rest = b"".join(bytes(p) for p in again.encode(chunk_of([[b"b"]]))) + again.end()
    assert read(begun + rest) == [{"c0": "a"}, {"c0": "b"}]
    assert again.state()["rows"] == 2
