"""Representation theory of space groups with time reversal: small irreps, their dimensions, band representations.

Used by `make_zone_table.py`. Spinor small irreps come from spgrep; the effect of time reversal is
Herring's test, C. Herring, Phys. Rev. 52, 361 (1937); band representations and symmetry indicators follow
H. C. Po, A. Vishwanath, H. Watanabe, Nat. Commun. 8, 50 (2017).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from spgrep.spinor import enumerate_spinor_small_representations, get_spinor_unitary_rotation
from spgrep.symmetry.enumerate import enumerate_unitary_irreps
from spgrep.symmetry.group import get_factor_system_from_little_group

GRID = 24  # every special position of every space group lies on a 24 × 24 × 24 grid of the primitive cell


def near_integer(x):
    """Whether all of the last axis is integer, to rounding."""
    return np.all(np.abs(x - np.rint(x)) < 1e-6, axis=-1)


@dataclass
class SpaceGroup:
    """Operations of a space group in a primitive basis, with their spin rotations.

    rotations: (n, 3, 3) int; translations: (n, 3); lattice: (3, 3) rows, any lattice of the right symmetry
    """

    rotations: np.ndarray
    translations: np.ndarray
    lattice: np.ndarray
    spins: np.ndarray = field(init=False)
    index: dict = field(init=False)

    def __post_init__(self):
        self.spins = np.array([get_spinor_unitary_rotation(self.lattice, r) for r in self.rotations])
        self.index = {r.tobytes(): i for i, r in enumerate(self.rotations)}

    def find(self, rotation):
        """Index of the operation with this linear part."""
        return self.index[np.ascontiguousarray(np.rint(rotation), dtype=self.rotations.dtype).tobytes()]

    def spin_sign(self, spin, i):
        """Sign s with spin = s · spins[i]."""
        return 1.0 if np.allclose(spin, self.spins[i], atol=1e-5) else -1.0

    def little(self, k):
        """Indices of the operations that leave k in place, and of those that send it to -k."""
        images = k @ self.rotations
        return np.flatnonzero(near_integer(images - k)), np.flatnonzero(near_integer(images + k))


@dataclass
class SmallReps:
    """Small irreps of one little group and what time reversal does to them.

    elements: (g,) operation indices; characters: (r, g); dims: (r,)
    kind: (r,) +1 stays, -1 is doubled, 0 pairs with another irrep, 2 where nothing antiunitary keeps k
    """

    elements: np.ndarray
    characters: np.ndarray
    dims: np.ndarray
    kind: np.ndarray
    partner: np.ndarray

    def counts(self):
        """Sorted [(dimension, number)] of the corepresentations."""
        count = Counter()
        for i, (dim, kind) in enumerate(zip(self.dims, self.kind, strict=True)):
            if kind == 0 and self.partner[i] < i:
                continue
            count[int(dim * (1 if kind > 0 else 2))] += 1
        return sorted(count.items())


def small_representations(group, k, spinful):
    """Small irreps at k with Herring's test for time reversal."""
    elements, reversing = group.little(k)
    rotations, translations = group.rotations[elements], group.translations[elements]
    if spinful:
        irreps, _, _ = enumerate_spinor_small_representations(group.lattice, rotations, translations, k)
    else:
        # spgrep's enumerate_small_representations fails where it applies the Frobenius-Schur indicator of a
        # linear representation to these projective ones, so the irreps are asked for one level below
        factors = get_factor_system_from_little_group(rotations, translations, k)
        irreps, _ = enumerate_unitary_irreps(rotations, factors)
        phases = np.exp(-2j * np.pi * translations @ k)
        irreps = [rep * phases[:, None, None] for rep in irreps]
    characters = np.array([np.trace(rep, axis1=1, axis2=2) for rep in irreps])
    dims = np.array([rep.shape[1] for rep in irreps])
    assert np.sum(dims**2) == len(elements), "Burnside's sum rule fails"
    kind, partner = _time_reversal(group, k, elements, reversing, characters, spinful)
    return SmallReps(elements, characters, dims, kind, partner)


