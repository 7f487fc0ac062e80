"""What a task's settings take over from its connection and its destination when it is made."""

from __future__ import annotations

import sqlalchemy as sa

from core.model.cluster import may_use_dask, with_defaults
from core.model.connection import Connection
from core.model.destination import leaves, place_of
from core.model.settings import ExportSettings
from core.model.vocabulary import Engine
from core.store import destinations, tables
from core.store.rows import must


def settings_at(db: sa.Connection, settings: ExportSettings, place: str) -> ExportSettings:
    """The settings of a task that goes to a stored place, with where its parts are read: as the destination
    has it whose name the place begins with, else as the connection has it. Raises NotFound where there is no
    such destination, InvalidValue for what is no place."""
    unsaid = settings.engine is None and may_use_dask(settings)
    if not unsaid and (settings.engine is not Engine.DASK or settings.dask_scheduler is not None):
        return settings
    name = place_of(place).name if leaves(place) else ""
    destination = destinations.get(db, name) if name else None
    here = sa.select(tables.connection.c.body).where(tables.connection.c.name == settings.connection)
    body = db.execute(here).scalar()
    connection = must(body, Connection) if body is not None else None
    return with_defaults(settings, destination, connection)
