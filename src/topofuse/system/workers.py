"""Worker processes for work that may hang or crash: each task has a time limit, and costs at most itself.

A worker has one task at a time. Before it begins, it asks the kernel for an alarm at the time limit, whose
default action ends the process; so a task stuck in C code is stopped too, even when this process is gone.
One thread here looks after each worker and starts another where one has ended.

pebble's ProcessPool was looked at: its time limits are kept by a thread of the parent, so a stuck worker outlives a
parent that was killed; it has no memory limit, no second try in a fresh process, and its `map` draws all tasks at once.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import os
import queue
import resource
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from topofuse.errors import TopofuseError

T = TypeVar("T")
R = TypeVar("R")

_PRELOADED = ("topofuse.screening.preload",)
_STARTING = threading.Lock()  # multiprocessing keeps its list of children without one


class WorkerError(TopofuseError, RuntimeError):
    """No worker can be started; the message says how the last one ended."""


@dataclass(frozen=True)
class Lost:
    """In place of a result: the worker that had the task has ended, and `reason` says why, for a person."""

    reason: str


def default_workers() -> int:
    """As many as there are cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warm_up() -> None:
    """Begin to load what workers need, in the background; the first worker then starts sooner.

    Workers are forked from a server process that has imported the features and has done nothing with them
    (a process that has used OpenMP must not be forked), so that another worker costs milliseconds.
    """
    get_context("forkserver").set_forkserver_preload(list(_PRELOADED))
    resource_tracker.ensure_running()  # else the server starts it, and that unblocks Ctrl-C again
    # inherited: the server ignores Ctrl-C only when its imports are done, and would print a traceback until then
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def supervised_map(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    workers: int,
    time_limit: float,
    ahead: int,
    memory_limit: float = math.inf,
) -> Generator[R | Lost, None, None]:
    """Results in the order of `tasks`, which are drawn as needed: at most `ahead` are under way or waiting.

    function: can be pickled; an exception that it raises is raised here
    time_limit: seconds that one task may take; then its worker is ended, and its result is `Lost`
    memory_limit: GiB that a worker may take beyond what it begins with; over it a task is `Lost` (Linux only)
    Raises `WorkerError` where a worker ends before it has begun its first task.
    """
    warm_up()
    idle: queue.SimpleQueue[Worker[T, R]] = queue.SimpleQueue()
    crew = [Worker(function, time_limit, memory_limit) for _ in range(workers)]
    for worker in crew:
        idle.put(worker)

    def do(task: T) -> R | Lost:
        worker = idle.get()
        try:
            return worker.do(task)
        finally:
            idle.put(worker)

    waiting: deque[Future[R | Lost]] = deque()
    source = iter(tasks)
    with ThreadPoolExecutor(workers, thread_name_prefix="supervise") as threads:
        try:
            waiting.extend(threads.submit(do, task) for task in itertools.islice(source, ahead))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(threads.submit(do, task) for task in itertools.islice(source, 1))
        finally:
            for future in waiting:
                future.cancel()
            for worker in crew:
                worker.close()


class Worker(Generic[T, R]):
    """One process and the pipe to it; another process whenever it has ended.

    Arguments as for `supervised_map`. `do` may be called by one thread at a time, `close` by any: it ends the task.
    """

    def __init__(self, function: Callable[[T], R], time_limit: float, memory_limit: float) -> None:
        self._function = function
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._fresh = True
        self._pipe: Connection | None = None
        self._process: Any = None
        self._closed = False

    def do(self, task: T) -> R | Lost:
        """The result of one task, or why there is none."""
        pipe = self._pipe or self._start()
        fresh, self._fresh = self._fresh, False
        try:
            pipe.send(task)
            failed, result = pipe.recv()
        except (EOFError, OSError):
            return Lost(self._why_it_ended())
        if isinstance(result, MemoryError):
            self._why_it_ended()
            # what earlier tasks left behind may have filled the memory: one that is alone in it has itself to blame
            return Lost(needs_too_much(self._memory_limit)) if fresh else self.do(task)
        if failed:
            raise result
        done: R = result
        return done

    def close(self) -> None:
        """End the process, whatever it is doing."""
        with _STARTING:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        # the pipe stays open: a thread may wait at it, which now sees its end

    def _start(self) -> Connection:
        context = get_context("forkserver")
        here, there = context.Pipe()
        with _STARTING:
            if self._closed:
                raise WorkerError("the workers were ended")
            self._process = context.Process(
                target=_serve,
                args=(there, self._function, self._time_limit, self._memory_limit),
                name="topofuse-worker",
                daemon=True,
            )
            self._process.start()
        there.close()
        try:
            here.recv()
        except (EOFError, OSError) as error:
            raise WorkerError(f"a worker process cannot be started: {self._why_it_ended()}") from error
        self._pipe, self._fresh = here, True
        return here

    def _why_it_ended(self) -> str:
        self._process.join()
        code = self._process.exitcode
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if code == -signal.SIGALRM:
            return f"took longer than the time limit of {self._time_limit:g} s"
        if code == -signal.SIGKILL:
            return "the process that worked on it was killed, as the system does when memory runs out"
        if code is not None and code < 0:
            return f"the process that worked on it crashed ({signal.strsignal(-code) or f'signal {-code}'})"
        return f"the process that worked on it ended with exit code {code}"


def needs_too_much(memory_limit: float = math.inf) -> str:
    """The reason of a task that ran out of memory."""
    return "needs more memory than " + (
        f"the limit of {memory_limit:g} GiB" if math.isfinite(memory_limit) else "there is"
    )


def _limit_memory(gib: float) -> None:
    """Have the kernel refuse this process more than `gib` of new private memory.

    Counted from what there is: address space alone says little where libraries are mapped and shared.
    """
    status = Path("/proc/self/status")
    if not math.isfinite(gib) or not status.exists():
        return
    held = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmData:"))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = held * 1024 + int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _serve(pipe: Connection, function: Callable[[Any], Any], time_limit: float, memory_limit: float) -> None:
    """What a worker does: tasks in, results out, until the other end of the pipe is closed."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # of linear algebra: there is a worker for each core
    for which in (signal.SIGINT, signal.SIGHUP):  # for the parent, which ends its workers
        signal.signal(which, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process
    gc.freeze()  # what the server imported need not be looked through, nor its pages copied
    _limit_memory(memory_limit)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        pipe.send(None)
        while True:
            task = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, time_limit)
            try:
                answer = (False, function(task))
            except MemoryError:
                pipe.send((True, MemoryError()))
                return  # what is left of it may be too little for the next task
            except Exception as error:
                answer = (True, error)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(answer)
