"""Work done ahead by threads, on all cores, and handed over in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2  # results beyond those in the making that may wait to be taken


_MOST_WORKERS = 16  # each holds a batch, and what an encoder makes of it
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Return how many cores this process may use, by affinity and by a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = _QUOTA.read_text().split()
    except (OSError, ValueError):
        return cores or 1
    allowed = cores if quota == "max" else -(-int(quota) // int(period))
    return max(1, min(cores or 1, allowed or 1))


@contextmanager
def computed_ahead(
    task: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None
) -> Iterator[Iterator[Result]]:
    """Compute results in threads for the time of a ``with`` block; they come in order.

    At most ``workers + 2`` results are in the making or wait to be taken, so that memory stays
    bounded. What a task raises is raised where its result would have come, after all results
    before it. Whatever ends the block (an exception, ctrl-C, a loop that is left), nothing further
    is begun, and no task runs any more when the block is left: files may be closed then.

    Parameters
    ----------
    task
        Called from several threads at once.
    items
        What it is called with; taken by the caller's thread.
    workers
        Threads; as many as there are cores, up to 16, when None.

    Examples
    --------
    >>> with computed_ahead(abs, [-3, 2, -1]) as results:
    ...     list(results)
    [3, 2, 1]
    """
    workers = workers or min(available_cores(), _MOST_WORKERS)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")
    try:
        yield _in_order(pool, task, items, limit=workers + _AHEAD)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor,
    task: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    limit: int,
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(task, item))
        if len(waiting) == limit:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
