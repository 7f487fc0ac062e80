"""PostgreSQL: psycopg for getting in and metadata, COPY for rows.

`source` gets in and tests; `session` puts together: `login`, `link` and `kill` (one pinned connection),
`catalog` with `catalog_sql` (what there is), `ddl` (schemas), `snapshot` (points in time), `split` (parts),
`read` with `types` and `copy` (rows; `typed` and `numeric` for files with types), `dialect` (SQL output).
"""

from connectors.sources.postgresql.source import PostgresqlSource

__all__ = ["PostgresqlSource"]
