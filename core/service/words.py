"""What people read about a task, made in one place, so that the command line and the screens say the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import Format, Mode, TaskStatus

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is. `share` from 0 to 1, of the rows or, where their number isn't known, of several
    objects, None where nothing is known to measure it by; `seconds` how long it has run; `rate` and
    `size_rate` in rows and bytes a second; `left` seconds that are left if it goes on like that, None where
    that can't be told, as when there are more rows already than the server's estimate."""

    share: float | None
    seconds: float
    rate: float
    size_rate: float
    left: float | None


def progress(task: Task, now: datetime) -> Progress:
    """Of the attempt that runs or ran last; `now` is aware."""
    end = task.ended or now
    seconds = max(0.0, (end - task.started).total_seconds()) if task.started else 0.0
    rate = task.processed_rows / seconds if seconds > 0 else 0.0
    size_rate = task.processed_bytes / seconds if seconds > 0 else 0.0
    share: float | None = None
    if task.status is TaskStatus.COMPLETED:
        share = 1.0
    elif task.total_rows:
        # The total is an estimate on most servers: 100 % is for what has ended.
        share = min(task.processed_rows / task.total_rows, 0.99)
    elif task.objects_total > 1 or (task.objects_total and not task.settings.content.data):
        share = min(task.objects_done / task.objects_total, 0.99)
    left = None
    rest = (task.total_rows or 0) - task.processed_rows
    if rest > 0 and rate > 0 and task.status is TaskStatus.RUNNING:
        left = rest / rate
    return Progress(share, seconds, rate, size_rate, left)


def state(task: Task, now: datetime) -> str:
    """One line on how it stands with a task, without its status: why it waits, what it does, how it ended."""
    match task.status:
        case TaskStatus.SCHEDULED:
            text = f"starts {moment(task.not_before, now)}" if task.not_before else task.reason
        case TaskStatus.QUEUED:
            text = _queued(task, now)
        case TaskStatus.RUNNING | TaskStatus.PUBLISHING:
            held = f"at most {task.rate}/s" if task.rate and task.status is TaskStatus.RUNNING else ""
            text = ", ".join(filter(None, (task.stage, amount(task), held)))
        case TaskStatus.ABORTING:
            text = "ending the worker and its query"
        case TaskStatus.COMPLETED:
            text = f"{amount(task)} in {duration(progress(task, now).seconds)}"
        case TaskStatus.FAILED:
            text = task.error.message if task.error else "failed"
        case TaskStatus.ABORTED:
            text = f"after {amount(task)}" if task.processed_rows else "nothing was published"
    return text


def wordings(task: Task, now: datetime) -> tuple[str, str, str]:
    """What `state` says of a task that isn't at work, and then twice in fewer words: a list takes the first
    that fits. How long it took, and the objects of what is complete, have columns of their own."""
    full = state(task, now)
    match task.status:
        case TaskStatus.SCHEDULED if task.not_before is not None:
            far = _far((task.not_before - now).total_seconds())
            texts = full, f"starts {far}", far
        case TaskStatus.QUEUED if task.not_before is not None and task.not_before > now:
            wait = f"in {duration((task.not_before - now).total_seconds())}"
            texts = full, f"{task.reason or 'starts'} {wait}", wait
        case TaskStatus.QUEUED if task.position is not None and task.position > 1:
            texts = full, f"place {task.position} in the queue", f"place {task.position}"
        case TaskStatus.ABORTING:
            texts = full, "ending the worker", "ending"
        case TaskStatus.COMPLETED:
            data = task.settings.content.data
            done = count(task.processed_rows, "row") if data else count(task.objects_total, "object")
            texts = ", ".join(filter(None, (done, size(task.processed_bytes)))), done, done
        case TaskStatus.ABORTED if task.processed_rows:
            rows = count(task.processed_rows, "row")
            texts = full, f"after {rows}", rows
        case TaskStatus.ABORTED:
            texts = full, "nothing published", "nothing"
        case _:
            texts = full, full, full
    return texts


