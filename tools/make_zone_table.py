"""Write `zones.json`: irrep dimensions at the special momenta of all space groups, and their filling facts.

Run as `python tools/make_zone_table.py` (needs the extra `tables`); a few minutes, deterministic.
"""

from __future__ import annotations

import json
from itertools import pairwise
from math import gcd
from pathlib import Path

import numpy as np
import spglib

from small_representations import (
    SpaceGroup,
    band_representations,
    near_integer,
    small_representations,
    smith_normal_form,
    wyckoff_sites,
)
from topofuse.crystals.operations import primitive_basis
from topofuse.symmetry.zones import bravais, extended_bravais, fixed_labels, momenta, path

TARGET = Path(__file__).parents[1] / "src/topofuse/symmetry/zones.json"
GENERIC = 0.4142 / 1.173  # a fraction of a line that is on no special point
LATTICE_TRIALS = 4000


def default_settings():
    """{space group: (Hall number of spglib's standard setting, centring letter)}."""
    settings = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        settings.setdefault(kind.number, (hall, kind.international_short[0]))
    return settings


def random_lattice(family, rng):
    """Conventional lattice (3, 3) of a crystal family with random, generic parameters."""
    a, b, c = rng.uniform(2.0, 12.0, 3)
    if family in "thc":
        b = a
    if family == "c":
        c = a
    lattice = np.diag([a, b, c])
    if family == "h":
        lattice[1] = [-a / 2, a * np.sqrt(3) / 2, 0.0]
    if family in "ma":
        beta = np.radians(rng.uniform(91.0, 130.0))
        lattice[2] = [c * np.cos(beta), 0.0, c * np.sin(beta)]
    if family == "a":
        lattice[1] += [0.17 * a, 0.0, 0.0]
        lattice[2] += [0.0, 0.23 * b, 0.0]
    return lattice


def lattices(number, centering, rng):
    """{extended Bravais symbol: one conventional lattice of that shape} that the space group can have."""
    symbol = bravais(number, centering)
    found = {}
    for _ in range(LATTICE_TRIALS if symbol in ("tI", "hR", "oC", "oA", "oF", "oI", "mC") else 1):
        lattice = random_lattice(symbol[0], rng)
        found.setdefault(extended_bravais(number, centering, lattice), lattice)
    return dict(sorted(found.items()))


def primitive_group(hall, centering, lattice):
    """Operations of a Hall number in the basis of our primitive cell."""
    database = spglib.get_symmetry_from_database(hall)
    basis = primitive_basis(centering)
    inverse = np.linalg.inv(basis)
    rotations = np.rint(inverse @ database["rotations"] @ basis).astype(np.int64)
    _, first = np.unique(rotations.reshape(-1, 9), axis=0, return_index=True)
    translations = (database["translations"] @ inverse.T) % 1.0
    return SpaceGroup(rotations[first], translations[first], basis.T @ lattice)


class Kinds:
    """Distinct little groups, numbered in the order of their first appearance."""

    def __init__(self):
        self.records = []
        self.index = {}

    def add(self, group, k):
        """Number of the little group of k."""
        double, single = (small_representations(group, k, spinful) for spinful in (True, False))
        elements, reversing = group.little(k)
        inversion = any(np.array_equal(group.rotations[e], -np.eye(3)) for e in elements)
        star = _orbit(group, k)
        record = [len(elements), int(inversion), int(len(reversing) > 0), star, double.counts(), single.counts()]
        key = json.dumps(record)
        if key not in self.index:
            self.index[key] = len(self.records)
            self.records.append(record)
        return self.index[key]


def _orbit(group, k):
    """Number of momenta in the star of k, with those that time reversal adds."""
    images = np.concatenate([k @ group.rotations, -k @ group.rotations])
    same = near_integer(images[:, None] - images[None])
    return round((1.0 / same.sum(1)).sum())


def special_momenta(group, symbol, centering, lattice):
    """[(label, k)] one per star, GAMMA first, and {label: (node, true k)} for every label."""
    points = momenta(symbol, centering, lattice)
    labels = sorted(points, key=lambda label: (label != "GAMMA", label))
    chosen, where = [], {}
    for label in labels:
        k = points[label]
        images = np.concatenate([k @ group.rotations, -k @ group.rotations])
        # the eight momenta of a triclinic cell share labels only with themselves
        match = [i for i, (_, other) in enumerate(chosen) if near_integer(images - other).any()]
        if not match:
            chosen.append((label, k))
        where[label] = (match[0] if match else len(chosen) - 1, k)
    return chosen, where


def zone_record(group, symbol, centering, lattice, kinds):
    """One zone: its momenta and the lines between them."""
    chosen, where = special_momenta(group, symbol, centering, lattice)
    fixed = fixed_labels(symbol, centering)
    nodes = [[label, int(near_integer(2 * k)), int(label in fixed), kinds.add(group, k)] for label, k in chosen]
    lines = []
    for a, b in path(symbol):
        (i, ka), (j, kb) = where[a], where[b]
        lines.append([a, b, i, j, kinds.add(group, ka + GENERIC * (kb - ka))])
    return {"nodes": nodes, "lines": lines}, [k for _, k in chosen]


def group_record(group, points):
    """Orbit sizes and the arithmetic of band representations of one space group."""
    sizes, sites = wyckoff_sites(group)
    reps_at = [(k, small_representations(group, k, spinful=True)) for k in points]
    rows = np.concatenate([band_representations(group, site, reps_at) for site in sites])
    dims = []
    for i, (dim, kind) in enumerate(zip(reps_at[0][1].dims, reps_at[0][1].kind, strict=True)):
        if kind != 0 or reps_at[0][1].partner[i] > i:
            dims.append(int(dim) * (1 if kind > 0 else 2))
    factors, basis, _ = smith_normal_form(np.unique(rows, axis=0))
    assert all(later % former == 0 for former, later in pairwise(factors))
    fillings = rows[:, : len(dims)] @ np.array(dims)
    band = [int(sum(x * d for x, d in zip(row, dims, strict=False))) for row in basis]
    # known for all 230 groups: solutions of the compatibility relations reach no filling that atoms do not
    assert gcd(*band) == gcd(*map(int, fillings))
    return {
        "orbits": sizes,
        "atomic": gcd(*map(int, fillings)),
        "indicators": [f for f in factors if f > 1],
        "rank": len(factors),
    }


def main():
    """Write the table."""
    rng = np.random.default_rng(0)
    kinds, groups, zones = Kinds(), {}, {}
    for number, (hall, centering) in sorted(default_settings().items()):
        for symbol, lattice in lattices(number, centering, rng).items():
            group = primitive_group(hall, centering, lattice)
            zones[f"{number}/{symbol}"], points = zone_record(group, symbol, centering, lattice, kinds)
            facts = group_record(group, points)
            if groups.setdefault(str(number), facts) != facts:
                raise AssertionError(f"space group {number}: zone shapes disagree, {groups[str(number)]} and {facts}")
    table = {"groups": groups, "kinds": kinds.records, "zones": zones}
    TARGET.write_text(json.dumps(table, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(zones)} zones, {len(kinds.records)} little groups, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
