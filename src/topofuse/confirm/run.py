"""Planned calculations in supervised processes; each is stored by its process as soon as it is finished."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from topofuse.confirm.engine import EngineError, calculate, engine_version
from topofuse.confirm.plan import Job
from topofuse.confirm.settings import Settings
from topofuse.confirm.store import Result, Store
from topofuse.confirm.verdict import levels_of
from topofuse.crystals import SymmetricCrystal
from topofuse.symmetry import RepresentationError, symmetry_table
from topofuse.system.workers import Lost, supervised_map

TIME_LIMIT = 3600.0  # seconds

Calculator = Callable[[SymmetricCrystal], Result]
Engine = Callable[[Sequence[Job]], Iterator[tuple[Job, Result | str]]]
"""Results of jobs, which are stored, or reasons why there is none; in any order, each as soon as it is known."""


@dataclass(frozen=True)
class Calculate:
    """What a worker process does with a crystal; threads: of its linear algebra; per_line: as `engine.calculate`."""

    settings: Settings
    threads: int = 1
    per_line: int = 0

    def __call__(self, crystal: SymmetricCrystal) -> Result:
        """The result, or the reason why there is none."""
        begin = time.process_time()
        reason, electrons, steps, levels, path = "", 0, 0, [], None
        try:
            calculation = calculate(crystal, self.settings, self.threads, self.per_line)
            electrons, steps, path = calculation.electrons, calculation.steps, calculation.path
            levels = levels_of(symmetry_table(calculation.spacegroup), calculation.stars, calculation.electrons)
        except (EngineError, RepresentationError) as error:
            reason = str(error)
        seconds = round(time.process_time() - begin, 2)
        return Result(reason, crystal.spacegroup, electrons, tuple(levels), seconds, steps, engine_version(), path)


@dataclass(frozen=True)
class Keep:
    """A calculation that is stored by the process that made it: so a kill of any other process does not lose it."""

    work: Calculator
    store: Store

    def __call__(self, job: Job) -> Result:
        """The result, when it is stored."""
        result = self.work(crystal_of(job))
        self.store.put(job.key, result)
        return result


@dataclass(frozen=True)
class Local:
    """An engine on this machine.

    workers: calculations at a time; time_limit: seconds that each may take; memory_limit: GiB
    """

    work: Calculator
    store: Store
    workers: int = 1
    time_limit: float = TIME_LIMIT
    memory_limit: float = math.inf

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result | str]]:
        """The results, in the order of the jobs."""
        results = supervised_map(
            Keep(self.work, self.store),
            jobs,
            workers=self.workers,
            time_limit=self.time_limit,
            ahead=self.workers,
            memory_limit=self.memory_limit,
        )
        with contextlib.closing(results):
            for job, result in zip(jobs, results, strict=True):
                yield job, result.reason if isinstance(result, Lost) else result


def run(jobs: Sequence[Job], engine: Engine, done: Callable[[Job, Result | str], None]) -> list[Result | str | None]:
    """The result of each job, in order: None where it was left out, the reason where its calculation ended early.

    done: told of each calculation that was made, as soon as it is stored
    """
    to_do = {job.key: job for job in jobs if job.to_do}  # once, where a crystal is given twice
    made: dict[str, Result | str] = {}
    for job, result in engine(list(to_do.values())):
        made[job.key] = result
        done(job, result)
    return [made.get(job.key, job.result) if not job.reason else None for job in jobs]


def crystal_of(job: Job) -> SymmetricCrystal:
    """Of a job that is to be calculated."""
    if job.crystal is None:
        raise ValueError(f"{job.row['input']} is left out: {job.reason}")
    return job.crystal
