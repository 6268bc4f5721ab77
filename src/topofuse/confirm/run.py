"""Planned calculations one after the other, each in a supervised process; what is finished is stored at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class Calculate:
    """What a worker process does with a crystal; threads: of its linear algebra."""

    settings: Settings
    threads: int

    def __call__(self, crystal: SymmetricCrystal) -> Result:
        """The result, or the reason why there is none."""
        begin = time.process_time()
        reason, electrons, steps, levels = "", 0, 0, []
        try:
            calculation = calculate(crystal, self.settings, self.threads)
            electrons, steps = calculation.electrons, calculation.steps
            levels = levels_of(symmetry_table(calculation.spacegroup), calculation.stars, calculation.electrons)
        except (EngineError, RepresentationError) as error:
            reason = str(error)
        seconds = round(time.process_time() - begin, 2)
        return Result(reason, crystal.spacegroup, electrons, tuple(levels), seconds, steps, engine_version())


def run(
    jobs: Sequence[Job],
    settings: Settings,
    store: Store,
    *,
    threads: int = 1,
    time_limit: float = TIME_LIMIT,
    done: Callable[[Job, Result | str], None],
) -> list[Result | str | None]:
    """The result of each job, in order: None where it was left out, the reason where its calculation ended early.

    time_limit: seconds that one calculation may take; done: told of each one that was made, as soon as it is stored
    """
    to_do = {job.key: job for job in jobs if job.to_do}  # once, where a crystal is given twice
    crystals = (job.crystal for job in to_do.values() if job.crystal is not None)
    results = supervised_map(Calculate(settings, threads), crystals, workers=1, time_limit=time_limit, ahead=1)
    made: dict[str, Result | str] = {}
    with contextlib.closing(results):
        for job, result in zip(to_do.values(), results, strict=True):
            if isinstance(result, Lost):
                made[job.key] = result.reason
            else:
                store.put(job.key, result)
                made[job.key] = result
            done(job, made[job.key])
    return [made.get(job.key, job.result) if not job.reason else None for job in jobs]
