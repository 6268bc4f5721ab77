"""What parities and the four-fold rotoinversion say about the occupied states.

Each is evaluated twice: without spin and with spin-orbit coupling. Symmetry indicators: L. Fu and C. L. Kane,
Phys. Rev. B 76, 045302 (2007); E. Khalaf et al., Phys. Rev. X 8, 031070 (2018), whose normalisation of z4 and of the
rotoinversion indicator is used. Without spin, every state counts twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.tightbinding.sampling import TRIMS, same_momentum
from topofuse.tightbinding.sketch import Sketch

_ROUNDING = 1e-6  # halves are rounded down, whatever their rounding errors
_FAR = 20.0  # eV, where no exchange is in sight
_SET_GAP = 1e-5  # eV; levels this close are one set
_SOME = 0.02  # share of a parity in a set of levels from which the set has states of this parity
# Inversion centres of a cell: moving the centre by half a lattice vector changes the sign of parities at TRIMs.
_CENTRES = 1.0 - 2.0 * ((2 * TRIMS @ (2 * TRIMS).T) % 2)


@dataclass(frozen=True, eq=False)
class Indicators:
    """Indicators of one treatment of spin; NaN where the crystal has not the symmetry.

    z4: 0 to 3, half the sum of parities; weak: 1 where a weak index is odd; parity_spread: range over TRIMs of the
        number of odd pairs of states; each for the inversion centre of the cell where it is smallest
    rotoinversion: indicator of four-fold rotoinversion, 0 to 2, in crystals without inversion
    """

    z4: float = np.nan
    weak: float = np.nan
    parity_spread: float = np.nan
    rotoinversion: float = np.nan


def indicators(sketch: Sketch) -> tuple[Indicators, Indicators]:
    """Indicators without and with spin-orbit coupling."""
    if sketch.operators.inversion is not None:
        return Indicators(**_parities(sketch, 0)), Indicators(**_parities(sketch, 1))
    operation, points = _rotoinversion(sketch)
    if not points:
        return Indicators(), Indicators()
    traces = sum(sketch.traces(point, np.array([operation]))[:, 0].real for point in points)
    # without spin, a state stands for two of opposite spin
    both = np.array([float(np.trace(sketch.operators.spinors[operation]).real), 1.0])
    without, with_spin = (np.round(traces * both / (2 * np.sqrt(2)) + _ROUNDING, 2) % 2).tolist()
    return Indicators(rotoinversion=without), Indicators(rotoinversion=with_spin)


def _round(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ceil(values - 0.5 - _ROUNDING)


def _parities(sketch: Sketch, spin: int) -> dict[str, float]:
    """Indicators of inversion from the sums of parities of the occupied states at the eight TRIMs."""
    of_point = {point: _parity_sum(sketch, point, spin) for point in set(sketch.sampling.trims.tolist())}
    sums = np.array([of_point[point] for point in sketch.sampling.trims.tolist()]) * sketch.sampling.trim_signs
    moved = _CENTRES * sums  # (centres, TRIMs)
    odd_pairs = (2 * sketch.filled - moved) / 4
    faces = np.array([odd_pairs[:, TRIMS[:, axis] > 0].sum(1) for axis in range(3)])
    return {
        "z4": float((_round(moved.sum(1) / 4) % 4).min()),
        "weak": float((_round(faces) % 2).any(0).min()),
        "parity_spread": float(np.ptp(moved, axis=1).min()) / 4,
    }


def _parity_sum(sketch: Sketch, point: int, spin: int) -> float:
    bands, levels = sketch.bands.parity[point], sketch.spin[point]
    if bands is None or levels.parity is None:
        raise ValueError("parities are asked for at a momentum where states have none")
    if not spin:
        return 2 * float(sketch.occupation(point) @ bands)
    return 2 * float(bands[: levels.first].sum()) + float(sketch.spin_occupation(point) @ levels.parity)


def _rotoinversion(sketch: Sketch) -> tuple[int, list[int]]:
    """A four-fold rotoinversion and the points that stand for the four momenta that it fixes.

    No points where there is none, or where the four momenta of none are all among the points.
    """
    operators, points = sketch.operators, sketch.sampling.points
    for operation in np.flatnonzero((operators.determinants < 0) & (operators.characters == -1)).tolist():
        seen: list[NDArray[np.float64]] = []
        own = []
        for point in range(len(points)):
            for momentum in (points[point], -points[point]):
                fixed = same_momentum(operators.momentum_rotations[operation] @ momentum, momentum)
                if fixed and not any(same_momentum(momentum, other) for other in seen):
                    seen.append(momentum)
                    own.append(point)
        if len(own) == 4:
            return operation, own
    return 0, []


def parity_exchange(sketch: Sketch) -> NDArray[np.float64]:
    """(t,) energy to the nearest exchange of opposite parities across the filling, eV, at the TRIMs; GAMMA first.

    Empty for a crystal without inversion. See `parity_exchange_at`.
    """
    if sketch.operators.inversion is None:
        return np.empty(0)
    return np.array([parity_exchange_at(sketch, point) for point in sorted(set(sketch.sampling.trims.tolist()))])


def parity_exchange_at(sketch: Sketch, point: int) -> float:
    """The smallest energy by which an occupied level at a TRIM must rise above an empty one of the opposite parity.

    With spin-orbit coupling, eV; a degenerate level may hold states of both parities. `_FAR` where there is no such
    pair among the levels near the filling.
    """
    spin = sketch.spin[point]
    share = even_share(sketch, point)
    top = 2 * (sketch.filled - spin.first)
    even, odd = share > _SOME, share < 1 - _SOME
    best = _FAR
    for occupied, empty in ((even, odd), (odd, even)):
        below, above = spin.energy[:top][occupied[:top]], spin.energy[top:][empty[top:]]
        if len(below) and len(above):
            best = min(best, float(above.min() - below.max()))
    return best


def even_share(sketch: Sketch, point: int) -> NDArray[np.float64]:
    """(2w,) share of even states in the degenerate set of each level: single parities depend on a choice of states."""
    spin = sketch.spin[point]
    parity = spin.parity
    if parity is None:
        raise ValueError("parities are asked for at a momentum where levels have none")
    number = np.concatenate([[0], np.cumsum(np.diff(spin.energy) > _SET_GAP)])
    mean = np.bincount(number, parity) / np.bincount(number)
    share: NDArray[np.float64] = ((1 + mean) / 2)[number]
    return share
