"""Speed and memory of feature extraction, per modality; `peers.py` sets it beside other packages.

    python benchmarks/features.py [--data ../shared/topomat/topomat.parquet] [--sample 500] [--repeats 5]

Every repeat times every part in turns over a random sample of its own, in one process, so that a machine that slows
down slows all of them; medians over the repeats are printed. Without --data, and where topomat is not beside the
checkout, the embedded textbook is measured. The cache on disk is not used. --whole extracts everything instead.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from measure import TOPOMAT
from topofuse.crystals import Crystal, SymmetricCrystal, analyse, thermal_view
from topofuse.materials import load
from topofuse.materials.dataset import Dataset
from topofuse.modalities.extraction import extract_all, extract_sample
from topofuse.modalities.registry import MODALITY_NAMES, modality

PROCESSES = 2  # the machine that the limits are meant for has two cores
LIMIT_MINUTES, LIMIT_GIB = 15, 4


def fresh(crystals: Sequence[SymmetricCrystal]) -> list[SymmetricCrystal]:
    """The same crystals with nothing cached, neighbours included."""
    return [SymmetricCrystal(**{name: vars(c)[name] for name in c.__dataclass_fields__}) for c in crystals]


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def one_round(crystals: Sequence[Crystal]) -> dict[str, float]:
    """Seconds of each part over the sample."""
    times: dict[str, float] = {}
    symmetric: list[SymmetricCrystal] = []
    times["symmetry"] = seconds(lambda: symmetric.extend(analyse(c) for c in crystals))
    times["neighbours"] = seconds(lambda: [c.neighbours for c in symmetric])
    for name in MODALITY_NAMES:
        extract = modality(name).extract
        times[name] = seconds(lambda extract=extract: [extract(c) for c in symmetric])
    times["all, one view"] = sum(times.values())
    views = fresh(symmetric)
    # all views have the sketch of the first
    moving = [name for name in MODALITY_NAMES if not modality(name).from_sketch]

    def more_views() -> None:
        for c in views:
            for view in range(1, 5):
                extract_sample(thermal_view(c, view), moving)

    times["4 thermal views"] = seconds(more_views)
    return times


def samples(crystals: Sequence[Crystal], wanted: int, repeats: int) -> list[list[Crystal]]:
    """Random samples without a crystal in common: what features remember per formula must not help the next repeat."""
    order = np.random.default_rng(0).permutation(len(crystals))
    size = min(wanted, len(crystals) // repeats)
    return [[crystals[i] for i in order[r * size : (r + 1) * size]] for r in range(repeats)]


def whole(data: Dataset, n_views: int = 5) -> None:
    """Extract the whole data set as a run does, without the cache on disk, and print time and memory."""
    took = seconds(lambda: extract_all(data.crystals, n_views=n_views, workers=PROCESSES))
    own, child = (resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"{data.name}: {len(data):,} crystals, {n_views} views, {PROCESSES} processes: {took / 60:.1f} min")
    print(f"peak memory: {own:.2f} GiB, and {child:.2f} GiB in the largest worker")


def report(times: list[dict[str, float]], n: int, total: int) -> None:
    """Print medians, rates, and the estimate for the whole data set."""
    median = {name: statistics.median(t[name] for t in times) for name in times[0]}
    print(f"{'part':<26}{'ms/crystal':>12}{'crystals/s':>12}{'min … max ms':>20}")
    for name, value in median.items():
        low, high = (1000 * pick(t[name] for t in times) / n for pick in (min, max))
        print(f"{name:<26}{1000 * value / n:>12.2f}{n / value:>12.0f}{f'{low:.2f} … {high:.2f}':>20}")
    ours = median["all, one view"]
    five = ours + median["4 thermal views"]
    print()
    for title, value in (("one view", ours), ("five views, as `topofuse run` takes them", five)):
        minutes = value / n * total / PROCESSES / 60
        verdict = "within" if minutes <= LIMIT_MINUTES else "OVER"
        print(f"{total:,} crystals, {PROCESSES} processes, {title}: {minutes:.1f} min ({verdict} {LIMIT_MINUTES})")
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of this process: {gib:.2f} GiB (limit of a whole extraction: {LIMIT_GIB})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=TOPOMAT if TOPOMAT.exists() else None)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--whole", action="store_true", help="extract the whole data set, five views, two processes")
    arguments = parser.parse_args()
    data = load(arguments.data)
    if arguments.whole:
        whole(data)
        return
    chosen = samples(data.crystals, arguments.sample, arguments.repeats)
    print(f"{data.name}: {len(chosen)} repeats over {len(chosen[0])} of {len(data):,} crystals\n")
    one_round(data.crystals[:20])  # tables are read outside the measurement
    report([one_round(crystals) for crystals in chosen], len(chosen[0]), len(data))


if __name__ == "__main__":
    main()
