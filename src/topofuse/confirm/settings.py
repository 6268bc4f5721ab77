"""How finely a crystal is calculated: three sets of settings, and the atoms that stand in for open f shells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from topofuse.crystals.formula import SYMBOLS, atomic_number

CLOSE = 0.02  # eV; levels this close at a momentum could be in the other order, by the errors of the method


@dataclass(frozen=True)
class Settings:
    """What decides the result of a calculation with GPAW; the functional is always PBE.

    accuracy: name of the set
    cutoff, hard_cutoff: eV, of the plane waves; the second where the cell holds one of `HARD`
    density: momenta per 1/Å of the self-consistent calculation, along each axis
    smearing: eV, width of the Fermi function
    energy, charge, states: where the self-consistent calculation ends: eV and electrons per valence electron, eV²
    bands: eV², where the bands at the momenta of the table end
    """

    accuracy: str
    cutoff: float
    hard_cutoff: float
    density: float
    smearing: float
    energy: float
    charge: float
    states: float
    bands: float

    def cutoff_for(self, numbers: Iterable[int]) -> float:
        """The cutoff in eV for a cell of these atoms."""
        return self.hard_cutoff if HARD & {int(z) for z in numbers} else self.cutoff


ACCURACIES: dict[str, Settings] = {
    one.accuracy: one
    for one in (
        Settings("quick", 270, 320, 1.6, 0.05, 1e-3, 3e-4, 1e-5, 1e-6),
        Settings("standard", 320, 400, 2.2, 0.03, 5e-4, 1e-4, 1e-6, 1e-7),
        Settings("tight", 450, 600, 3.5, 0.02, 1e-4, 3e-5, 1e-7, 1e-8),
    )
}


def _numbers(symbols: str) -> frozenset[int]:
    return frozenset(z for s in symbols.split() if (z := atomic_number(s)) is not None)


# Elements whose pseudo wave functions vary fast near the nucleus.
HARD = _numbers("H Li Be B C N O F Na Cr Mn Fe Co Ni Cu Zn")

# The labels' potentials keep open 4f shells in the core (trivalent; ytterbium divalent), and GPAW has none of that
# kind. An element with an empty or full shell and the same valence stands in: lanthanum before the middle of the row,
# lutetium behind it, strontium for ytterbium.
STAND_INS: dict[int, int] = {
    **dict.fromkeys(_numbers("Pr Nd Pm Sm"), 57),
    **dict.fromkeys(_numbers("Tb Dy Ho Er Tm"), 71),
    70: 38,
}


def stand_ins(numbers: Iterable[int]) -> str:
    """Which atoms stand in for which, in words; empty where none does."""
    replaced = sorted({int(z) for z in numbers} & STAND_INS.keys())
    return ", ".join(f"{SYMBOLS[STAND_INS[z]]} for {SYMBOLS[z]}" for z in replaced)
