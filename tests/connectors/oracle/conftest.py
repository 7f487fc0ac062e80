"""The double of the driver's connection as fixtures."""

from tests.connectors.oracle.double import server, session

__all__ = ["server", "session"]
