"""What the benchmarks share: CIF files of a data set; time and memory of a command with all its processes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from topofuse.crystals import Crystal
from topofuse.materials.dataset import Dataset

TOPOMAT = Path(__file__).resolve().parents[2] / "shared/topomat/topomat.parquet"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: orphans become children of this process


def structure(crystal: Crystal) -> Structure:
    """The crystal as pymatgen has it."""
    return Structure(Lattice(crystal.lattice), crystal.numbers.tolist(), crystal.frac_coords)


def draw(dataset: Dataset, split: str, n: int, seed: int = 0) -> NDArray[np.int64]:
    """Indices of n random rows of the data set's `split` ('test', or 'pool': all others)."""
    of_split = (dataset.split == "test") == (split == "test")
    rows = np.flatnonzero(of_split & (dataset.labels >= 0))
    return np.random.default_rng(seed).permutation(rows)[:n]


def write_cifs(dataset: Dataset, rows: NDArray[np.integer], folder: Path) -> list[Path]:
    """A CIF file of every row, as pymatgen writes it, named by the material."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{dataset.material_ids[row].replace('/', '_')}.cif" for row in rows]
    for row, path in zip(rows, paths, strict=True):
        structure(dataset.crystals[row]).to(str(path), fmt="cif")
    return paths


@dataclass(frozen=True)
class Usage:
    """wall, cpu: seconds, cpu of all processes together; memory: (seconds, GiB) through the run."""

    wall: float
    cpu: float
    memory: list[tuple[float, float]]

    @property
    def peak(self) -> float:
        """Largest memory seen, GiB."""
        return max((gib for _, gib in self.memory), default=0.0)


def run(command: Sequence[str], *, memory_every: float | None = None) -> Usage:
    """Run a command to its end, and until the processes that it left have ended; SystemExit where it fails.

    memory_every: seconds between looks at the memory; None looks at none. Linux only.
    """
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before, started = os.times(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    memory: list[tuple[float, float]] = []
    if memory_every:
        watch = threading.Thread(target=_watch, args=(process, memory_every, started, memory), daemon=True)
        watch.start()
    _, said = process.communicate()
    wall = time.perf_counter() - started
    if memory_every:
        watch.join()
    while True:
        try:
            os.wait()  # the server of the workers outlives the command by a moment
        except ChildProcessError:
            break
    after = os.times()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {said.strip()}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Usage(wall, used, memory)


def topofuse(*arguments: str | Path) -> list[str]:
    """The command line of `topofuse ARGUMENTS` in this environment."""
    return [sys.executable, "-m", "topofuse.cli", *map(str, arguments)]


def _watch(process: subprocess.Popen[str], every: float, started: float, into: list[tuple[float, float]]) -> None:
    while process.poll() is None:
        into.append((time.perf_counter() - started, sum(map(_memory, _tree(process.pid)))))
        time.sleep(every)


def _tree(root: int) -> Iterator[int]:
    """The process and its descendants."""
    yield root
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # ended meanwhile
            continue
        for child in found:
            yield from _tree(int(child))


def _memory(pid: int) -> float:
    """Proportional memory of a process, GiB: pages that n processes share count 1/n in each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # ended meanwhile
        return 0.0
    return next((int(line.split()[1]) / 2**20 for line in lines if line.startswith("Pss:")), 0.0)
