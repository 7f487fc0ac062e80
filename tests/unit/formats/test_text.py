"""All encodings, what they lack, and bytes that are no text: every policy, every format, nothing silent."""

from __future__ import annotations

import codecs
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.formats.csv as csv_module
import core.formats.sql as sql_module
from core.chunk import Kind
from core.errors import InvalidText, Unencodable
from core.formats import notes, open_encoder
from core.formats.text import count_flaws, encodable, encode_text
from core.model.settings import CsvSettings
from core.model.vocabulary import Encoding, Format
from core.model.vocabulary import Unencodable as Policy
from tests.unit.formats.building import MYSQL, chunk_of, cut, file_of, settings_of, shape_of
from tests.unit.formats.reading import read_csv, read_mysql
from tests.unit.formats.strategies import cuts, texts

BOMS = {Encoding.UTF_16: codecs.BOM_UTF16_LE, Encoding.UTF_32: codecs.BOM_UTF32_LE}
# Of each encoding something that it has, and something that it lacks.
HAS = {
    Encoding.ASCII: "az", Encoding.ISO_8859_1: "äÿ", Encoding.GB2312: "猫", Encoding.GBK: "縗",
    Encoding.GB18030: "🚢", Encoding.UTF_8: "🚢", Encoding.UTF_16: "🚢", Encoding.UTF_32: "🚢", Encoding.BIG5: "貓",
}  # fmt: skip
LACKS = {
    Encoding.ASCII: "ä", Encoding.ISO_8859_1: "€", Encoding.GB2312: "縗", Encoding.GBK: "🚢", Encoding.BIG5: "ä",
}  # fmt: skip

encodings = st.sampled_from(list(Encoding))


def decode(data: bytes, encoding: Encoding) -> str:
    """By the encoding's common name, which takes a byte-order mark in UTF-16 and UTF-32."""
    return data.decode(encoding)


def by_policy(value: bytes, encoding: Encoding, policy: Policy) -> str:
    """What must be written for a value, character by character."""
    out = []
    for character in value.decode("utf-8", "surrogateescape"):
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            out.append("?" if policy is Policy.REPLACE else f"\\x{{{code - 0xDC00:02X}}}")
            continue
        try:
            character.encode(encoding)
            out.append(character)
        except UnicodeEncodeError:
            out.append("?" if policy is Policy.REPLACE else f"\\u{{{code:X}}}")
    return "".join(out)


broken = st.lists(
    st.one_of(texts.map(str.encode), st.sampled_from([b"\xff", b"\xfe", b"\xe7\x8c", b"\xed\xa0\x80", b"\x80", b"\xf0\x9f"])),
    max_size=4,
).map(b"".join)  # fmt: skip
options_of_csv = st.builds(
    lambda marks, backslash: CsvSettings(
        header=False, separator=marks[0], null=marks[1], escape_backslash=backslash
    ),
    st.sampled_from([(",", "?"), ("u", "\\N"), ("{", "x9"), ("?", "\\N"), ("\t", "?N")]),
    st.booleans(),
)


@given(
    st.lists(st.tuples(broken, broken), min_size=1, max_size=6), encodings,
    st.sampled_from([Policy.REPLACE, Policy.ESCAPE]), options_of_csv, cuts, st.booleans(),
)  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_csv_by_policy(rows, encoding, policy, options, places, huge):
    """Also: what the policy writes is quoted like any other text, and counted."""
    with pytest.MonkeyPatch.context() as patch:
        if huge:
            patch.setattr(csv_module, "BLOCK_BYTES", 3)
        encoder = open_encoder(
            settings_of(csv=options, encoding=encoding, on_unencodable=policy), MYSQL, "shop", shape_of([Kind.TEXT] * 2)
        )  # fmt: skip
        data = encoder.begin()
        for part in cut(rows, places):
            data += b"".join(bytes(piece) for piece in encoder.encode(chunk_of(part)))
    assert data.startswith(BOMS.get(encoding, b""))
    text = decode(data, encoding)
    got = read_csv(text, options.separator, '"', "\n", options.null, backslash=options.escape_backslash)
    assert got == [[by_policy(value, encoding, policy) for value in row] for row in rows]
    for kind, words in (
        ("characters", f"characters that {encoding} lacks"),
        ("bytes", "bytes that are no UTF-8"),
    ):
        for column in range(2):
            wrong = [
                flaw
                for row in rows
                for flaw in flaws_of(row[column], encoding)
                if (flaw < 0) == (kind == "bytes")
            ]
            said = [w for w in encoder.warnings if w.startswith(f"Column c{column}: {len(wrong)} {words} ")]
            assert len(said) == bool(wrong)


