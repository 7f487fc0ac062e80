"""How one task runs: resolve, preflight, plan, read, encode, write with checkpoints, verify, publish.

`run`        one attempt, from its claim to its outcome   `attempt`   its steps
`resolve`    which objects are meant, in which order      `preflight` the checks before anything is read
`plan`       parts, and what an earlier attempt has left  `record`    definitions before and after reading
`objects`    one object: schema and data                  `merged`    all schemas in one file
`data`       parts to one file                            `writer`    bytes, rows, SHA-256, checkpoints
`script`     SQL text of schema files                     `assemble`  load script and manifest
`names`      reversible file names                        `layout`    which file stands where
`place`      the target, and what stands there            `publish`   from the work directory to the target
`earlier`    what a later run may replace                 `settled`   the next free name, once
`latest`     the link to the newest run                   `room`      whether all of it can go there
`manifest`   manifest.json                                `disk`      the file seam: every effect on files
`verify`     files against their manifest                 `reread`    an object against its source
`journal`    what is made durable, as an interface        `cancel`    the wish to abort
`states`     an object's states                           `tracked`   one object's state while it runs
`context`    what every step works with
"""
