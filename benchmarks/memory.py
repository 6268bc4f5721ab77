"""Is the memory of `topofuse predict` flat, and its time linear, over very many structures?

    python benchmarks/memory.py [-n 100000] [--files 6000] [--model fast]

Streams n structures through the command: a few thousand CIF files drawn from the pool, in folders of symbolic links,
so that every structure is another path, and with more formulas than what is remembered per formula has room for. The
same is done with a tenth of them. Memory is that of all processes together, pages that they share counted once. Exit
code 1 where the second half of the long run needs more than 10 % more memory than its first half (without the first
tenth), or a structure takes more than 15 % longer in the long run than in the short one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import measure
from topofuse.materials import load

GROWTH, SLOWER = 1.10, 1.15
_PER_FOLDER = 1000


def link(files: list[Path], n: int, folder: Path) -> Path:
    """A folder with n links to `files`, over and over."""
    for i in range(n):
        place = folder / f"{i // _PER_FOLDER:04d}"
        if i % _PER_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"{i % _PER_FOLDER:04d}.cif").symlink_to(files[i % len(files)])
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=measure.TOPOMAT if measure.TOPOMAT.exists() else None)
    parser.add_argument("-n", type=int, default=100_000, help="structures")
    parser.add_argument("--files", type=int, default=6000, help="different files among them")
    parser.add_argument("--model", default="fast")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    data = load(arguments.data)
    found: dict[int, measure.Usage] = {}
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure.draw(data, "pool", arguments.files)
        files = measure.write_cifs(data, rows, Path(scratch) / "cifs")
        print(f"{data.name}: {len(files)} files, model {arguments.model}, {arguments.workers} workers")
        for n in (arguments.n // 10, arguments.n):
            links = link(files, n, Path(scratch) / str(n))
            table = Path(scratch) / f"{n}.csv"
            command = measure.topofuse("predict", links, "--model", arguments.model, "--no-progress", "-o", table)
            usage = measure.run([*command, "--workers", str(arguments.workers)], memory_every=1.0)
            with table.open() as stream:
                lines = sum(1 for _ in stream) - 1
            if lines != n:
                raise SystemExit(f"{lines} rows for {n} structures")
            found[n] = usage
            print(
                f"{n:>8,} structures: {usage.wall:.1f} s, {n / usage.wall:.0f} per second, "
                f"CPU {1000 * usage.cpu / n:.2f} ms each, peak {usage.peak:.2f} GiB"
            )
    return verdict(found)


def verdict(found: dict[int, measure.Usage]) -> int:
    """Print memory in tenths of the long run, growth and slowing; 1 where a limit is passed."""
    (few, short), (many, long) = sorted(found.items())
    end = long.memory[-1][0]
    tenths = [[gib for at, gib in long.memory if k <= 10 * at / (end + 1e-9) < k + 1] for k in range(10)]
    if not all(tenths):
        raise SystemExit(f"{end:.0f} s are too short to judge the memory: give a larger -n")
    medians = [statistics.median(tenth) for tenth in tenths]
    print("GiB in tenths of the run:", " ".join(f"{value:.2f}" for value in medians))
    growth = max(medians[5:]) / max(medians[1:5])
    slower = (long.cpu / many) / (short.cpu / few)
    print(f"second half / first half of the memory: {growth:.3f} (limit {GROWTH})")
    print(f"CPU per structure, {many:,} / {few:,}: {slower:.3f} (limit {SLOWER}; start-up makes it smaller)")
    kept = growth <= GROWTH and slower <= SLOWER
    print("flat and linear" if kept else "NOT flat or not linear")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
