"""Settings through the form and back: nothing is lost, whatever they are."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.model.choice import Choice
from core.model.format_settings import (
    ArrowCodec,
    ArrowSettings,
    BigNumbers,
    BinaryText,
    Compression,
    JsonSettings,
    ParquetCodec,
    ParquetSettings,
    SqlRows,
    Unfit,
)
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret
from core.model.settings import (
    CSV_PRESETS,
    CsvSettings,
    ExportSettings,
    SchemaSettings,
    SqlSettings,
    SysAccount,
)
from core.model.vocabulary import (
    Consistency,
    Content,
    Encoding,
    Format,
    Lock,
    Newline,
    ObjectRef,
    ObjectType,
    OnError,
    SchemaFlavour,
    Unencodable,
)
from tests.tui.harness import NOW
from tui.cli import spelling
from tui.cli.parser import build
from tui.cli.settings import settings_from
from tui.screens.wizard.data_files import csv_of
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.fields import FIELDS
from tui.screens.wizard.filling import Filling, draft_of
from tui.screens.wizard.retained import fresh, retained_of
from tui.screens.wizard.rules import Known

NAMES = st.one_of(
    st.sampled_from(
        ["orders", "od*d", "back\\slash", "it's", 'say "x"', "a b", "-dash", "new\nline", "中", "a:b"]
    ),
    st.text(min_size=1, max_size=8),
)
SECRETS = st.one_of(
    st.none(),
    st.builds(FileSecret, key=st.just("k")),
    st.builds(EnvironmentSecret, variable=st.just("SYS_PW")),
    st.builds(CommandSecret, command=st.just("pass 'x y'")),
)


@st.composite
def patterns(draw: st.DrawFn) -> tuple[str, ...]:
    types = st.sampled_from(["", "TABLE:", "view:", "TRIGGER:", "Procedure:"])
    return tuple(
        draw(st.lists(st.builds(lambda kind, name: kind + name, types, NAMES), min_size=1, max_size=5))
    )


@st.composite
def parquet_settings(draw: st.DrawFn) -> ParquetSettings:
    codec = draw(st.sampled_from(ParquetCodec))
    levels = [None, *ParquetSettings.LEVELS.get(codec, ())]
    return ParquetSettings(
        codec=codec, level=draw(st.sampled_from(levels)), row_group_rows=draw(st.integers(1, 10**7))
    )


@st.composite
def compressions(draw: st.DrawFn, form: Format) -> tuple[Compression, int | None]:
    if not form.is_text:
        return Compression.NONE, None
    how = draw(st.sampled_from(Compression))
    return how, draw(st.sampled_from([None, *how.levels]))


CHOICES = st.one_of(
    st.builds(
        Choice, columns=st.just(("a", "b, c")), where=st.sampled_from([None, "x > 1", "y = 'it''s'\n"])
    ),
    st.builds(Choice, exclude=st.just(("d",))),
    st.builds(Choice, where=st.just("z")),
)
NOTIFY = st.sampled_from(
    [None, (), ("command:note 'it'",), ("failed=mailto:a@b.example", "https://h/x?a=b c")]
)


@st.composite
def export_settings(draw: st.DrawFn) -> ExportSettings:
    """Any that the model takes, what doesn't apply to the content among them."""
    content = draw(st.sampled_from(Content))
    everything = draw(st.booleans())
    csv = draw(
        st.one_of(
            st.sampled_from(sorted(CSV_PRESETS.values(), key=repr)),
            st.builds(
                CsvSettings, header=st.booleans(), separator=st.sampled_from([",", ";", "\t", "|", "中"]),
                quote=st.sampled_from(['"', "'"]), newline=st.sampled_from(Newline),
                null=st.sampled_from(["", "\\N", "NULL", "nothing"]), escape_backslash=st.booleans(),
                binary=st.sampled_from(CsvSettings.BINARY_FORMS), bom=st.booleans(), safe=st.booleans(),
            ),
        )
    )  # fmt: skip
    form = draw(st.sampled_from(Format))
    compression, level = draw(compressions(form))
    return ExportSettings(
        connection=draw(NAMES),
        database=draw(st.one_of(st.none(), NAMES)),
        content=content,
        all_objects=everything,
        objects=() if everything else draw(patterns()),
        choices=draw(st.dictionaries(st.sampled_from(["t", "TABLE:a b", "o*"]), CHOICES, max_size=2)),
        queries=draw(st.dictionaries(st.sampled_from(["q", "a b"]), st.just("SELECT 1\nAS x"), max_size=2))
        if content.data and not (content.schema and form is Format.SQL)
        else {},
        notify=draw(NOTIFY),
        exclude=draw(st.one_of(st.just(()), patterns())),
        format=form,
        encoding=draw(st.sampled_from(Encoding)),
        on_unencodable=draw(st.sampled_from(Unencodable)),
        csv=csv,
        sql=SqlSettings(
            rows=draw(st.sampled_from(SqlRows)),
            batch_commit=draw(st.one_of(st.none(), st.integers(1, 10**15))),
        ),
        json=JsonSettings(
            binary=draw(st.sampled_from(BinaryText)), big_numbers=draw(st.sampled_from(BigNumbers))
        ),
        parquet=draw(parquet_settings()),
        arrow=ArrowSettings(codec=draw(st.sampled_from(ArrowCodec))),
        on_unfit=draw(st.sampled_from(Unfit)),
        compression=compression,
        compression_level=level,
        schema=SchemaSettings(
            drop=draw(st.booleans()) and content is not Content.DATA,
            merge=draw(st.booleans()) and content is Content.SCHEMA,
            flavour=draw(st.sampled_from(SchemaFlavour)),
            privileges=draw(st.booleans()) and content is not Content.DATA,
        ),
        consistency=draw(st.sampled_from(Consistency)),
        lock=draw(st.sampled_from(Lock)),
        on_error=draw(st.sampled_from(OnError)),
        retry_limit=draw(st.integers(0, 1000)),
        sys_account=draw(
            st.one_of(st.none(), st.builds(SysAccount, account=st.just("root"), secret=SECRETS))
        ),
    )


