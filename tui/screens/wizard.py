"""A new export, step by step; the same form edits a saved one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.widget import Widget

from core.model.settings import ExportSettings
from tui.actions import Place, bindings
from tui.runs import Line, run
from tui.screens.base import Page
from tui.widgets.lines import Lines


class Wizard(Page):
    """`settings`: what it is filled with, None for the defaults; `name`: the task's; `edits`: the saved
    export that is edited; `step`: where it opens."""

    place: ClassVar[Place] = Place.WIZARD
    BINDINGS = bindings(Place.WIZARD)

    def __init__(
        self,
        settings: ExportSettings | None = None,
        *,
        name: str = "",
        edits: str | None = None,
        step: str = "",
    ) -> None:
        super().__init__()
        self._settings = settings
        self._export_name = name
        self._edits = edits
        self._step = step

    def body(self) -> Iterable[Widget]:
        yield Lines([run(" New export")])

    def heading(self) -> tuple[Line, Line]:
        return run("New export", "strong"), self.offramp.engine_line()
