"""Calculations on a ray cluster: a task is a crystal, and what is found is stored on the machine that asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from topofuse.confirm.engine import engine_version
from topofuse.confirm.plan import Job
from topofuse.confirm.run import TIME_LIMIT, Calculator, crystal_of
from topofuse.confirm.store import Result, Store
from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.source import package_digest
from topofuse.screening.cluster import ATTEMPTS, ClusterError, connected
from topofuse.system.workers import Lost, supervised_map


@dataclass(frozen=True)
class RayEngine:
    """An engine (`run.Engine`) on ray.

    address: of a cluster that is there ('auto', 'host:port', 'ray://...'); None starts one here, with `workers` cores
    threads: cores that a calculation takes
    """

    work: Calculator
    store: Store
    address: str | None = None
    workers: int = 1
    threads: int = 1
    time_limit: float = TIME_LIMIT

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result | str]]:
        """The results, as they come."""
        with connected(self.address, self.workers * self.threads) as ray:
            task = ray.remote(max_retries=ATTEMPTS - 1, num_cpus=self.threads)(_calculate)
            version = (package_digest(), engine_version())
            pending = {task.remote(self.work, crystal_of(job), self.time_limit, version): job for job in jobs}
            while pending:
                (done,), _ = ray.wait(list(pending), num_returns=1)
                job = pending.pop(done)
                result = self._result(ray, done)
                if isinstance(result, Result):
                    self.store.put(job.key, result)
                yield job, result

    @staticmethod
    def _result(ray: Any, done: Any) -> Result | str:
        try:
            result: Result | str = ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.WorkerCrashedError:
            return f"it was given to {ATTEMPTS} workers, and all of them died"
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the cluster lost a calculation: {str(error)[:300]}") from error
        return result


def _calculate(
    work: Calculator, crystal: SymmetricCrystal, time_limit: float, version: tuple[str, str]
) -> Result | str:
    """What a worker of the cluster does: the calculation, in a process with a time limit."""
    if version != (package_digest(), engine_version()):
        raise ClusterError(
            "a worker of the cluster has another version of topofuse or GPAW: install the same everywhere"
        )
    # multiprocessing would run ray's main file again in every process that it starts
    vars(sys.modules["__main__"]).pop("__file__", None)
    (result,) = supervised_map(work, [crystal], workers=1, time_limit=time_limit, ahead=1)
    return result.reason if isinstance(result, Lost) else result
