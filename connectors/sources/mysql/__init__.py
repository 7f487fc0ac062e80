"""MySQL, MariaDB and OceanBase in MySQL mode.

`source` gets in and tests; `session` puts together: `link` (one pinned connection), `catalog` (what there
is), `ddl` with `repair`, `flavour` and `dependencies` (schemas), `snapshot` (points in time), `split`
(parts), `read` with `types`, `floats` and `wire` (rows), `dialect` (SQL output), `sizes` (what a sys
account adds).
"""

from connectors.sources.mysql.source import MysqlSource

__all__ = ["MysqlSource"]
