"""Fields of connections and of destinations: who reads the parts of exports that don't say it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import InvalidValue
from core.model.cluster import Default, check_scheduler
from core.model.vocabulary import Engine
from tui.widgets.form import Field

UNSAID = ""

ENGINE_FIELDS = (
    Field(
        id="engine",
        label="Parts read by",
        help="Of exports with many files that don't say it: processes here, or a Dask cluster.",
        choices=((UNSAID, "usual"), (Engine.LOCAL, "this machine"), (Engine.DASK, "Dask")),
    ),
    Field(
        id="dask_scheduler",
        label="Dask scheduler",
        help="tcp://HOST:8786 or tls://HOST:8786; empty where exports say it.",
    ),
)
ENGINE_IDS = frozenset(field.id for field in ENGINE_FIELDS)


def engine_start(default: Default) -> dict[str, str]:
    """What stands in the fields at first."""
    return {"engine": default.engine or UNSAID, "dask_scheduler": default.dask_scheduler or ""}


def engine_wrong(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field."""
    try:
        check_scheduler(values["dask_scheduler"].strip() or None)
    except InvalidValue as error:
        return {"dask_scheduler": str(error)}
    return {}


def engine_of(values: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a connection or a destination."""
    return {
        "engine": Engine(values["engine"]) if values["engine"] else None,
        "dask_scheduler": values["dask_scheduler"].strip() or None,
    }
