"""What becomes of the work at hand when the application is left or stopped."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import Conflict, NotFound
from core.model.vocabulary import TaskStatus
from core.service import Service
from core.service.overview import EngineState
from core.service.words import count
from tui.hosting import HostedEngine
from tui.widgets.dialog import Choice, Choose

OPEN = (TaskStatus.SCHEDULED, TaskStatus.QUEUED, TaskStatus.RUNNING)


def question(engine: EngineState) -> Choose:
    """Asks for "leave", "abort" or "stay"; leaving everything running is the default. Exports that run by
    themselves go on in any case."""
    parts = ((engine.at_work, "running"), (engine.queued, "queued"), (engine.scheduled, "scheduled"))
    at_work = ", ".join(f"{number} {word}" for number, word in parts if number)
    what = "what runs, waits and is scheduled" if engine.scheduled else "what runs and waits"
    choices = [
        Choice("leave", "Leave them running in the background", "b"),
        Choice("abort", f"Abort {what}, and leave", "a"),
        Choice("stay", "Stay", "s"),
    ]
    return Choose("Tasks aren't done yet", choices, text=f"{at_work}.")


@dataclass(frozen=True, slots=True)
class Aborted:
    """How many tasks were asked to end, and how many were past that: about to finish."""

    ended: int
    finishing: int

    def words(self) -> str:
        """For the terminal that is left."""
        text = f"{count(self.ended, 'task')} aborted." if self.ended else "No task was left to abort."
        if self.finishing:
            text += f" {count(self.finishing, 'task')} about to finish in the background: offramp ls"
        return text


class Departure:
    """Hands the store over, or ends what is going on. Its methods block, and are for any thread."""

    def __init__(self, service: Service, hosted: HostedEngine) -> None:
        self._service = service
        self._hosted = hosted

    def hand_over(self) -> None:
        """Step down, and see to it that a background engine serves if there is anything to serve. Raises
        OfframpError, with this engine at work again, where none can be started."""
        if not self._hosted.running:
            return
        self._hosted.stop()
        if self._service.overview.engine().busy:
            try:
                self._service.tasks.serve()
            except BaseException:
                self._hosted.start()
                raise

    def abort_all(self) -> Aborted:
        """Abort everything that is scheduled, queued or running, then hand over what is still ending.
        Raises OfframpError."""
        ended = 0
        for task in self._service.tasks.list(since=None, statuses=OPEN):
            try:
                self._service.tasks.abort(task.id)
                ended += 1
            except (Conflict, NotFound):
                # It has ended, or begun to publish, since the list was read.
                continue
        finishing = self._service.tasks.list(since=None, statuses=(TaskStatus.PUBLISHING,))
        self.hand_over()
        return Aborted(ended, len(finishing))
