"""The band sketch of a crystal as the page draws it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.sketches import CAVEAT, PER_LINE, NoSketchError, sketch
from topofuse.tightbinding.atoms import free_atom
from topofuse.tightbinding.momenta import MomentumLevels

LARGE = 60  # orbitals; beyond, time matters more than smooth lines
PER_LINE_OF_LARGE = 9
BANDS = 12  # bands on each side of the filling
LEVELS = 3  # levels on each side of the filling in the table of momenta


def bands_of(crystal: SymmetricCrystal) -> dict[str, Any]:
    """The sketch (see `topofuse.sketch`), ready for JSON; {"none": sentence} where there is none.

    plain, soc: without and with spin-orbit coupling: energy [band][momentum] in eV, weights [band][momentum] of s, p, d
    and f in per cent, filled: so many of the bands are occupied
    """
    orbitals = sum(atom.n_orbitals for z in crystal.primitive.numbers.tolist() if (atom := free_atom(z)) is not None)
    try:
        band_sketch = sketch(crystal, per_line=PER_LINE if orbitals <= LARGE else PER_LINE_OF_LARGE)
    except NoSketchError as error:
        return {"none": str(error)}
    nearest, lines = band_sketch.nearest_exchange, band_sketch.lines
    return {
        "caveat": CAVEAT,
        "electrons": band_sketch.electrons,
        "gap": band_sketch.gap,
        "gap_soc": band_sketch.gap_soc,
        "verdict": band_sketch.verdict,
        "z4": band_sketch.z4,
        "weak": band_sketch.weak,
        "indicator": band_sketch.indicator,
        "orders": band_sketch.orders,
        "distance": np.round(lines.distance, 4).tolist(),
        "line": lines.line.tolist(),
        "ticks": band_sketch.ticks,
        "plain": _near(lines.energy, lines.weights, lines.filled, BANDS),
        "soc": _near(lines.energy_soc, lines.weights_soc, lines.filled_soc, 2 * BANDS),
        "marks": [
            {"kind": m.kind, "soc": m.spin_orbit, "label": m.label, "distance": m.distance, "energy": m.energy}
            for m in band_sketch.marks
        ],
        "points": [_point(point) for point in band_sketch.points],
        "nearest_exchange": None if nearest is None else {"label": nearest.label, "energy": nearest.exchange},
    }


def _near(energy: NDArray[np.float64], weights: NDArray[np.float64], filled: int, most: int) -> dict[str, Any]:
    first = max(0, filled - most)
    own = slice(first, filled + most)
    return {
        "energy": np.round(energy[:, own].T, 3).tolist(),
        "weights": np.rint(100 * np.clip(weights[:, own], 0, 1)).astype(int).transpose(1, 0, 2).tolist(),
        "filled": filled - first,
    }


def _point(point: MomentumLevels) -> dict[str, Any]:
    top = int(np.count_nonzero(point.filled > 0))
    shown = range(max(0, top - LEVELS), min(len(point.energy), top + LEVELS))
    return {
        "label": point.label,
        "odd_pairs": point.odd_pairs,
        "exchange": point.exchange,
        "inverted": point.inverted,
        "levels": [
            {
                "energy": round(float(point.energy[i]), 3),
                "dimension": int(point.dimension[i]),
                "coirrep": int(point.coirrep[i]),
                "parity": int(point.parity[i]),
                "filled": float(point.filled[i]),
            }
            for i in shown
        ],
    }
