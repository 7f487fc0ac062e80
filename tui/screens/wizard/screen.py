"""A new export, step by step; the same form edits a saved one, and copies a task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input

from core.model.settings import ExportSettings
from core.service.connections import Listing
from tui.actions import Place, bindings
from tui.runs import Line, join, run
from tui.screens.base import Page
from tui.screens.wizard import hints, summary, work
from tui.screens.wizard.around import Around
from tui.screens.wizard.called import Called
from tui.screens.wizard.checking import Checker
from tui.screens.wizard.choosing import choose, choose_of
from tui.screens.wizard.coming import ComingRuns
from tui.screens.wizard.draft import EXPORT, FULL, Draft
from tui.screens.wizard.field import Field, Step
from tui.screens.wizard.fields import BY_ID, first_of, of_step, step_of, steps
from tui.screens.wizard.filling import Filling, completed
from tui.screens.wizard.form import Form
from tui.screens.wizard.retained import retained_of
from tui.screens.wizard.rules import Known, problems
from tui.screens.wizard.testing import SysTest
from tui.screens.wizard.way import Way
from tui.widgets.dialog import Choice, Choose, confirm
from tui.widgets.lines import Lines
from tui.widgets.object_list import ObjectList
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from tui.widgets.table import Table


class Wizard(Page):
    """`settings`: what it is filled with, None for the defaults; `name`: the task's; `edits`: the saved
    export that is edited; `step`: where it opens (a `Step` or the id of a field). `draft`: a form that was
    begun elsewhere, instead of settings."""

    place: ClassVar[Place] = Place.WIZARD
    BINDINGS = bindings(Place.WIZARD)
    CSS = """
    Wizard #steps { width: 17; padding: 1 0 0 1; }
    Wizard #pane { width: 1fr; padding: 1 1 0 0; }
    Wizard #objects { display: none; }
    Wizard #summary { display: none; height: 1fr; padding: 1 0 0 2; }
    Wizard #hint { dock: bottom; height: 2; padding: 0 1; margin-bottom: 1; }
    """

    def __init__(
        self,
        settings: ExportSettings | None = None,
        *,
        name: str = "",
        edits: str | None = None,
        step: str = "",
        draft: Draft | None = None,
    ) -> None:
        super().__init__()
        self._filling = Filling(settings, name, edits, draft)
        self._first = step
        self._begins = False

    def body(self) -> Iterable[Widget]:
        with Horizontal():
            steps_ = Lines(id="steps")
            steps_.can_focus = False
            yield steps_
            with Vertical(id="pane"):
                for step in Step:
                    form = Form(of_step(step), id=f"form-{step.name.lower()}")
                    form.display = False
                    yield form
                yield SysTest(id="sys-test")
                yield ComingRuns()
                yield Called()
                yield ObjectList(id="objects")
                yield Sheet(id="summary")
        hint = Lines(id="hint")
        hint.can_focus = False
        yield hint

    def on_mount(self) -> None:
        self._around = Around(self.offramp, self._apply, edits=self._filling.edits)
        self._listing: Listing | None = None
        filling = self._filling
        self._way = Way(self._first, filled=filling.settings is not None or filling.draft is not None)
        self._field: Field | None = None
        self._checker = Checker(self.offramp, self._show)
        self._draft = self._origin = self._filling.made(self.offramp.state.retained)
        self._around.look(self._looked)
        self._go(self.step, self._first if self._first in BY_ID else "")
        self._begins = True

    @property
    def step(self) -> Step:
        return self._way.step

    # What is known

    def _looked(self) -> None:
        edited, names = self._around.edited, self._around.known.connections
        self._origin = completed(self._origin, edited, names)
        self._draft = completed(self._draft, edited, names)
        self._apply()

    def _apply(self) -> None:
        """Something was changed or learned."""
        if not self.is_running:
            return
        around = self._around
        around.at_now(self._draft)
        around.ask_server(self._draft)
        around.look_at_target(self._draft)
        objects = self.query_one(ObjectList)
        if around.listing is None:
            objects.tell(around.words or "Choose a connection first.")
        elif around.listing is not self._listing:
            objects.show(around.listing.objects, self._draft.chosen)
        self._listing = around.listing
        self._show()
        self.refresh_title()

    @property
    def _known(self) -> Known:
        return self._around.known

    @property
    def _base(self) -> ExportSettings | None:
        return self._around.edited.settings if self._around.edited is not None else None

    @property
    def is_ready(self) -> bool:
        """Whether the store and the server have told what is asked of them."""
        return (
            self._begins
            and self._around.ready
            and (self._around.listing is not None or not self._draft.connection)
        )

    @property
    def is_checked(self) -> bool:
        """Whether the summary shows a preflight of what is described."""
        return self._checker.settled

    # What is seen

    def heading(self) -> tuple[Line, Line]:
        database = self._draft.database or self._known.database
        where = " / ".join(filter(None, (self._draft.connection, database)))
        title = join(run(self.menu_title(), "strong"), run(where, "dim"), between="  ")
        return title, self.offramp.engine_line()

    def subject(self) -> str:
        return "objects" if self._lists_objects else self.step.value

    def menu_title(self) -> str:
        edits = self._filling.edits
        return f"Edit export {edits}" if edits else "New export"

    def parts(self) -> tuple[Widget, ...]:
        return (self.query_one(ObjectList),)

    @property
    def draft(self) -> Draft:
        return self._draft

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong, by field."""
        return problems(self._draft, self._known)

    @property
    def _lists_objects(self) -> bool:
        return self.step is Step.OBJECTS and self._draft.range != FULL

    @property
    def form(self) -> Form:
        return self.query_one(f"#form-{self.step.name.lower()}", Form)

    def tick(self) -> None:
        self._around.at_now(self._draft)
        self._show()

    def _show(self) -> None:
        if not self.is_running:
            return  # what was asked in a thread came when it had been left
        wrong = self.wrong
        self.query_one("#steps", Lines).show(self._way.lines(wrong, self._known, self.offramp.glyphs))
        self.form.put(self._draft, self._known, wrong)
        objects = self.query_one(ObjectList)
        if objects.display != self._lists_objects:
            objects.display = self._lists_objects
        objects.explain(self._draft.rows)
        if objects.infos:
            objects.mark_only(self._draft.chosen, data_only=not self._draft.content.schema)
        self.query_one(ComingRuns).put(self.step, self._draft, self._known)
        self.query_one(Called).put(self.offramp, self.step, self._draft, self._known)
        self.query_one(SysTest).put(self._draft, wrong.get("account", ""))
        if self.step is Step.SUMMARY:
            self._show_summary(wrong)
        self._show_hint(wrong)

    def _show_summary(self, wrong: dict[str, str]) -> None:
        if not wrong and self._around.ready:
            self._checker.want(self._draft, self._known, self._base)
        lines = self.query_one("#summary", Lines)
        columns = max(20, lines.size.width - 2)
        checked, glyphs = self._checker.result, self.offramp.glyphs
        lines.show(summary.lines(self._draft, self._known, wrong, checked, columns=columns, glyphs=glyphs))

    def _show_hint(self, wrong: dict[str, str]) -> None:
        listing = self._lists_objects and (self._field is None or not self.form.current)
        trouble = self._around.trouble
        if trouble:
            trouble += f" {self.offramp.key_name('wizard.again')} asks again."
        text, role = hints.hint(
            self.step, self._field, self._draft, self._known, wrong, listing=listing, trouble=trouble
        )
        self.query_one("#hint", Lines).show(hints.lines(text, role, max(20, self.size.width - 3)))

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # From step to step

    def _go(self, step: Step, field: str = "") -> None:
        self.form.display = False
        self._way.go(step)
        self._field = None
        form = self.form
        form.display = True
        self.query_one(SysTest).display = step is Step.SYS
        self.query_one("#summary").display = step is Step.SUMMARY
        self._show()
        if self._lists_objects and not field and self._known.kinds:
            self.query_one(ObjectList).table.focus()
        elif not form.enter(field) and not form.enter():
            self.set_focus(None)
        self.refresh_actions()

    def on_form_entered(self, event: Form.Entered) -> None:
        event.stop()
        self._field = event.field
        self._show()
        self.refresh_actions()

    def on_form_edited(self, event: Form.Edited) -> None:
        event.stop()
        made = event.field.put(self._draft, event.text)
        if made != self._draft:
            self._draft = made
            self._apply()

    def on_object_list_changed(self, event: ObjectList.Changed) -> None:
        event.stop()
        self._draft = replace(self._draft, chosen=event.marked)
        self._show()

    def do_wizard_rows(self) -> None:
        here = self.query_one(ObjectList).here
        if here is None or not here.type.has_data:
            self.say("It has no rows to choose from.", "warn")
            return
        chosen = self._draft.chosen | {here}
        choose_of(
            self.offramp,
            here,
            self._draft.rows,
            lambda rows: self._take(replace(self._draft, rows=rows, chosen=chosen)),
        )

    def do_wizard_choices(self) -> None:
        choose(self.offramp, self._draft.rows, lambda rows: self._take(replace(self._draft, rows=rows)))

    def _take(self, draft: Draft) -> None:
        self._draft = draft
        self._apply()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        event.stop()
        self.query_one(ObjectList).do_objects_mark()

    def on_descendant_focus(self) -> None:
        if self.form.current is None:
            self._field = None
            self._show_hint(self.wrong)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_act("wizard.next")

    def do_wizard_next(self) -> None:
        if self.step is Step.SUMMARY:
            self._finish()
            return
        self._go(self._way.after(self._known))

    def do_wizard_summary(self) -> None:
        self._go(Step.SUMMARY)

    def do_wizard_steps(self) -> None:
        choices = [
            Choice(step.name.lower(), step.value, str(i)) for i, step in enumerate(steps(self._known), 1)
        ]

        def chosen(answer: str | None) -> None:
            if answer is not None:
                self._go(Step[answer.upper()])

        self.app.push_screen(Choose("Go to", choices, default=self.step.name.lower()), chosen)

    def do_app_back(self) -> None:
        """Out of a search, to the step before, and from the first one out of the form."""
        if self._lists_objects and self.query_one(ObjectList).back():
            return
        first = self._way.begins if self._filling.draft is not None else Step.CONTENT
        before = self._way.before(self._known, first)
        if before is not None:
            self._go(before)
        elif self._filling.draft is not None:
            # The sheet below takes what was changed here.
            self.dismiss(self._draft)
        elif self._draft == self._origin:
            self.dismiss(None)
        else:
            self._ask_to_leave()

    def _ask_to_leave(self) -> None:
        edits = self._filling.edits
        what = f"the changes of {edits}" if edits else "this export"

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.dismiss(None)

        self.app.push_screen(confirm(f"Leave {what} behind?", yes="Leave", no="Stay"), answered)

    def do_wizard_again(self) -> None:
        self._around.ask_again(self._draft)
        self._checker.again()

    # Done

    def do_wizard_yank(self) -> None:
        self._checker.copy(self._draft, self._known, self._base)

    def _finish(self) -> None:
        wrong = self.wrong
        if self.offramp.read_only:
            self.say("Not with --read-only.", "warn")
            return
        if wrong:
            first = first_of(wrong)
            self._go(step_of(first), first if first in BY_ID else "")
            self.say(wrong[first], "warn")
            return
        work_ = partial(work.begin, self.offramp.service, self._draft, self._known, self.offramp.now())
        self.offramp.call(
            work_, self._done, doing="Saving ..." if self._draft.keep == EXPORT else "Queueing ..."
        )

    def _done(self, begun: work.Begun) -> None:
        retained = retained_of(self._draft) if self._draft.retain else None
        if retained is not None or self._origin.retain:
            self.offramp.remember(retained=retained, quick_format=None)
        work.leave(self.offramp, begun)
