"""Progress of a run: a bar with the time left on the screen, one JSON line per epoch in `log.jsonl`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from topofuse.system.files import read_json, write_json

T = TypeVar("T")


class Timings:
    """Seconds that the stages of a run took, summed over its sessions, and its peaks of memory; kept in `timings.json`.

    Of a session that was killed, the stage that it was in does not count.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "timings.json"
        self._values: dict[str, float] = read_json(self._path) if self._path.exists() else {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of what is done inside as `NAME_s`."""
        started = time.perf_counter()
        yield
        self._values[f"{name}_s"] = self._values.get(f"{name}_s", 0.0) + time.perf_counter() - started
        write_json(self._path, self._values)

    def peak(self, name: str, gib: float) -> None:
        """Note a peak of memory as `NAME_gib`; the largest of all sessions stays."""
        self._values[f"{name}_gib"] = max(self._values.get(f"{name}_gib", 0.0), gib)
        write_json(self._path, self._values)

    def summary(self) -> dict[str, float]:
        """Everything, rounded, with the sum of the stages as `total_s`."""
        seconds = {name: value for name, value in self._values.items() if name.endswith("_s")}
        values = {**seconds, "total_s": sum(seconds.values()), **self._values}
        return {name: round(value, 2) for name, value in values.items()}


class RunLog:
    """Writes `log.jsonl` in a run's folder and drives the progress bar."""

    def __init__(self, directory: Path, show: bool) -> None:
        self.path = directory / "log.jsonl"
        self.show = show
        self._bar: tqdm | None = None
        self._planned: dict[str, int] = {}
        self._reached: dict[str, int] = {}
        self._memory: dict[str, float] = {}
        self._seconds: list[float] = []
        self._at_once = 1

    def begin(self, planned: dict[str, int], at_once: int = 1) -> None:
        """Start the bar; `planned` holds the epochs of every job, `at_once` of which are trained side by side."""
        self._planned, self._at_once = planned, at_once
        total, shape = sum(planned.values()), "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
        self._bar = tqdm(total=total, desc="networks", unit="epoch", bar_format=shape, disable=not self.show)

    def epoch(self, job: str, entry: dict[str, Any]) -> None:
        """One epoch of one job is done and in its checkpoint."""
        line = {"time": round(time.time(), 3), "job": job, **entry}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._seconds.append(entry["seconds"])
        self._reach(job, entry["epoch"] + 1)
        if self._bar is not None:
            accuracy = entry["val_accuracy"]
            shown = "" if accuracy is None else f", validation accuracy {100 * accuracy:.1f} %"
            left = tqdm.format_interval(self.seconds_left())
            self._bar.set_postfix_str(f"at most about {left} left, {job} epoch {entry['epoch']}{shown}")

    def seconds_left(self) -> float:
        """Estimate of the time that the planned epochs will take, from the epochs of this session.

        Not from the time that has passed, as tqdm has it: processes take long to start, and then report in bursts. Jobs
        that stop early take less.
        """
        left = {job: epochs - self._reached.get(job, 0) for job, epochs in self._planned.items()}
        unfinished = sum(1 for epochs in left.values() if epochs > 0)
        if not unfinished or not self._seconds:
            return 0.0
        return sum(left.values()) * float(np.mean(self._seconds)) / min(self._at_once, unfinished)

    def job_done(self, job: str, memory_gib: float) -> None:
        """A job has ended, perhaps before its planned epochs, or in an earlier session: the bar catches up.

        memory_gib: peak of the process that trained it
        """
        self._memory.setdefault(job, memory_gib)
        self._reach(job, self._planned[job])

    @property
    def peak_memory_gib(self) -> float:
        """Largest peak memory of a training process in this session, GiB."""
        return max(self._memory.values(), default=0.0)

    def _reach(self, job: str, epochs: int) -> None:
        if self._bar is not None:
            self._bar.update(epochs - self._reached.get(job, 0))
        self._reached[job] = epochs

    def end(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()

    def track(self, items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
        """Iterate with a bar; `total` where the items cannot tell how many they are."""
        return iter(tqdm(items, desc=what, total=total, disable=not self.show))
