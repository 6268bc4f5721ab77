"""Write `symmetry/tables.npz`: coirreps, elementary band representations and indicators of the 230 space groups.

Run as `python tools/make_symmetry_tables.py` (needs the extra `tables`); a few minutes, deterministic. What the arrays
mean is told in `topofuse/symmetry/tables.py`, which reads them.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import lcm
from pathlib import Path

import numpy as np
from scipy.linalg import qr

from make_zone_table import default_settings, lattices, primitive_group
from small_representations import (
    band_representations,
    near_integer,
    small_representations,
    smith_normal_form,
    wyckoff_sites,
)
from topofuse.symmetry.tables import FIELDS, FRACTION
from topofuse.symmetry.zones import fixed_labels, group_facts, momenta

TARGET = Path(__file__).parents[1] / "src/topofuse/symmetry/tables.npz"
TRIMS = np.array(list(product((0.0, 0.5), repeat=3)))
# Moving the inversion centre by half a lattice vector changes the sign of parities at four of the TRIMs.
CENTRES = 1 - 2 * (np.rint(2 * TRIMS @ (2 * TRIMS).T).astype(int) % 2)
WORST_CONDITION = 40.0  # of the characters that multiplicities are found from: traces may be off by 1e-3 of this


class Star:
    """A star of momenta that symmetry fixes, seen from its first momentum.

    label: seekpath's; points: momenta (3,) of the star, k itself first; dims: (c,) of the coirreps
    characters: (c, g) of coirreps under the elements of the little group of k
    """

    def __init__(self, group, label, k):
        self.group, self.label, self.points = group, label, [k]
        self.reps = small_representations(group, k, spinful=True)
        found, doubled = [], []
        for i, kind in enumerate(self.reps.kind):
            if kind == 0 and self.reps.partner[i] < i:
                continue
            own = self.reps.characters[i]
            found.append(2 * own if kind == -1 else own + self.reps.characters[self.reps.partner[i]] * (kind == 0))
            doubled.append(self.reps.dims[i] * (1 if kind > 0 else 2))
        found, dims = np.round(np.array(found), 9) + 0.0, np.array(doubled, dtype=int)
        key = [(dim, *np.stack([-c.real, -c.imag], 1).ravel().tolist()) for dim, c in zip(dims, found, strict=True)]
        self.order = sorted(range(len(dims)), key=key.__getitem__)
        self.characters, self.dims = found[self.order], dims[self.order]

    def reached(self, k):
        """(operation, sign) with k = ± own k · W, None where k is not in the star."""
        for sign in (1, -1):
            hits = np.flatnonzero(near_integer(sign * self.points[0] @ self.group.rotations - k))
            if len(hits):
                return int(hits[0]), sign
        return None

    def characters_at(self, k):
        """Operations that leave k in place, and (c, g) characters of the same coirreps at k.

        The operation a, which takes k to the star's first momentum, turns h into a h a⁻¹; time reversal conjugates.
        """
        group, (a, sign) = self.group, self.reached(k)
        place = {int(e): i for i, e in enumerate(self.reps.elements)}
        r, t, u = group.rotations[a], group.translations[a], group.spins[a]
        back = np.rint(np.linalg.inv(r)).astype(int)
        elements, _ = group.little(k)
        found = np.empty((len(self.dims), len(elements)), dtype=complex)
        for i, h in enumerate(elements):
            moved = group.find(r @ group.rotations[h] @ back)
            shift = r @ group.translations[h] + t - group.rotations[moved] @ t - group.translations[moved]
            assert near_integer(shift)
            factor = group.spin_sign(u @ group.spins[h] @ u.conj().T, moved) * np.exp(
                -2j * np.pi * self.points[0] @ shift
            )
            found[:, i] = factor * self.characters[:, place[moved]]
        return elements, found if sign == 1 else found.conj()


def stars_of(number, centering, group):
    """Stars of all momenta whose coordinates symmetry fixes, whatever the shape of the zone; GAMMA first."""
    named = {}
    for symbol, lattice in lattices(number, centering, np.random.default_rng(0)).items():
        points = momenta(symbol, centering, lattice)
        for label in sorted(fixed_labels(symbol, centering), key=lambda name: (name != "GAMMA", name)):
            named[f"{symbol}/{label}"] = points[label]
    named |= {f"/TRIM{i}": k for i, k in enumerate(TRIMS)}
    stars = []
    for name, k in named.items():
        own = next((star for star in stars if star.reached(k)), None)
        if own is None:
            stars.append(Star(group, name.split("/")[1], k))
        elif not any(near_integer(k - other) for other in own.points):
            own.points.append(k)
    return stars


def chosen_operations(characters):
    """As many of the operations as there are coirreps, whose characters tell them apart best."""
    picked = qr(characters, pivoting=True, mode="economic")[2][: len(characters)]
    assert np.linalg.cond(characters[:, picked]) < WORST_CONDITION
    return picked


def null_basis(matrix):
    """(n, n - rank) integer columns with `matrix` · columns = 0, sparse: one pivot of its own in each column."""
    rows = [[Fraction(int(x)) for x in row] for row in matrix]
    n, pivots = len(rows[0]), []
    for column in reversed(range(n)):  # pivots at the end: relations then bind late stars to early ones
        top = len(pivots)
        best = next((i for i in range(top, len(rows)) if rows[i][column]), None)
        if best is None:
            continue
        rows[top], rows[best] = rows[best], rows[top]
        rows[top] = [x / rows[top][column] for x in rows[top]]
        for i, row in enumerate(rows):
            if i != top and row[column]:
                rows[i] = [x - row[column] * y for x, y in zip(row, rows[top], strict=True)]
        pivots.append(column)
    out = []
    for free in (c for c in range(n) if c not in pivots):
        vector = [Fraction(0)] * n
        vector[free] = Fraction(1)
        for i, pivot in enumerate(pivots):
            vector[pivot] = -rows[i][free]
        scale = lcm(*(x.denominator for x in vector))
        out.append([int(x * scale) for x in vector])
    return np.array(out, dtype=np.int64).reshape(-1, n).T


def index_tables(group, stars, dims, orders, generators):
    """(z4, weak) of each element of the indicator group, least over inversion centres; -1 without inversion.

    Normalisation of z4: E. Khalaf et al., Phys. Rev. X 8, 031070 (2018); weak: any of the three indices is odd.
    """
    elements = list(product(*(range(d) for d in orders)))
    inversion = [i for i, r in enumerate(group.rotations) if np.array_equal(r, -np.eye(3))]
    if not inversion:
        return np.full((2, len(elements)), -1)
    assert np.allclose(group.spins[inversion[0]], np.eye(2))
    parity = np.zeros((8, len(dims)), dtype=int)
    starts = np.cumsum([0, *(len(star.dims) for star in stars)])
    for t, k in enumerate(TRIMS):
        s = next(i for i, star in enumerate(stars) if star.reached(k))
        own, characters = stars[s].characters_at(k)
        values = characters[:, own.tolist().index(inversion[0])]
        assert np.allclose(values, np.rint(values.real))
        parity[t, starts[s] : starts[s + 1]] = np.rint(values.real).astype(int)
    found = []
    for x in elements:
        vector = sum((xi * g for xi, g in zip(x, generators, strict=True)), start=np.zeros(len(dims), dtype=object))
        electrons = int(vector[: starts[1]] @ dims[: starts[1]])
        moved = CENTRES * (parity @ vector)
        odd_pairs = electrons - moved  # four times
        faces = np.array([odd_pairs[:, TRIMS[:, axis] > 0].sum(1) for axis in range(3)])
        assert not (moved.sum(1) % 4).any()
        assert not (faces % 4).any()
        z4, weak = moved.sum(1) // 4 % 4, (faces // 4 % 2).any(0)
        assert len(set(z4 % 2)) == 1
        found.append((z4.min(), weak.min()))
    return np.array(found, dtype=int).T


def group_record(number, hall, centering):
    """The arrays of one space group (`topofuse.symmetry.tables.FIELDS`)."""
    lattice = next(iter(lattices(number, centering, np.random.default_rng(0)).values()))
    group = primitive_group(hall, centering, lattice)
    stars = stars_of(number, centering, group)
    dims = np.concatenate([star.dims for star in stars])
    at = [(star.points[0], star.reps) for star in stars]
    rows = np.unique(np.concatenate([band_representations(group, x, at) for x in wyckoff_sites(group)[1]]), axis=0)
    starts = np.cumsum([0, *(len(star.dims) for star in stars)])
    order = np.concatenate([start + np.array(star.order) for start, star in zip(starts, stars, strict=False)])
    rows = rows[:, order]
    factors, basis, columns = smith_normal_form(rows)
    cyclic = [i for i, factor in enumerate(factors) if factor > 1]
    orders = [factors[i] for i in cyclic]
    facts = group_facts(number)
    assert (tuple(orders), len(factors)) == (facts.indicators, facts.rank), f"space group {number}: {orders}"
    null = null_basis(rows)
    assert not (rows @ null).any()
    assert null.shape[1] == len(dims) - len(factors)
    z4, weak = index_tables(group, stars, dims, orders, [basis[i] for i in cyclic])
    indicator = [[int(columns[a, i]) % factors[i] for i in cyclic] for a in range(len(dims))]
    points = [(s, k, *star.characters_at(k)) for s, star in enumerate(stars) for k in star.points]
    picked = [chosen_operations(characters) for *_, characters in points]
    return {
        "rotations": group.rotations,
        "translations": np.rint(group.translations * FRACTION),
        "spins": group.spins,
        "labels": [star.label for star in stars],
        "coirreps": [len(star.dims) for star in stars],
        "dimensions": dims,
        "point_star": [s for s, *_ in points],
        "points": np.rint(np.array([k for _, k, *_ in points]) * FRACTION),
        "operations": np.concatenate([own[p] for (*_, own, _), p in zip(points, picked, strict=True)]),
        "characters": np.concatenate([c[:, p].T.ravel() for (*_, c), p in zip(points, picked, strict=True)]),
        "band_representations": rows,
        "orders": orders,
        "indicator": np.array(indicator, dtype=int).reshape(len(dims), len(orders)),
        "compatibility": null,
        "z4": z4,
        "weak": weak,
    }


def write_tables(path, records):
    """Write the arrays of all space groups, in order: all groups' one after the other, and where each group's end."""
    arrays = {}
    for name, (kind, _) in FIELDS.items():
        parts = [np.asarray(record[name]) for record in records]
        flat = np.concatenate([part.ravel() for part in parts])
        stored = flat.astype(kind)
        assert np.allclose(stored, flat) if stored.dtype.kind in "ic" else (stored == flat).all(), f"{name}: {kind}"
        arrays[name] = stored
        arrays[f"{name}.ends"] = np.cumsum([part.size for part in parts])
    np.savez_compressed(path, **arrays)


def main():
    """Write the table."""
    records = []
    for number, (hall, centering) in sorted(default_settings().items()):
        records.append(group_record(number, hall, centering))
        print(number, records[-1]["labels"], records[-1]["orders"], np.abs(records[-1]["compatibility"]).max(initial=0))
    write_tables(TARGET, records)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
