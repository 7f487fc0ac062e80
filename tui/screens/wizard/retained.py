"""What goes from one export to the next: the settings that are retained, and those of what is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from core.errors import InvalidValue
from core.model.file_settings import FileSettings
from core.model.format_settings import ParquetSettings
from core.model.secret import FileSecret
from core.model.settings import CsvSettings, ExportSettings, SchemaSettings, SqlSettings, SysAccount
from tui.screens.wizard.data_files import arrow_of, csv_of, data_fields, json_of, level_of, parquet_of, sql_of
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.filed import Filed
from tui.state import Retained

T = TypeVar("T")


def with_own_secret_only(settings: ExportSettings) -> ExportSettings:
    """For a copy: a password that Offramp keeps belongs to what it was kept for."""
    account = settings.sys_account
    if account is None or not isinstance(account.secret, FileSecret):
        return settings
    return msgspec.structs.replace(settings, sys_account=SysAccount(account=account.account))


def retained_of(draft: Draft) -> Retained:
    """What of the form is right: what doesn't apply may have been left behind wrong."""
    level = _right(lambda: level_of(draft), None)
    if level is not None and level not in draft.compression.levels:
        level = None
    return Retained(
        format=draft.format,
        encoding=draft.encoding,
        on_unencodable=draft.on_unencodable,
        csv=_right(lambda: csv_of(draft), CsvSettings()),
        sql=_right(lambda: sql_of(draft), SqlSettings()),
        json=json_of(draft),
        parquet=_right(lambda: parquet_of(draft), ParquetSettings()),
        arrow=arrow_of(draft),
        on_unfit=draft.on_unfit,
        compression=draft.compression,
        compression_level=level,
        files=_right(lambda: draft.filed.settings(FileSettings(), data=True, used=False), FileSettings()),
        schema=SchemaSettings(
            drop=draft.drop, merge=draft.merge, flavour=draft.flavour, privileges=draft.privileges
        ),
    )


def _right(made: Callable[[], T], default: T) -> T:
    try:
        return made()
    except InvalidValue:
        return default


def fresh(retained: Retained | None, **more: Any) -> Draft:
    """An empty form, with what was retained."""
    if retained is None:
        return Draft(**more)
    return Draft(
        **data_fields(retained),
        filed=Filed.of(retained.files),
        drop=retained.schema.drop,
        merge=retained.schema.merge,
        flavour=retained.schema.flavour,
        privileges=retained.schema.privileges,
        retain=True,
        **more,
    )
