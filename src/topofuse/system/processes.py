"""Worker processes that end with their parent, and quietly on Ctrl-C."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any


def _nothing() -> None:
    pass


@contextmanager
def worker_pool(
    workers: int, initializer: Callable[..., None] = _nothing, initargs: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes; leaving it cancels what has not begun, and with an exception ends what has.

    Spawned, because forking a process that has used OpenMP can hang. A worker whose parent was killed ends
    within a second, so that no orphan writes beside a resumed run.
    """
    context = get_context("spawn")
    others = active_children()
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(os.getpid(), initializer, initargs))
    try:
        yield pool
    except BaseException:
        for process in active_children():
            if process not in others:
                process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def peak_memory_gib() -> float:
    """Largest resident memory of this process so far, GiB.

    Not `ru_maxrss` where /proc tells: that of a spawned process begins with its parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) / 2**20
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes; macOS counts in bytes, Linux in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _begin(parent: int, initializer: Callable[..., None], initargs: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback of its own
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    initializer(*initargs)


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
