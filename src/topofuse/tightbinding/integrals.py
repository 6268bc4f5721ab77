"""Two-centre integrals between atomic orbitals, and the angular functions that they are made of.

Overlap and Hamiltonian between an orbital (l, m) at the origin and (l', m') at d are convolutions, products in
momentum space: 4π Σ_L i^(l-l'-L) ∫ k² f(k) g(k) j_L(kd) dk Σ_M G(lm, l'm', LM) Y_LM(d), with Gaunt coefficients G of
real spherical harmonics (J. C. Slater and G. F. Koster, Phys. Rev. 94, 1498 (1954), is the case by hand). The
Hamiltonian between two atoms has the potentials of these two and of no others: T + V + V', which is the mean of T + 2V
on the one orbital and T + 2V' on the other. Everything ends smoothly at a cutoff.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import element_property
from topofuse.tightbinding.atoms import BOHR, HARTREE, MAX_ELL, MOMENTA, MOMENTUM_STEP, free_atom
from topofuse.tightbinding.fitted import COUPLING, OVERLAP

MAX_RANGE = 6.6  # Å; no orbitals farther apart interact
_CUT_FACTOR, _CUT_MARGIN = 2.4, 1.5  # range of a pair: covalent radii times the factor, plus the margin (bohr)
_FADE = 0.8  # share of the range from where integrals are faded out
_STEP = 0.05  # bohr, distance between the nodes of the tables, which are interpolated linearly
_DISTANCES = np.arange(0, 14.0 + 2 * _STEP, _STEP)
# The last factor ends the integral over momenta smoothly.
_WEIGHTS = MOMENTUM_STEP * MOMENTA**2 * np.exp(-((MOMENTA / 13) ** 8))


def real_harmonics(directions: NDArray[np.float64], max_ell: int) -> NDArray[np.float64]:
    """Real spherical harmonics (v, (max_ell + 1)²) of unit vectors (v, 3); column l² + l + m, sin for m < 0.

    Normalised on the sphere, without the Condon-Shortley phase; (x, y, z) of l = 1 come as y, z, x.
    """
    x, y, z = directions.T
    out = np.empty((len(directions), (max_ell + 1) ** 2))
    cosine, sine, sectoral = np.ones_like(x), np.zeros_like(x), 1.0
    for m in range(max_ell + 1):
        if m:
            cosine, sine = cosine * x - sine * y, sine * x + cosine * y
            sectoral *= 2 * m - 1
        before, legendre = np.zeros_like(z), np.full_like(z, sectoral)
        for ell in range(m, max_ell + 1):
            if ell > m:
                before, legendre = legendre, ((2 * ell - 1) * z * legendre - (ell + m - 1) * before) / (ell - m)
            norm = np.sqrt((2 * ell + 1) / (4 * np.pi) * factorial(ell - m) / factorial(ell + m) * (2 if m else 1))
            out[:, ell * ell + ell + m] = norm * legendre * cosine
            if m:
                out[:, ell * ell + ell - m] = norm * legendre * sine
    return out


def sphere_quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Directions (288, 3) and weights (288,) that integrate harmonics up to l = 22 on the sphere exactly."""
    height, weight = np.polynomial.legendre.leggauss(12)
    azimuth = np.arange(24) * 2 * np.pi / 24
    radius = np.sqrt(1 - height**2)
    parts = np.outer(radius, np.cos(azimuth)), np.outer(radius, np.sin(azimuth)), np.outer(height, np.ones(24))
    return np.stack(parts, -1).reshape(-1, 3), np.repeat(weight, 24) * 2 * np.pi / 24


@lru_cache(maxsize=1)
def _harmonics_on_sphere() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    directions, weights = sphere_quadrature()
    return real_harmonics(directions, 2 * MAX_ELL), weights


@lru_cache(maxsize=64)
def gaunt(first: int, second: int, third: int) -> NDArray[np.float64]:
    """(2l+1, 2l'+1, 2L+1) integrals of three real spherical harmonics over the sphere."""
    values, weights = _harmonics_on_sphere()
    parts = [values[:, ell * ell : (ell + 1) ** 2] for ell in (first, second, third)]
    integral: NDArray[np.float64] = np.einsum("q,qa,qb,qc->abc", weights, *parts, optimize=True)
    integral[np.abs(integral) < 1e-12] = 0
    return integral


@lru_cache(maxsize=16)
def _bessel(ell: int) -> NDArray[np.float64]:
    from scipy.special import spherical_jn  # a fifth of a second of start-up

    bessel: NDArray[np.float64] = spherical_jn(ell, _DISTANCES[:, None] * MOMENTA) * _WEIGHTS
    return bessel


