"""Fixtures for every test: real servers, started when the first test asks for them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest_plugins = ["tests.servers.fixtures"]

# Where the suite was started in the background, a shell had it ignore these, and every program that the tests
# start would as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

ROOT = Path(__file__).parent
OCEANBASE = "all that ask for OceanBase"
# What takes longest, the longest first. Files are shared out among processes in this order and none is cut, so
# that a long one which came last would be waited for by all the others (see --no-loadscope-reorder).
LONGEST = (
    "faults/test_upgrade.py", "faults/test_crash_points.py", "tui/test_wizard_servers.py", "faults/test_limits.py",
    "roundtrip/test_sizes.py", "faults/test_connections_tasks.py", "faults/test_abort_phases.py",
    "tui/test_terminal.py", "marks/test_race.py", "faults/test_connections.py", "faults/test_clock.py",
    "destinations/test_delivery.py", "destinations/test_commands.py", "faults/test_handover.py", "tui/test_wizard.py",
    "into/test_ends.py", "faults/test_service.py", "pipeline/test_crew.py", "engine/test_engine.py",
    "contract/test_schemas.py", "engine/test_takeover.py", "tui/test_logs.py", "tui/test_schedules.py",
    "cli/test_running.py", OCEANBASE, "cluster", "faults", "tui", "roundtrip", "engine", "into", "contract", "cli",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files that ask for OceanBase come together, since it ends where the next one doesn't (servers/fixtures.py).
    asking = {item.path for item in items if item.get_closest_marker("oceanbase")}
    items.sort(key=lambda item: _place(item.path.relative_to(ROOT), asks=item.path in asking))


def _place(path: Path, *, asks: bool) -> int:
    names = (str(path), OCEANBASE if asks else path.parts[0])
    return min((LONGEST.index(name) for name in names if name in LONGEST), default=len(LONGEST))
