"""A page about saved exports: what can be done with the one that it is about."""

from __future__ import annotations

from typing import Protocol

from core.model.destination import below
from core.model.settings import Export
from core.model.task import Task
from core.service import watch_words
from core.service.marks import Next
from tui.screens.base import Page
from tui.widgets.dialog import Choice, Choose, confirm


class HasExport(Protocol):
    @property
    def export(self) -> Export: ...


class ExportPage(Page):
    """Its `subject()` has an `export`."""

    @property
    def export(self) -> Export:
        """The one that an action is about; only called where there is one."""
        subject: HasExport = self.subject()
        return subject.export

    def forgotten(self) -> None:
        """The export has been deleted from here."""

    def do_export_run(self) -> None:
        name, service = self.export.name, self.offramp.service

        def work() -> Task:
            task = service.exports.run(name)
            service.tasks.serve()
            return task

        self.offramp.call(
            work, lambda task: self.offramp.page_say(f"Task {task.id} runs {name} into {task.output}.")
        )

    def do_export_edit(self) -> None:
        export = self.export
        self.offramp.new_export(export.settings, name=export.name, edits=export.name)

    def do_export_copy(self) -> None:
        self.offramp.new_export(self.export.settings, name=self.export.name)

    def do_export_delete(self) -> None:
        name = self.export.name

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.offramp.call(lambda: self.offramp.service.exports.remove(name), lambda _: gone())

        def gone() -> None:
            self.offramp.page_say(f"Export {name} is forgotten.")
            self.forgotten()

        question = confirm(
            f"Delete export {name}?",
            yes="Delete",
            text="The definition is forgotten; its tasks go on, and files that it has made stay.",
        )
        self.app.push_screen(question, answered)

    def do_export_pause(self) -> None:
        """Pause it, or resume it where it is paused."""
        export, service = self.export, self.offramp.service
        trigger = export.schedule or export.watch
        paused = trigger is not None and trigger.paused

        def work() -> str:
            if not paused:
                service.exports.pause(export.name)
                return f"Export {export.name} is paused."
            service.exports.resume(export.name)
            service.tasks.serve()
            return f"Export {export.name} runs by itself from now on."

        self.offramp.call(work, self.offramp.page_say)

    def do_export_look(self) -> None:
        """What the next run of an export of new rows would read."""
        name, service = self.export.name, self.offramp.service

        def show(found: list[Next]) -> None:
            self.offramp.page_say("")
            choices = [Choice(item.object, item.object, "", watch_words.ahead(item)) for item in found]
            self.app.push_screen(Choose(f"What the next run of {name} would read", choices))

        self.offramp.call(lambda: service.marks.ahead(name), show, doing="Counting what is new ...")

    def do_export_yank(self) -> None:
        export = self.export
        place = export.directory if export.settings.into else below(export.directory, export.name)
        self.offramp.copy_text(place)
