"""A page about tasks: what can be done with one of them, or with all that are marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidValue, OfframpError
from core.model.load import Rate
from core.model.settings import Export
from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.service.words import count
from tui import actions
from tui.screens.base import Page
from tui.widgets.ask import Ask
from tui.widgets.dialog import confirm


class TaskPage(Page):
    """A subclass says by `subjects()` which tasks its actions are about."""

    def subjects(self) -> list[Task]:
        task = self.subject()
        return [task] if isinstance(task, Task) else []

    def done(self, tasks: Sequence[Task]) -> None:
        """An action on these has been done."""

    def _allowed(self, name: str) -> list[Task]:
        action = actions.BY_ID[name]
        return [task for task in self.subjects() if not action.applies(task)]

    # Abort

    def do_task_abort(self) -> None:
        tasks = self._allowed("task.abort")
        force = all(task.status is TaskStatus.ABORTING for task in tasks)
        what = describe(tasks)
        if force:
            question, yes = f"End {what} at once?", "End without waiting"
            text = "The worker is killed without a chance to end its query and to remove temporary files."
        else:
            question, yes = f"Abort {what}?", "Abort"
            text = "Nothing is published. Retried later, it starts again from the beginning."
        self._confirmed(question, yes, text, tasks, lambda task: self._abort(task, force=force), no="Go on")

    def _abort(self, task: Task, *, force: bool) -> str:
        seen = self.offramp.service.tasks.abort(task.id, force=force)
        return f"Task {task.id} is {seen.status}."

    def do_task_limit(self) -> None:
        tasks = self._allowed("task.limit")
        now = str(tasks[0].rate or "") if len(tasks) == 1 else ""
        ask = Ask(
            f"Limit the rate of {describe(tasks)}",
            label="Bytes a second (500k, 10m) or rows (20000 rows); empty: no limit",
            value=now,
            check=_rate,
        )

        def answered(text: str | None) -> None:
            if text is not None:
                rate = Rate.parse(text) if text.strip() else None
                self._each(tasks, lambda task: self._limit(task, rate))

        self.app.push_screen(ask, answered)

    def _limit(self, task: Task, rate: Rate | None) -> str:
        self.offramp.service.tasks.limit(task.id, rate)
        return f"Task {task.id} reads {f'at most {rate} a second' if rate else 'as fast as it can'}."

    # Retry and delete

    def do_task_retry(self) -> None:
        tasks = self._allowed("task.retry")
        self._each(tasks, self._retry)

    def _retry(self, task: Task) -> str:
        self.offramp.service.tasks.retry(task.id)
        return f"Task {task.id} is queued again."

    def do_task_delete(self) -> None:
        tasks = self._allowed("task.delete")
        kept = any(task.published for task in tasks)
        text = "Their logs are removed; exported files stay." if kept else "Their logs are removed."
        if len(tasks) == 1:
            text = text.replace("Their logs are", "Its log is")
        self._confirmed(f"Delete {describe(tasks)}?", "Delete", text, tasks, self._delete)

    def _delete(self, task: Task) -> str:
        self.offramp.service.tasks.remove(task.id)
        return f"Task {task.id} is forgotten."

    def _confirmed(
        self,
        question: str,
        yes: str,
        text: str,
        tasks: Sequence[Task],
        one: Callable[[Task], str],
        *,
        no: str = "Cancel",
    ) -> None:
        def answered(answer: str | None) -> None:
            if answer == "yes":
                self._each(tasks, one)

        self.app.push_screen(confirm(question, yes=yes, no=no, text=text), answered)

    def _each(self, tasks: Sequence[Task], one: Callable[[Task], str]) -> None:
        """What can be done for one task is done whatever happens to the others."""

        def work() -> tuple[list[str], OfframpError | None]:
            said, failed = [], None
            for task in tasks:
                try:
                    said.append(one(task))
                except OfframpError as error:
                    failed = failed or error
            return said, failed

        def then(result: tuple[list[str], OfframpError | None]) -> None:
            said, failed = result
            self.done(tasks)
            if failed is not None:
                self.offramp.fail(failed)
            elif len(said) == 1:
                self.offramp.page_say(said[0])
            elif said:
                self.offramp.page_say(f"Done for {count(len(said), 'task')}.")

        self.offramp.call(work, then)

    # From one task to another thing

    def do_task_copy(self) -> None:
        task = self.subject()
        self.offramp.new_export(task.settings, name=task.name)

    def do_task_save(self) -> None:
        task: Task = self.subject()
        suggested = task.export or task.name.replace("/", "-").replace(": ", "-")
        ask = Ask("Save as export", label="Name", value=suggested, check=_export_name)

        def answered(name: str | None) -> None:
            if name is not None:
                self.offramp.call(lambda: self._save(task, name), self.offramp.page_say)

        self.app.push_screen(ask, answered)

    def _save(self, task: Task, name: str) -> str:
        exports = self.offramp.service.exports
        # A password that belongs to the task goes with it: the export asks for its own.
        account = task.settings.sys_account
        settings = task.settings
        if account is not None:
            settings = msgspec.structs.replace(
                settings, sys_account=msgspec.structs.replace(account, secret=None)
            )
        into = settings.into
        directory = into.place if into is not None else exports.directory()
        exports.create(Export(name=name, directory=directory, settings=settings))
        where = directory if into is not None else Path(directory, name)
        return f"Export {name} is saved; its runs go to {where}."

    def do_task_logs(self) -> None:
        from tui.screens.logs import LogsScreen  # noqa: PLC0415 - only when it is opened

        task: Any = self.subject()
        self.app.push_screen(LogsScreen(task.id))

    def do_task_view(self) -> None:
        self._open("information")

    def _open(self, tab: str) -> None:
        from tui.screens.task import TaskScreen  # noqa: PLC0415 - only when it is opened

        task: Any = self.subject()
        self.app.push_screen(TaskScreen(task.id, tab=tab))

    def do_task_download(self) -> None:
        from tui.screens.download import Download  # noqa: PLC0415 - only when it is opened

        task: Any = self.subject()
        self.app.push_screen(Download(task))

    def do_task_yank(self) -> None:
        task: Task = self.subject()
        self.offramp.copy_text(task.output)


def describe(tasks: Sequence[Task]) -> str:
    """`task 12 (orders-nightly)`, `3 tasks`."""
    if len(tasks) == 1:
        return f"task {tasks[0].id} ({tasks[0].name})"
    return f"{len(tasks)} tasks"


def _rate(text: str) -> str:
    """What is wrong with a rate, "" for nothing."""
    if not text.strip():
        return ""
    try:
        Rate.parse(text)
    except InvalidValue as error:
        return f"{error.message} {error.hint}"
    return ""


def _export_name(text: str) -> str:
    from core.model.settings import check_export_name  # noqa: PLC0415

    try:
        check_export_name(text)
    except InvalidValue as error:
        return f"{error.message} {error.hint}"
    return ""
