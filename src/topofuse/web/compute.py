"""First-principles calculations for the page: one at a time, which can be looked at and cancelled.

A calculation that nobody asks after for a while is cancelled too: the person has left, and others wait.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topofuse.confirm import cost
from topofuse.confirm.path import PER_LINE, PathBands
from topofuse.confirm.plan import obstacle
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.store import Result, Store, key_of
from topofuse.confirm.table import in_words, verdict_columns
from topofuse.confirm.verdict import judge
from topofuse.crystals import CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.read import read_structure
from topofuse.symmetry import symmetry_table
from topofuse.system.workers import Lost, Worker
from topofuse.web.errors import BusyError

MAX_ATOMS = 20  # of the primitive cell
TIME_LIMIT = 3600.0  # seconds
MEMORY_LIMIT = 16.0  # GiB
FORGOTTEN = 60.0  # seconds that nobody asks after a calculation until it is cancelled
QUICK = ACCURACIES["quick"]
HOW_TO = "a calculation needs GPAW, which is not installed: pip install 'topofuse[dft]'"
Data = dict[str, Any]


def offer(crystal: SymmetricCrystal) -> Data:
    """What the page says before: {"seconds": estimate}, or {"none": why nothing can be calculated}."""
    if importlib.util.find_spec("gpaw") is None:
        return {"none": HOW_TO}
    if reason := obstacle(crystal, MAX_ATOMS, lambda _: True):  # PAW data are looked for when it begins
        return {"none": reason}
    return {"seconds": round(cost.seconds_for(cost.size_of(crystal, QUICK, path=True)), 1)}


@dataclass(frozen=True)
class Compute:
    """What the process does: `Compute(folder of the store)(file)` is what the page shows, or {"none": reason}."""

    store: Path

    def __call__(self, path: Path) -> Data:
        """A stored calculation, or a new one."""
        from topofuse.confirm.engine import engine_version, has_data
        from topofuse.confirm.run import Calculate

        try:
            crystal = analyse(read_structure(path))
        except CrystalError as error:
            return {"none": str(error)}
        store, key = Store(self.store), key_of(crystal, QUICK, engine_version())
        result = store.get(key)
        if result is None or (result.path is None and not result.reason):
            if reason := obstacle(crystal, MAX_ATOMS, has_data):
                return {"none": reason}
            result = Calculate(QUICK, per_line=PER_LINE)(crystal)
            store.put(key, result)
        return shown(crystal, result)


def shown(crystal: SymmetricCrystal, result: Result) -> Data:
    """A result ready for JSON: class, gaps and bands; energies from the middle of the gap on the path, eV."""
    if result.reason:
        return {"none": result.reason}
    table = symmetry_table(result.spacegroup)
    columns = verdict_columns(judge(table, result.levels, result.electrons), table, None)
    return {
        "class": columns["dft_class"],
        "reason": columns["dft_reason"],
        "gap": columns["dft_gap"],
        "indicator": columns["dft_indicator"],
        "cut": columns["dft_cut"],
        "settings": in_words(QUICK, result.engine, crystal.primitive.numbers),
        "seconds": result.seconds,
        "bands": None if result.path is None else _bands(result.path),
    }


def _bands(path: PathBands) -> Data:
    top, bottom = path.energy[:, path.filled - 1].max(), path.energy[:, path.filled].min()
    return {
        "gap": round(path.gap, 4),
        "distance": np.round(path.distance, 4).tolist(),
        "line": path.line.tolist(),
        "energy": np.round(path.energy.T - (top + bottom) / 2, 3).tolist(),
        "filled": path.filled,
    }


class Calculations:
    """The one calculation of the page; work: what its process does with a file.

    Its state: {"state": "running", "elapsed": seconds}, {"state": "done", "found": Data} or
    {"state": "ended", "reason": why there is no result}.
    """

    def __init__(self, work: Callable[[Path], Data]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._number = 0
        self._worker: Worker[Path, Data] | None = None
        self._thread: threading.Thread | None = None
        self._begin = self._asked = 0.0
        self._state: Data = {}

    def begin(self, path: Path, done: Callable[[], None]) -> int:
        """Begin, and give the calculation's number; `done` is called at its end. `BusyError` where one is under way."""
        with self._lock:
            if self._worker is not None:
                raise BusyError("another calculation is under way; one is made at a time")
            self._number += 1
            self._begin = self._asked = time.monotonic()
            self._state = {"state": "running"}
            self._worker = Worker(self._work, TIME_LIMIT, MEMORY_LIMIT)
            arguments = (self._number, self._worker, path, done)
            self._thread = threading.Thread(target=self._do, args=arguments, name="compute", daemon=True)
            self._thread.start()
            return self._number

    def state(self, number: int) -> Data | None:
        """Of the calculation of this number; None where it is not known (any more)."""
        with self._lock:
            if number != self._number:
                return None
            now = self._asked = time.monotonic()
            running = self._state["state"] == "running"
            return {**self._state, "elapsed": round(now - self._begin, 1)} if running else self._state

    def cancel(self, number: int | None = None, reason: str = "it was cancelled") -> None:
        """End the calculation of this number, or whichever there is."""
        with self._lock:
            if self._worker is not None and number in (None, self._number):
                self._state = {"state": "ended", "reason": reason}
                self._worker.close()

    def close(self) -> None:
        """End whatever there is, and wait for it."""
        self.cancel()
        if self._thread is not None:
            self._thread.join(10)

    def _do(self, number: int, worker: Worker[Path, Data], path: Path, done: Callable[[], None]) -> None:
        finished = threading.Event()
        threading.Thread(target=self._watch, args=(number, finished), name="watch", daemon=True).start()
        try:
            answer = worker.do(path)
            state = {"state": "ended", "reason": answer.reason} if isinstance(answer, Lost) else _ended(answer)
        except Exception as error:
            state = {"state": "ended", "reason": str(error)[:300]}
        finally:
            finished.set()
            worker.close()
            done()
        with self._lock:
            self._worker = None
            if self._state["state"] == "running":  # else it was cancelled
                self._state = state

    def _watch(self, number: int, finished: threading.Event) -> None:
        while not finished.wait(1.0):
            if time.monotonic() - self._asked > FORGOTTEN:
                self.cancel(number, f"nobody asked after it for {FORGOTTEN:g} s")


def _ended(result: Data) -> Data:
    return {"state": "ended", "reason": result["none"]} if "none" in result else {"state": "done", "found": result}
