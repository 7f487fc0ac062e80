"""CSV reads back exactly, for every setting, layout and encoding."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence

import pyarrow.csv as arrow_csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.formats.csv as module
from core.chunk import Kind
from core.errors import InvalidValue
from core.formats import open_encoder
from core.model.settings import CSV_PRESETS, CsvSettings
from core.model.vocabulary import Encoding, Newline
from tests.unit.formats.building import MYSQL, Rows, chunk_of, cut, file_of, settings_of, shape_of
from tests.unit.formats.reading import NULL, read_csv
from tests.unit.formats.strategies import cuts, gaps, tables

csv_settings = st.builds(
    CsvSettings,
    header=st.booleans(),
    separator=st.sampled_from([",", ";", ":", "\t", "|", "-", "0", "A", "é", "x", " "]),
    quote=st.sampled_from(['"', "'"]),
    newline=st.sampled_from(list(Newline)),
    null=st.sampled_from(["", "\\N", "NULL", "zz", "77", "?", "novaluehere"]),
    escape_backslash=st.booleans(),
    binary=st.sampled_from(CsvSettings.BINARY_FORMS),
    bom=st.booleans(),
    safe=st.booleans(),
)


def written(value: bytes | None, kind: Kind, form: str, *, safe: bool = False) -> object:
    """What a reader must get for a value."""
    if value is None:
        return NULL
    text = value.decode() if kind is not Kind.BINARY else _digits(value, form)
    formula = kind in (Kind.TEXT, Kind.BINARY) and text[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{text}" if safe and formula else text


def _digits(value: bytes, form: str) -> str:
    return {
        "hex": value.hex().upper(),
        "0x": "0x" + value.hex().upper(),
        "\\x": "\\x" + value.hex(),
        "base64": base64.b64encode(value).decode(),
    }[form]


def expected(kinds: Sequence[Kind], rows: Rows, options: CsvSettings) -> list[list[object]]:
    head = [[f"c{n}" for n in range(len(kinds))]] if options.header else []
    return head + [
        [written(v, k, options.binary, safe=options.safe) for v, k in zip(row, kinds, strict=True)]
        for row in rows
    ]


def read(data: bytes, options: CsvSettings, encoding: str = "utf-8") -> list[list[object]]:
    text = data.decode(encoding)
    if options.bom:
        assert text.startswith("\ufeff")
        text = text[1:]
    return read_csv(
        text, options.separator, options.quote, options.newline.text, options.null,
        backslash=options.escape_backslash,
    )  # fmt: skip


def test_load_data_finds_an_empty_string_enclosed():
    """OceanBase's takes an empty last field for NULL."""
    data = file_of(
        settings_of(csv=CSV_PRESETS["mysql"]),
        shape_of([Kind.TEXT] * 2),
        [[chunk_of([[b"", b""], [None, b"x"]])]],
    )
    assert data == b'c0,c1\n"",""\n\\N,x\n'


@given(tables(), csv_settings, cuts, gaps)
@settings(max_examples=400, deadline=None)
def test_reads_back(table, options, places, gap):
    kinds, rows = table
    parts = [[chunk_of(part, gap)] for part in cut(rows, places)]
    data = file_of(settings_of(csv=options), shape_of(kinds), parts)
    assert read(data, options) == expected(kinds, rows, options)


@given(tables(), csv_settings, cuts, gaps)
@settings(max_examples=200, deadline=None)
def test_layout_and_chunks_do_not_show(table, options, places, gap):
    kinds, rows = table
    whole = file_of(settings_of(csv=options), shape_of(kinds), [[chunk_of(rows)]])
    pieces = file_of(
        settings_of(csv=options), shape_of(kinds), [[chunk_of(p, gap) for p in cut(rows, places)]]
    )
    assert pieces == whole