@lru_cache(maxsize=8192)
def cutoff(first: int, second: int) -> float:
    """Range of the interaction of two elements, bohr."""
    radii = element_property("r_covalent")
    return min(_CUT_FACTOR * float(radii[first] + radii[second]) / BOHR + _CUT_MARGIN, MAX_RANGE / BOHR)


@dataclass(frozen=True, eq=False)
class PairTable:
    """Integrals of a pair of elements with a and b orbitals, as sums over t radial terms and c harmonics of them.

    radial: (nodes, 2, t) overlap and Hamiltonian (eV, see `pair_table`) of each radial term by distance
    term, harmonic: (c,) radial term and column of `real_harmonics` of each product
    angular: (c, a·b) coefficients of the products
    """

    radial: NDArray[np.float64]
    term: NDArray[np.int64]
    harmonic: NDArray[np.int64]
    angular: NDArray[np.float64]

    def blocks(self, distance: NDArray[np.float64], harmonics: NDArray[np.float64]) -> NDArray[np.float64]:
        """(e, 2, a·b) overlap and Hamiltonian of e bonds: lengths (e,) in bohr, harmonics (e, h) of directions."""
        place = distance / _STEP
        node = place.astype(np.int64)
        share = (place - node)[:, None, None]
        radial = self.radial[node] * (1 - share) + self.radial[node + 1] * share
        products = radial[:, :, self.term] * harmonics[:, None, self.harmonic]
        return products @ self.angular


@lru_cache(maxsize=2048)  # 0.1 MB each
def pair_table(first: int, second: int) -> PairTable:
    """The integrals between the elements with atomic numbers `first`, at the origin, and `second`.

    The Hamiltonian's lack the part that depends on the orbitals' levels (see `fitted`).
    """
    a, b = free_atom(first), free_atom(second)
    if a is None or b is None:
        raise ValueError(f"no free-atom table for a pair of elements {first} and {second}")
    terms, angular = _products(tuple(a.ell.tolist()), tuple(b.ell.tolist()))
    radial: list[NDArray[np.float64]] = []
    for i, j, ell, sign in terms:
        overlap = a.radial[i, 0] * b.radial[j, 0]
        energy = (a.radial[i, 0] * b.radial[j, 1] + a.radial[i, 1] * b.radial[j, 0]) / 2 * HARTREE
        pair = a.ell[i], b.ell[j]
        energy = COUPLING[pair] * energy + OVERLAP[pair] * overlap
        radial.append(4 * np.pi * sign * (_bessel(ell) @ np.stack([overlap, energy], axis=1)))
    table = np.stack(radial, axis=2) * _fade(cutoff(first, second))[:, None, None]
    return PairTable(table, *angular)


class _Angular(NamedTuple):
    """What `PairTable` says of angles; the same for all pairs of elements with these shells."""

    term: NDArray[np.int64]
    harmonic: NDArray[np.int64]
    angular: NDArray[np.float64]


@cache
def _products(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[list[tuple[int, int, int, float]], _Angular]:
    """For shells of these angular momenta: shells i and j, ℓ and sign of each radial term, and its products."""
    radial: list[tuple[int, int, int, float]] = []
    terms: list[int] = []
    harmonics: list[int] = []
    angular: list[NDArray[np.float64]] = []
    rows, columns = (np.cumsum([0, *(2 * ell + 1 for ell in own)]) for own in (first, second))
    for i, ell_a in enumerate(first):
        for j, ell_b in enumerate(second):
            for ell in range(abs(ell_a - ell_b), ell_a + ell_b + 1, 2):
                for m in range(2 * ell + 1):
                    block = np.zeros((rows[-1], columns[-1]))
                    block[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] = gaunt(ell_a, ell_b, ell)[:, :, m]
                    if block.any():
                        terms.append(len(radial))
                        harmonics.append(ell * ell + m)
                        angular.append(block.ravel())
                radial.append((i, j, ell, (-1.0) ** ((ell_a - ell_b - ell) // 2)))
    return radial, _Angular(np.array(terms), np.array(harmonics), np.array(angular))


def _fade(end: float) -> NDArray[np.float64]:
    """(nodes,) 1 up to `_FADE` of the range `end` (bohr), falling to 0 at its end."""
    share = np.clip((_DISTANCES - _FADE * end) / ((1 - _FADE) * end), 0, 1)
    return (1 + np.cos(np.pi * share)) / 2
