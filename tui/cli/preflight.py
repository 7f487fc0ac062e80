"""`dump --dry-run`: what would be done, and what would stand in its way."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import OfframpError
from core.model.into import PREFIX
from core.model.settings import ExportSettings
from core.service import Service, words
from tui.cli.output import Output

if TYPE_CHECKING:
    from core.pipeline.checked import CheckedObject
    from core.pipeline.preflight import Preflight


FILES = 8


def show(
    service: Service,
    wanted: tuple[ExportSettings, str | None],
    output: Path | str,
    args: argparse.Namespace,
    out: Output,
) -> int:
    """Print what the checks found; 0 where the task could run, else the exit code of what prevents it."""
    settings, sys_password = wanted
    found = service.checks.preflight(settings, output, sys_password=sys_password, name=args.name or "")
    problem: OfframpError | None = None
    try:
        found.raise_for_problems(settings)
    except OfframpError as error:
        problem = error
    where = settings.into.place if settings.into is not None else str(output)
    if args.json:
        out.json({"preflight": _tree(found, where, problem)})
    else:
        _print(found, where, out)
    if problem is not None:
        out.fail(problem)
        return problem.exit_status
    return 0


def _tree(found: Preflight, output: str, problem: OfframpError | None) -> dict[str, Any]:
    return {
        "ok": problem is None,
        "output": output,
        "database": found.database,
        "server": {"product": found.server.product, "version": found.server.version},
        "rows_estimated": found.total_rows if found.rows_known else None,
        "needed_bytes": found.needed_bytes,
        "free_bytes": found.free_bytes,
        "notes": list(found.notes),
        "hazards": list(found.hazards),
        "problems": [_problem(error) for error in found.problems],
        "objects": [
            {
                "type": item.ref.type.value,
                "name": item.ref.name,
                "rows_estimated": item.rows,
                "bytes_estimated": item.bytes,
                "warnings": list(item.warnings),
                "problem": _problem(item.problem) if item.problem else None,
                "files": list(item.files),
            }
            for item in found.objects
        ],
    }


def _problem(error: OfframpError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _print(found: Preflight, output: str, out: Output) -> None:
    rows = [
        (item.ref.type.value, item.ref.name, _rows(item), words.size(item.output_bytes), _note(item))
        for item in found.objects
    ]
    out.table(("TYPE", "OBJECT", "ROWS", "OUTPUT", "NOTE"), rows, right=(2, 3))
    print()
    free = f", {words.size(found.free_bytes)} free" if found.free_bytes is not None else ""
    estimate = f"{found.total_rows:,} rows, " if found.rows_known else ""
    out.fields(
        [
            ("database", f"{found.database} on {found.server.product} {found.server.version}"),
            ("into" if output.startswith(PREFIX) else "directory", output),
            ("estimate", f"{estimate}{words.size(found.needed_bytes)}{free}"),
            *(("files" if i == 0 else "", line) for i, line in enumerate(_files(found))),
            *(("note", text) for text in found.notes),
            *(("hazard", text) for text in found.hazards),
        ]
    )


def _files(found: Preflight) -> list[str]:
    """What the first files will be called; one schema file of all objects is one."""
    names = list(dict.fromkeys(name for item in found.objects for name in item.files))
    more = [f"and {len(names) - FILES:,} more"] if len(names) > FILES else []
    return names[:FILES] + more


def _rows(item: CheckedObject) -> str:
    return f"~{item.rows:,}" if item.rows is not None else "-"


def _note(item: CheckedObject) -> str:
    return f"FAILS: {item.problem.message}" if item.problem else "; ".join(item.warnings)
