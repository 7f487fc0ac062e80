"""Runs of a saved export, one after the other, with the store that keeps its marks."""

from __future__ import annotations

import csv
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.base import Source
from core.locations import Locations
from core.model.connection import Connection
from core.model.mark import Mark, MarkSettings, Window
from core.model.settings import Export, ExportSettings
from core.model.task import Task
from core.model.vocabulary import Content, Mode, TaskStatus
from core.pipeline.cancel import Cancel
from core.pipeline.into.there import Elsewhere
from core.pipeline.run import run_task
from core.store import NewTask, Store
from core.store.journal import StoreJournal

EXPORT = "new-ones"


class Runs:
    """`run` runs the export once more, within this process; `rows` gives what a run wrote of a table."""

    def __init__(self, home: Path, source: Source, **settings: Any) -> None:
        self.store = Store.open(Locations(home / "home"))
        self.source = source
        self.elsewhere: Elsewhere | None = None
        self.out = home / "out"
        self.log: list[str] = []
        mode = source.connection.mode
        self.store.connections.add(Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db"))
        self._mode = mode
        columns = settings.pop("mark", {})
        self.settings = ExportSettings(
            connection="shop",
            content=Content.DATA,
            window=Window.NEW,
            mark=MarkSettings(**columns),
            **({"all_objects": True} if "objects" not in settings else {}),
            **settings,
        )
        self.store.connections.add(Connection(name="there", mode=Mode.SQLITE, path="/data/there.db"))
        place = self.settings.into.place if self.settings.into is not None else "/data"
        self.store.exports.add(Export(name=EXPORT, directory=place, settings=self.settings))
        taken = self.store.lease.acquire(self.store.lease.state(), "a test")
        assert taken is not None
        self.epoch = taken

    def close(self) -> None:
        self.store.close()

    def start(self) -> tuple[Task, StoreJournal]:
        return self.queue(), self.claim()

    def queue(self) -> Task:
        return self.store.tasks.add(
            NewTask(
                name=EXPORT,
                settings=self.settings,
                output=str(self.out / "run"),
                numbered=True,
                mode=self._mode,
                owner="ann",
                export=EXPORT,
            )
        )

    def claim(self) -> StoreJournal:
        claim = self.store.claims.claim_next(self.epoch, datetime.now(UTC))
        assert claim is not None
        journal = StoreJournal(self.store, claim.task, claim.token, interval=10)
        journal.take_hold(4711, 4711, datetime.now(UTC))
        return journal

    def run(self) -> Task:
        """One run, to its end, whatever that is."""
        task, journal = self.start()
        return self.carry_out(task, journal)

    def carry_out(self, task: Task, journal: StoreJournal) -> Task:
        handler = logging.Handler()
        handler.emit = lambda r: self.log.append(r.getMessage())  # type: ignore[method-assign]
        log = logging.Logger("task")
        log.addHandler(handler)
        try:
            run_task(journal, self.source, log=log, cancel=Cancel(), elsewhere=self.elsewhere)
        finally:
            journal.close()
        for slot in self.store.claims.running():
            self.store.claims.free(self.epoch, slot)
        return self.store.tasks.get(task.id)

    def done(self) -> Task:
        """One run that completes."""
        task = self.run()
        assert task.status is TaskStatus.COMPLETED, (task.error, self.log[-10:])
        return task

    def rows(self, task: Task, table: str) -> list[tuple[str, ...]]:
        """Of a CSV file with a header, in the file's order."""
        path = Path(task.output) / "TABLE" / f"{table}.csv"
        with path.open(newline="") as file:
            return [tuple(row) for row in csv.reader(file)][1:]

    def mark(self, table: str) -> Mark:
        (found,) = [mark for mark in self.store.marks.of(EXPORT) if mark.object == f"TABLE:{table}"]
        return found
