"""Speed of `topofuse predict`, from CIF files to a table: start-up, first prediction, structures per second.

    python benchmarks/predict.py [--data ../shared/topomat/topomat.parquet] [-n 1500] [--repeats 3]

The command runs as a user would call it, with both models that come along. Medians over the repeats, each with files
of its own drawn from the pool (never from the test rows); CPU is that of all processes together, which other work on
the machine disturbs less than it does the time. Exit code 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import measure
from topofuse.materials import load

LIMITS = {"full": 40.0, "fast": 200.0}  # structures per second, two cores, files of topomat
START_LIMIT, FIRST_LIMIT = 0.5, 4.0  # seconds


def medians(commands: list[list[str]]) -> tuple[float, float]:
    """Median time and median CPU time of the commands, seconds."""
    runs = [measure.run(command) for command in commands]
    return statistics.median(run.wall for run in runs), statistics.median(run.cpu for run in runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=measure.TOPOMAT if measure.TOPOMAT.exists() else None)
    parser.add_argument("-n", type=int, default=1500, help="files per repeat")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    kept = True
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        start, cpu = medians([measure.topofuse("--help")] * arguments.repeats)
        kept &= start < START_LIMIT
        print(f"start-up (--help): {start:.2f} s, {cpu:.2f} s of CPU (limit {START_LIMIT} s)")
        data = load(arguments.data)
        rows = measure.draw(data, "pool", arguments.n * arguments.repeats)
        size = len(rows) // arguments.repeats
        for repeat in range(arguments.repeats):
            measure.write_cifs(data, rows[repeat * size : (repeat + 1) * size], folder / str(repeat))
        one = str(next((folder / "0").iterdir()))
        print(f"{data.name}: {arguments.repeats} repeats of {size} files, {arguments.workers} workers\n")
        print(f"{'':<8}{'one file':>17}{'files/s':>9}{'limit':>7}{'beyond start-up: files/s':>26}{'CPU ms/file':>13}")
        for model, limit in LIMITS.items():
            options = ["--model", model, "--no-progress", "--workers", str(arguments.workers)]
            first, first_cpu = medians([measure.topofuse("predict", one, *options)] * arguments.repeats)
            wall, cpu = medians(
                [
                    measure.topofuse("predict", folder / str(r), *options, "-o", folder / f"{model}-{r}.csv")
                    for r in range(arguments.repeats)
                ]
            )
            kept &= first < FIRST_LIMIT and size / wall >= limit
            beyond = f"{size / (wall - first):.0f}" if wall > first else "-"
            each = 1000 * (cpu - first_cpu) / size
            opening = f"{first:.2f} s, CPU {first_cpu:.2f}"
            print(f"{model:<8}{opening:>17}{size / wall:>9.0f}{limit:>7.0f}{beyond:>26}{each:>13.2f}")
    print(f"\nfirst prediction within {FIRST_LIMIT} s, files per second, --help: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
