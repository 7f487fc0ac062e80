"""Deleting a connection or a destination with a name: only what nothing uses, and only when asked twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import ErrorInfo
from core.service.saved import Destination, SavedConnection, SavedDestination
from tui.widgets.dialog import Tell, confirm

if TYPE_CHECKING:
    from tui.app import OfframpApp


def ask_to_remove(app: OfframpApp, subject: SavedConnection | Destination) -> None:
    """Say what uses it; where nothing does, ask, and remove it."""
    service = app.service
    saved: SavedConnection | SavedDestination
    if isinstance(subject, Destination):
        assert subject.named is not None  # noqa: S101 - the action's condition
        saved, kind = subject.named, "destination"
        name, remove = subject.named.destination.name, service.destinations.remove
    else:
        saved, kind = subject, "connection"
        name, remove = subject.connection.name, service.connections.remove
    if saved.exports or saved.tasks:
        users = [*(f"export {export}" for export in saved.exports), *(f"task {t}" for t in saved.tasks)]
        used = ErrorInfo(
            code="conflict",
            message=f"{kind.capitalize()} {name} is used by {', '.join(users)}.",
            hint="Delete those exports first, and let those tasks end or abort them.",
        )
        app.push_screen(Tell(used, title=f"{kind.capitalize()} {name} is in use"))
        return

    def answered(answer: str | None) -> None:
        if answer == "yes":
            app.call(
                lambda: remove(name),
                lambda _: app.page_say(f"{kind.capitalize()} {name} is forgotten."),
            )

    question = confirm(
        f"Delete {kind} {name}?",
        yes="Delete",
        text="Nothing uses it. A password that Offramp keeps for it is removed too.",
    )
    app.push_screen(question, answered)
