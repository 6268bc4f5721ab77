"""The graph of the Brillouin zone: special momenta, the lines between them, and how the electrons fill them.

Three kinds of knowledge meet here. The table of zones (`symmetry/zones.py`) knows which degeneracies the space group
forces, with spin-orbit coupling and time reversal. The number of valence electrons says whether whole multiplets
can be filled. The empty lattice (`levels.py`) guesses which levels lie at the filling. Nothing depends on the
choice of cell, origin, axes or the order of atoms; hence there are no coordinates among the features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.crystal import reciprocal
from topofuse.crystals.elements import valence_electrons
from topofuse.modalities.base import Modality, Part
from topofuse.modalities.kspace.levels import EmptyLattice, empty_lattice, fermi_wavevector
from topofuse.symmetry.filling import Filling, atomic_limit
from topofuse.symmetry.zones import (
    TRICLINIC,
    LittleGroup,
    group_facts,
    labelled_momenta,
    zone,
    zone_symbols,
)

_DIMENSIONS = (1, 2, 3, 4, 6, 8, 12)
_MODULI = (2, 4, 6, 8, 12, 16, 24)

_SYMMETRY = (
    "order", "inversion", "reversal", "star", "double_irreps", "double_min", "double_max", "double_gcd",
    "single_irreps", "single_min", "single_max", "single_gcd",
    *(f"double_{d}" for d in _DIMENSIONS), *(f"single_{d}" for d in _DIMENSIONS),
)  # fmt: skip
_FILLING = ("double_unfilled", "double_rest", "single_unfilled", "single_rest", "rest_of_largest")
_LEVELS = ("wavevector", "level", "shell", "filled", "inside", "gap_above", "gap_below", "density")

NODE_FEATURES: tuple[str, ...] = ("trim", "fixed", *_SYMMETRY, *_FILLING, *_LEVELS)
"""Columns of `node.features`.