def flaws_of(value: bytes, encoding: Encoding) -> list[int]:
    out = []
    for character in value.decode("utf-8", "surrogateescape"):
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            out.append(-1 if 0xDC80 <= ord(character) <= 0xDCFF else 1)
    return out


@given(
    st.lists(st.tuples(broken, broken), min_size=1, max_size=6), encodings,
    st.sampled_from([Policy.REPLACE, Policy.ESCAPE]), cuts, st.booleans(),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_sql_by_policy(rows, encoding, policy, places, huge):
    """Values that are no UTF-8 are written by their bytes and lose nothing; the policy has the others."""
    options = settings_of(Format.SQL, encoding=encoding, on_unencodable=policy)
    with pytest.MonkeyPatch.context() as patch:
        if huge:
            patch.setattr(sql_module, "BLOCK_BYTES", 3)
        data = file_of(options, shape_of([Kind.TEXT] * 2), [[chunk_of(part)] for part in cut(rows, places)])
    wanted = []
    for row in rows:
        wanted.append([])
        for value in row:
            try:
                value.decode()
                wanted[-1].append(("text", by_policy(value, encoding, policy).encode()))
            except UnicodeDecodeError:
                wanted[-1].append(("text", value))
    assert read_mysql(decode(data, encoding).encode()) == wanted


# JSON escapes what an encoding lacks, the others have none: their own tests are beside this one.
LACKING = (Format.CSV, Format.SQL)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("form", LACKING)
def test_what_an_encoding_has_is_written_under_any_policy(encoding, form):
    for policy in Policy:
        options = settings_of(form, encoding=encoding, on_unencodable=policy)
        encoder = open_encoder(options, MYSQL, "shop", shape_of([Kind.TEXT]))
        data = encoder.begin() + b"".join(map(bytes, encoder.encode(chunk_of([[HAS[encoding].encode()]]))))
        assert HAS[encoding] in decode(data, encoding)
        assert encoder.warnings == ()


@pytest.mark.parametrize("form", LACKING)
@pytest.mark.parametrize("encoding", LACKS)
def test_failing_names_table_column_key_and_character(encoding, form):
    shape = shape_of([Kind.NUMBER, Kind.TEXT, Kind.TEXT], key=("c0", "c1"), name="orders")
    bad = f"one\ntwo {LACKS[encoding]} three".encode()
    rows = [[b"7", b"k'", b"fine"], [b"8", b"k\n2", bad]]
    options = settings_of(form, encoding=encoding)
    with pytest.raises(Unencodable) as caught:
        file_of(options, shape, [[chunk_of(rows)]])
    message = caught.value.message
    assert "Table shop.orders, column c2, c0=8, c1=k\\n2:" in message
    assert f"{encoding} has no U+{ord(LACKS[encoding]):04X}" in message
    assert "one\\ntwo" in message
    assert message.isascii()
    assert "--on-unencodable" in caught.value.hint


@pytest.mark.parametrize("limit", [1 << 20, 4])
def test_failing_without_a_key_names_the_row_of_the_file(limit, monkeypatch):
    monkeypatch.setattr(csv_module, "BLOCK_BYTES", limit)
    encoder = open_encoder(settings_of(), MYSQL, "shop", shape_of([Kind.TEXT, Kind.TEXT]))
    list(encoder.encode(chunk_of([[b"fine", b"fine"]] * 3)))
    with pytest.raises(
        InvalidText, match=r"column c1, row 5: the byte 0xE7 is no UTF-8 text \(in 'caf\\udce7'\)"
    ):
        list(encoder.encode(chunk_of([[b"a", b"b"], [b"c", b"caf\xe7"]])))


def test_what_ends_one_value_never_completes_with_the_next():
    rows = [[b"\xe7\x8c", b"\xab"]]
    options = settings_of(csv=CsvSettings(header=False), on_unencodable=Policy.ESCAPE)
    data = file_of(options, shape_of([Kind.TEXT, Kind.TEXT]), [[chunk_of(rows, gap=b"")]])
    assert data == b"\\x{E7}\\x{8C},\\x{AB}\n"


@pytest.mark.parametrize("form", LACKING)
def test_names_follow_the_policy(form):
    shape = shape_of([Kind.NUMBER], name="käse")
    column = type(shape.columns[0])("größe", "int", Kind.NUMBER)
    shape = type(shape)(shape.ref, (column,))
    with pytest.raises(Unencodable, match="gr"):
        open_encoder(settings_of(form, encoding=Encoding.ASCII), MYSQL, "shop", shape)
    options = settings_of(form, encoding=Encoding.ASCII, on_unencodable=Policy.ESCAPE)
    encoder = open_encoder(options, MYSQL, "shop", shape)
    data = encoder.begin() + b"".join(map(bytes, encoder.encode(chunk_of([[b"1"]]))))
    assert rb"gr\u{F6}\u{DF}e" in data
    assert any("'größe'" in words for words in encoder.warnings)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_table_of_characters_is_the_codecs(encoding):
    known = encodable(encoding)
    sample = [
        *range(0x3000),
        *range(0x4E00, 0x5200),
        *range(0xD700, 0xE900),
        *range(0xFE00, 0x10100),
        0x10FFFF,
    ]
    for code in sample:
        try:
            assert chr(code).encode(encoding).decode(encoding) == chr(code)
        except UnicodeEncodeError:
            assert not known[code]
        else:
            assert known[code]


@pytest.mark.parametrize("encoding", [Encoding.GB18030, Encoding.UTF_16, Encoding.UTF_32])
def test_full_encodings_have_every_character(encoding):
    everything = "".join(map(chr, np.flatnonzero(encodable(Encoding.UTF_8))))
    assert len(everything) == 0x110000 - 0x800
    assert encode_text(everything, encoding, Policy.FAIL, "here").decode(encoding) == everything


class TestEncodeText:
    def test_byte_order_mark_at_the_front(self):
        for encoding in Encoding:
            data = encode_text("a", encoding, Policy.FAIL, "here")
            assert data.startswith(BOMS.get(encoding, b""))
            assert data.decode(encoding) == "a"

    def test_policies(self):
        text = "ä🚢\udce9\ud800"
        assert encode_text(text, Encoding.ASCII, Policy.REPLACE, "here") == b"????"
        assert encode_text(text, Encoding.ASCII, Policy.ESCAPE, "here") == rb"\u{E4}\u{1F6A2}\x{E9}\u{D800}"
        assert encode_text(text, Encoding.UTF_8, Policy.ESCAPE, "here") == "ä🚢".encode() + rb"\x{E9}\u{D800}"
        assert count_flaws(text, Encoding.UTF_8) == 2
        with pytest.raises(Unencodable, match=re.escape("Schema of TABLE:t: ASCII has no U+00E4")):
            encode_text(text, Encoding.ASCII, Policy.FAIL, "Schema of TABLE:t")


def test_notes_say_what_to_know():
    assert any("hex digits" in n for n in notes(settings_of(), MYSQL))
    words = notes(settings_of(Format.SQL, encoding=Encoding.GBK), MYSQL)
    assert any("iconv -f GBK -t UTF-8" in n for n in words)
    assert notes(settings_of(Format.SQL), MYSQL) == []
