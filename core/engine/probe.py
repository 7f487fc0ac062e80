"""One look whether there is anything new for an export: a process of its own, so that a driver can't freeze
the engine.

Started as `python -P -m core.engine.probe`, in a session of its own, with an `Order` on standard input that
names the export; the order's token is the look's. What it finds goes into the store.
"""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from core.dumps import forbid_core_dumps
from core.engine.orders import LONGEST, Order
from core.errors import LostClaim, NotFound, OfframpError, StoreError
from core.locations import Locations
from core.model.settings import Export
from core.store.store import Store

SECONDS = 90


def main() -> int:
    """Carry out the order on standard input; returns the process's exit status."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever it waits for: the engine has another look taken.
    signal.alarm(SECONDS)
    forbid_core_dumps()
    order = Order.parse(sys.stdin.buffer.readline(LONGEST))
    try:
        with Store.open(Locations(Path(order.home)), wait_on=lambda: False) as store:
            _tell(order, store)
    except (LostClaim, NotFound):
        return 0  # somebody has changed or removed the export
    except StoreError as error:
        print(error, file=sys.stderr)  # noqa: T201 - goes to a file
        return 1
    return 0


def _tell(order: Order, store: Store) -> None:
    export = store.exports.get(order.export)
    try:
        sign, fresh = _look(order, export, store)
    except StoreError:
        raise
    except OfframpError as error:
        store.watches.failed(order.token, export.name, error, datetime.now(UTC))
        return
    store.watches.told(order.token, export.name, sign, fresh=fresh, now=datetime.now(UTC))


def _look(order: Order, export: Export, store: Store) -> tuple[str, bool]:
    from connectors.base import Credentials  # noqa: PLC0415 - loads the driver
    from core.connectors import open_source  # noqa: PLC0415
    from core.pipeline.change import look  # noqa: PLC0415

    known = {mark.object: mark for mark in store.marks.of(export.name)}
    exported = store.watches.exported(export.name)
    source = open_source(order.connection, Credentials(password=order.password), program=order.program)
    with source.connect() as session:
        return look(session, export.settings, order.connection.begins_in, known, exported)


if __name__ == "__main__":
    sys.exit(main())
