"""Settings as a command line: what the shell makes of it means the same settings again."""

from __future__ import annotations

import shlex

import msgspec
import pytest

from core.model.choice import Choice
from core.model.file_settings import Directories, Empty, FileSettings, IfExists
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
from core.model.load import LoadSettings, Per, Rate
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret
from core.model.settings import (
    CSV_PRESETS,
    CsvSettings,
    Export,
    ExportSettings,
    SchemaSettings,
    SqlSettings,
    SysAccount,
)
from core.model.vocabulary import (
    Consistency,
    Content,
    Encoding,
    Engine,
    Format,
    Lock,
    Newline,
    OnError,
    SchemaFlavour,
    Unencodable,
)
from tui.cli import file_options, spelling, values
from tui.cli.parser import build
from tui.cli.settings import settings_from

PLAIN = ExportSettings(connection="shop", objects=("TABLE:orders",))
CHOSEN = ExportSettings(
    connection="shop", objects=("t", "u", "v"), queries={"a=b": "SELECT 1 AS one", "-c": "SELECT '\n'\nAS x"},
    choices={
        "TABLE:t": Choice(columns=("a", "b, c", 'd"')), "u": Choice(exclude=("x=y",), where="a = 'it''s'"),
        "-v": Choice(where="a > 5 -- those"), "we\\=ird*": Choice(columns=("-a",)),
    },
)  # fmt: skip
SETTINGS = [
    PLAIN,
    CHOSEN,
    ExportSettings(
        connection="shop", all_objects=True, load=LoadSettings(rate=Rate(5 << 20), statement_rows=50_000)
    ),
    ExportSettings(connection="shop", all_objects=True, load=LoadSettings(rate=Rate(20_000, Per.ROWS))),
    ExportSettings(connection="my shop", database="a b", all_objects=True, exclude=("TABLE:x y", "-odd")),
    ExportSettings(connection="shop", objects=("ord*", "TABLE:it's", "VIEW:a\\*b")),
    ExportSettings(
        connection="shop", objects=("t",), content=Content.SCHEMA,
        schema=SchemaSettings(drop=True, merge=True, flavour=SchemaFlavour.MYSQL, privileges=True), encoding=Encoding.GBK,
    ),
    ExportSettings(
        connection="shop", objects=("t",), content=Content.DATA, format=Format.SQL,
        sql=SqlSettings(rows=SqlRows.COPY, batch_commit=250), on_unencodable=Unencodable.ESCAPE, encoding=Encoding.ISO_8859_1,
    ),
    ExportSettings(
        connection="shop", objects=("t",), consistency=Consistency.TASK, lock=Lock.BRIEF,
        on_error=OnError.CONTINUE, retry_limit=0,
    ),
    *(ExportSettings(connection="shop", objects=("t",), csv=csv) for csv in CSV_PRESETS.values()),
    *(
        ExportSettings(connection="shop", objects=("t",), csv=csv)
        for csv in (
            CsvSettings(separator="\t", quote="'", header=False),
            CsvSettings(separator="-", null="=n", binary="\\x", bom=True, safe=True),
            CsvSettings(separator=";", newline=Newline.CR, escape_backslash=True, null="NULL"),
        )
    ),
    *(
        ExportSettings(connection="shop", objects=("t",), **more)  # type: ignore[arg-type]
        for more in (
            {"format": Format.JSONL, "json": JsonSettings(binary=BinaryText.HEX, big_numbers=BigNumbers.TEXT)},
            {"format": Format.JSONL, "compression": Compression.ZSTD, "compression_level": 9},
            {"format": Format.CSV, "compression": Compression.GZIP},
            {"format": Format.PARQUET, "on_unfit": Unfit.NULL},
            {"format": Format.PARQUET, "parquet": ParquetSettings(codec=ParquetCodec.BROTLI, level=4)},
            {"format": Format.PARQUET, "parquet": ParquetSettings(row_group_rows=1000)},
            {"format": Format.ARROW, "arrow": ArrowSettings(codec=ArrowCodec.LZ4)},
        )
    ),
    *(
        ExportSettings(connection="shop", objects=("t",), files=files)
        for files in (
            FileSettings(single=False),
            FileSettings(single=False, parts=4, prefix="ob_", name="{object}-{date}.{part:03}"),
            FileSettings(max_records=1_000_000, max_size=1536, empty=Empty.NONE),
            FileSettings(max_size=2 << 30, directories=Directories.FLAT, if_exists=IfExists.REPLACE),
            FileSettings(max_size=1001, directories=Directories.OBJECTS, name="data", if_exists=IfExists.NEW),
        )
    ),
    *(
        ExportSettings(connection="shop", objects=("t",), files=FileSettings(single=False), **more)  # type: ignore[arg-type]
        for more in (
            {"engine": Engine.DASK},
            {"engine": Engine.DASK, "dask_scheduler": "tls://[fe80::1]:8786"},
            {"engine": Engine.LOCAL},
            {"dask_scheduler": "tcp://scheduler:8786"},
        )
    ),
    ExportSettings(
        connection="ob", objects=("t",),
        sys_account=SysAccount(account="root", secret=EnvironmentSecret(variable="SYS_PW")),
    ),
]  # fmt: skip


