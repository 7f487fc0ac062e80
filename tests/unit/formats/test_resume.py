"""A file that is cut after a part and gone on with is the undisturbed file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.formats import open_encoder
from core.model.format_settings import SqlRows
from core.model.settings import CsvSettings, SqlSettings
from core.model.vocabulary import Encoding, Format
from core.model.vocabulary import Unencodable as Policy
from tests.unit.formats.building import MYSQL, SQLITE, chunk_of, cut, settings_of, shape_of
from tests.unit.formats.strategies import cuts, tables

FORMS = [(form, SqlRows.INSERT) for form in Format if form.is_text] + [(Format.SQL, SqlRows.COPY)]


@pytest.mark.parametrize(("form", "sql_rows"), FORMS)
@given(
    table=tables(max_rows=12),
    places=cuts,
    batch=st.sampled_from([None, 1, 2, 3]),
    encoding=st.sampled_from(list(Encoding)),
    dialect=st.sampled_from([MYSQL, SQLITE]),
    header=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_cut_after_any_part(form, sql_rows, table, places, batch, encoding, dialect, header):
    kinds, rows = table
    shape = shape_of(kinds)
    parts = [chunk_of(part) for part in cut(rows, places)]
    options = settings_of(
        form,
        csv=CsvSettings(header=header, bom=True),
        sql=SqlSettings(rows=sql_rows, batch_commit=batch),
        encoding=encoding,
        on_unencodable=Policy.ESCAPE,
    )

    def new():
        return open_encoder(options, dialect, "shop", shape)

    def part_of(encoder, chunk):
        return b"".join(bytes(piece) for piece in encoder.encode(chunk)) + encoder.flush()

    whole = new()
    undisturbed = whole.begin() + b"".join(part_of(whole, chunk) for chunk in parts) + whole.end()
    for stop in range(len(parts)):
        first = new()
        kept = first.begin() + b"".join(part_of(first, chunk) for chunk in parts[:stop])
        state = json.loads(json.dumps(first.state()))
        # What it writes after that is lost.
        part_of(first, parts[stop])
        second = new()
        second.resume(state)
        rest = b"".join(part_of(second, chunk) for chunk in parts[stop:]) + second.end()
        assert kept + rest == undisturbed
        assert second.warnings == whole.warnings
