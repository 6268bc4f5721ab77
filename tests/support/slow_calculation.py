"""A run of calculations that take a while and find nothing, as a program: what it is killed in, it does again.

    python -m support.slow_calculation FOLDER

FOLDER/begun gets a line when a calculation begins, FOLDER/store its result.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from topofuse.confirm.plan import Job
from topofuse.confirm.run import Local, run
from topofuse.confirm.store import Result, Store
from topofuse.crystals import Crystal, SymmetricCrystal, analyse
from topofuse.screening.examine import blank_row

COUNT = 6


@dataclass(frozen=True)
class Slow:
    """Takes a fifth of a second."""

    folder: Path

    def __call__(self, crystal: SymmetricCrystal) -> Result:
        with (self.folder / "begun").open("a") as file:
            file.write(f"{crystal.primitive.numbers[0]}\n")
        time.sleep(0.2)
        return Result("", crystal.spacegroup, 8, (), 0.2, 1, "engine 1")


def jobs() -> list[Job]:
    crystals = [
        analyse(Crystal.validated([[0, 2.7, 2.7], [2.7, 0, 2.7], [2.7, 2.7, 0]], [z], [[0, 0, 0]]))
        for z in range(10, 10 + COUNT)
    ]
    return [Job(blank_row(str(i)), "", crystal, f"{i:064x}", 1.0) for i, crystal in enumerate(crystals)]


def main(folder: Path) -> None:
    store = Store(folder / "store")
    waiting = [job for job in jobs() if store.get(job.key) is None]
    run(waiting, Local(Slow(folder), store), lambda job, result: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