def parsed(line: str):  # type: ignore[no-untyped-def]
    program, *words = shlex.split(line)
    assert program == "offramp"
    return build().parse_args(words)


@pytest.mark.parametrize("settings", SETTINGS)
def test_dump_means_the_same(settings: ExportSettings) -> None:
    args = parsed(spelling.dump_line(settings, "/data/my out", name="-n", at="+2h"))
    expected = settings
    if settings.sys_account is not None:
        assert args.sys_password_env == "SYS_PW"
        expected = ExportSettings(connection="ob", objects=("t",), sys_account=SysAccount(account="root"))
    assert settings_from(args, args.connection) == expected
    assert (args.to, args.name, args.at, args.detach) == ("/data/my out", "-n", "+2h", True)


@pytest.mark.parametrize("settings", SETTINGS[:-1])
def test_create_means_the_same(settings: ExportSettings) -> None:
    args = parsed(spelling.create_line(settings, "nightly", "/data/out"))
    assert settings_from(args, args.connection) == settings
    assert (args.name, args.to) == ("nightly", "/data/out")


@pytest.mark.parametrize("before", [s for s in SETTINGS[:-1] if s.database is None])
@pytest.mark.parametrize("after", [s for s in SETTINGS[:-1] if s.database is None])
def test_edit_leads_from_one_to_the_other(before: ExportSettings, after: ExportSettings) -> None:
    args = parsed(spelling.edit_line(after, "nightly", "/data/out", before))
    assert settings_from(args, args.connection, before) == after


def test_a_pattern_that_begins_like_an_option_still_means_the_same() -> None:
    settings = ExportSettings(connection="shop", objects=("-dash", "TABLE:-x"))
    args = parsed(spelling.dump_line(settings, "/out"))
    (first, second) = settings_from(args, args.connection).patterns
    assert (first.literal, second.literal) == ("-dash", "-x")


@pytest.mark.parametrize(("fixed", "latest"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize(("was_fixed", "was_latest"), [(False, False), (True, False), (False, True)])
def test_the_place_of_an_export(fixed: bool, latest: bool, was_fixed: bool, was_latest: bool) -> None:
    after = Export(name="n", directory="/out", settings=PLAIN, fixed=fixed, latest=latest)
    before = Export(name="n", directory="/out", settings=PLAIN, fixed=was_fixed, latest=was_latest)
    made = parsed(spelling.create_line(PLAIN, "n", "/out", more=file_options.place_options(after)))
    assert (bool(made.fixed), bool(made.latest)) == (fixed, latest)
    line = spelling.edit_line(PLAIN, "n", "/out", PLAIN, more=file_options.place_options(after, before))
    assert msgspec.structs.replace(before, **file_options.place_from(parsed(line))) == after


@pytest.mark.parametrize(
    ("text", "bytes_"), [("0", 0), ("1000", 1000), ("500m", 500 << 20), ("2G", 2 << 30), ("3 MiB", 3 << 20)]
)
def test_sizes(text: str, bytes_: int) -> None:
    assert values.size(text) == bytes_
    assert values.size(values.size_text(bytes_)) == bytes_


def test_run_of_an_export() -> None:
    assert spelling.run_line("nightly", "04:00") == "offramp run --at 04:00 nightly"


def test_a_password_is_asked_for_or_named_never_written() -> None:
    kept = ExportSettings(
        connection="ob", objects=("t",), sys_account=SysAccount(account="root", secret=FileSecret(key="k1"))
    )
    line = spelling.dump_line(kept, "/out")
    assert "--sys-account root --sys-password-ask" in line
    assert "k1" not in line
    by_command = ExportSettings(
        connection="ob",
        objects=("t",),
        sys_account=SysAccount(account="root", secret=CommandSecret(command="pass x")),
    )
    assert "--sys-password-command 'pass x'" in spelling.dump_line(by_command, "/out")
    assert "--sys-account=" in spelling.edit_line(PLAIN, "n", "/out", kept)
