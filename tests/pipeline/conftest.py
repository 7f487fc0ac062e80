"""Running a task in a test: a scripted database, a journal in memory, a directory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.model.settings import ExportSettings
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest
from core.pipeline.run import run_task
from tests.pipeline.memory import MemoryJournal, make_task
from tests.pipeline.scripted import Database


@dataclass
class Bench:
    """One task, to be run as often as a test likes. `records` are its log."""

    database: Database
    output: Path
    settings: ExportSettings
    journal: MemoryJournal
    cancel: Cancel = field(default_factory=Cancel)
    records: list[logging.LogRecord] = field(default_factory=list)

    def run(self, disk: Callable[[Path], Disk] = Disk) -> MemoryJournal:
        log = logging.Logger("task")
        handler = logging.Handler()
        handler.emit = self.records.append  # type: ignore[method-assign]
        log.addHandler(handler)
        run_task(self.journal.again(), self.database.source(), log=log, cancel=self.cancel, disk=disk)
        return self.journal

    def good(self, disk: Callable[[Path], Disk] = Disk) -> Manifest:
        """Run, complete, and give the manifest."""
        journal = self.run(disk)
        assert journal.outcome == (None, True), journal.outcome
        return self.manifest()

    def failed(self) -> str:
        """Run, fail, and give the error's code."""
        error = self.run().error
        assert error is not None
        return error.code

    def manifest(self) -> Manifest:
        return manifests.load(Disk(self.output), "")

    def files(self) -> dict[str, bytes]:
        """Everything in the output directory but the manifest, whose snapshot has a time in it."""
        return tree(self.output, but={"manifest.json"})

    @property
    def beside(self) -> list[str]:
        """What else is in the output's parent directory."""
        return sorted(p.name for p in self.output.parent.iterdir() if p != self.output)

    def lines(self, level: int) -> list[str]:
        return [record.getMessage() for record in self.records if record.levelno == level]


def tree(directory: Path, but: frozenset[str] | set[str] = frozenset()) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in but
    }


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    """bench(*things, reopens=False, **settings): a task over these objects, all of them by default."""

    def make(*things: object, reopens: bool = False, output: Path | None = None, **settings: object) -> Bench:
        if "objects" not in settings:
            settings.setdefault("all_objects", True)
        chosen = ExportSettings(connection="shop", **settings)  # type: ignore[arg-type]
        target = output or tmp_path / "out" / "export"
        target.parent.mkdir(exist_ok=True, parents=True)
        journal = MemoryJournal(make_task(target, chosen))
        return Bench(Database(*things, reopens=reopens), target, chosen, journal)  # type: ignore[arg-type]

    return make
