"""Tasks whose rows go into another database instead of into files.

`attempt` runs one attempt; `steps` says what is done to each table, `checks` before anything is read; `table`
moves the rows of one object, `fitting` and `encoding` on their way.
"""
