"""What an export or a task is to do: every setting, with its default and its rule."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from core.errors import InvalidValue
from core.model.choice import Choice, check_choices, check_queries, choice_of
from core.model.cluster import check_dask, check_scheduler
from core.model.destination import below, check_place, place_of
from core.model.file_settings import FileSettings, check_remote
from core.model.format_settings import (
    ArrowSettings,
    Compression,
    JsonSettings,
    ParquetSettings,
    SqlRows,
    Unfit,
)
from core.model.into import Existing, Into
from core.model.load import LoadSettings
from core.model.mark import MarkSettings, Window
from core.model.notice import check_notices
from core.model.schedule import Schedule
from core.model.secret import SecretRef
from core.model.vocabulary import (
    Consistency,
    Content,
    Encoding,
    Engine,
    Format,
    Lock,
    Newline,
    ObjectPattern,
    ObjectRef,
    ObjectType,
    OnError,
    SchemaFlavour,
    Unencodable,
)
from core.model.watch import Watch


class CsvSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How CSV files look. After RFC 4180, with the differences that readers ask for.

    `null`: what stands for NULL, unquoted. With the default, nothing stands for NULL, and an empty string
    is written as two text qualifiers; any real value equal to `null` is quoted, so that the two are told
    apart after a re-read. `escape_backslash` also doubles backslashes inside values, for readers that
    take the backslash as an escape (MySQL's LOAD DATA); NULL as `\\N` is then never a value.
    `binary`: how bytes are written: `hex` (DEADBEEF), `0x` (0xDEADBEEF), `\\x` (PostgreSQL's bytea,
    \\xdeadbeef) or `base64`. `bom` puts a byte-order mark before UTF-8 too (Excel wants it). `safe`: texts
    that a spreadsheet would take for a formula get an apostrophe before them, which makes them text there.
    """

    header: bool = True
    separator: str = ","
    quote: str = '"'
    newline: Newline = Newline.LF
    null: str = ""
    escape_backslash: bool = False
    binary: str = "hex"
    bom: bool = False
    safe: bool = False

    BINARY_FORMS = ("hex", "0x", "\\x", "base64")

    def __post_init__(self) -> None:
        if len(self.separator) != 1:
            raise InvalidValue(f"CSV separator {self.separator!r} is not one character.")
        if self.quote not in ('"', "'"):
            raise InvalidValue(f"CSV text qualifier {self.quote!r} is neither \" nor '.")
        if self.separator in (self.quote, "\r", "\n", "\\"):
            raise InvalidValue(f"CSV separator {self.separator!r} would be read as something else.")
        if any(c in self.null for c in (self.separator, self.quote, "\r", "\n")):
            raise InvalidValue(
                f"CSV text for NULL {self.null!r} has a separator, text qualifier or line break in it."
            )
        if self.binary not in self.BINARY_FORMS:
            raise InvalidValue(f"CSV binary form {self.binary!r} is none of {', '.join(self.BINARY_FORMS)}.")


# What each reader takes without further options beyond naming the format. Sources: MySQL 8.0 manual
# "LOAD DATA" (FIELDS TERMINATED BY ',' ENCLOSED BY '"' ESCAPED BY '\\'), PostgreSQL 15 manual "COPY"
# (FORMAT csv), Oracle SQL*Loader (CSV WITH EMBEDDED), ODC's defaults (FIELD.md of the reference system).
CSV_PRESETS: dict[str, CsvSettings] = {
    "mysql": CsvSettings(null="\\N", escape_backslash=True),
    "postgres": CsvSettings(binary="\\x"),
    "oracle": CsvSettings(newline=Newline.LF),
    "excel": CsvSettings(newline=Newline.CRLF, bom=True),
    "odc": CsvSettings(newline=Newline.CRLF, null="\\N"),
}


class SqlSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How SQL data files look. `rows`: as INSERTs, or behind COPY (PostgreSQL). `batch_commit`: a COMMIT
    after every so many rows, None for none."""

    rows: SqlRows = SqlRows.INSERT
    batch_commit: int | None = None

    def __post_init__(self) -> None:
        if self.batch_commit is not None and self.batch_commit < 1:
            raise InvalidValue(f"A COMMIT after every {self.batch_commit} rows can't be: use 1 or more.")


class SchemaSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How schema files look. `drop`: a DROP before each CREATE. `merge`: all of it in one file.
    `privileges`: with GRANT statements (PostgreSQL)."""

    drop: bool = False
    merge: bool = False
    flavour: SchemaFlavour = SchemaFlavour.NATIVE
    privileges: bool = False


class SysAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An OceanBase sys tenant account for this export only: the name before `@sys`, and its password."""

    account: str
    secret: SecretRef | None = None

    def __post_init__(self) -> None:
        if not self.account or "@" in self.account or "#" in self.account:
            raise InvalidValue(
                f"sys account {self.account!r} must be the bare account name.",
                "Leave out @sys and #cluster: they are taken from the connection.",
            )


class ExportSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Everything that says what leaves which database, and in which form.

    `all_objects` takes the whole database, else `objects` says which (`TYPE:NAME`, patterns); `exclude`
    is taken off again. `choices` say what of an object is taken, by the object as people type it
    (`core.model.choice`); `queries` are data sets of their own, by name. `retry_limit` counts automatic
    retries after transient errors. `notify` says who is told of the end (`core.model.notice`), None: whoever
    the settings file names. `engine` and `dask_scheduler` say where parts are read (`core.model.cluster`),
    None: as the destination has it, else the connection; a task's settings say it themselves.
    """

    connection: str
    database: str | None = None
    content: Content = Content.SCHEMA_AND_DATA
    all_objects: bool = False
    objects: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    choices: dict[str, Choice] = {}
    queries: dict[str, str] = {}
    format: Format = Format.CSV
    encoding: Encoding = Encoding.UTF_8
    on_unencodable: Unencodable = Unencodable.FAIL
    csv: CsvSettings = CsvSettings()
    sql: SqlSettings = SqlSettings()
    json: JsonSettings = JsonSettings()
    parquet: ParquetSettings = ParquetSettings()
    arrow: ArrowSettings = ArrowSettings()
    on_unfit: Unfit = Unfit.FAIL
    compression: Compression = Compression.NONE
    compression_level: int | None = None
    files: FileSettings = FileSettings()
    window: Window = Window.ALL
    mark: MarkSettings = MarkSettings()
    load: LoadSettings = LoadSettings()
    schema: SchemaSettings = SchemaSettings()
    consistency: Consistency = Consistency.OBJECT
    lock: Lock = Lock.NEVER
    on_error: OnError = OnError.ABORT
    retry_limit: int = 3
    sys_account: SysAccount | None = None
    into: Into | None = None
    notify: tuple[str, ...] | None = None
    engine: Engine | None = None
    dask_scheduler: str | None = None

    def __post_init__(self) -> None:
        for text in (*self.objects, *self.exclude):
            pattern = ObjectPattern.parse(text)
            if pattern.type is not None and not pattern.type.stored:
                raise InvalidValue(
                    f"{text!r} is no object of a database.",
                    "Queries are named by themselves, with their SQL.",
                )
        check_choices(self.choices)
        check_notices(self.notify)
        self._check_queries()
        if self.all_objects and self.objects:
            raise InvalidValue(
                "Both everything and a choice of objects were asked for.",
                "Use --all alone (with --exclude), or name the objects.",
            )
        if not self.all_objects and not self.objects and not self.queries:
            raise InvalidValue(
                "No object was named.", "Name objects (TABLE:orders, orders, 'ord*'), or use --all."
            )
        if self.schema.merge and self.content is not Content.SCHEMA:
            raise InvalidValue(
                "One merged schema file is for schema only exports.", "Add --content schema, or drop merge."
            )
        if self.schema.drop and self.content is Content.DATA:
            raise InvalidValue("DROP before CREATE needs a schema: the content is data only.")
        if self.schema.privileges and self.content is Content.DATA:
            raise InvalidValue("Privileges need a schema: the content is data only.")
        if not self.format.is_text and self.compression is not Compression.NONE:
            raise InvalidValue(
                f"{self.format.label} files aren't compressed as a whole.",
                f"Use --compression none and a codec of {self.format.label} (--{self.format}-codec).",
            )
        if self.compression_level is not None and self.compression_level not in self.compression.levels:
            levels = self.compression.levels
            raise InvalidValue(
                f"Compression {self.compression} has no level {self.compression_level}.",
                f"Use {levels.start} to {levels.stop - 1}." if levels else "Choose gzip or zstd first.",
            )
        if self.retry_limit < 0:
            raise InvalidValue(f"Retry limit {self.retry_limit} is below 0.")
        check_scheduler(self.dask_scheduler)
        if self.engine is Engine.DASK:
            check_dask(self)
        if self.into is not None:
            self._check_into(self.into)

    def _check_queries(self) -> None:
        check_queries(self.queries)
        if self.queries and not self.content.data:
            raise InvalidValue(
                "Queries have rows only: the content is schema only.", "Leave the queries out."
            )
        if self.queries and self.content.schema and self.format is Format.SQL and self.into is None:
            raise InvalidValue(
                "A query's rows as INSERTs need a table of its name, which no schema file makes.",
                "Add --content data, or choose another format.",
            )

    def choice_of(self, ref: ObjectRef) -> Choice | None:
        """What of this object is taken; None: all of it."""
        return choice_of(self.choices, ref)

    def where_of(self, ref: ObjectRef) -> str | None:
        """The condition that this object's rows must meet, None for none."""
        choice = self.choice_of(ref)
        return choice.where if choice is not None else None

    def _check_into(self, into: Into) -> None:
        """What makes no sense where rows go into a database."""
        if self.window is Window.NEW and into.existing is not Existing.APPEND:
            raise InvalidValue(
                "New rows are added to those that are there.",
                "Add --tables append (with --content data), or take all rows every time: --window all.",
            )
        if into.existing is Existing.APPEND and self.content is not Content.DATA:
            raise InvalidValue(
                "Rows can only be added to tables that are there: no definitions leave then.",
                "Use --content data with --tables append.",
            )
        if self.schema.merge or self.schema.drop or self.schema.privileges:
            raise InvalidValue(
                "Schema files are for exports into files.",
                "Into a database, --tables replace has tables made anew.",
            )
        if self.files != FileSettings():
            raise InvalidValue("Files, their names and their parts are for exports into files.")

    def takes_rows(self, ref: ObjectRef) -> bool:
        """Whether rows of this object are asked for.

        A view's rows as INSERTs can't be loaded where the view itself is: as SQL they are taken only where
        data alone is asked for and the view is named.
        """
        if not (self.content.data and ref.type.has_data):
            return False
        if ref.type is ObjectType.QUERY:
            return True
        if ref.type is not ObjectType.TABLE and (self.into is not None or self.format is Format.SQL):
            return not self.content.schema and not self.all_objects
        return True

    @property
    def patterns(self) -> tuple[ObjectPattern, ...]:
        return tuple(map(ObjectPattern.parse, self.objects))

    @property
    def exclusions(self) -> tuple[ObjectPattern, ...]:
        return tuple(map(ObjectPattern.parse, self.exclude))


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A saved definition. Each run goes to a directory of its own: `<directory>/<name>/<UTC start>-<task>/`;
    `fixed`: all go to `<directory>/<name>/` itself, and `settings.files.if_exists` says what that means for
    what is there. `latest`: beside the directories of runs a link of that name leads to the newest.

    `directory` is an absolute local path, a URL or below a destination (`core.model.destination`); of rows
    that go into another database, what `settings.into` is written as.
    `schedule` says when it runs by itself, `watch` that it does when there is new data; without, by hand.
    """

    name: str
    directory: str
    settings: ExportSettings
    schedule: Schedule | None = None
    watch: Watch | None = None
    fixed: bool = False
    latest: bool = False

    def __post_init__(self) -> None:
        check_export_name(self.name)
        if self.schedule is not None and self.watch is not None:
            raise InvalidValue(
                f"Export {self.name!r} is to run at times and when there is new data.", "Choose one of them."
            )
        if self.settings.into is not None:
            self._check_into(self.settings.into)
            return
        check_place(self.directory)
        if self.fixed and self.latest:
            raise InvalidValue(
                f"Export {self.name!r}: a link to the latest run is for runs with directories of their own.",
                "Leave out the fixed place (--no-fixed), or the link (--no-latest).",
            )
        if place_of(self.directory).url:
            check_remote(self.settings.files, latest=self.latest)

    def _check_into(self, into: Into) -> None:
        if self.directory != into.place:
            raise InvalidValue(
                f"Export {self.name!r}: its rows go into {into.place}, and a directory was named, too.",
                "Leave one of them out.",
            )
        if self.fixed or self.latest:
            raise InvalidValue(
                f"Export {self.name!r}: a fixed place and a link to the latest run are for files.",
                "What becomes of tables that are there is said by --tables.",
            )

    def output(self, start: datetime) -> str:
        """The directory of a run that begins at `start` (aware), but for its task's number where it isn't
        `fixed`; the database that rows go into."""
        if self.settings.into is not None:
            return self.directory
        if self.fixed:
            return below(self.directory, self.name)
        return below(self.directory, self.name, f"{start.astimezone(UTC):%Y%m%dT%H%M%SZ}")


def check_export_name(name: str) -> None:
    """An export's name is a directory's name too. Raises InvalidValue."""
    bad = not name or name != name.strip() or name in (".", "..") or "/" in name or not name.isprintable()
    if bad or len(name.encode()) > 120:
        raise InvalidValue(
            f"{name!r} can't name an export.",
            "Use up to 120 bytes of printable characters, without / and without spaces at the ends.",
        )
