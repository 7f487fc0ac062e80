"""The saved exports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.widget import Widget

from core.service import Service
from tui.actions import Place, bindings
from tui.reading import Query, Seen
from tui.runs import run
from tui.screens.base import Page
from tui.widgets.columns import Column
from tui.widgets.table import Row, Table


def read_exports(service: Service) -> tuple[Any, ...]:
    """For the reader."""
    return tuple(service.exports.list())


class ExportsScreen(Page):
    place: ClassVar[Place] = Place.EXPORTS
    BINDINGS = bindings(Place.EXPORTS)

    def body(self) -> Iterable[Widget]:
        yield Table([Column(id="name", label="Name", least=20, share=1)])

    def on_mount(self) -> None:
        self.query_one(Table).focus()

    def wanted(self) -> Query | None:
        return read_exports

    def read(self, seen: Seen) -> None:
        self.query_one(Table).show([Row(item.name, (run(item.name),)) for item in seen.value or ()])
