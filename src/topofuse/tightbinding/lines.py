"""The sketch's bands along the path between special momenta, without and with spin-orbit coupling: for people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.crystal import reciprocal
from topofuse.symmetry.zones import labelled_momenta, path
from topofuse.tightbinding.sketch import WINDOW, Sketch

KINDS = "spdf"
_EMPTY_LENGTH = 1e-9  # 1/Å; a line between two momenta that coincide is left out


@dataclass(frozen=True, eq=False)
class Lines:
    """Momenta on the path between special momenta, n on each of its l lines with both ends.

    momenta: (l, n, 3) in the reciprocal basis of the primitive cell; distance: (l, n) along the path, 1/Å, with 2π
    ends: the labels of the ends of each line, as `kspace.irreps.path` has them
    """

    momenta: NDArray[np.float64]
    distance: NDArray[np.float64]
    ends: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class BandLines:
    """Bands at p momenta on l lines, each with both its ends: at a joint of two lines, the momentum comes twice.

    momenta: (p, 3) in the reciprocal basis of the primitive cell; distance: (p,) along the path, 1/Å, with 2π
    line: (p,) which line; ends: the labels of the ends of each line, as `kspace.irreps.path` has them
    energy: (p, n) without spin-orbit coupling, eV, ascending; energy_soc: (p, m) the levels near the filling with it
    weights, weights_soc: (p, n, 4), (p, m, 4) shares of s, p, d, f orbitals (populations of R. S. Mulliken)
    filled, filled_soc: of the n bands, and of the m levels, so many are occupied
    """

    momenta: NDArray[np.float64]
    distance: NDArray[np.float64]
    line: NDArray[np.int64]
    ends: tuple[tuple[str, str], ...]
    energy: NDArray[np.float64]
    energy_soc: NDArray[np.float64]
    weights: NDArray[np.float64]
    weights_soc: NDArray[np.float64]
    filled: int
    filled_soc: int


def lines_of(crystal: SymmetricCrystal, per_line: int) -> Lines:
    """`per_line` equidistant momenta of each line of the path of Y. Hinuma et al. (Comp. Mat. Sci. 128, 140 (2017))."""
    symbol, named = labelled_momenta(crystal)
    basis = reciprocal(crystal.primitive.lattice)
    lengths = {(a, b): float(np.linalg.norm((named[b] - named[a]) @ basis)) for a, b in path(symbol)}
    ends = tuple(pair for pair, length in lengths.items() if length > _EMPTY_LENGTH)
    share = np.linspace(0, 1, per_line)
    starts = np.cumsum([0.0, *(lengths[pair] for pair in ends)])
    return Lines(
        np.array([named[a] + share[:, None] * (named[b] - named[a]) for a, b in ends]),
        np.array([start + share * lengths[pair] for start, pair in zip(starts, ends, strict=False)]),
        ends,
    )


def band_lines(crystal: SymmetricCrystal, sketch: Sketch, per_line: int) -> BandLines:
    """The bands at the momenta of `lines_of`."""
    lines = lines_of(crystal, per_line)
    parts = [_bands(sketch, part) for part in lines.momenta]
    energy, energy_soc, weights, weights_soc = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return BandLines(
        lines.momenta.reshape(-1, 3),
        lines.distance.ravel(),
        np.repeat(np.arange(len(lines.ends)), per_line),
        lines.ends,
        energy,
        energy_soc,
        weights,
        weights_soc,
        sketch.filled,
        2 * min(WINDOW, sketch.filled),
    )


def _bands(sketch: Sketch, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Energies and weights of one line, in the order of `BandLines`; its states are forgotten."""
    own = sketch.at(points)
    basis, bands, filled = own.basis, own.bands, own.filled
    of_kind = np.array([basis.ell == ell for ell in range(len(KINDS))], dtype=np.float64)
    weights = [(of_kind @ (c.conj() * d).real).T for c, d in zip(bands.states, bands.dual, strict=True)]
    below, above = 2 * min(WINDOW, filled), 2 * min(WINDOW, basis.size - filled)
    levels, shares = [], []
    for point, spin in enumerate(own.spin):
        width = len(spin.states)
        chosen = slice(2 * (filled - spin.first) - below, 2 * (filled - spin.first) + above)
        vectors = spin.states[:, :, chosen].reshape(width, -1)
        states = bands.states[point][:, spin.window] @ vectors
        dual = bands.dual[point][:, spin.window] @ vectors
        population = (of_kind @ (states.conj() * dual).real).reshape(len(KINDS), 2, -1).sum(1)
        levels.append(spin.energy[chosen])
        shares.append(population.T)
    return bands.energy, np.array(levels), np.array(weights), np.array(shares)
