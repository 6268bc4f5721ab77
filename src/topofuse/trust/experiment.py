"""Materials of which experiment is known to say something else than the calculations that the labels come from.

`experiment.csv` has one material a line; it is short, since every line has to be certain:

formula, spacegroup, atoms, volume   as `reduced_formula` writes it, international number, atoms in the primitive cell,
                                     and volume per atom (Å³) at ambient pressure: a crystal that agrees in the first
                                     three and to 15 % in the volume is this material
finding                              what was measured, in words
reference, doi                       where
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.formula import reduced_formula

MOST_VOLUME = 0.15  # relative difference


@dataclass(frozen=True)
class Finding:
    """A line of the table; volume per atom in Å³."""

    volume: float
    finding: str
    reference: str
    doi: str

    def __str__(self) -> str:
        return f"{self.finding} ({self.reference}, doi:{self.doi})"


def experiment_of(crystal: SymmetricCrystal) -> str:
    """What experiment says of the crystal, with the reference, where it is a material of the table; else ''."""
    cell = crystal.primitive
    finding = findings().get((reduced_formula(cell.numbers), crystal.spacegroup, len(cell)))
    if finding is None or abs(cell.volume / len(cell) - finding.volume) > MOST_VOLUME * finding.volume:
        return ""
    return str(finding)


@cache
def findings() -> Mapping[tuple[str, int, int], Finding]:
    """The table: (formula, space group, atoms in the primitive cell) → what was found."""
    text = files("topofuse.trust").joinpath("experiment.csv").read_text(encoding="utf-8")
    return {
        (row["formula"], int(row["spacegroup"]), int(row["atoms"])): Finding(
            float(row["volume"]), row["finding"], row["reference"], row["doi"]
        )
        for row in csv.DictReader(text.splitlines(), strict=True)
    }
