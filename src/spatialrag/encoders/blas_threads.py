"""One thread for small products of matrices: more of them wait in loops, and take another's core."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from threadpoolctl import ThreadpoolController


@dataclass(eq=False)
class _Limit:
    """The process's limit: set by the first block that wants it, taken away by the last to end."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    blocks: int = 0
    limiter: Any = None

    def enter(self) -> None:
        with self.lock:
            if self.blocks == 0:
                self.limiter = ThreadpoolController().limit(limits=1, user_api="blas")
            self.blocks += 1

    def leave(self) -> None:
        with self.lock:
            self.blocks -= 1
            if self.blocks == 0:
                self.limiter.restore_original_limits()


_LIMIT = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep numpy's linear algebra on one thread while the block runs, from any number of threads.

    Examples
    --------
    >>> with one_blas_thread():
    ...     product = np.eye(3) @ np.eye(3)
    """
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()
