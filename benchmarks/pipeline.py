"""Timings and memory of a finished run, against the limits for the `cpu` preset on two cores.

python benchmarks/pipeline.py runs/cpu
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

LIMITS = {"features_s": 10 * 60, "total_s": 90 * 60, "all_memory_gib": 8.0}
TITLES = {
    "features_s": "features",
    "networks_s": "networks",
    "trees_s": "boosted trees",
    "total_s": "whole run",
    "peak_memory_gib": "peak, main",
    "peak_worker_memory_gib": "peak, a worker",
    "all_memory_gib": "memory, at most",
}


def shown(name: str, value: float) -> str:
    return f"{value:.1f} GiB" if name.endswith("_gib") else f"{value / 60:.1f} min"


def lines(results: dict[str, Any]) -> tuple[list[str], bool]:
    """The table, and whether every limit was seen to be kept.

    Memory of the whole is bounded by the main process's peak plus the largest worker's for each worker.
    """
    machine, data = results["machine"], results["dataset"]
    out = [
        f"{results['title']}, preset {results['preset']}: {data['n_pool']:,} + {data['n_test']:,} materials, "
        f"{machine['cores']} cores, GPU {machine['gpu']}",
        "",
        f"{'':<16}{'measured':>12}{'limit':>12}",
    ]
    kept = True
    timings, workers = dict(results["timings"]), results["config"]["threads"]
    timings["all_memory_gib"] = timings["peak_memory_gib"] + workers * timings.get("peak_worker_memory_gib", 0.0)
    for name, value in timings.items():
        limit = LIMITS.get(name)
        verdict = ""
        if limit is not None:
            verdict = "  kept" if value <= limit else "  EXCEEDED"
            kept &= value <= limit
        bound = "" if limit is None else shown(name, limit)
        out.append(f"{TITLES.get(name, name):<16}{shown(name, value):>12}{bound:>12}{verdict}")
    jobs = results["jobs"]
    out += [
        "",
        f"{len(jobs)} networks, {sum(j['epochs_run'] for j in jobs)} epochs, "
        f"{sum(j['seconds'] for j in jobs) / 60:.1f} min of training in sum, "
        f"largest {max(j['n_parameters'] for j in jobs):,} parameters",
    ]
    return out, kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder with results.json")
    text, kept = lines(json.loads((parser.parse_args().run / "results.json").read_text()))
    print("\n".join(text))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
