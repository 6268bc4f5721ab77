"""How far from a second first-principles database is a run, on the crystals that both databases label?

    python benchmarks/second_database.py runs/cpu ../shared/topomat/second_database.parquet [--strategy NAME]

The second database (S. Tang, H. C. Po, A. Vishwanath, X. Wan, Nature 566, 486 (2019)) knows four classes: trivial,
semimetal, ti, tci. Prints its agreement with the labels, the model's with the labels and with the second database, and
the model's where the two databases agree; out of fold on the pool and on the test rows, with 95 % bootstrap intervals
over formulas. The difference is paired: the same crystals in every resample. Nothing is chosen here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from topofuse.evaluation.agreement import AGREEMENT_LEVELS
from topofuse.report.second import LEVEL_TITLES, second_database
from topofuse.report.source import read_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished `topofuse run`")
    parser.add_argument("second", type=Path, help="parquet file with material_id and class_second")
    parser.add_argument("--strategy", help="name in results.json; the chosen one if not given")
    arguments = parser.parse_args()
    run = read_run(arguments.run)
    for split, (n, figures) in second_database(run, arguments.second, arguments.strategy).items():
        print(f"\n{split}: {n:,} crystals that both databases label")
        print(f"{'':38}" + "".join(f"{LEVEL_TITLES[level]:>22}" for level in AGREEMENT_LEVELS))
        for key, title in (
            ("second_labels", "second database agrees with labels"),
            ("model_labels", "model agrees with labels"),
            ("difference", "  difference, model - second"),
            ("model_second", "model agrees with second database"),
            ("model_agreed", "model is right where both agree"),
        ):
            cells = (figures[level][key] for level in AGREEMENT_LEVELS)
            print(f"{title:38}" + "".join(f"{shown(cell, key == 'difference'):>22}" for cell in cells))


def shown(cell: dict[str, float], signed: bool) -> str:
    """'95.1 [94.0, 96.1]' in per cent, with signs where it is a difference."""
    sign = "+" if signed else ""
    value, low, high = (f"{100 * cell[name]:{sign}.1f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    main()