trim, fixed: time-reversal-invariant; coordinates fixed by symmetry. order, star, *_irreps: log2 of the order of the
little co-group, of the momenta in the star, of the number of small corepresentations. double_* with spin-orbit
coupling, single_* without (per spin): dimensions (min, max, gcd as log2; counts as log2(1 + n)).
*_unfilled: the electrons are no sum of dimensions; *_rest: electrons (pairs, for single) modulo the gcd, over it;
rest_of_largest: electrons modulo the largest dimension, over it. wavevector: |k| / k_F; level and gaps: in units of
the free-electron Fermi energy; shell: log2 of its size; filled, inside, density: see `EmptyLattice`.
"""

EDGE_FEATURES: tuple[str, ...] = (
    "length",
    *_SYMMETRY,
    "double_unfilled",
    "double_rest",
    "single_unfilled",
    "single_rest",
)
"""Columns of `edge.features`: as for the nodes, of a generic momentum on the line; length over (6π² / V)^(1/3)."""


def _symmetry_row(little: LittleGroup) -> list[float]:
    row = [np.log2(little.order), float(little.inversion), float(little.reversal), np.log2(little.star)]
    for count in (little.double, little.single):
        row += [np.log2(sum(count.values())), *(np.log2(f) for f in (min(count), max(count), gcd(*count)))]
    return row + [np.log2(1 + count.get(d, 0)) for count in (little.double, little.single) for d in _DIMENSIONS]


@dataclass(frozen=True, eq=False)
class _Static:
    """Everything about a (space group, zone shape) that neither electrons nor lattice parameters change."""

    labels: tuple[str, ...]
    ends: tuple[tuple[str, str], ...]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    node: NDArray[np.float32]
    edge: NDArray[np.float32]
    fixed: NDArray[np.bool_]
    star: NDArray[np.float64]
    node_double: Filling
    node_single: Filling
    edge_double: Filling
    edge_single: Filling
    table: tuple[float, ...]


@lru_cache(maxsize=512)
def _static(spacegroup: int, symbol: str) -> _Static:
    tabulated = zone(spacegroup, symbol)
    lines = [line[4] for line in tabulated.lines]
    node = [[t, f, *_symmetry_row(g)] for t, f, g in zip(tabulated.trim, tabulated.fixed, tabulated.nodes, strict=True)]
    source = np.array([i for _, _, i, _, _ in tabulated.lines])
    target = np.array([j for _, _, _, j, _ in tabulated.lines])
    fixed = np.array(tabulated.fixed)
    return _Static(
        labels=tabulated.labels,
        ends=tuple((a, b) for a, b, _, _, _ in tabulated.lines),
        source=np.concatenate([source, target]),
        target=np.concatenate([target, source]),
        node=np.array(node, dtype=np.float32),
        edge=np.array([_symmetry_row(g) for g in lines], dtype=np.float32),
        fixed=fixed,
        star=np.array([float(g.star) for g in tabulated.nodes]),
        node_double=Filling.from_dimensions(g.double for g in tabulated.nodes),
        node_single=Filling.from_dimensions(g.single for g in tabulated.nodes),
        edge_double=Filling.from_dimensions(g.double for g in lines),
        edge_single=Filling.from_dimensions(g.single for g in lines),
        table=_static_table(spacegroup, symbol),
    )


_STATIC_TABLE = (
    "zone", "momenta", "lines", "trims", "centric_trims", "fourfold_trims", "double_gcd_lcm", "double_min_max",
    "double_max", "double_max_min", "multiplet_momenta", "single_min_max", "single_max", "line_irreps_mean",
    "line_irreps_max", "lines_that_cross", "line_double_min_max", "line_double_max",
    "smallest_orbit", "orbit_kinds", "atomic_filling", "indicator_order", "indicator_factors", "indicator_largest",
    "representations",
)  # fmt: skip


def _static_table(spacegroup: int, symbol: str) -> tuple[float, ...]:
    """Values of `_STATIC_TABLE`: degeneracies forced by the group, orbits, symmetry indicators."""
    tabulated, facts = zone(spacegroup, symbol), group_facts(spacegroup)
    nodes = [g for g, fixed in zip(tabulated.nodes, tabulated.fixed, strict=True) if fixed]
    trims = [g for g, trim in zip(tabulated.nodes, tabulated.trim, strict=True) if trim]
    lines = [line[4] for line in tabulated.lines]
    crowd = [sum(g.double.values()) for g in lines]
    return (
        float(_SYMBOLS.index(symbol)), len(nodes), len(lines), len(trims), sum(g.inversion for g in trims),
        sum(min(g.double) >= 4 for g in trims), lcm(*(gcd(*g.double) for g in nodes)),
        max(min(g.double) for g in nodes), max(max(g.double) for g in nodes), min(max(g.double) for g in nodes),
        sum(max(g.double) > 2 for g in nodes), max(min(g.single) for g in nodes), max(max(g.single) for g in nodes),
        float(np.mean(crowd)), max(crowd), sum(n > 1 for n in crowd) / len(crowd),
        max(min(g.double) for g in lines), max(max(g.double) for g in lines),
        facts.orbit_sizes[0], len(facts.orbit_sizes), facts.atomic_filling, float(np.prod(facts.indicators or (1,))),
        len(facts.indicators), max(facts.indicators, default=1), facts.rank,
    )  # fmt: skip


_SYMBOLS = tuple(sorted({symbol for _, symbol in zone_symbols()}))

_FILLING_TABLE = (
    *(f"electrons_mod_{m}" for m in _MODULI), "electrons_mod_atomic", "electrons_over_atomic", "electrons_mod_smallest",
    "violates_atomic_limit", "mod_occupied", "occupied_gcd", "violates_occupied", "double_unfilled",
    "double_unfilled_share", "double_unfilled_star", "single_unfilled", "single_unfilled_share", "lines_unfilled",
    "lines_single_unfilled", "worst_rest", "rest_of_lcm", "largest_rest",
)  # fmt: skip


def _filling_table(crystal: SymmetricCrystal, static: _Static, electrons: int) -> list[float]:
    """Values of `_FILLING_TABLE`.

    The smallest orbit is the bound of the issue's crude form; sums of the orbits' sizes are the exact one.
    """
    facts = group_facts(crystal.spacegroup)
    smallest, occupied = 2 * facts.orbit_sizes[0], 2 * gcd(*map(int, crystal.orbit_sizes))
    pairs = electrons // 2
    double, single = static.node_double.unfilled(electrons), static.node_single.unfilled(pairs)
    rest, worth = static.node_double.rest(electrons), static.star
    multiple = lcm(*map(int, static.node_double.gcds))
    return [
        *(electrons % m for m in _MODULI),
        electrons % facts.atomic_filling / facts.atomic_filling,
        electrons / facts.atomic_filling,
        electrons % smallest / smallest,
        float(not atomic_limit(electrons, facts.orbit_sizes)),
        electrons % occupied / occupied,
        occupied,
        float(not atomic_limit(electrons, map(int, crystal.orbit_sizes))),
        double.sum(),
        double.mean(),
        float(worth @ double / worth.sum()),
        single.sum(),
        single.mean(),
        static.edge_double.unfilled(electrons).mean(),
        static.edge_single.unfilled(pairs).mean(),
        rest.max(),
        electrons % multiple / multiple,
        float(((electrons % static.node_double.largest) / static.node_double.largest).max()),
    ]


_LEVEL_TABLE = (
    "inside", "inside_share", "inside_star", "inside_gamma", "gap_min", "gap_mean", "gap_indirect", "gap_gamma",
    "shell_max", "shell_gamma", "level_spread", "density_mean", "density_max", "first_zone",
)  # fmt: skip


def _level_table(static: _Static, levels: EmptyLattice) -> list[float]:
    """Values of `_LEVEL_TABLE`, over the momenta that symmetry fixes; energies in free-electron Fermi energies."""
    use = static.fixed
    gap = np.where(levels.inside, 0.0, levels.gap_above)
    top, bottom = levels.level[use], (levels.level + gap)[use]
    inside, worth = levels.inside[use], static.star[use]
    return [
        inside.sum(),
        inside.mean(),
        float(worth @ inside / worth.sum()),
        float(inside[0]),
        gap[use].min(),
        gap[use].mean(),
        bottom.min() - top.max(),
        float(gap[0]),
        levels.shell[use].max(),
        float(levels.shell[0]),
        np.ptp(top),
        levels.density[use].mean(),
        levels.density[use].max(),
        float(np.log(levels.lowest[1:].min())),
    ]


TABLE_NAMES: tuple[str, ...] = (*_STATIC_TABLE, *_FILLING_TABLE, *_LEVEL_TABLE)


def extract(crystal: SymmetricCrystal) -> Part:
    """Arrays of the Brillouin zone.

    table (1, f); node.features (k, NODE_FEATURES); edge.features (e, EDGE_FEATURES), edge.source and edge.target (e,)
    with every line in both directions. Nodes come in the order of their labels, GAMMA first.
    """
    electrons = int(valence_electrons(crystal.primitive.numbers).sum())
    symbol, points = labelled_momenta(crystal)
    static = _static(crystal.spacegroup, symbol)
    levels = empty_lattice(crystal.primitive.lattice, np.array([points[x] for x in static.labels]), electrons)
    node = np.column_stack([static.node, _node_filling(static, electrons), _node_levels(levels)])
    ends = np.array([points[b] - points[a] for a, b in static.ends])
    length = np.sqrt(((ends @ reciprocal(crystal.primitive.lattice)) ** 2).sum(1))
    if symbol == TRICLINIC:
        # which TRIM is called what depends on the basis, so they are told apart by length and by their levels
        order = np.lexsort(np.round(np.array([levels.level, levels.lowest]), 6))
        node = node[order]
        length = np.sqrt(levels.lowest[order[1:]]) * fermi_wavevector(electrons, crystal.primitive.volume)
    sphere = (6.0 * np.pi**2 / crystal.primitive.volume) ** (1.0 / 3.0)
    edge = np.column_stack([length / sphere, static.edge, _edge_filling(static, electrons)]).astype(np.float32)
    table = [*static.table, *_filling_table(crystal, static, electrons), *_level_table(static, levels)]
    return {
        "table": np.array([table], dtype=np.float32),
        "node.features": node.astype(np.float32),
        "edge.features": np.concatenate([edge, edge]),
        "edge.source": static.source.copy(),
        "edge.target": static.target.copy(),
    }


def _node_filling(static: _Static, electrons: int) -> NDArray[np.float64]:
    double, single = static.node_double, static.node_single
    return np.column_stack([
        double.unfilled(electrons),
        double.rest(electrons),
        single.unfilled(electrons // 2),
        single.rest(electrons // 2),
        electrons % double.largest / double.largest,
    ])  # fmt: skip


def _node_levels(levels: EmptyLattice) -> NDArray[np.float64]:
    return np.column_stack([
        np.sqrt(levels.lowest),
        levels.level,
        np.log2(levels.shell),
        levels.filled,
        levels.inside,
        levels.gap_above,
        levels.gap_below,
        levels.density,
    ])  # fmt: skip


def _edge_filling(static: _Static, electrons: int) -> NDArray[np.float64]:
    double, single = static.edge_double, static.edge_single
    pairs = electrons // 2
    return np.column_stack([
        double.unfilled(electrons), double.rest(electrons), single.unfilled(pairs), single.rest(pairs),
    ])  # fmt: skip


KSPACE = Modality(
    name="kspace",
    version=1,
    extract=extract,
    table_names=TABLE_NAMES,
    index_arrays={"edge.source": "node", "edge.target": "node"},
    categories={"zone": len(_SYMBOLS)},
)
