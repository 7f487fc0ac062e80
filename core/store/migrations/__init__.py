"""The store's history: a module in `versions` for each change of its tables, run by `core.store.migrate`."""
