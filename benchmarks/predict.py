"""Speed of `topofuse predict`, from CIF files to a table: start-up, first prediction, CPU beside pymatgen's.

    python benchmarks/predict.py [--data ../shared/topomat/topomat.parquet] [-n 1500] [--repeats 3] [--only-ratio]

The commands run as a user would call them, with both models that come along. Each repeat has files of its own, drawn
from the pool (never from the test rows), and gives them in turns to pymatgen, which reads them and finds their symmetry
(`read_with_pymatgen.py`), to `full` and to `fast`. CPU is that of all processes together, less that of the same command
for one file, and is printed as a ratio to pymatgen's; other work on the machine disturbs it less than it does the time.
Medians over the repeats. Exit code 1 where a limit is missed; `--only-ratio`, for a busy machine, has no others.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import measure
from topofuse.materials import load

# of each model: files of topomat per second on two cores; CPU per file over that of pymatgen
LIMITS = {"full": (40.0, 1.5), "fast": (200.0, 0.35)}
START_LIMIT, FIRST_LIMIT = 0.5, 4.0  # seconds
PYMATGEN = "pymatgen"


@dataclass(frozen=True)
class Measured:
    """Seconds of one command on one repeat's files, and on a single file."""

    first: measure.Usage
    all: measure.Usage
    files: int

    @property
    def cpu(self) -> float:
        """CPU per file beyond start-up, ms."""
        return 1000 * (self.all.cpu - self.first.cpu) / (self.files - 1)

    @property
    def rate(self) -> float:
        """Files per second, start-up included."""
        return self.files / self.all.wall

    @property
    def rate_beyond(self) -> float:
        """Files per second beyond start-up."""
        return (self.files - 1) / (self.all.wall - self.first.wall)


def command(task: str, given: Path, workers: int, scratch: Path) -> list[str]:
    """The command line that reads files with pymatgen, or classifies them with a model."""
    if task == PYMATGEN:
        return [sys.executable, str(Path(__file__).with_name("read_with_pymatgen.py")), str(given)]
    options = ["--model", task, "--no-progress", "--workers", str(workers), "-o", scratch / f"{task}.csv"]
    return measure.topofuse("predict", given, *options)


def one_repeat(folder: Path, workers: int, scratch: Path) -> dict[str, Measured]:
    """Every task on one file and on all files of a folder."""
    files = sorted(folder.iterdir())
    return {
        task: Measured(
            measure.run(command(task, files[0], workers, scratch)),
            measure.run(command(task, folder, workers, scratch)),
            len(files),
        )
        for task in (PYMATGEN, *LIMITS)
    }


def report(repeats: list[dict[str, Measured]], only_ratio: bool) -> bool:
    """Print the medians; whether the limits are kept."""
    kept = True
    print(
        f"{'':<9}{'one file':>17}{'files/s':>9}{'limit':>7}{'beyond start-up':>17}"
        f"{'CPU ms/file':>13}{'/ pymatgen':>12}{'limit':>7}"
    )
    for task in (PYMATGEN, *LIMITS):
        of_task = [repeat[task] for repeat in repeats]
        first, first_cpu, rate, beyond, cpu, ratio = (
            statistics.median(values)
            for values in (
                [m.first.wall for m in of_task],
                [m.first.cpu for m in of_task],
                [m.rate for m in of_task],
                [m.rate_beyond for m in of_task],
                [m.cpu for m in of_task],
                [repeat[task].cpu / repeat[PYMATGEN].cpu for repeat in repeats],
            )
        )
        limits = LIMITS.get(task)
        opening = f"{first:.2f} s, CPU {first_cpu:.2f}"
        shown = [f"{limit:g}" for limit in limits] if limits else ["", ""]
        print(f"{task:<9}{opening:>17}{rate:>9.0f}{shown[0]:>7}{beyond:>17.0f}{cpu:>13.2f}{ratio:>12.2f}{shown[1]:>7}")
        if limits:
            kept &= ratio <= limits[1] and (only_ratio or (rate >= limits[0] and first < FIRST_LIMIT))
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=measure.TOPOMAT if measure.TOPOMAT.exists() else None)
    parser.add_argument("-n", type=int, default=1500, help="files per repeat")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only-ratio", action="store_true", help="no limits on times, which a busy machine stretches")
    arguments = parser.parse_args()
    kept = True
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        starts = [measure.run(measure.topofuse("--help")) for _ in range(arguments.repeats)]
        start, cpu = (statistics.median(values) for values in ([s.wall for s in starts], [s.cpu for s in starts]))
        kept &= arguments.only_ratio or start < START_LIMIT
        print(f"start-up (--help): {start:.2f} s, {cpu:.2f} s of CPU (limit {START_LIMIT} s)")
        data = load(arguments.data)
        rows = measure.draw(data, "pool", arguments.n * arguments.repeats)
        size = len(rows) // arguments.repeats
        print(f"{data.name}: {arguments.repeats} repeats of {size} files, {arguments.workers} workers\n")
        repeats = []
        for repeat in range(arguments.repeats):
            files = folder / str(repeat)
            measure.write_cifs(data, rows[repeat * size : (repeat + 1) * size], files)
            repeats.append(one_repeat(files, arguments.workers, folder))
        kept &= report(repeats, arguments.only_ratio)
    others = "" if arguments.only_ratio else f", first prediction within {FIRST_LIMIT} s, files per second, --help"
    print(f"\nCPU beside pymatgen's{others}: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
