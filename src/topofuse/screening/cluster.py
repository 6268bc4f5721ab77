"""Shards on a Ray cluster: one that is there, or one started on this machine for as long as it is needed.

A task is a shard: its structures go with it, so that workers need no common disk, and its rows come back. On
the worker the shard is worked on as everywhere, in processes with limits. A worker that dies costs the shard
that it had, which ray gives to another.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from topofuse.errors import TopofuseError
from topofuse.modalities.source import package_digest
from topofuse.screening.entries import Entry, with_content
from topofuse.screening.predict import Model, PredictOptions, predict_chunks
from topofuse.screening.shards import Numbered
from topofuse.screening.table import Row

ATTEMPTS = 4  # at a shard, before it is believed that it kills every worker
_models: dict[str, Model] = {}  # on a worker: the model, read once


class ClusterError(TopofuseError, RuntimeError):
    """The cluster cannot do the work; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """An engine (`shards.Engine`) on ray.

    address: of a cluster that is there ('auto', 'host:port', 'ray://...'); None starts one here
    """

    model: Model
    options: PredictOptions
    address: str | None = None

    def __call__(self, chunks: Numbered) -> Iterator[tuple[int, list[Row]]]:
        """The rows of each shard, as they come; as many are under way as keep every core busy."""
        with connected(self.address, self.options.workers) as ray:
            task = ray.remote(max_retries=ATTEMPTS - 1, num_cpus=1)(_shard)
            model = [ray.put(self.model)]  # in a list: ray would give the task the model anew each time
            options = replace(self.options, workers=1)
            room = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
            pending: dict[Any, int] = {}
            for index, chunk in chunks:
                entries = [with_content(entry) for entry in chunk]
                pending[task.remote(entries, model, self.model.identity, options, package_digest())] = index
                while len(pending) >= room:
                    yield self._next(ray, pending)
            while pending:
                yield self._next(ray, pending)

    @staticmethod
    def _next(ray: Any, pending: dict[Any, int]) -> tuple[int, list[Row]]:
        (done,), _ = ray.wait(list(pending), num_returns=1)
        index = pending.pop(done)
        try:
            return index, ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error  # as the local engine has it
        except ray.exceptions.WorkerCrashedError as error:
            raise ClusterError(f"shard {index} was given to {ATTEMPTS} workers, and all of them died") from error
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the cluster lost shard {index}: {str(error)[:300]}") from error


def _shard(entries: list[Entry], model: list[Any], identity: str, options: PredictOptions, code: str) -> list[Row]:
    """What a worker does with a shard."""
    import ray

    if code != package_digest():
        raise ClusterError("a worker of the cluster has another version of topofuse: install the same everywhere")
    # multiprocessing would run ray's main file again in every process that it starts: half a second each
    vars(sys.modules["__main__"]).pop("__file__", None)
    if identity not in _models:
        _models.clear()
        _models[identity] = ray.get(model[0])
    ((_, rows),) = predict_chunks(iter([(0, entries)]), _models[identity], options)
    return rows


@contextlib.contextmanager
def connected(address: str | None, workers: int) -> Iterator[Any]:
    """Ray, connected to the cluster at an address; None starts one on this machine, with so many cores."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # ray reports its use to its makers otherwise
    try:
        import ray
    except ImportError as error:
        raise ClusterError("the engine ray is not installed: pip install 'topofuse[ray]'") from error
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is None:
            ray.init(num_cpus=max(1, workers), include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        raise ClusterError(f"no ray cluster at {address or 'this machine'}: {error}") from error
    try:
        with contextlib.redirect_stdout(sys.stderr):  # ray prints there what it has to say of workers that died
            yield ray
    finally:
        ray.shutdown()
