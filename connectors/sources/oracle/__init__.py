"""Oracle Database, from 12.1 on, by python-oracledb: thin mode, or Oracle's client libraries.

`statements` holds everything that is sent to a server. `login` gets in, `link` is one pinned session, `kill`
ends sessions from a second one. `catalog` tells what there is, `ddl` (with `script`) how it is made,
`snapshot` fixes points in time, `split` cuts tables into parts. `types` says how each type of column is read
and written, `read` reads it, `convert` makes chunks of what comes. `queries` and `marks` are for those;
`session` puts all together."""

from connectors.sources.oracle.source import OracleSource

__all__ = ["OracleSource"]