def _queued(task: Task, now: datetime) -> str:
    if task.not_before is not None and task.not_before > now:
        wait = duration((task.not_before - now).total_seconds())
        cause = f": {task.error.message}" if task.error else ""
        return f"{task.reason or 'starts'} in {wait}{cause}"
    place = "next" if task.position == 1 else f"place {task.position} in the queue" if task.position else ""
    limit = ""
    if task.limited is not None:
        limit = f"{task.settings.connection} runs {task.limited} at a time"
    return ", ".join(filter(None, (place, limit, task.reason)))


def amount(task: Task) -> str:
    """`3 of 12 objects, 1,204,331 of about 85,000,000 rows, 120.3 MB`; what isn't known is left out."""
    pieces = []
    if task.objects_total:
        if task.status is TaskStatus.COMPLETED:
            pieces.append(count(task.objects_total, "object"))
        else:
            pieces.append(f"{task.objects_done} of {count(task.objects_total, 'object')}")
    if task.settings.content.data and task.objects_total:
        rows = f"{task.processed_rows:,}"
        expected = task.total_rows or 0
        known = expected > task.processed_rows and not task.status.ended
        if known:
            rows += f" of about {expected:,}"
        pieces.append(f"{rows} {'row' if task.processed_rows == 1 and not known else 'rows'}")
    if task.processed_bytes:
        pieces.append(size(task.processed_bytes))
    return ", ".join(pieces)


def count(number: int, noun: str) -> str:
    """`1 object`, `1,200 objects`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def limits(connection: Connection) -> str:
    """`2 tasks at most, 5 sessions of each`; nothing where there is no limit."""
    tasks, sessions = connection.task_limit, connection.session_limit
    if tasks is None:
        return "" if sessions is None else f"{sessions} sessions of a task at most"
    return f"{count(tasks, 'task')} at most" + (f", {sessions} sessions of each" if sessions else "")


def size(number: float) -> str:
    """Bytes in units of 1000, as disks are sold: `120.3 MB`."""
    for unit in _UNITS[:-1]:
        if abs(number) < 999.95:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `4 min`, `1 h 20 min`, `3 d 4 h`: two units at most."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def moment(when: datetime, now: datetime) -> str:
    """A point in time in this machine's zone, with how far it is from `now`."""
    local = when.astimezone()
    far = _far((when - now).total_seconds())
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname() or ''}".rstrip() + f" ({far})"


def _far(seconds: float) -> str:
    return f"in {duration(seconds)}" if seconds >= 0 else f"{duration(-seconds)} ago"


def now_utc() -> datetime:
    return datetime.now(UTC)


def mode_label(text: str) -> str:
    """`MariaDB` for `mariadb`; a mode that this version doesn't know stays as it is."""
    return Mode(text).label if text in list(Mode) else text


def data_form(settings: ExportSettings) -> str:
    """`CSV`, `JSON Lines gzip:3`, `Parquet zstd`: the format of the data files, and how they are packed."""
    return f"{settings.format.label} {packing(settings)}".rstrip()


def packing(settings: ExportSettings) -> str:
    """`gzip`, `zstd:9`: how data files are compressed, as a whole or within; empty where they aren't."""
    name, level = str(settings.compression), settings.compression_level
    if settings.format is Format.PARQUET:
        name, level = settings.parquet.codec, settings.parquet.level
    elif settings.format is Format.ARROW:
        name = settings.arrow.codec
    return "" if name == "none" else name if level is None else f"{name}:{level}"


def rate(progress: Progress) -> str:
    """`350 k rows/s, 42.1 MB/s`."""
    rows = f"{progress.rate / 1000:,.0f} k" if progress.rate >= 10_000 else f"{progress.rate:,.0f}"
    return f"{rows} rows/s, {size(progress.size_rate)}/s"
