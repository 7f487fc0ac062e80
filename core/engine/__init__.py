"""The engine: when and where tasks run.

`engine`    scheduler and executor of one store      `worker`      the process that runs one task
`lease`     who may serve                            `executor`    from a claim to a worker
`slots`     workers: alive, aborted, lost, gone      `background`, `headless`   ways to have an engine
`successor` a newer Offramp that wants the store
"""
