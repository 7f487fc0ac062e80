"""The next runs of what runs by itself, below its fields."""

from __future__ import annotations

from tui.runs import run
from tui.screens.wizard import repeating
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.field import Step
from tui.screens.wizard.rules import Known
from tui.widgets.lines import Lines


class ComingRuns(Lines):
    """Shown in the step where a schedule is described, while there is one."""

    DEFAULT_CSS = "ComingRuns { dock: bottom; height: 6; padding: 0 0 0 2; display: none; }"
    can_focus = False

    def put(self, step: Step, draft: Draft, known: Known) -> None:
        shown = step is Step.EXECUTION and draft.periodic
        if self.display != shown:
            self.display = shown
        if shown:
            times = repeating.coming(draft.repeat, known.opened, known.now)
            self.show([run("Next runs", "head"), *(run(text, "dim") for text in times)])
