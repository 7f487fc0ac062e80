"""A whole export into a directory, by the pipeline that tasks run through."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from connectors.base import Credentials, Source
from connectors.sources.mysql import MysqlSource
from connectors.sources.sqlite import SqliteSource
from core.errors import ErrorInfo
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.vocabulary import Mode
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest
from core.pipeline.run import run_task
from core.pipeline.verify import verify
from tests.pipeline.memory import MemoryJournal, make_task
from tests.servers.family import MysqlFamilyServer


def server_source(server: MysqlFamilyServer, database: str) -> Source:
    return MysqlSource(server.connection("shop", database), server.credentials())


def file_source(path: Path) -> Source:
    return SqliteSource(Connection(name="shop", mode=Mode.SQLITE, path=str(path)), Credentials())


class Export:
    """One task: `log` is what it said, `error` how it failed, `manifest` what it made."""

    def __init__(self, source: Source, output: Path, **settings: Any) -> None:
        if "objects" not in settings:
            settings["all_objects"] = True
        journal = MemoryJournal(make_task(output, ExportSettings(connection="shop", **settings)))
        self.output = output
        self.log: list[tuple[int, str]] = []
        handler = logging.Handler()
        handler.emit = lambda r: self.log.append((r.levelno, r.getMessage()))  # type: ignore[method-assign]
        log = logging.Logger("task")
        log.addHandler(handler)
        run_task(journal, source, log=log, cancel=Cancel())
        self.error: ErrorInfo | None = journal.error

    @property
    def manifest(self) -> Manifest:
        return manifests.load(Disk(self.output), "")

    def warnings(self) -> list[str]:
        return [words for level, words in self.log if level >= logging.WARNING]

    def path(self, ref: str, kind: str = "data") -> Path:
        (entry,) = [e for e in self.manifest.files if e.object == ref and e.kind == kind]
        return self.output / entry.path


def export(source: Source, output: Path, **settings: Any) -> Export:
    """Run an export of everything, or of `objects`; it must complete, and its files verify."""
    done = Export(source, output, **settings)
    assert done.error is None, (done.error, done.log)
    assert done.manifest.complete
    assert verify(output).ok
    return done
