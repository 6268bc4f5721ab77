"""SIGTERM (the end of a job, of the machine) and SIGHUP (of the terminal) as exceptions, like Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SignalledError(KeyboardInterrupt):
    """In place of the sudden end by a signal; as a KeyboardInterrupt, it passes whatever catches only errors."""

    def __init__(self, which: signal.Signals) -> None:
        super().__init__(which.name)
        self.which = which


@contextmanager
def signals_raise() -> Iterator[None]:
    """In the main thread SIGTERM and SIGHUP raise `SignalledError`, so that what is open is closed and removed.

    One that is ignored (`nohup`) stays so, and one that has a handler keeps it. Those that come while the first is
    dealt with are ignored.
    """
    mine: list[signal.Signals] = []

    def end(number: int, _frame: object) -> None:
        for which in mine:
            signal.signal(which, signal.SIG_IGN)
        raise SignalledError(signal.Signals(number))

    if threading.current_thread() is threading.main_thread():
        mine += [which for which in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(which) is signal.SIG_DFL]
    for which in mine:
        signal.signal(which, end)
    try:
        yield
    finally:
        for which in mine:
            signal.signal(which, signal.SIG_DFL)
