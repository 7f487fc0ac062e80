"""Saved exports: create, edit, list, show, remove, pause, apply definitions from a file, run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from core.errors import InvalidDefinition, InvalidValue, NotFound
from core.model.convert import Definitions, definitions_from_toml, export_to_tree
from core.model.destination import below, leaves
from core.model.file_settings import check_remote
from core.model.secret import CommandSecret, SecretRef
from core.model.settings import Export, ExportSettings, SysAccount
from core.model.spelling import nearest
from core.model.task import Task
from core.model.trees import Change, changes, to_tree
from core.model.vocabulary import Engine
from core.owner import owner
from core.service.context import Context

LONGEST_DEFINITION = 16 << 20


@dataclass(frozen=True, slots=True)
class Step:
    """What applying one definition would do: `action` is create, change (with what) or keep. `commands` are
    shell commands that it brings in anew: to be shown and confirmed before it is applied."""

    kind: str
    name: str
    action: str
    changes: tuple[Change, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a file would do, in its order."""

    definitions: Definitions
    steps: tuple[Step, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(command for step in self.steps for command in step.commands)


class Exports:
    def __init__(self, context: Context) -> None:
        self._context = context

    def directory(self) -> str:
        """Where exports go that name no directory: the one in the settings file, else one in the home."""
        return self._context.preferences.directory or str(self._context.locations.home / "exports")

    def with_sys_password(self, settings: ExportSettings, password: str) -> ExportSettings:
        """The same settings with the sys account's password kept under a key of its own; it is forgotten
        with the last export or task that refers to it. Raises InvalidValue without an account."""
        account = settings.sys_account
        if account is None:
            raise InvalidValue("A sys account's password was given without an account.", "Add --sys-account.")
        ref = self._context.keep_password("sys", password)
        return msgspec.structs.replace(settings, sys_account=SysAccount(account=account.account, secret=ref))

    def forget_sys_password(self, settings: ExportSettings) -> None:
        """Remove the sys account's password of settings that came to nothing, or are no more."""
        if settings.sys_account is not None:
            self._context.forget_unused(settings.sys_account.secret)

    def create(self, export: Export) -> None:
        """Raises Conflict where the name is taken, NotFound where its connection or its destination isn't
        there, InvalidValue where its files go to a place that can't be used so."""
        self._check_place(export)
        self._context.store.exports.add(export)

    def replace(self, export: Export) -> None:
        """Put an edited definition in the place of the one of its name; tasks keep what they were made
        with. Raises NotFound and InvalidValue as `create` does."""
        self._check_place(export)
        before = self._context.store.exports.get(export.name)
        self._context.store.exports.replace(export)
        self.forget_sys_password(before.settings)

    def _check_place(self, export: Export) -> None:
        if export.settings.engine is Engine.DASK:
            self._context.placed(export.settings, export.directory)
        if export.settings.into is None:
            place = self._context.resolved(below(export.directory, export.name))
            if leaves(place):
                check_remote(export.settings.files, latest=export.latest)

    def list(self) -> list[Export]:
        """All, by name."""
        return self._context.store.exports.list()

    def get(self, name: str) -> Export:
        """Raises NotFound, naming what comes near."""
        try:
            return self._context.store.exports.get(name)
        except NotFound as error:
            close = nearest(name, [known.name for known in self.list()])
            if close:
                error.hint = f"Did you mean {close}?"
            raise

    def remove(self, name: str) -> None:
        """Forget a definition; its tasks and files stay. Raises NotFound."""
        export = self.get(name)
        self._context.store.exports.remove(name)
        self.forget_sys_password(export.settings)

    # By themselves

    def pause(self, name: str) -> Export:
        """Keep it from running by itself; what runs goes on. The export as it is then. Raises NotFound;
        Conflict where it doesn't run by itself."""
        self.get(name)
        return self._context.store.exports.pause(name, paused=True)

    def resume(self, name: str) -> Export:
        """Have it run by itself again, from now on: the pause isn't caught up with. See `Tasks.serve` for
        what runs it. Raises as `pause` does."""
        self.get(name)
        return self._context.store.exports.pause(name, paused=False)

    def started(self, name: str) -> int:
        """How many of its periodic runs were started since its schedule was last changed; 0 without one."""
        planned = self._context.store.schedules.planned().get(name)
        return planned.started if planned is not None else 0

    # Definitions from a file

    def plan(self, path: Path) -> Plan:
        """What applying the file would do. Raises InvalidDefinition; NotFound where an export's connection
        is neither in the file nor in the store."""
        definitions = definitions_from_toml(_read(path), str(path), os.environ)
        store = self._context.store
        connections = {c.name: c for c in store.connections.list()}
        exports = {e.name: e for e in store.exports.list()}
        steps = []
        places = store.destinations.by_name()
        for kind, defined, there in (
            ("connection", definitions.connections, connections),
            ("destination", definitions.destinations, places),
        ):
            for made in defined:
                old = there.get(made.name)
                steps.append(
                    _step(
                        kind,
                        made.name,
                        before=to_tree(old) if old else None,
                        after=to_tree(made),
                        secret=made.secret,
                        old=old.secret if old else None,
                    )
                )
        known = {*connections, *(c.name for c in definitions.connections)}
        for export in definitions.exports:
            wanted = export.settings.connection
            if wanted not in known:
                close = nearest(wanted, known)
                raise NotFound(
                    f"{path}: export.{export.name} uses connection {wanted!r}, which isn't there.",
                    f"Did you mean {close}?" if close else "Add it first: offramp connection add.",
                )
            before = exports.get(export.name)
            steps.append(
                _step(
                    "export",
                    export.name,
                    before=export_to_tree(before) if before else None,
                    after=export_to_tree(export),
                    secret=_sys_secret(export),
                    old=_sys_secret(before) if before else None,
                )
            )
        return Plan(definitions, tuple(steps))

    def apply(self, plan: Plan) -> None:
        """Do what the plan says; what is as it should be isn't touched. Raises Conflict where the store has
        changed since."""
        store = self._context.store
        doing = {(step.kind, step.name): step.action for step in plan.steps}
        for connection in plan.definitions.connections:
            match doing["connection", connection.name]:
                case "create":
                    store.connections.add(connection)
                case "change":
                    before = store.connections.get(connection.name)
                    store.connections.replace(connection)
                    self._context.forget_unused(before.secret)
        for place in plan.definitions.destinations:
            match doing["destination", place.name]:
                case "create":
                    store.destinations.add(place)
                case "change":
                    there = store.destinations.get(place.name)
                    store.destinations.replace(place)
                    self._context.forget_unused(there.secret)
        for export in plan.definitions.exports:
            match doing["export", export.name]:
                case "create":
                    self.create(export)
                case "change":
                    self.replace(export)

    # Running

    def run(self, name: str, *, at: datetime | None = None) -> Task:
        """Queue a task that runs the export as it is now, or schedule it (`at` aware, in the future). See
        `Tasks.serve` for what runs it. Raises NotFound; UsageError where a cluster is to read its parts that
        nobody has named."""
        from core.store.task_queries import NewTask  # noqa: PLC0415 - comes with the store

        export = self.get(name)
        connection = self._context.store.connections.get(export.settings.connection)
        return self._context.store.tasks.add(
            NewTask(
                name=name,
                settings=self._context.placed(export.settings, export.directory),
                output=export.output(at or datetime.now(UTC)),
                numbered=not export.fixed,
                latest=export.latest,
                mode=connection.mode,
                owner=owner(),
                export=name,
                not_before=at,
                notify=self._context.preferences.notify,
            )
        )


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LONGEST_DEFINITION:
            raise InvalidDefinition(f"{path} is too long for a file of definitions.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"There is no file {str(path)!r}.") from None
    except UnicodeDecodeError:
        raise InvalidDefinition(f"{path} is no UTF-8 text, as TOML must be.") from None
    except OSError as error:
        raise InvalidDefinition(f"{path} can't be read: {error.strerror}.") from None


def _sys_secret(export: Export) -> SecretRef | None:
    return export.settings.sys_account.secret if export.settings.sys_account else None


def _step(
    kind: str,
    name: str,
    *,
    before: dict[str, object] | None,
    after: dict[str, object],
    secret: SecretRef | None,
    old: SecretRef | None,
) -> Step:
    differing = changes(before, after)
    action = "create" if before is None else "change" if differing else "keep"
    commands = (secret.command,) if isinstance(secret, CommandSecret) and secret != old else ()
    return Step(kind, name, action, differing if before is not None else (), commands)
