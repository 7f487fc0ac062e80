"""Parts of an object read by the workers of a Dask cluster that the user has (https://distributed.dask.org).

Loaded only where a task wants it: `distributed` is an extra of its own, and takes its time to start.
"""
