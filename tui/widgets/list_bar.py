"""What stands above a list: its filter, and counts; and the way to another order, alike for every list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from core.errors import InvalidValue
from tui.runs import EMPTY, Line, ends, join, run
from tui.state import ListView
from tui.widgets.dialog import Choice, Choose
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import OfframpApp


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a list can be sorted by: mostly a column, whose id it has. `key` chooses it in the question;
    `descending`: that way at first; `turns`: chosen once more, the other way round."""

    id: str
    label: str
    key: str
    descending: bool = False
    turns: bool = True


class ListBar(Horizontal):
    """The filter with what is typed there, and to its right whatever the page puts.

    It carries out `list.filter` and `list.sort`: a page names it in its `parts()`, and asks it `back()` first
    where Escape is pressed. `check` raises InvalidValue for a filter that makes no sense; `keys_go_to` gives
    the keys to the list again."""

    DEFAULT_CSS = """
    ListBar { height: 1; }
    ListBar Input { width: 2fr; }
    ListBar #filter-sign { width: 3; }
    ListBar #counts { width: 3fr; height: 1; text-align: right; }
    """

    class Changed(Message):
        """Another filter or order: `bar.view`."""

        def __init__(self, bar: ListBar) -> None:
            super().__init__()
            self.bar = bar

    def __init__(
        self,
        orders: Sequence[Order],
        check: Callable[[str], object],
        keys_go_to: Callable[[], object],
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._orders = {order.id: order for order in orders}
        self._check = check
        self._keys_go_to = keys_go_to
        self.view = ListView(order=orders[0].id)
        self._counts: Callable[[int], Line] | None = None

    @property
    def offramp(self) -> OfframpApp:
        from tui.app import OfframpApp  # noqa: PLC0415 - the application imports its screens

        assert isinstance(self.app, OfframpApp)  # noqa: S101 - shown by nothing else
        return self.app

    def compose(self) -> ComposeResult:
        yield Lines([run(" / ", "dim")], id="filter-sign")
        entry = Input(placeholder="filter", select_on_focus=False)
        entry.cursor_blink = False
        entry.can_focus = False
        yield entry
        yield Lines(id="counts")

    @property
    def entry(self) -> Input:
        return self.query_one(Input)

    @property
    def typing(self) -> bool:
        """Whether keys go into the filter."""
        return self.entry.has_focus

    @property
    def order(self) -> tuple[str, bool] | None:
        """What a table shows in its head (`Table.set_order`)."""
        return (self.view.order, self.view.descending) if self._orders[self.view.order].turns else None

    def keep(self, view: ListView) -> None:
        """Take what was kept from the visit before, as far as it still makes sense."""
        try:
            self._check(view.filter)
        except InvalidValue:
            view = ListView()
        if view.order not in self._orders:
            first = next(iter(self._orders.values()))
            view = msgspec.structs.replace(view, order=first.id, descending=first.descending)
        self.view = view
        with self.prevent(Input.Changed):
            self.entry.value = view.filter

    def put(self, counts: Callable[[int], Line]) -> None:
        """Show to the right what `counts` makes of so many columns."""
        self._counts = counts
        lines = self.query_one("#counts", Lines)
        columns = lines.size.width
        lines.show([ends(EMPTY, join(counts(columns), run(" ")), columns)])

    def on_resize(self) -> None:
        """How many columns there are isn't known before a bar was shown once."""
        if self._counts is not None:
            self.put(self._counts)

    # Filter

    def do_list_filter(self) -> None:
        self.entry.can_focus = True
        self.entry.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self._check(event.value)
        except InvalidValue as error:
            self.offramp.page_say(f"{error.message} {error.hint}", "warn")
            return
        self.offramp.page_say("")
        self._take(msgspec.structs.replace(self.view, filter=event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def key_down(self) -> None:
        if self.typing:
            self._leave()

    def _leave(self) -> None:
        self._keys_go_to()
        self.entry.can_focus = False

    def back(self) -> bool:
        """Out of the filter, then the filter itself; False where there was neither."""
        if self.typing:
            self._leave()
        elif self.entry.value:
            self.entry.value = ""
        else:
            return False
        return True

    # Order

    def do_list_sort(self) -> None:
        choices = [
            Choice(
                order.id,
                order.label,
                order.key,
                "once more turns it round" if order.id == self.view.order and order.turns else "",
            )
            for order in self._orders.values()
        ]
        self.app.push_screen(Choose("Sort by", choices, default=self.view.order), self.sort)

    def sort(self, order_id: str | None) -> None:
        """By this, or the other way round where it is that already; None, or what a list can't be sorted by,
        changes nothing."""
        order = self._orders.get(order_id or "")
        if order is None:
            return
        descending = not self.view.descending if order.id == self.view.order else order.descending
        self._take(msgspec.structs.replace(self.view, order=order.id, descending=descending))

    def _take(self, view: ListView) -> None:
        if view != self.view:
            self.view = view
            self.post_message(self.Changed(self))
