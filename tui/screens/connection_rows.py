"""How connections and destinations look: rows of their lists, and what is said of the one at the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.model.cluster import words_of
from core.model.vocabulary import Mode
from core.service import words
from core.service.saved import Destination, Room, SavedConnection, SavedDestination
from tui.look import Glyphs
from tui.runs import EMPTY, Line, join, run, wrap
from tui.screens.connection_trial import step_lines
from tui.screens.task_rows import ago
from tui.widgets.columns import Column
from tui.widgets.table import Cell, Row
from tui.widgets.tail import TailCell

LITTLE = 1 << 30

COLUMNS = (
    Column(id="name", label="Connection", least=14, most=28, share=2),
    Column(id="mode", label="Mode", least=9, drop=4),
    Column(id="place", label="Place", least=18, most=44, share=3, drop=1),
    Column(id="test", label="Last test", least=14, most=24, share=1),
    Column(id="used", label="Used by", least=17, drop=3),
    Column(id="server", label="Server, as last seen", least=22, most=34, share=2, drop=6),
    Column(id="user", label="User", least=12, most=24, share=1, drop=5),
)
DIRECTORY_COLUMNS = (
    Column(id="directory", label="Destination", least=24, share=3),
    Column(id="free", label="Free", least=9, right=True),
    Column(id="state", label="", least=14, drop=2),
    Column(id="exports", label="Exports", least=14, share=2, drop=1),
)


def row(saved: SavedConnection, now: datetime, glyphs: Glyphs) -> Row:
    connection = saved.connection
    cells: tuple[Cell, ...] = (
        run(connection.name),
        run(connection.mode.label, "dim"),
        TailCell(connection.place),
        tested(saved, now, glyphs),
        run(used(saved), "dim"),
        run(server(saved), "dim"),
        run(connection.user or "", "dim"),
    )
    return Row(connection.name, cells)


def steps(saved: SavedConnection | SavedDestination) -> list[tuple[str, Any, str]]:
    """The steps of the last test: name, whether it went well, what was found."""
    found = saved.last_test.get("steps") if saved.last_test else None
    if not isinstance(found, list):
        return []
    return [(str(step["name"]), step["ok"], str(step["detail"])) for step in found]


def tested(saved: SavedConnection | SavedDestination, now: datetime, glyphs: Glyphs) -> Line:
    """`✔ fine 2 h`, `✖ log in 5 min`: how the last test went, and when."""
    if not saved.last_test:
        return run("never tested", "dim")
    when = run(ago(datetime.fromisoformat(str(saved.last_test["when"])), now), "dim")
    if saved.last_test["ok"]:
        return join(run(f"{glyphs.good} fine", "good"), when, between=" ")
    failed = next((name for name, ok, _ in steps(saved) if not ok), "failed")
    return join(run(f"{glyphs.bad} {failed}", "bad"), when, between=" ")


def server(saved: SavedConnection) -> str:
    """Product and version as the last test found them."""
    return next((detail for name, ok, detail in steps(saved) if name == "version" and ok), "")


def used(saved: SavedConnection) -> str:
    pieces = []
    if saved.exports:
        pieces.append(words.count(len(saved.exports), "export"))
    if saved.tasks:
        pieces.append(words.count(len(saved.tasks), "task"))
    return ", ".join(pieces)


def strip(saved: SavedConnection, now: datetime, glyphs: Glyphs, columns: int, rows: int) -> list[Line]:
    """What is known of a connection, in few lines: how one gets in, what the last test says, who uses it."""
    connection = saved.connection
    ways = [connection.mode.label, connection.place]
    if connection.mode is not Mode.SQLITE:
        ways += [f"user {connection.user}", f"password {saved.password}", f"TLS {connection.tls.mode}"]
    if connection.begins_in:
        ways.append(f"begins in {connection.begins_in}")
    lines = [join(run(connection.name, "strong"), run(", ".join(ways)), between=glyphs.between)]
    lines += _test_lines(saved, glyphs, columns)
    users = []
    if saved.exports:
        users.append(f"{_noun('export', saved.exports)} {', '.join(saved.exports)}")
    if saved.tasks:
        users.append(f"{_noun('task', saved.tasks)} {', '.join(map(str, saved.tasks))}")
    last = run(f"Used by {' and '.join(users)}." if users else "No export and no open task uses it.", "dim")
    return [*lines[: rows - 1], last]


def _noun(word: str, things: Sequence[object]) -> str:
    return word if len(things) == 1 else f"{word}s"


def _test_lines(saved: SavedConnection, glyphs: Glyphs, columns: int) -> list[Line]:
    failed = [step for step in steps(saved) if not step[1]]
    if failed:
        return step_lines(failed, columns, glyphs)
    if found := server(saved):
        return [run(found, "dim")]
    return []


def panel(saved: SavedConnection, now: datetime, glyphs: Glyphs, columns: int) -> list[Line]:
    """The same with room: every step of the last test."""
    connection = saved.connection
    lines = [run(connection.name, "strong"), EMPTY]
    pairs = [
        ("mode", connection.mode.label),
        ("place", connection.place),
        ("user", connection.user or ""),
        ("password", saved.password if connection.mode is not Mode.SQLITE else ""),
        ("TLS", connection.tls.mode if connection.mode is not Mode.SQLITE else ""),
        ("begins in", connection.begins_in or ""),
        ("at once", words.limits(connection)),
        ("parts by", words_of(connection.engine, connection.dask_scheduler)),
        ("exports", ", ".join(saved.exports)),
        ("tasks", ", ".join(map(str, saved.tasks))),
    ]
    for label, value in pairs:
        for number, piece in enumerate(wrap(value, columns - 10) if value else []):
            lines.append(join(run((label if number == 0 else "").ljust(10), "dim"), run(piece)))
    lines.append(EMPTY)
    if saved.last_test:
        when = words.moment(datetime.fromisoformat(str(saved.last_test["when"])), now)
        lines += [run(line, "dim") for line in wrap(f"Last test {when}", columns)]
        lines += step_lines(steps(saved), columns, glyphs)
    else:
        lines.append(run("Never tested.", "dim"))
    return lines


def destination_row(item: Destination, saved: SavedDestination, now: datetime, glyphs: Glyphs) -> Row:
    """Of one with a name."""
    url = run(saved.destination.url, "dim")
    cells: tuple[Cell, ...] = (
        join(run(saved.destination.name), url, between="  "),
        run(""),
        tested(saved, now, glyphs),
        run(", ".join(item.exports), "dim"),
    )
    return Row(item.directory, cells)


def destination_lines(saved: SavedDestination, glyphs: Glyphs, columns: int, rows: int) -> list[Line]:
    """What is known of one with a name: where it is, how one gets in, how its last test went, who uses it."""
    found = saved.destination
    ways = [f"{key} {value}" for key, value in found.options.items()]
    if not found.local:
        ways.append(f"password {saved.password}")
    reader = words_of(found.engine, found.dask_scheduler)
    ways += [f"parts read by {reader}"] if reader else []
    failed = [step for step in steps(saved) if not step[1]]
    lines = [run(found.name, "strong"), *(run(line) for line in wrap(found.url, columns))]
    # What is wrong comes before what is known anyway, where there is little room.
    lines += step_lines(failed, columns, glyphs)
    lines += [run(line, "dim") for line in wrap(", ".join(ways), columns) if line]
    if not failed:
        lines += step_lines(steps(saved), columns, glyphs)
    users = [f"{_noun('export', saved.exports)} {', '.join(saved.exports)}"] if saved.exports else []
    users += [f"{_noun('task', saved.tasks)} {', '.join(map(str, saved.tasks))}"] if saved.tasks else []
    last = f"Used by {' and '.join(users)}." if users else "No export and no open task uses it."
    return [*lines[: rows - 1], run(last, "dim")]


def directory_row(item: Destination, room: Room | None) -> Row:
    free, state, role = "", "", "dim"
    if room is not None:
        free = words.size(room.free) if room.free or not room.problem else ""
        state = room.problem or ("" if room.exists else "not made yet")
        role = "bad" if room.problem else "dim"
    cells: tuple[Cell, ...] = (
        TailCell(item.directory),
        run(free, "warn" if room is not None and room.free < LITTLE else ""),
        run(state, role),
        run(", ".join(item.exports) or ("the usual one" if item.usual else ""), "dim"),
    )
    return Row(item.directory, cells)


def directory_strip(item: Destination, room: Room | None, columns: int, rows: int) -> list[Line]:
    lines = [run(item.directory, "strong")]
    if item.usual:
        lines.append(run("Exports go here that name no other directory.", "dim"))
    if room is not None and room.total:
        share = 100 * room.free / room.total
        lines.append(run(f"{words.size(room.free)} free of {words.size(room.total)} ({share:.0f} %)."))
    if item.exports:
        lines += [run(line) for line in wrap(f"Exports: {', '.join(item.exports)}.", columns)]
    return lines[:rows]