def _time_reversal(group, k, elements, reversing, characters, spinful):
    n = len(characters)
    if not len(reversing):
        return np.full(n, 2), np.arange(n)
    place = {int(e): i for i, e in enumerate(elements)}
    total = np.zeros(n, dtype=complex)
    for g in reversing:  # (T g)² = T² g², with T² = -1 for spin one half
        r, t, u = group.rotations[g], group.translations[g], group.spins[g]
        h = group.find(r @ r)
        phase = np.exp(-2j * np.pi * k @ (r @ t + t - group.translations[h]))
        sign = -group.spin_sign(u @ u, h) if spinful else 1.0
        total += sign * phase * characters[:, place[h]]
    kind = np.rint((total / len(elements)).real).astype(int)
    assert np.allclose(total / len(elements), kind, atol=1e-4), "Herring's test gives no integer"
    return kind, _partners(group, k, elements, reversing[0], characters, spinful)


def _partners(group, k, elements, g, characters, spinful):
    """Index of the irrep that T·g turns each irrep into: χ'(h) = χ(a⁻¹ h a)* with a = T g."""
    place = {int(e): i for i, e in enumerate(elements)}
    r, t, u = group.rotations[g], group.translations[g], group.spins[g]
    r_inv = np.rint(np.linalg.inv(r)).astype(int)
    transformed = np.empty_like(characters)
    for i, e in enumerate(elements):
        rotation = r_inv @ group.rotations[e] @ r
        translation = r_inv @ (group.rotations[e] @ t + group.translations[e] - t)
        h = group.find(rotation)
        factor = np.exp(-2j * np.pi * k @ (translation - group.translations[h]))
        if spinful:
            factor *= group.spin_sign(u.conj().T @ group.spins[e] @ u, h)
        transformed[:, i] = np.conj(factor * characters[:, place[h]])
    overlap = np.abs(transformed.conj() @ characters.T) / len(elements)
    return np.argmax(overlap, axis=1)


