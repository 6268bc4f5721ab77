"""The band sketch as one table row: gaps, crossings, indicators, the filling's surroundings, charges."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.base import Costly, Modality, Part
from topofuse.tightbinding.atoms import orbital_counts
from topofuse.tightbinding.indicators import indicators, parity_exchange
from topofuse.tightbinding.sketch import DEGENERATE, NoSketch, Sketch, shared_sketch_of
from topofuse.tightbinding.threads import linear_algebra

# Columns that are evaluated without spin (bare name) and with spin-orbit coupling (name_soc).
_TWICE = (
    "indirect_gap",
    "point_gap_min",
    "point_gap_second",
    "point_gap_mean",
    "point_gap_open",
    "degenerate_points",
    "degenerate_share",
    "gamma_gap",
    "trim_gap",
    "z4",
    "weak",
    "parity_spread",
    "rotoinversion",
)
_EDGES = tuple(
    f"{point}_{edge}_{kind}" for point in ("gamma", "narrow") for edge in ("top", "bottom") for kind in "spda"
)
TABLE_NAMES = (
    "orbitals",
    *_TWICE,
    *(f"{name}_soc" for name in _TWICE),
    "soc_opens_least",
    "soc_changes_most",
    "exchange_min",
    "exchange_mean",
    "exchange_gamma",
    "fermi_level",
    "fermi_density_narrow",
    "fermi_density_wide",
    "fermi_bands",
    "edge_width",
    "charge_max",
    "charge_min",
    *_EDGES,
)
_TIE = 1e-5  # eV; of two points whose gaps differ by less, the first counts
_CROSSES = 0.02  # eV on each side of the Fermi level
_DECIMALS = 6
CHEAP_ORBITALS = 40  # up to here a sketch takes 9 ms; a fifth of topomat's crystals, where it brings most
_CHARGED = 1e-6  # electrons; atoms that exceed the neutral number by this are anions


def extract(crystal: SymmetricCrystal) -> Part:
    """One row of the band sketch, named `TABLE_NAMES`; all NaN where there is no sketch. Energies in eV.

    *_gap: between the highest occupied and the lowest empty band. point_gap_*: over the momenta that symmetry fixes,
        one of each star; point_gap_open: smallest that is not degenerate
    degenerate_*: of these momenta, those where the filling ends inside a degenerate level
    z4, weak, parity_spread, rotoinversion: see `Indicators`
    exchange_*: see `parity_exchange`; soc_*: change of the gap at a point by spin-orbit coupling
    fermi_*: level that fills the sampled states, states at it within 0.25 and 1 eV per atom, bands that cross it
    charge_*: largest and smallest excess of electrons of an atom, in Mulliken's count
    gamma_*, narrow_*: weight of s, p, d orbitals and of anions (a) in the highest occupied (top) and lowest empty
        (bottom) band at Γ, and at the point with the smallest gap with spin-orbit coupling
    """
    with linear_algebra().limit(limits=1):
        sketch = shared_sketch_of(crystal)
        row = np.full(len(TABLE_NAMES), np.nan) if isinstance(sketch, NoSketch) else _row(sketch, crystal.orbits)
    return {"table": row[None].astype(np.float32)}


def _row(sketch: Sketch, orbits: NDArray[np.int64]) -> NDArray[np.float64]:
    filled, energy = sketch.filled, sketch.bands.energy
    edges = (energy[:, filled - 1], energy[:, filled]), sketch.spin_edges()
    gap, gap_soc = (above - below for below, above in edges)
    columns = {"orbitals": float(sketch.basis.size)}
    for suffix, own_gap, (below, above), index in zip(
        ("", "_soc"), (gap, gap_soc), edges, indicators(sketch), strict=True
    ):
        part = {"indirect_gap": above.min() - below.max()} | _point_gaps(sketch, own_gap) | asdict(index)
        columns |= {name + suffix: value for name, value in part.items()}
    columns |= {"soc_opens_least": (gap_soc - gap).min(), "soc_changes_most": np.abs(gap_soc - gap).max()}
    exchange = parity_exchange(sketch)
    if len(exchange):
        columns |= {"exchange_min": exchange.min(), "exchange_mean": exchange.mean(), "exchange_gamma": exchange[0]}
    columns |= _fermi(sketch) | _weights(sketch, gap_soc, orbits)
    row = np.array([columns.get(name, np.nan) for name in TABLE_NAMES], dtype=np.float64)
    # a zero comes as 1e-16 or -1e-30, differently for each way of writing the crystal down, and trees split there
    return np.round(row, _DECIMALS) + 0.0


def _point_gaps(sketch: Sketch, gap: NDArray[np.float64]) -> dict[str, float]:
    closed = gap < DEGENERATE
    return {
        "point_gap_min": gap.min(),
        "point_gap_second": np.sort(gap)[:2].max(),
        "point_gap_mean": gap.mean(),
        "point_gap_open": 0.0 if closed.all() else gap[~closed].min(),
        "degenerate_points": float(closed.sum()),
        "degenerate_share": closed.mean(),
        "gamma_gap": gap[0],
        "trim_gap": gap[np.unique(sketch.sampling.trims)].min(),
    }


def _fermi(sketch: Sketch) -> dict[str, float]:
    every = sketch.bands.energy
    levels = np.sort(every, axis=None)
    count = sketch.filled * len(every)
    fermi = (levels[count - 1] + levels[count]) / 2
    away = every - fermi
    density = {
        name: np.exp(-((away / width) ** 2) / 2).sum() / len(every) / width / len(sketch.basis.atoms)
        for name, width in (("fermi_density_narrow", 0.25), ("fermi_density_wide", 1.0))
    }
    low, high = every.min(0), every.max(0)
    crossing = (low < fermi - _CROSSES) & (high > fermi + _CROSSES)
    beside = (high - low)[sketch.filled - 1 : sketch.filled + 1]
    return {"fermi_level": fermi, "fermi_bands": float(crossing.sum()), "edge_width": beside.mean()} | density


def _weights(sketch: Sketch, gap_soc: NDArray[np.float64], orbits: NDArray[np.int64]) -> dict[str, float]:
    """Charges, and the orbitals of the bands beside the filling (populations of R. S. Mulliken)."""
    basis, filled = sketch.basis, sketch.filled
    points = len(sketch.bands.energy)

    def weight(point: int, chosen: slice) -> NDArray[np.float64]:  # (n orbitals, bands)
        states, dual = sketch.bands.states[point][:, chosen], sketch.bands.dual[point][:, chosen]
        return np.asarray(
            states.real * dual.real + states.imag * dual.imag if np.iscomplexobj(states) else states * dual
        )

    population = np.zeros(basis.size)
    for point in range(points):
        occupation = sketch.occupation(point)
        occupation = occupation[: np.flatnonzero(occupation)[-1] + 1]
        population += weight(point, slice(len(occupation))) @ occupation * (2 / points)
    charge = np.bincount(basis.atom, population) - np.array([atom.electrons for atom in basis.atoms])
    # equivalent atoms have the same charge, but the momenta are not whole stars
    charge = (np.bincount(orbits, charge) / np.bincount(orbits))[orbits]
    columns = {"charge_max": charge.max(), "charge_min": charge.min()}
    anion = (charge > _CHARGED)[basis.atom]
    narrow = int(np.flatnonzero(gap_soc <= gap_soc.min() + _TIE)[0])
    for place, k in (("gamma", 0), ("narrow", narrow)):
        for edge, of_orbital in zip(("top", "bottom"), weight(k, slice(filled - 1, filled + 1)).T, strict=True):
            for kind, chosen in zip("spda", (*(basis.ell == ell for ell in range(3)), anion), strict=True):
                columns[f"{place}_{edge}_{kind}"] = of_orbital[chosen].sum()
    return columns


def is_costly(crystal: SymmetricCrystal) -> bool:
    """Whether the sketch of a crystal would have more than `CHEAP_ORBITALS` orbitals."""
    return int(orbital_counts()[crystal.primitive.numbers].sum()) > CHEAP_ORBITALS


def _costly_rows(table: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(table[:, TABLE_NAMES.index("orbitals")] > CHEAP_ORBITALS)  # no sketch: undefined, not costly


BANDS = Modality("bands", 5, extract, TABLE_NAMES, costly=Costly(is_costly, _costly_rows), from_sketch=True)
