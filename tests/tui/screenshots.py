"""Pictures of the screens: drives the real application by keys, on the sample shop and a store with tasks in
every status, with a clock that stands still. The same code gives the same pictures.

    python -m tests.tui.screenshots [--to screenshots] [--only NAME,...] [--check]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

import msgspec
import sqlalchemy as sa
from textual.pilot import Pilot

from connectors.sources.sqlite import opening, session, source
from core.model.connection import Connection
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Mode, TaskStatus
from core.service import Service
from core.service.overview import Overview
from core.store import tables
from tests.tui.harness import Home, application, every_status, local_time, running, until
from tui import handout
from tui.screens import download

SIZES = ((80, 24), (120, 40))
# Where the sample seems to be: it is to be read in the pictures. It is made in a temporary directory.
PLACE = Path("/srv/offramp")
Steps = Callable[[Pilot[Any]], Awaitable[None]]

LOG = """\
INFO  Worker 4711 begins.
INFO  OceanBase keeps a point in time for at least 1800 s (undo_retention).
INFO  3 objects, about 266400000 rows
INFO  VIEW:v_open: begins
INFO  TABLE:orders: begins
WARN  The connection was lost while reading TABLE:orders: 2013 Lost connection to MySQL server during query.
INFO  Worker 4736 begins.
INFO  3 objects, about 266400000 rows
INFO  TABLE:orders: goes on after 20000000 rows
"""


def seed(home: Home) -> dict[TaskStatus, int]:
    """Tasks in every status, the sample shop with its exports, two more exports."""
    made = every_status(home)
    with home.store.database.write() as db:
        # What isn't offered isn't shown.
        db.execute(
            sa.update(tables.task).values(
                connection=sa.func.replace(tables.task.c.connection, "ora-fin", "fin-prod"),
                settings=sa.func.replace(tables.task.c.settings, "ora-fin", "fin-prod"),
            )
        )
    home.store.connections.remove("ora-fin")
    for name, mode, database in (
        ("ob-prod", Mode.OCEANBASE, "shop"), ("fin-prod", Mode.MYSQL, "ledger"), ("mdb-shop", Mode.MARIADB, "shop"),
    ):  # fmt: skip
        connection = Connection(
            name=name, mode=mode, host=f"{name}.example", port=2883 if mode is Mode.OCEANBASE else 3306,
            user="reader@tenant" if mode is Mode.OCEANBASE else "reader", database=database,
        )  # fmt: skip
        if any(known.name == name for known in home.store.connections.list()):
            home.store.connections.replace(connection)
        else:
            home.store.connections.add(connection)
    for name, settings, directory in (
        ("orders-nightly", ExportSettings(connection="ob-prod", database="shop", objects=("TABLE:orders", "TABLE:order_items")), "/srv/lake"),
        ("orders-hourly", ExportSettings(connection="ob-prod", database="shop", objects=("TABLE:orders",)), "/data/out"),
    ):  # fmt: skip
        home.store.exports.add(Export(name=name, settings=settings, directory=directory))
    for status in (TaskStatus.COMPLETED, TaskStatus.RUNNING):
        home.update(made[status], export=home.store.tasks.get(made[status]).name)
    with Service(home.locations) as service:
        sample = service.demo.prepare(home.locations.home.parent / "shop")
        service.connections.replace(
            msgspec.structs.replace(
                sample.connection, path=str(PLACE / "shop" / Path(str(sample.connection.path)).name)
            )
        )
        for export in sample.exports:
            service.exports.replace(msgspec.structs.replace(export, directory=str(PLACE / "exports")))
    log = home.locations.task_log(made[TaskStatus.RUNNING])
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = LOG.splitlines()
    log.write_text(
        "".join(f"2026-11-22T14:00:{i * 7:02}.{i * 97:03}Z {line}\n" for i, line in enumerate(lines))
    )
    return made


def page_is(name: str) -> Callable[[Pilot[Any]], bool]:
    return lambda pilot: type(pilot.app.screen).__name__ == name


async def settled(pilot: Pilot[Any]) -> None:
    """Until nothing has changed for some looks at the store: what a screen asks for comes in a thread."""
    before = ""
    same = 0
    for _ in range(200):
        await pilot.pause(0.1)
        shown = pilot.app.export_screenshot()
        same = same + 1 if shown == before else 0
        before = shown
        if same >= 8:
            return
    raise TimeoutError("the screen never comes to rest")


def keys(*pressed: str) -> Steps:
    """Press one key after the other, each once the screen is at rest."""

    async def steps(pilot: Pilot[Any]) -> None:
        for key in pressed:
            await settled(pilot)
            await pilot.press(key)

    return steps


def on_task(status: TaskStatus, *pressed: str) -> Steps:
    async def steps(pilot: Pilot[Any]) -> None:
        page: Any = pilot.app.screen
        await until(pilot, lambda: page.table.rows)
        wanted = next(
            row.id for row in page.table.rows
            if pilot.app.service.tasks.get(row.id).status is status  # type: ignore[attr-defined]
        )  # fmt: skip
        page.table.select(wanted)
        await keys(*pressed)(pilot)

    return steps


def on_shop(*pressed: str) -> Steps:
    """In the sample's objects."""

    async def steps(pilot: Pilot[Any]) -> None:
        await keys("3")(pilot)
        await settled(pilot)
        page: Any = pilot.app.screen
        page.query("Table").first().select("shop")
        await keys("enter", *pressed)(pilot)

    return steps


