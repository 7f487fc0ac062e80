"""Values, rows and layouts for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from core.chunk import Kind

HOSTILE = [
    '"', "'", ",", ";", "\n", "\r", "\r\n", "\\", "\\N", "NULL", "\0", "\x1a", "\t", " ", "\ufeff",
    "a", "N", "ä", "猫", "🚢", "?", "{", "u", "0", ".", "\x7f", "\u2028", "誠", "縗", "novaluehere",
]  # fmt: skip

texts = st.one_of(
    st.lists(st.sampled_from(HOSTILE), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
numbers = st.one_of(
    st.integers(-(10**20), 10**20).map(str), st.sampled_from(["0", "-0", "-0.0", "1e5", "-1.50", "0.0"])
)
plains = st.sampled_from(
    [
        "2024-02-29",
        "0000-00-00 00:00:00",
        "-838:59:59.999999",
        "12:00:00",
        "6ccd780c-baba-1026-9564-5b8c656024db",
    ]
)
binaries = st.binary(max_size=9)

BY_KIND = {Kind.NUMBER: numbers, Kind.PLAIN: plains, Kind.TEXT: texts, Kind.BINARY: binaries}
kinds = st.sampled_from(list(Kind))


def value_of(kind: Kind) -> st.SearchStrategy[bytes | None]:
    """A value of a kind as its bytes, or None."""
    made = BY_KIND[kind].map(lambda value: value if isinstance(value, bytes) else value.encode())
    return st.one_of(made, made, made, st.none())


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 8) -> tuple[list[Kind], list[list[bytes | None]]]:
    """Kinds of columns and rows."""
    columns = draw(st.lists(kinds, min_size=1, max_size=5))
    row = st.tuples(*map(value_of, columns)).map(list)
    return columns, draw(st.lists(row, min_size=1, max_size=max_rows))


cuts = st.lists(st.integers(0, 1000), max_size=4)
gaps = st.sampled_from([b"", b"\x05", b'"', b"\n'", b",\xff\\"])
