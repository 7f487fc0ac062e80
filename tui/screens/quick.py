"""The quick export: one sheet with defaults, Enter starts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from core.model.vocabulary import ObjectRef, ObjectType
from core.service.words import count, size
from tui.actions import Place, bindings
from tui.look import Glyphs
from tui.runs import EMPTY, Line, join, run
from tui.screens.base import Page
from tui.screens.wizard import work
from tui.screens.wizard.around import Around
from tui.screens.wizard.checking import Checker
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.field import Field
from tui.screens.wizard.fields import BY_ID
from tui.screens.wizard.findings import preflight_lines
from tui.screens.wizard.form import LABEL, Form
from tui.screens.wizard.retained import fresh, retained_of
from tui.screens.wizard.rules import Known, problems
from tui.screens.wizard.screen import Wizard
from tui.screens.wizard.summary import command_lines, data_files
from tui.widgets.lines import Lines
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from connectors.base import ObjectInfo

FIELDS = ("content", "format", "preset", "encoding", "directory", "when", "at", "consistency")
ROOM = 2


class QuickSheet(Page):
    """Of `objects`, the `infos` of what was marked in `database` of a connection."""

    place: ClassVar[Place] = Place.QUICK
    BINDINGS = bindings(Place.QUICK)
    CSS = """
    QuickSheet #what { height: 2; padding: 1 0 0 2; }
    QuickSheet #fields { padding: 0 1 0 0; }
    QuickSheet #below { height: 1fr; padding: 1 1 0 2; }
    QuickSheet #hint { dock: bottom; height: 1; padding: 0 1; margin-bottom: 1; }
    """

    def __init__(self, connection: str, database: str, infos: Sequence[ObjectInfo]) -> None:
        super().__init__()
        self._connection = connection
        self._database = database
        self._infos = {info.ref: info for info in infos}
        self._begins = False
        self._told: tuple[tuple[frozenset[ObjectRef], bool], str] | None = None

    def body(self) -> Iterable[Widget]:
        what = Lines(id="what")
        what.can_focus = False
        yield what
        with Vertical():
            yield Form([BY_ID[name] for name in FIELDS], id="fields")
            yield Sheet(id="below")
        hint = Lines(id="hint")
        hint.can_focus = False
        yield hint

    def on_mount(self) -> None:
        self._around = Around(self.offramp, self._show)
        self._field: Field | None = None
        self._draft = fresh(
            self.offramp.state.retained,
            connection=self._connection,
            database=self._database,
            chosen=frozenset(self._infos),
        )
        last = self.offramp.state.quick_format
        if last is not None:
            self._draft = replace(self._draft, format=last)
        self._checker = Checker(self.offramp, self._show)
        self._around.look(self._apply)
        self.query_one(Form).enter("content")
        self._begins = True
        self._show()

    @property
    def _known(self) -> Known:
        return self._around.known

    @property
    def draft(self) -> Draft:
        return self._draft

    @property
    def is_ready(self) -> bool:
        """Whether all that the sheet says of its own has been found out."""
        return self._begins and self._around.ready and self._checker.settled

    @property
    def wrong(self) -> dict[str, str]:
        return problems(self._draft, self._known)

    # What is seen

    def heading(self) -> tuple[Line, Line]:
        where = " / ".join(filter(None, (self._connection, self._database)))
        return join(
            run("Export from", "strong"), run(where, "accent"), between=" "
        ), self.offramp.engine_line()

    def tick(self) -> None:
        self._around.at_now(self._draft)
        self._show()

    def _apply(self) -> None:
        """Something was changed or learned."""
        self._around.at_now(self._draft)
        self._around.look_at_target(self._draft)
        self._show()

    def _show(self) -> None:
        if not self.is_running:
            return  # what was asked in a thread came when it had been left
        wrong = self.wrong
        glyphs = self.offramp.glyphs
        self.query_one("#what", Lines).show(
            [join(run(f"{'Objects':<{LABEL + 1}}", "dim"), run(self._objects(glyphs) + self._into(wrong)))]
        )
        self.query_one(Form).put(self._draft, self._known, wrong)
        self._show_below(wrong)
        field = self._field
        hint = self.query_one("#hint", Lines)
        if wrong:
            name = field.id if field is not None and field.id in wrong else next(iter(wrong))
            hint.show([run(wrong[name], "bad")])
        else:
            hint.show([run(field.hint if field is not None else "Enter starts it.", "dim")])

    def _into(self, wrong: dict[str, str]) -> str:
        """`-> Parquet zstd`, where data is written."""
        return f" -> {data_files(self._draft)}" if self._draft.content.data and not wrong else ""

    def _objects(self, glyphs: Glyphs) -> str:
        """Made anew only when other objects are meant: there may be thousands."""
        about = self._draft.selected, self._draft.content.data
        if self._told is None or self._told[0] != about:
            self._told = about, self._objects_text(glyphs)
        return self._told[1]

    def _objects_text(self, glyphs: Glyphs) -> str:
        chosen = [self._infos[ref] for ref in self._draft.selected if ref in self._infos]
        kinds = Counter(info.ref.type for info in chosen)
        if len(chosen) == 1:
            what = str(chosen[0].ref)
        else:
            parts = ", ".join(f"{kinds[kind]} {kind}" for kind in ObjectType if kinds[kind])
            what = f"{count(len(chosen), 'object')}: {parts}"
        left = len(self._draft.chosen) - len(self._draft.selected)
        pieces = [what]
        if self._draft.content.data:
            rows = sum(info.rows or 0 for info in chosen)
            taken = sum(info.bytes or 0 for info in chosen)
            pieces += [f"{glyphs.about}{rows:,} rows"] if rows else []
            pieces += [f"{glyphs.about}{size(taken)}"] if taken else []
        return ", ".join(pieces) + (f" ({left} without data left out)" if left else "")

    def _show_below(self, wrong: dict[str, str]) -> None:
        below = self.query_one("#below", Lines)
        columns = max(20, below.size.width - ROOM)
        lines: list[Line] = []
        if self._around.ready and not wrong:
            self._checker.want(self._draft, self._known)
            checked = self._checker.result
            lines += preflight_lines(checked.findings, checked.error, columns, self.offramp.glyphs)
            if checked.spelled is not None:
                lines += [EMPTY, run("The same as a command (y copies it)", "head")]
                lines += command_lines(checked.spelled.command, columns)
        below.show(lines)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # What is done

    def on_form_entered(self, event: Form.Entered) -> None:
        event.stop()
        self._field = event.field
        self._show()

    def on_form_edited(self, event: Form.Edited) -> None:
        event.stop()
        made = event.field.put(self._draft, event.text)
        if made != self._draft:
            self._draft = made
            self._apply()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_act("quick.start")

    def do_quick_start(self) -> None:
        wrong = self.wrong
        if wrong:
            first = next(iter(wrong))
            if not self.query_one(Form).enter(first):
                self._open(first)
            self.say(wrong[first], "warn")
            return
        begin = partial(work.begin, self.offramp.service, self._draft, self._known, self.offramp.now())
        self.offramp.call(begin, self._done, doing="Queueing ...")

    def _done(self, begun: work.Begun) -> None:
        self.offramp.remember(quick_format=self._draft.format)
        if self._draft.retain:
            self.offramp.remember(retained=retained_of(self._draft))
        work.leave(self.offramp, begun)

    def do_quick_more(self) -> None:
        self._open(self._field.id if self._field is not None else "content")

    def _open(self, field_id: str) -> None:
        def taken(draft: Draft | None) -> None:
            if draft is not None:
                self._draft = draft
                self._apply()

        self.app.push_screen(Wizard(draft=self._draft, step=field_id), taken)

    def do_wizard_yank(self) -> None:
        self._checker.copy(self._draft, self._known)
