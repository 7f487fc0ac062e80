"""A new export while it is being described: everything that the form holds, and the settings it stands for.

Numbers and characters are kept as they were typed, so that going back and forth loses nothing, not even what
is wrong. What doesn't apply (a COMMIT for CSV files, one merged file beside data) is kept too, and left out
of the settings.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice

import msgspec

from core.errors import InvalidValue
from core.model.destination import below
from core.model.file_settings import FileSettings
from core.model.format_settings import (
    ArrowCodec,
    BigNumbers,
    BinaryText,
    Compression,
    ParquetCodec,
    ParquetSettings,
    SqlRows,
    Unfit,
)
from core.model.into import PREFIX, Existing, Into
from core.model.mark import Window
from core.model.secret import SecretRef
from core.model.settings import (
    ExportSettings,
    SchemaSettings,
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
    OnError,
    SchemaFlavour,
    Unencodable,
)
from core.service.tasks import default_name, name_for
from tui.cli.times import start
from tui.screens.wizard.data_files import BATCH, data_settings
from tui.screens.wizard.filed import PLAIN, Filed
from tui.screens.wizard.new_rows import EVERY_TIME, USUAL, WATCH, NewRows, Watching
from tui.screens.wizard.repeating import DAILY, PERIODIC, Repeat
from tui.screens.wizard.rows import ALL, Rows
from tui.screens.wizard.texts import (
    notify_from,
    number,
    parted,
    pattern_of,
    slug,
    split,
)

TASK, EXPORT = "task", "export"
NOW, AT, HAND = "now", "at", "hand"
PARTIAL, FULL = "partial", "full"
TYPED = "(typed)"
_DEFAULTS = ExportSettings(connection="", all_objects=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`chosen` are the objects that were marked, `patterns` and `exclude` others as on the command line.
    `name` and `directory` None: made from the rest; `destination` is the one with a name that it goes to
    then. `keep`: one task (`task`) or a saved export. `when`: `now`, `at` the time in `at`, by `hand` (a
    saved export that isn't run), `periodic` as `repeat` says, or when there is new data (`watch`) as
    `watching` says. `fresh`: which rows a run takes. `secret`: where the sys account's password comes from
    when none is typed. `rows`: which columns and rows, and queries; `notify`: who is told, as typed.
    `base`: the settings that the form was filled with: what doesn't apply stays as it is there."""

    connection: str = ""
    content: Content = Content.SCHEMA_AND_DATA
    database: str = ""
    range: str = PARTIAL
    chosen: frozenset[ObjectRef] = frozenset()
    patterns: str = ""
    exclude: str = ""
    rows: Rows = ALL
    format: Format = Format.CSV
    encoding: Encoding = Encoding.UTF_8
    on_unencodable: Unencodable = Unencodable.FAIL
    header: bool = True
    separator: str = ","
    quote: str = '"'
    newline: Newline = Newline.LF
    null: str = ""
    binary: str = "hex"
    escape_backslash: bool = False
    bom: bool = False
    safe: bool = False
    sql_rows: SqlRows = SqlRows.INSERT
    batch: bool = False
    batch_rows: str = BATCH
    compression: Compression = Compression.NONE
    compression_level: str = ""
    json_binary: BinaryText = BinaryText.BASE64
    big_numbers: BigNumbers = BigNumbers.NUMBER
    parquet_codec: ParquetCodec = ParquetCodec.ZSTD
    parquet_level: str = ""
    row_group_rows: str = str(ParquetSettings().row_group_rows)
    arrow_codec: ArrowCodec = ArrowCodec.NONE
    on_unfit: Unfit = Unfit.FAIL
    drop: bool = False
    merge: bool = False
    flavour: SchemaFlavour = SchemaFlavour.NATIVE
    privileges: bool = False
    keep: str = TASK
    name: str | None = None
    directory: str | None = None
    destination: str = ""
    tables: Existing = Existing.CREATE
    filed: Filed = PLAIN
    when: str = NOW
    at: str = ""
    repeat: Repeat = DAILY
    watching: Watching = USUAL
    fresh: NewRows = EVERY_TIME
    consistency: Consistency = Consistency.OBJECT
    lock: Lock = Lock.NEVER
    on_error: OnError = OnError.ABORT
    retry_limit: str = "3"
    notify: str = ""
    sys: bool = False
    account: str = ""
    password: str = field(default="", repr=False)
    secret: SecretRef | None = None
    retain: bool = False
    # Settings hold mappings, which have no hash.
    base: ExportSettings | None = field(default=None, repr=False, hash=False)

    # What applies

    @property
    def selected(self) -> frozenset[ObjectRef]:
        """The chosen objects that apply to the content."""
        return self.chosen if self.content.schema else _with_data(self.chosen)

    def writes(self, *formats: Format) -> bool:
        """Whether data is written in one of these."""
        return self.content.data and self.format in formats

    @property
    def has_types(self) -> bool:
        """Whether values go into columns of types that may not hold them."""
        return self.writes(Format.PARQUET, Format.ARROW) or (self.content.data and not self.to_files)

    @property
    def text_applies(self) -> bool:
        return self.content.data and self.format.is_text

    @property
    def parquet_has_levels(self) -> bool:
        return self.parquet_codec in ParquetSettings.LEVELS

    @property
    def to_files(self) -> bool:
        """Whether anything is written to files at all: rows may go into another database."""
        return not self._typed_place.startswith(PREFIX)

    @property
    def _typed_place(self) -> str:
        return (self.directory if self.directory is not None else self.destination).strip()

    def into(self) -> Into | None:
        """The database that rows go into, where they do. Raises InvalidValue."""
        found = Into.parse(self._typed_place)
        return msgspec.structs.replace(found, existing=self.tables) if found is not None else None

    @property
    def cut_in_parts(self) -> bool:
        """Whether parts of objects become files of their own."""
        return self.to_files and self.content.data and self.filed.many

    @property
    def place_is_used(self) -> bool:
        """Whether an earlier run may have left something where this goes."""
        return self.keep == TASK or self.filed.fixed

    @property
    def periodic(self) -> bool:
        return self.keep == EXPORT and self.when == PERIODIC

    @property
    def watched(self) -> bool:
        return self.keep == EXPORT and self.when == WATCH

    @property
    def may_be_new(self) -> bool:
        """Whether only new rows can be taken: somebody has to remember what was."""
        return self.keep == EXPORT and self.content.data

    @property
    def only_new(self) -> bool:
        return self.may_be_new and self.fresh.window is Window.NEW

    # The settings

    def schema(self) -> SchemaSettings:
        return SchemaSettings(
            drop=self.drop and self.content.schema and self.to_files,
            merge=self.merge and self.content is Content.SCHEMA and self.to_files,
            flavour=self.flavour if self.content.schema else self.basis.schema.flavour,
            privileges=self.privileges and self.content.schema and self.to_files,
        )

    @property
    def basis(self) -> ExportSettings:
        """What stays where the form says nothing."""
        return self.base or _DEFAULTS

    def objects(self) -> tuple[str, ...]:
        """Raises InvalidValue."""
        if self.range == FULL:
            return ()
        if self.base is not None and self.base.content is self.content:
            chosen, patterns = parted(self.base.patterns)
            if chosen == self.chosen and shlex.join(patterns) == self.patterns:
                return self.base.objects  # in their order, as they were written
        return (*_texts(self.selected), *split(self.patterns))

    def sys_account(self) -> SysAccount | None:
        """Raises InvalidValue."""
        return (
            SysAccount(account=self.account, secret=None if self.password else self.secret)
            if self.sys
            else None
        )

    def settings(self) -> ExportSettings:
        """Raises InvalidValue."""
        # That a password was typed matters, which one doesn't: it isn't to stay behind anywhere.
        return _settings(replace(self, password=TYPED) if self.password else self)

    def _made(self) -> ExportSettings:
        if not self.connection:
            raise InvalidValue("No connection was chosen.")
        return msgspec.structs.replace(
            self.basis,
            connection=self.connection,
            database=self.database or None,
            content=self.content,
            all_objects=self.range == FULL,
            objects=self.objects(),
            exclude=split(self.exclude),
            choices=dict(self.rows.choices),
            queries=dict(self.rows.queries) if self.content.data else {},
            encoding=self.encoding,
            on_unencodable=self.on_unencodable,
            **data_settings(self),
            files=self.filed.settings(self.basis.files, data=self.content.data, used=self.place_is_used)
            if self.to_files
            else FileSettings(),
            **self.filed.engines(self.basis, applies=self.cut_in_parts),
            into=self.into(),
            schema=self.schema(),
            consistency=self.consistency,
            lock=self.lock,
            on_error=self.on_error,
            retry_limit=number(self.retry_limit),
            notify=notify_from(self.notify),
            sys_account=self.sys_account(),
            window=Window.NEW if self.only_new else Window.ALL,
            mark=self.fresh.settings() if self.only_new else self.basis.mark,
        )

    def check(self) -> None:
        """What `settings` raises: InvalidValue. One object stands for all that were marked, so that thousands
        of them cost nothing with every key: what is marked is right by itself."""
        self.settings_of_few()

    def settings_of_few(self) -> ExportSettings:
        """The settings of one of the marked objects. Raises InvalidValue."""
        few = frozenset(islice(self.selected, 1))
        return replace(self, chosen=few).settings()

    def start(self, now: datetime) -> datetime | None:
        """When it begins, None for now. Raises InvalidValue."""
        return start(self.at, now)[0] if self.when == AT else None

    # What follows from the rest

    def title(self) -> str:
        """The name that it has: as typed, else made from what is exported."""
        if self.name is not None:
            return self.name
        made = self._title()
        return slug(made) if self.keep == EXPORT else made

    def _title(self) -> str:
        if not self.connection:
            return ""
        try:
            if self.range == FULL:
                return default_name(ExportSettings(connection=self.connection, all_objects=True))
            typed = (*split(self.patterns), *(f"QUERY:{name}" for name, _ in self.rows.queries))
            first = pattern_of(_first(self.selected)) if self.selected else typed[0] if typed else ""
            return name_for(self.connection, first, len(self.selected) + len(typed) - 1)
        except InvalidValue:
            return ""

    def target(self, base: str, now: datetime) -> str:
        """Where it goes: as typed, else below the destination that was chosen, or `base`: there a saved
        export makes its own directories."""
        if self.directory is not None:
            return self.directory
        if self.destination.startswith(PREFIX):
            return self.destination
        base = f"{self.destination}:" if self.destination else base
        if self.keep == EXPORT or not base:
            return base
        name = slug(self.title()) or "export"
        return below(base, f"{name}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")


# What is made of a draft is asked for several times with every key, and thousands of objects take their time.


@lru_cache(maxsize=4)
def _settings(draft: Draft) -> ExportSettings:
    return draft._made()


@lru_cache(maxsize=4)
def _with_data(chosen: frozenset[ObjectRef]) -> frozenset[ObjectRef]:
    return frozenset(ref for ref in chosen if ref.type.has_data)


@lru_cache(maxsize=4)
def _first(chosen: frozenset[ObjectRef]) -> ObjectRef:
    return min(chosen)


@lru_cache(maxsize=4)
def _texts(chosen: frozenset[ObjectRef]) -> tuple[str, ...]:
    return tuple(pattern_of(ref) for ref in sorted(chosen))