def wyckoff_sites(group):
    """Sizes of all orbits in the primitive cell, and a representative (3,) of each maximal Wyckoff position."""
    axis = np.arange(GRID) / GRID
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    shifts = points[:, None] - (np.einsum("nij,pj->pni", group.rotations, points) + group.translations)
    fixed = near_integer(shifts)
    cells = np.where(fixed[..., None], np.rint(shifts), 99).astype(np.int8).reshape(len(points), -1)
    # the lowest-order sites are met last: sort out the distinct site groups first
    _, first = np.unique(cells, axis=0, return_index=True)
    order = fixed[first].sum(1)
    sizes = sorted({len(group.rotations) // int(n) for n in order})
    groups = [frozenset(zip(np.flatnonzero(fixed[p]), map(bytes, cells[p].reshape(-1, 3)[fixed[p]]), strict=True))
              for p in first]  # fmt: skip
    maximal = [i for i, own in enumerate(groups) if not any(own < other for other in groups)]
    sites, seen = [], set()
    for i in maximal:
        orbit = (np.einsum("nij,j->ni", group.rotations, points[first[i]]) + group.translations) % 1.0
        keys = {tuple(np.rint(q * GRID).astype(int) % GRID) for q in orbit}
        if not keys & seen:
            sites.append(points[first[i]])
        seen |= keys
    return sizes, sites


def band_representations(group, site, reps_at):
    """Induce every spinful site corepresentation from `site`; rows count the corepresentations at the momenta.

    reps_at: [(k, SmallReps)]. Returns (rows, columns) int array, columns in the order of `reps_at`.
    """
    n = len(group.rotations)
    images = np.einsum("nij,j->ni", group.rotations, site) + group.translations
    stabiliser = np.flatnonzero(near_integer(images - site))
    irreps, _, _ = enumerate_spinor_small_representations(group.lattice, group.rotations[stabiliser])
    characters = np.array([np.trace(rep, axis1=1, axis2=2) for rep in irreps])
    local = SpaceGroup(group.rotations[stabiliser], np.zeros((len(stabiliser), 3)), group.lattice)
    everything = np.arange(len(stabiliser))
    kind, partner = _time_reversal(local, np.zeros(3), everything, everything, characters, spinful=True)
    physical = [
        characters[i] * (2 if kind[i] < 0 else 1) + (characters[partner[i]] if kind[i] == 0 else 0)
        for i in range(len(characters))
        if kind[i] != 0 or partner[i] > i
    ]
    coset = _cosets(images)
    assert len(coset) * len(stabiliser) == n
    place = {int(e): i for i, e in enumerate(stabiliser)}
    rows = []
    for chi in physical:
        row = []
        for k, reps in reps_at:
            induced = _induced_characters(group, k, reps.elements, images[coset], coset, place, chi)
            row.extend(_multiplicities(reps, induced))
        rows.append(row)
    return np.array(rows, dtype=np.int64)


def _cosets(images):
    """Index of one operation for each site of the orbit."""
    keys = np.rint(images * GRID).astype(int) % GRID
    return np.unique(keys, axis=0, return_index=True)[1]


def _induced_characters(group, k, elements, sites, coset, place, chi):
    induced = np.zeros(len(elements), dtype=complex)
    for i, g in enumerate(elements):
        moved = sites @ group.rotations[g].T + group.translations[g] - sites
        for a in np.flatnonzero(near_integer(moved)):
            c = coset[a]
            r_inv = np.rint(np.linalg.inv(group.rotations[c]))
            h = group.find(r_inv @ group.rotations[g] @ group.rotations[c])
            sign = group.spin_sign(group.spins[c].conj().T @ group.spins[g] @ group.spins[c], h)
            induced[i] += sign * np.exp(-2j * np.pi * k @ moved[a]) * chi[place[h]]
    return induced


def _multiplicities(reps, induced):
    """Corepresentation counts of a representation with characters `induced`; asserts that they are integers."""
    counts = reps.characters.conj() @ induced / len(reps.elements)
    whole = np.rint(counts.real).astype(int)
    assert np.allclose(counts, whole, atol=1e-4), "a band representation does not decompose into irreps"
    out = []
    for i, kind in enumerate(reps.kind):
        if kind == 0:
            assert whole[i] == whole[reps.partner[i]], "a pair of conjugate irreps is not equally occupied"
            if reps.partner[i] < i:
                continue
        if kind == -1:
            assert whole[i] % 2 == 0, "a doubled irrep occurs an odd number of times"
        out.append(whole[i] // 2 if kind == -1 else whole[i])
    return out


def smith_normal_form(matrix):
    """Non-zero invariant factors of an integer matrix A, and what its columns were combined to on the way.

    Returns (factors, basis, columns) with P A `columns` = diag(factors), P and `columns` unimodular. Rows of `basis`
    (rank, n), the first of the inverse of `columns` (n, n), span every integer vector in the rational row space of A.
    """
    rows = [list(map(int, r)) for r in matrix]
    n = len(rows[0])
    basis = [[int(i == j) for j in range(n)] for i in range(n)]
    columns = [[int(i == j) for j in range(n)] for i in range(n)]
    factors, top = [], 0
    while True:
        entries = [(abs(x), i, j) for i, r in enumerate(rows[top:], top) for j, x in enumerate(r[top:], top) if x]
        if not entries:
            break
        _, i, j = min(entries)
        rows[top], rows[i] = rows[i], rows[top]
        for r in (*rows, *columns):
            r[top], r[j] = r[j], r[top]
        basis[top], basis[j] = basis[j], basis[top]
        if _clear(rows, basis, columns, top):
            factors.append(abs(rows[top][top]))
            top += 1
    return factors, np.array(basis[:top], dtype=object), np.array(columns, dtype=object)


def _clear(rows, basis, columns, top):
    """One round of elimination with the pivot; True once the pivot divides the rest and its cross is empty."""
    pivot, clean = rows[top][top], True
    for i in range(top + 1, len(rows)):
        if quotient := rows[i][top] // pivot:
            rows[i] = [x - quotient * y for x, y in zip(rows[i], rows[top], strict=True)]
        clean &= rows[i][top] == 0
    for j in range(top + 1, len(rows[0])):
        if quotient := rows[top][j] // pivot:  # column j -= q · column top, so row top of the inverse += q · row j
            for r in (*rows, *columns):
                r[j] -= quotient * r[top]
            basis[top] = [x + quotient * y for x, y in zip(basis[top], basis[j], strict=True)]
        clean &= rows[top][j] == 0
    if not clean:
        return False
    for i in range(top + 1, len(rows)):
        if any(x % pivot for x in rows[i][top + 1 :]):
            rows[top] = [x + y for x, y in zip(rows[top], rows[i], strict=True)]
            return False
    return True
