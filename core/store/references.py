"""Which passwords anything in the store refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model.secret import SecretRef

if TYPE_CHECKING:
    from core.store.store import Store


def references(store: Store) -> set[SecretRef | None]:
    """Of connections, of destinations, and of the sys accounts of exports and tasks; None where one has no
    password."""
    found = {connection.secret for connection in store.connections.list()}
    found |= {destination.secret for destination in store.destinations.list()}
    settings = [export.settings for export in store.exports.list()]
    settings += [task.settings for task in store.tasks.list()]
    return found | {account.secret for s in settings if (account := s.sys_account) is not None}
