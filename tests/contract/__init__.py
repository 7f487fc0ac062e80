"""One suite for all sources: what `connectors.base` promises, on each kind of database that can be had.

A source takes part by a `Subject` (see `subject.py`) and a line in `conftest.py`.
"""
