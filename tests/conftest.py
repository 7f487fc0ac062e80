"""Fixtures for every test: real servers, started when the first test asks for them."""

from __future__ import annotations

import signal

pytest_plugins = ["tests.servers.fixtures"]

# Where the suite was started in the background, a shell had it ignore these, and every program that the tests
# start would as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