@settings(max_examples=120, deadline=None)
@given(export_settings())
def test_editing_without_a_change_keeps_every_setting(given_settings: ExportSettings) -> None:
    draft = Filling(given_settings, edits="nightly").made(None)
    assert draft.settings() == given_settings
    known = Known(now=NOW, opened=NOW)
    for field in FIELDS:
        if field.id in ("connection", "database", "keep"):
            continue
        # To put into a field what it shows changes nothing either.
        draft = field.put(draft, field.get(draft, known))
    assert draft.settings() == given_settings


@settings(max_examples=60, deadline=None)
@given(export_settings(), st.sampled_from(Content), st.sampled_from(Format))
def test_going_there_and_back_loses_nothing(
    given_settings: ExportSettings, content: Content, format_: Format
) -> None:
    draft = Filling(given_settings, edits="nightly").made(None)
    away = dataclasses.replace(draft, content=content, format=format_)
    try:
        away.settings()
    except InvalidValue as error:
        # Only that can be wrong there.
        assert "No object was named" in error.message or "as INSERTs" in error.message  # noqa: PT017
    back = dataclasses.replace(away, content=draft.content, format=draft.format)
    assert back.settings() == given_settings


@settings(max_examples=30, deadline=None)
@given(export_settings())
def test_what_is_retained_begins_the_next_export(given_settings: ExportSettings) -> None:
    draft = Filling(given_settings).made(None)
    again = fresh(retained_of(draft), connection="c", chosen=frozenset({ObjectRef(ObjectType.TABLE, "t")}))
    assert retained_of(again) == retained_of(draft)
    assert (again.format, again.encoding, csv_of(again)) == (draft.format, draft.encoding, csv_of(draft))
    assert (again.batch, again.drop, again.flavour) == (draft.batch, draft.drop, draft.flavour)
    kept = retained_of(draft)
    for name in ("json", "parquet", "arrow", "on_unfit", "compression", "compression_level"):
        assert getattr(kept, name) == getattr(given_settings, name)


@settings(max_examples=60, deadline=None)
@given(export_settings(), st.sampled_from(Format))
def test_the_line_of_a_changed_export_makes_the_same_settings(
    given_settings: ExportSettings, form: Format
) -> None:
    """Of everything that belongs to data files."""
    plain = msgspec.structs.replace(
        given_settings, sys_account=None, content=Content.DATA, schema=SchemaSettings()
    )
    wanted = dataclasses.replace(draft_of(plain), format=form).settings()
    for base in (None, plain):
        words = spelling.options(wanted, base)
        args = build().parse_args(["dump", "c", "t", "--to", "x", *[w for w in words if w != "--all"]])
        made = settings_from(args, wanted.connection, base)
        for name in (
            "format",
            "csv",
            "sql",
            "json",
            "parquet",
            "arrow",
            "on_unfit",
            "compression",
            "compression_level",
        ):
            assert getattr(made, name) == getattr(wanted, name), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"separator": ";;"},
        {"batch": True, "batch_rows": "x"},
        {"compression": Compression.GZIP, "compression_level": "9"},
        {"compression": Compression.ZSTD, "compression_level": "high"},
        {"parquet_level": "99"},
        {"row_group_rows": "0"},
    ],
)
def test_what_does_not_apply_and_is_wrong_is_not_retained(wrong: dict[str, object]) -> None:
    draft = dataclasses.replace(Draft(connection="c", null="NULL"), **wrong)  # type: ignore[arg-type]
    kept = retained_of(draft)
    assert kept.sql == SqlSettings()
    assert kept.csv in (CsvSettings(), CsvSettings(null="NULL"))
    assert (kept.compression_level, kept.parquet) == (None, ParquetSettings())
    assert csv_of(fresh(kept)) == kept.csv


@pytest.mark.parametrize(
    "field", [field for field in FIELDS if field.options is not None], ids=lambda f: f.id
)
def test_every_choice_can_be_taken_after_every_other(field):
    known = Known(
        now=NOW, opened=NOW, base="/out", connections=("a", "b"), destinations=("lake",), databases=("x", "y")
    )
    options = [option.value for option in field.options(Draft(connection="a"), known)]
    assert len(options) > 1
    for before in options:
        for value in options:
            draft = field.put(field.put(Draft(connection="a"), before), value)
            assert field.get(draft, known) == value
            # As a text, since that is what is typed and shown.
            assert type(field.get(draft, known)) is str