PICTURES: dict[str, Steps] = {
    "tasks": on_task(TaskStatus.RUNNING),
    "menu": on_task(TaskStatus.RUNNING, "full_stop"),
    "help": on_task(TaskStatus.RUNNING, "question_mark"),
    "details": on_task(TaskStatus.RUNNING, "enter"),
    "details-objects": on_task(TaskStatus.RUNNING, "enter", "tab"),
    "logs": on_task(TaskStatus.RUNNING, "l"),
    "download": on_task(TaskStatus.COMPLETED, "d"),
    "exports": keys("2"),
    "flow": keys("2", "v"),
    "export": keys("2", "enter"),
    "connections": keys("3"),
    "objects": on_shop("down", "space", "space"),
    "quick": on_shop("down", "space", "space", "n"),
    "wizard": on_shop("down", "space", "space", "n", "f6"),
}


async def take(name: str, steps: Steps, home: Home, to: Path, size: tuple[int, int]) -> None:
    home.locations.screens.unlink(missing_ok=True)
    app = application(home)
    app.title = "Offramp"
    async with running(app, size) as pilot:
        await steps(pilot)
        await settled(pilot)
        picture = app.export_screenshot(title="offramp")
    path = to / f"{name}-{size[0]}x{size[1]}.svg"
    path.write_text(picture + "\n", encoding="utf-8")
    print(path, flush=True)


async def take_all(home: Home, to: Path, names: Sequence[str], sizes: Sequence[tuple[int, int]]) -> int:
    """How many of them couldn't be taken."""
    failed = 0
    for name in names:
        for size in sizes:
            try:
                await take(name, PICTURES[name], home, to, size)
            except (AssertionError, TimeoutError, LookupError) as error:
                failed += 1
                print(f"{name} at {size[0]}x{size[1]}: {error!r}", file=sys.stderr, flush=True)
    return failed


@contextmanager
def neutral(home: Path) -> Iterator[None]:
    """This machine's name, paths, disk and environment, and whether an engine happens to serve, are no part
    of the pictures."""
    found = opening.database_path

    def database_path(connection: Connection) -> Path:
        shown = found(connection)
        return home.parent / shown.relative_to(PLACE) if shown.is_relative_to(PLACE) else shown

    space = os.statvfs_result((4096, 4096, 10**8, 5 * 10**7, 5 * 10**7, 10**6, 10**6, 10**6, 0, 255))
    engine = Overview.engine
    unset = ("NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "TMUX", "OFFRAMP_ASCII", "OFFRAMP_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    with (
        patch.dict(os.environ, kept, clear=True),
        patch.object(opening, "database_path", database_path),
        patch.object(session, "database_path", database_path),
        patch.object(source, "database_path", database_path),
        patch.object(os, "statvfs", lambda path: space),
        patch.object(Overview, "engine", lambda self: replace(engine(self), served=True)),
        patch.object(download, "suggested", lambda task, here: f"/home/ann/{Path(task.output).name}"),
        patch.object(
            download,
            "_examine",
            lambda service, number: (handout.Host("jump.example", told=True), 3, 6_100_001_204),
        ),
        local_time("UTC"),
    ):
        yield


def make(to: Path, names: Sequence[str] = tuple(PICTURES), sizes: Sequence[tuple[int, int]] = SIZES) -> int:
    """Take the pictures into a directory that exists; how many couldn't be taken."""
    with tempfile.TemporaryDirectory(prefix="offramp-pictures-") as place:
        home = Home(Path(place, "home"))
        home.locations.preferences.write_text(f'directory = "{PLACE / "exports"}"\n')
        try:
            with neutral(home.locations.home):
                seed(home)
                return asyncio.run(take_all(home, to, names, sizes))
        finally:
            home.close()


def differing(to: Path, made: Path) -> list[str]:
    """Names of pictures in `made` that aren't the same in `to`."""
    return [
        path.name for path in sorted(made.iterdir())
        if not (to / path.name).is_file() or (to / path.name).read_bytes() != path.read_bytes()
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, default=Path("screenshots"))
    parser.add_argument("--only", default=",".join(PICTURES))
    parser.add_argument("--check", action="store_true", help="only say which pictures are no longer true")
    args = parser.parse_args()
    names = args.only.split(",")
    if unknown := [name for name in names if name not in PICTURES]:
        parser.error(f"no such picture: {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    if not args.check:
        args.to.mkdir(exist_ok=True)
        return min(1, make(args.to, names))
    with tempfile.TemporaryDirectory(prefix="offramp-check-") as made:
        failed = make(Path(made), names)
        changed = differing(args.to, Path(made))
    for name in changed:
        print(f"{args.to / name} differs from what the application shows", file=sys.stderr)
    return 1 if failed or changed else 0


if __name__ == "__main__":
    sys.exit(main())
