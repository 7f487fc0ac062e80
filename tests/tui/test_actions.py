"""The registry of actions: every status offers exactly its actions, and every action is carried out somewhere."""

from __future__ import annotations

import pytest
from textual.widget import Widget

from core.errors import InvalidDefinition
from core.model.vocabulary import TaskStatus
from tests.tui.harness import Home, application, running, until
from tui import keymap
from tui.actions import ACTIONS, BY_ID, Place, of
from tui.app import OfframpApp
from tui.screens.base import Page
from tui.screens.connections import ConnectionsScreen
from tui.screens.export import ExportScreen
from tui.screens.exports import ExportsScreen
from tui.screens.logs import LogsScreen
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.widgets.list_bar import ListBar
from tui.widgets.log_view import LogView

PAGES: dict[Place, type[Page]] = {
    Place.TASKS: TasksScreen,
    Place.TASK: TaskScreen,
    Place.LOGS: LogsScreen,
    Place.EXPORTS: ExportsScreen,
    Place.EXPORT: ExportScreen,
    Place.CONNECTIONS: ConnectionsScreen,
}
PARTS: dict[Place, tuple[type[Widget], ...]] = {
    Place.LOGS: (LogView,),
    Place.TASKS: (ListBar,),
    Place.EXPORTS: (ListBar,),
    Place.CONNECTIONS: (ListBar,),
}
ALWAYS = {"task.view", "task.logs", "task.copy", "task.save", "task.yank"}
OFFERED = {
    TaskStatus.SCHEDULED: {"task.abort", "task.limit"},
    TaskStatus.QUEUED: {"task.abort", "task.limit"},
    TaskStatus.RUNNING: {"task.abort", "task.limit"},
    TaskStatus.PUBLISHING: set(),
    TaskStatus.ABORTING: {"task.abort"},
    TaskStatus.COMPLETED: {"task.download", "task.delete"},
    TaskStatus.FAILED: {"task.retry", "task.delete"},
    TaskStatus.ABORTED: {"task.retry", "task.delete"},
}


@pytest.mark.parametrize("status", list(TaskStatus))
async def test_each_status_offers_exactly_its_actions(
    home: Home, tasks: dict[TaskStatus, int], status: TaskStatus
) -> None:
    app = application(home)
    async with running(app):
        page = app.page
        assert isinstance(page, TasksScreen)
        assert page.table.select(tasks[status])
        offered = {a.id for a in page.actions() if a.id.startswith("task.") and not page.refusal(a)}
        assert offered == OFFERED[status] | ALWAYS
        for action in page.actions():
            if action.id.startswith("task.") and action.id not in offered:
                assert f"Task {tasks[status]} is {status}" in page.refusal(action)


@pytest.mark.parametrize("status", list(TaskStatus))
async def test_a_key_that_does_not_apply_says_why(
    home: Home, tasks: dict[TaskStatus, int], status: TaskStatus
) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = app.page
        assert isinstance(page, TasksScreen)
        page.table.select(tasks[status])
        for name, key in (
            ("task.abort", "a"),
            ("task.retry", "r"),
            ("task.download", "d"),
            ("task.delete", "x"),
        ):
            if name not in OFFERED[status]:
                await pilot.press(key)
                await until(pilot, lambda: f"is {status}" in page.message)
                page.say("")
                assert app.screen is page


@pytest.mark.parametrize("place", PAGES)
def test_every_action_has_a_method_where_it_works(place: Place) -> None:
    for action in of(place, Place.ANY):
        if not action.bound:
            assert any(
                hasattr(holder, action.method) for holder in (PAGES[place], *PARTS.get(place, ()), OfframpApp)
            ), action.id


@pytest.mark.parametrize("place", Place)
def test_no_key_means_two_things_in_one_place(place: Place) -> None:
    taken: dict[str, str] = {}
    for action in of(place, Place.ANY, Place.LIST):
        for key in action.keys:
            assert taken.setdefault(key, action.id) == action.id


def test_no_key_is_one_that_terminals_keep_for_themselves() -> None:
    bad = {"ctrl+a", "ctrl+b", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+s", "ctrl+q", "f2", "f3"}
    for action in ACTIONS:
        assert not bad & set(action.keys)
        assert not any(key.startswith("alt+") for key in action.keys)
        assert action.help.endswith(".")


class TestKeymap:
    def test_takes_keys_as_people_write_them(self) -> None:
        found = keymap.check({"task.abort": "A", "app.help": "F1, ?", "list.sort": "Ctrl-R"}, "settings.toml")
        assert found == {"task.abort": "A", "app.help": "f1,question_mark", "list.sort": "ctrl+r"}

    def test_names_the_nearest_action(self) -> None:
        with pytest.raises(InvalidDefinition) as caught:
            keymap.check({"task.abrot": "A"}, "settings.toml")
        assert "task.abrot" in caught.value.message
        assert "task.abort" in caught.value.hint

    def test_refuses_a_key_that_means_something_else(self) -> None:
        with pytest.raises(InvalidDefinition, match="already means"):
            keymap.check({"task.abort": "x"}, "settings.toml")

    def test_two_actions_may_swap_their_keys(self) -> None:
        assert keymap.check({"task.abort": "x", "task.delete": "a"}, "") == {
            "task.abort": "x",
            "task.delete": "a",
        }

    @pytest.mark.parametrize("key", ["ctrl+s", "alt+x", "Banana", ""])
    def test_refuses_what_is_no_key(self, key: str) -> None:
        with pytest.raises(InvalidDefinition, match=r"keys\.task\.abort"):
            keymap.check({"task.abort": key}, "settings.toml")

    async def test_is_used(self, home: Home, tasks: dict[TaskStatus, int]) -> None:
        app = application(home, keys=keymap.check({"app.help": "F9"}, ""))
        async with running(app) as pilot:
            await pilot.press("question_mark")
            assert app.screen is app.page
            await pilot.press("f9")
            await until(pilot, lambda: app.screen is not app.page)


def test_every_action_can_be_named() -> None:
    assert len(BY_ID) == len(ACTIONS)
