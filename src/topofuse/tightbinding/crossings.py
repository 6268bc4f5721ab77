"""On which lines of the path bands must cross, because the occupied states at the two ends do not match."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.symmetry.zones import labelled_momenta, path
from topofuse.tightbinding.operators import Operators
from topofuse.tightbinding.sampling import same_momentum
from topofuse.tightbinding.sketch import Sketch

_ON_LINE = 0.3819  # a share of a line that is on no special momentum
_MISMATCH = 0.1  # traces at the two ends that differ by more are incompatible

Line = tuple[str, str]


def incompatible_lines(crystal: SymmetricCrystal, sketch: Sketch) -> tuple[dict[Line, bool], dict[Line, bool]]:
    """Whether the ends of each line have different traces of an operation of the line: without and with spin.

    Lines and their labels are those of Y. Hinuma et al., Comp. Mat. Sci. 128, 140 (2017).
    """
    symbol, named = labelled_momenta(crystal)
    lines = [(a, b) for a, b in path(symbol) if a in named and b in named]
    points = np.array(list(named.values()))
    sketch = sketch.at(points)
    place = {label: i for i, label in enumerate(named)}
    worst = {line: np.zeros(2) for line in lines}
    for line in lines:
        ends = [place[label] for label in line]
        begin, end = points[ends]
        operations = _operations_of_line(sketch.operators, begin + _ON_LINE * (end - begin))
        if not len(operations):
            continue
        # along a line the trace of {W|t} turns with exp(-2πi k·t)
        turns = np.exp(2j * np.pi * (points[ends] @ sketch.operators.translations[operations].T))
        first, second = (sketch.traces(i, operations) * turn for i, turn in zip(ends, turns, strict=True))
        worst[line] = np.abs(first - second).max(1)
    without, with_spin = ({line: bool(w[spin] > _MISMATCH) for line, w in worst.items()} for spin in (0, 1))
    return without, with_spin


def _operations_of_line(operators: Operators, momentum: NDArray[np.float64]) -> NDArray[np.int64]:
    """One operation of each class of those that fix a momentum on a line, without the identity.

    Operations that an operation of the line carries into each other, or into their inverse, have the same trace or its
    conjugate, but for a phase that is the same all along the line.
    """
    fixed = np.flatnonzero(same_momentum(operators.momentum_rotations @ momentum, momentum))
    own = operators.rotations[fixed]
    inverse = np.rint(np.linalg.inv(own)).astype(np.int64)
    seen: set[bytes] = {np.eye(3, dtype=np.int64).tobytes()}
    chosen = []
    for operation, rotation, back in zip(fixed.tolist(), own, inverse, strict=True):
        if rotation.tobytes() not in seen:
            chosen.append(operation)
            seen.update(same.tobytes() for one in (rotation, back) for same in own @ one @ inverse)
    return np.array(chosen, dtype=np.int64)
