"""Tasks whose parts a Dask cluster reads, from real servers, in tests: the pipeline as a worker runs it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from connectors.base import Source
from core.cluster.crew import Cluster
from core.connectors import open_source
from core.model.destination import Destination
from core.model.file_settings import FileSettings
from core.model.secret import EnvironmentSecret
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Engine
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.crew import Processes
from core.pipeline.delivery import Delivery
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest
from core.pipeline.published import Readable, RemoteReading
from core.pipeline.run import run_task
from core.pipeline.verify import verify, verify_against_source
from tests.pipeline.memory import MemoryJournal, make_task
from tests.servers import s3
from tests.servers.dask import DaskCluster

KEY = "OFFRAMP_TEST_DASK_KEY"
PATH = "exports/nightly"


def variable_of(server: Any) -> str:
    """The variable in which workers find the password of a server of that kind."""
    return f"OFFRAMP_TEST_DASK_{server.product.upper()}"


class Shop:
    """A database of a real server with the table `big`, of so many rows, in which values are text of all kinds."""

    def __init__(self, server: Any, rows: int) -> None:
        self.server = server
        self.rows = rows
        self.database = server.new_database()
        connection = server.connection("shop", self.database)
        self.connection = replace(connection, secret=EnvironmentSecret(variable=variable_of(server)))
        if server.product == "postgresql":
            self.run(
                "CREATE TABLE big (id int PRIMARY KEY, note text, amount numeric(12,2))",
                f"INSERT INTO big SELECT n, 'note ' || n || ', \"中文\" ü', n / 7.0 FROM generate_series(1, {rows}) n",
                "ANALYZE big",
            )
        else:
            self.run("CREATE TABLE big (id INT PRIMARY KEY, note VARCHAR(60), amount DECIMAL(12,2))")
            for begin in range(1, rows + 1, 1000):
                values = ", ".join(
                    f"({n}, 'note {n}, \"中文\" ü', {n / 7:.2f})"
                    for n in range(begin, min(begin + 1000, rows + 1))
                )
                self.run(f"INSERT INTO big VALUES {values}")

    def run(self, *statements: str) -> Any:
        return self.server.run(*statements, database=self.database)

    def source(self, program: str) -> Source:
        return open_source(self.connection, self.server.credentials(), program=program)

    def under_way(self, program: str) -> list[Any]:
        """What sessions of this program are doing something on the server now."""
        if self.server.product == "postgresql":
            return self.run(
                "SELECT application_name FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()"
                f" AND application_name LIKE '{program}%'"
            )
        return self.run(f"SELECT INFO FROM information_schema.PROCESSLIST WHERE INFO LIKE '/* {program}%'")


@dataclass
class Task:
    """One task, to be run as often as a test likes. `seen` is told how many rows are read; `said` is its log."""

    shop: Shop
    output: Path
    settings: ExportSettings
    cluster: DaskCluster | None = None
    lake: Destination | None = None
    cancel: Cancel = field(default_factory=Cancel)
    said: list[str] = field(default_factory=list)
    seen: Callable[[int], None] = lambda rows: None
    attempts: int = 0

    def __post_init__(self) -> None:
        self.place = self.output if self.lake is None else Path(f"lake:{PATH}")
        self.journal = MemoryJournal(make_task(self.place, self.settings))
        stored = self.journal.progress

        def progress(number: int, rows: int, size: int) -> None:
            stored(number, rows, size)
            self.seen(rows)

        self.journal.progress = progress  # type: ignore[method-assign]

    @property
    def program(self) -> str:
        return f"offramp task 7 attempt{self.attempts}"

    def run(self) -> str | None:
        """Its error's code."""
        self.attempts += 1
        log = logging.Logger("task")
        handler = logging.Handler()
        handler.emit = lambda record: self.said.append(record.getMessage())  # type: ignore[method-assign]
        log.addHandler(handler)
        journal = self.journal.again()
        journal._task = replace(journal._task, attempts=self.attempts)
        delivery = None
        if self.lake is not None:
            delivery = Delivery(journal.task(), self.open_lake(), PATH, self.output.with_name("spool"))
        crews = Cluster(self.cluster.address, delivery) if self.cluster is not None else Processes()
        run_task(
            journal,
            self.shop.source(self.program),
            log=log,
            cancel=self.cancel,
            crews=crews,
            delivery=delivery,
        )
        error = journal.error
        return error.code if error else None

    def open_lake(self) -> Any:
        from core.connectors import open_destination

        assert self.lake is not None
        return open_destination(self.lake, s3.SECRET if self.lake.secret is not None else None)

    def good(self) -> None:
        assert self.run() is None, (self.journal.error, self.said)

    def published(self) -> Iterator[Readable]:
        if self.lake is None:
            yield Disk(self.output)
            return
        with self.open_lake().connect() as files:
            yield RemoteReading(files, PATH)

    def whole(self) -> dict[str, str]:
        """Everything is there as the manifest and the source have it, and nothing else: checksums by path."""
        for there in self.published():
            report = verify(there)
            assert report.ok, report.problems
            with self.shop.source("offramp verify").connect() as session:
                report = verify_against_source(there, session, known=self.settings)
            assert report.ok, report.problems
            manifest = manifests.load(there, "")
            assert manifest.objects[0].rows == self.shop.rows
            assert {*there.tree("")} == {*(entry.path for entry in manifest.files), "manifest.json"}
        assert self.left() == []
        assert self.shop.under_way(self.program) == []
        return {entry.path: entry.sha256 for entry in manifest.files}

    def manifest(self) -> Manifest:
        for there in self.published():
            return manifests.load(there, "")
        raise AssertionError

    def left(self) -> list[str]:
        """What is beside the output, here and there."""
        found = [path.name for path in self.output.parent.iterdir() if path.name.startswith(".partial")]
        spool = self.output.with_name("spool")
        found += [path.name for path in spool.rglob("*")] if spool.exists() else []
        if self.lake is not None:
            with self.open_lake().connect() as files:
                found += [path for path in files.tree("") if ".partial" in path]
        return found


def settings_of(**fields: Any) -> ExportSettings:
    """Of many files, read by Dask unless `fields` say otherwise."""
    fields.setdefault("engine", Engine.DASK)
    fields.setdefault("content", Content.DATA)
    fields.setdefault("objects", ("big",))
    parts = fields.pop("parts", None)
    fields.setdefault("files", FileSettings(single=False, parts=parts))
    return ExportSettings(connection="shop", **fields)


def until(condition: Callable[[], Any], seconds: float = 60.0, pause: float = 0.1) -> Any:
    """What a condition gives once it holds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(pause)
    return found