@given(tables(), csv_settings, st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_huge_rows_are_written_the_same(table, options, limit):
    """Rows beyond a block go another way: with a tiny block every row does."""
    kinds, rows = table
    whole = file_of(settings_of(csv=options), shape_of(kinds), [[chunk_of(rows)]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", limit)
        assert file_of(settings_of(csv=options), shape_of(kinds), [[chunk_of(rows)]]) == whole


@given(tables(), st.randoms())
@settings(max_examples=200, deadline=None)
def test_kinds_by_row(table, random):
    """A column may hold a value of any kind (SQLite): then the chunk says so."""
    kinds, rows = table
    shuffled = [random.sample(list(zip(row, kinds, strict=True)), len(row)) for row in rows]
    values = [[v for v, _ in row] for row in shuffled]
    by_row = [[k for _, k in row] for row in shuffled]
    options = CsvSettings(header=False)
    data = file_of(
        settings_of(csv=options), shape_of([Kind.TEXT] * len(kinds)), [[chunk_of(values, kinds=by_row)]]
    )
    wanted = [[written(v, k, "hex") for v, k in row] for row in shuffled]
    assert read(data, options) == wanted


@given(tables())
@settings(max_examples=150, deadline=None)
def test_python_reads_it(table):
    kinds, rows = table
    data = file_of(settings_of(csv=CsvSettings(header=False)), shape_of(kinds), [[chunk_of(rows)]])
    got = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    wanted = [[written(v, k, "hex") for v, k in zip(row, kinds, strict=True)] for row in rows]
    texts = [["" if v is NULL else v for v in row] for row in wanted]
    assert got == [[] if row == [NULL] else text for row, text in zip(wanted, texts, strict=True)]


@given(tables())
@settings(max_examples=100, deadline=None)
def test_arrow_reads_it_with_nulls(table):
    kinds, rows = table
    names = [f"c{n}" for n in range(len(kinds))]
    data = file_of(settings_of(), shape_of(kinds), [[chunk_of(rows)]])
    read = arrow_csv.read_csv(
        io.BytesIO(data),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, "string"), strings_can_be_null=True,
            quoted_strings_can_be_null=False, null_values=[""],
        ),
    )  # fmt: skip
    wanted = [[written(v, k, "hex") for v, k in zip(row, kinds, strict=True)] for row in rows]
    assert read.to_pylist() == [
        {name: None if v is NULL else v for name, v in zip(names, row, strict=True)} for row in wanted
    ]


@pytest.mark.parametrize("preset", CSV_PRESETS)
def test_presets_tell_null_from_what_looks_like_it(preset):
    options = CSV_PRESETS[preset]
    rows = [[b"1", v] for v in (None, b"", b"NULL", b"\\N", b" ", b"x", b'a",b', b"\\", b"a\\\r\nb\0\x1a")]
    data = file_of(settings_of(csv=options), shape_of([Kind.NUMBER, Kind.TEXT]), [[chunk_of(rows)]])
    assert read(data, options) == expected([Kind.NUMBER, Kind.TEXT], rows, options)
    assert data.startswith(b"\xef\xbb\xbf") == options.bom
    assert data.endswith(options.newline.text.encode())


def csv_lines(rows: Rows, options: CsvSettings, kinds: Sequence[Kind] = (Kind.TEXT,)) -> list[bytes]:
    data = file_of(settings_of(csv=options), shape_of(kinds), [[chunk_of(rows)]])
    return data.split(b"\n")[:-1]


def test_only_what_needs_it_is_quoted():
    rows = [
        [v]
        for v in (b"plain", b"a b", b"a,b", b'a"b', b"a'b", b"a\rb", b" a", b"a ", b"\tb", b"\\N", b"NULL")
    ]
    assert csv_lines(rows, CsvSettings(header=False)) == [
        b"plain", b"a b", b'"a,b"', b'"a""b"', b"a'b", b'"a\rb"', b'" a"', b'"a "', b'"\tb"', b"\\N", b"NULL",
    ]  # fmt: skip


def test_what_a_spreadsheet_would_take_for_a_formula_gets_an_apostrophe_where_asked():
    formulas = (b"=1+1", b"+1", b"-1", b"@sum(a1)", b"\t=1", b"\r=1")
    rows = [[v] for v in (*formulas, b"a=1", b"'=1", b"", b" =1", b'=1,"2"', None)]
    assert csv_lines(rows, CsvSettings(header=False, null="-"))[:2] == [b"=1+1", b"+1"]
    assert csv_lines(rows, CsvSettings(header=False, null="-", safe=True)) == [
        b"\"'=1+1\"", b"\"'+1\"", b"\"'-1\"", b"\"'@sum(a1)\"", b"\"'\t=1\"", b"\"'\r=1\"",
        b"a=1", b"'=1", b'""', b'" =1"', b'"\'=1,""2"""', b"-",
    ]  # fmt: skip
    assert csv_lines(rows[:1], CsvSettings(header=False, safe=True, quote="'")) == [b"'''=1+1'"]


def test_numbers_and_times_stay_and_names_and_bytes_are_no_formulas_either():
    rows = [[b"-1", b"-00:30:00", b"=1", b"\xfb\xff"]]
    kinds = [Kind.NUMBER, Kind.PLAIN, Kind.TEXT, Kind.BINARY]
    safe = CsvSettings(header=False, safe=True, binary="base64")
    assert csv_lines(rows, safe, kinds) == [b'-1,-00:30:00,"\'=1","\'+/8="']
    # The same where a character of theirs separates values, so that they are looked through.
    safe = CsvSettings(header=False, safe=True, separator=":")
    assert csv_lines(rows, safe, kinds) == [b'-1:"-00:30:00":"\'=1":FBFF']
    shape = shape_of([Kind.TEXT])
    named = type(shape)(shape.ref, (type(shape.columns[0])("=cmd", "text", Kind.TEXT),))
    assert file_of(settings_of(csv=CsvSettings(safe=True)), named, []) == b'"\'=cmd"\n'


def test_load_data_would_take_the_bare_word_null_for_null():
    rows = [[v] for v in (b"NULL", b"null", b"\\N", b"a\\b", None)]
    options = CsvSettings(header=False, null="\\N", escape_backslash=True)
    assert csv_lines(rows, options) == [b'"NULL"', b"null", b'"\\\\N"', b'"a\\\\b"', b"\\N"]


def test_a_number_that_reads_like_null_is_quoted():
    rows = [[b"77"], [b"7"], [None]]
    assert csv_lines(rows, CsvSettings(header=False, null="77"), [Kind.NUMBER]) == [b'"77"', b"7", b"77"]


def test_separator_of_times_is_quoted():
    rows = [[b"12:00:00", b"5"]]
    assert csv_lines(rows, CsvSettings(header=False, separator=":"), [Kind.PLAIN, Kind.NUMBER]) == [
        b'"12:00:00":5'
    ]


def test_a_mark_of_byte_order_in_the_first_value_is_kept():
    rows = [[b"\xef\xbb\xbfa", b"\xef\xbb\xbfb"]]
    kinds = [Kind.TEXT, Kind.TEXT]
    assert csv_lines(rows, CsvSettings(header=False), kinds) == [b'"\xef\xbb\xbfa",\xef\xbb\xbfb']
    assert csv_lines(rows, CsvSettings(), kinds)[1] == b"\xef\xbb\xbfa,\xef\xbb\xbfb"


def test_null_in_the_only_column_is_an_empty_line_and_said():
    encoder = open_encoder(settings_of(csv=CsvSettings(header=False)), MYSQL, "shop", shape_of([Kind.TEXT]))
    assert b"".join(encoder.encode(chunk_of([[b"a"], [None], [b""]]))) == b'a\n\n""\n'
    assert "1 NULLs of the only column" in encoder.warnings[0]


@pytest.mark.parametrize("name", ["a,b", 'say "x"', "", " lead", "NULL", "\\N", "new\nline", "猫"])
def test_names_are_quoted_like_values(name):
    shape = shape_of([Kind.TEXT, Kind.NUMBER])
    column = type(shape.columns[0])(name, "text", Kind.TEXT)
    shape = type(shape)(shape.ref, (column, shape.columns[1]))
    data = file_of(settings_of(csv=CSV_PRESETS["mysql"]), shape, [])
    options = CSV_PRESETS["mysql"]
    assert read(data, options) == [[name, "c1"]]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_separator_that_the_encoding_lacks_is_refused(encoding):
    options = settings_of(csv=CsvSettings(separator="→"), encoding=encoding)
    if encoding in (Encoding.ASCII, Encoding.ISO_8859_1):
        with pytest.raises(InvalidValue, match="separator"):
            open_encoder(options, MYSQL, "shop", shape_of([Kind.TEXT]))
    else:
        open_encoder(options, MYSQL, "shop", shape_of([Kind.TEXT]))


def test_no_rows_is_a_header():
    assert file_of(settings_of(), shape_of([Kind.TEXT, Kind.NUMBER]), []) == b"c0,c1\n"
