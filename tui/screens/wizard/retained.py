"""What goes from one export to the next: the settings that are retained, and those of what is copied."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from core.errors import InvalidValue
from core.model.secret import FileSecret
from core.model.settings import CsvSettings, ExportSettings, SchemaSettings, SqlSettings, SysAccount
from tui.screens.wizard.draft import BATCH, Draft, csv_fields, number
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
    return Retained(
        format=draft.format,
        encoding=draft.encoding,
        on_unencodable=draft.on_unencodable,
        csv=_right(draft.csv, CsvSettings()),
        sql=_right(partial(_batch, draft), SqlSettings()),
        schema=SchemaSettings(drop=draft.drop, merge=draft.merge, flavour=draft.flavour),
    )


def _batch(draft: Draft) -> SqlSettings:
    return SqlSettings(batch_commit=number(draft.batch_rows) if draft.batch else None)


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
        format=retained.format,
        encoding=retained.encoding,
        on_unencodable=retained.on_unencodable,
        **csv_fields(retained.csv),
        batch=retained.sql.batch_commit is not None,
        batch_rows=str(retained.sql.batch_commit or BATCH),
        drop=retained.schema.drop,
        merge=retained.schema.merge,
        flavour=retained.schema.flavour,
        retain=True,
        **more,
    )
