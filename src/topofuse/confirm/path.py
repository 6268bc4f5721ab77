"""First-principles bands along the path between special momenta, near the filling: for a gap, and to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.tightbinding.lines import Lines

PER_LINE = 9  # momenta on each line, with its ends
NEAR = 24  # states with spin that are kept on each side of the filling


@dataclass(frozen=True, eq=False)
class PathBands:
    """Bands with spin-orbit coupling at p momenta on l lines, each with both its ends (`lines_of`).

    distance: (p,) along the path, 1/Å, with 2π; line: (p,) which line; ends: labels of the ends of each line
    energy: (p, m) eV, ascending; filled: of these m states, so many are occupied
    """

    distance: NDArray[np.float64]
    line: NDArray[np.int64]
    ends: tuple[tuple[str, str], ...]
    energy: NDArray[np.float64]
    filled: int

    @classmethod
    def near_filling(cls, lines: Lines, energy: Sequence[NDArray[np.float64]], electrons: int) -> PathBands:
        """Of all states at each momentum of `lines`, in its order, those next to the filling."""
        first, last = max(0, electrons - NEAR), min(electrons + NEAR, *map(len, energy))
        per_line = lines.distance.shape[1]
        return cls(
            lines.distance.ravel(),
            np.repeat(np.arange(len(lines.ends)), per_line),
            lines.ends,
            np.array([one[first:last] for one in energy]),
            electrons - first,
        )

    @property
    def gap(self) -> float:
        """eV, smallest difference of the lowest empty and the highest occupied state at one of the momenta."""
        return float((self.energy[:, self.filled] - self.energy[:, self.filled - 1]).min())
