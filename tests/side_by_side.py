"""What pytest-xdist's workers share, so that they neither do the same twice nor get in each other's way.

A loop is compiled by one process at a time: who comes second waits, and finds it in Numba's cache. Numba alone would
let both compile it, and its index of a loop's compiled versions is read, changed and written without a lock: of two
versions that are saved in the same moment, one can end up under the other's name. And where every core has a worker,
threads of BLAS and OpenMP would only fight for them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def share_the_cores(workers: int) -> None:
    """Gives each of `workers`, and what it starts, its share of the cores for threads, if nothing else is asked for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in THREADS:
        os.environ.setdefault(name, str(max(1, cores // workers)))


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Within, no other process is; a process that ends, however it does, holds none."""
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def compile_one_at_a_time(folder: Path) -> None:
    """From now on, processes that named the same folder compile each loop in turn.

    A loop waits only for those that it calls, and no loop calls itself: nobody waits in a circle.
    """
    alone: Callable[..., Any] = Dispatcher.compile

    def compiled(loop: Dispatcher, signature: Any) -> Any:
        if isinstance(loop._cache, NullCache):
            return alone(loop, signature)
        name = f"{loop.py_func.__module__}.{loop.py_func.__qualname__}-{loop.py_func.__code__.co_firstlineno}"
        with global_compiler_lock, locked(folder / name):  # threads first, as Numba lets only one of them compile
            return alone(loop, signature)

    Dispatcher.compile = compiled
