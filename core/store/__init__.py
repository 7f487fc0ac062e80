"""The store: connections, exports and tasks in one SQLite file, safe for many programs at once.

`store`      opening and the parts           `claims`, `lease`   the engine's side
`tasks`, `connections`, `exports`            `journal`           a worker's side
`tables`     the tables                      `migrate`           older stores, loaded only for them
"""

from core.model.task_filter import TaskFilter, TaskOrder
from core.store.lease import LeaseState
from core.store.retry import Backoff
from core.store.store import Store
from core.store.task_queries import NewTask

__all__ = ["Backoff", "LeaseState", "NewTask", "Store", "TaskFilter", "TaskOrder"]
