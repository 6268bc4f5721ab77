"""Do answers depend on how a crystal is written down? Ten settings of each of 200 crystals of the pool, with one model.

    python benchmarks/settings.py [--model full] [-n 200] [--data ../shared/topomat/topomat.parquet]

Each crystal is rotated, shifted, reordered, and written with other cells and fewer decimals; what counts is the largest
change of any of the five probabilities against the crystal as the data set has it. Rounding is apart from the others:
it moves atoms by up to 5e-5 of a cell, so it is another crystal, if only a little. Exit code 1 where another setting of
the same crystal changes a probability by 1e-3 or more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import measure
from topofuse.crystals import Crystal, CrystalError, SymmetricCrystal, analyse
from topofuse.ensemble.bundle import Bundle, open_bundle
from topofuse.materials import load
from topofuse.modalities.store import Sample

LIMIT = 1e-3
ROUNDED = "rounded to"

Rewrite = Callable[[Crystal, np.random.Generator], Crystal]


def in_basis(crystal: Crystal, basis: list[list[int]]) -> Crystal:
    """The crystal in a cell whose vectors are these integer combinations of its own; larger cells are filled."""
    matrix = np.array(basis)
    volume = round(abs(np.linalg.det(matrix)))
    steps = np.array(list(np.ndindex(*[4 * volume + 1] * 3))) - 2 * volume
    inside = np.linalg.solve(matrix.T, steps.T).T
    steps = steps[((inside > -1e-9) & (inside < 1 - 1e-9)).all(1)]
    frac = (crystal.frac_coords[:, None] + steps).reshape(-1, 3) @ np.linalg.inv(matrix)
    return Crystal(matrix @ crystal.lattice, np.repeat(crystal.numbers, len(steps)), frac % 1.0)


def rotated(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The crystal turned in space."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return Crystal(crystal.lattice @ (turn * np.sign(np.linalg.det(turn))), crystal.numbers, crystal.frac_coords)


def shifted(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Another origin."""
    return Crystal(crystal.lattice, crystal.numbers, (crystal.frac_coords + rng.random(3)) % 1.0)


def reordered(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The atoms in another order."""
    order = rng.permutation(len(crystal))
    return Crystal(crystal.lattice, crystal.numbers[order], crystal.frac_coords[order])


def rounded(decimals: int) -> Rewrite:
    """Coordinates and lattice with so many decimals, as in a file."""

    def rewrite(crystal: Crystal, _: np.random.Generator) -> Crystal:
        return Crystal(crystal.lattice.round(decimals), crystal.numbers, crystal.frac_coords.round(decimals))

    return rewrite


SETTINGS: dict[str, Rewrite] = {
    "rotated": rotated,
    "another origin": shifted,
    "another order": reordered,
    "standard primitive cell": lambda crystal, _: analyse(crystal).primitive,
    "skewed cell": lambda crystal, _: in_basis(crystal, [[1, 1, 0], [0, 1, 0], [0, -1, 1]]),
    "doubled cell": lambda crystal, _: in_basis(crystal, [[2, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "axes exchanged": lambda crystal, _: in_basis(crystal, [[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "all of these": lambda crystal, rng: in_basis(
        reordered(shifted(rotated(crystal, rng), rng), rng), [[0, 1, 0], [1, 1, 0], [0, 1, 2]]
    ),
    f"{ROUNDED} 6 decimals": rounded(6),
    f"{ROUNDED} 4 decimals": rounded(4),
}


def probabilities(model: Bundle, crystals: list[SymmetricCrystal]) -> NDArray[np.float64]:
    """(n, 5) of each crystal."""
    extract = model.extractor()
    features: list[list[Sample]] = [extract(crystal) for crystal in crystals]
    return model.predict_features(features)


def changes(model: Bundle, crystal: Crystal, rng: np.random.Generator) -> Iterator[float]:
    """The largest change of a probability in each of the settings; NaN where the space group is another one."""
    written = [analyse(rewrite(crystal, rng)) for rewrite in SETTINGS.values()]
    same = analyse(crystal)
    p = probabilities(model, [same, *written])
    for other, own in zip(written, p[1:], strict=True):
        yield float(np.abs(own - p[0]).max()) if other.spacegroup == same.spacegroup else np.nan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=measure.TOPOMAT if measure.TOPOMAT.exists() else None)
    parser.add_argument("--model", default="full")
    parser.add_argument("-n", type=int, default=200)
    arguments = parser.parse_args()
    data, model, rng = load(arguments.data), open_bundle(arguments.model), np.random.default_rng(0)
    rows: list[list[float]] = []
    names: list[str] = []
    for row in measure.draw(data, "pool", arguments.n, seed=11):
        try:
            rows.append(list(changes(model, data.crystals[row], rng)))
        except CrystalError as error:
            print(f"{data.material_ids[row]}: {error}")
            continue
        names.append(str(data.material_ids[row]))
    table = np.array(rows)
    print(f"{len(table)} crystals, model {arguments.model}: largest change of a probability\n")
    print(f"{'setting':<26}{'largest':>9}{'of':>14}{f'>= {LIMIT:g}':>10}{'other space group':>20}")
    for name, column in zip(SETTINGS, table.T, strict=True):
        worst = int(np.nanargmax(column))
        over, lost = int((column >= LIMIT).sum()), int(np.isnan(column).sum())
        print(f"{name:<26}{column[worst]:>9.1e}{names[worst]:>14}{over:>10}{lost:>20}")
    exact = [k for k, name in enumerate(SETTINGS) if not name.startswith(ROUNDED)]
    return int(not np.nanmax(table[:, exact]) < LIMIT)


if __name__ == "__main__":
    sys.exit(main())
