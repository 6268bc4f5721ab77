"""Brillouin zones of the 230 space groups: their special momenta, and the table of irrep dimensions on them.

The table `zones.json` (written by `tools/make_zone_table.py`) holds what depends only on the space group
and on the shape class of the zone; the coordinates of the momenta, which may depend on the lattice
parameters, are evaluated here. Momenta and their labels: Y. Hinuma et al., Comp. Mat. Sci. 128, 140 (2017),
as seekpath tabulates them. Time-reversal symmetry is always present: the labels are of non-magnetic crystals.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.operations import primitive_basis

# A tie between two zone shapes (a = c in a body-centred tetragonal cell, ...) must not be decided by rounding.
_TIE = 1e-4
_HP1 = frozenset((*range(143, 150), 151, 153, 157, 159, 160, 161, 162, 163))
TRICLINIC = "aP1"
_GREEK = {"GAMMA": "Γ", "DELTA": "Δ", "LAMBDA": "Λ", "SIGMA": "Σ"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class GroupFacts:
    """What the space group alone says about fillings.

    orbit_sizes: sizes of the orbits of all Wyckoff positions in the primitive cell, ascending
    atomic_filling: greatest common divisor of the fillings of all atomic limits (electrons per primitive cell)
    indicators: orders of the cyclic factors of the symmetry-indicator group with spin-orbit coupling, e.g. (2, 2, 4)
    rank: number of independent band representations
    """

    orbit_sizes: tuple[int, ...]
    atomic_filling: int
    indicators: tuple[int, ...]
    rank: int


@dataclass(frozen=True)
class LittleGroup:
    """Symmetry of a momentum, or of a line of momenta.

    order: unitary elements of the little co-group
    inversion: contains the inversion
    reversal: some operation combined with time reversal leaves the momentum in place
    star: momenta in the star, counting those reached by time reversal
    double: {dimension: number of small corepresentations} with spin-orbit coupling and time reversal
    single: the same without spin (per spin direction)
    """

    order: int
    inversion: bool
    reversal: bool
    star: int
    double: dict[int, int]
    single: dict[int, int]


@dataclass(frozen=True)
class Zone:
    """The momenta and lines of one (space group, extended Bravais symbol).

    labels: k names of the momenta, one per star, alphabetical with GAMMA first
    trim: k flags, time-reversal-invariant momentum
    fixed: k flags, coordinates are fixed by symmetry rather than by where a line meets the zone boundary
    nodes: k little groups
    lines: (label, label, node, node, little group) per segment of the path; labels name the segment's true ends
    """

    labels: tuple[str, ...]
    trim: tuple[bool, ...]
    fixed: tuple[bool, ...]
    nodes: tuple[LittleGroup, ...]
    lines: tuple[tuple[str, str, int, int, LittleGroup], ...]


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(resources.files(__package__).joinpath("zones.json").read_text(encoding="utf-8"))
    return table


def _little_group(record: list[Any]) -> LittleGroup:
    order, inversion, reversal, star, double, single = record
    return LittleGroup(order, bool(inversion), bool(reversal), star, dict(double), dict(single))


@lru_cache(maxsize=1)
def _kinds() -> tuple[LittleGroup, ...]:
    return tuple(_little_group(kind) for kind in _table()["kinds"])


@lru_cache(maxsize=256)
def group_facts(spacegroup: int) -> GroupFacts:
    """Filling facts of the space group (1 to 230)."""
    record = _table()["groups"][str(spacegroup)]
    return GroupFacts(tuple(record["orbits"]), record["atomic"], tuple(record["indicators"]), record["rank"])


@lru_cache(maxsize=512)
def zone(spacegroup: int, symbol: str) -> Zone:
    """Momenta and lines of a space group on a zone shape; KeyError where the two do not go together."""
    record = _table()["zones"][f"{spacegroup}/{symbol}"]
    kinds = _kinds()
    return Zone(
        labels=tuple(label for label, _, _, _ in record["nodes"]),
        trim=tuple(bool(trim) for _, trim, _, _ in record["nodes"]),
        fixed=tuple(bool(fixed) for _, _, fixed, _ in record["nodes"]),
        nodes=tuple(kinds[kind] for _, _, _, kind in record["nodes"]),
        lines=tuple((a, b, i, j, kinds[kind]) for a, b, i, j, kind in record["lines"]),
    )


def zone_symbols() -> tuple[tuple[int, str], ...]:
    """All (space group, extended Bravais symbol) pairs of the table, in order."""
    pairs = (key.split("/") for key in _table()["zones"])
    return tuple(sorted((int(group), symbol) for group, symbol in pairs))


def bravais(spacegroup: int, centering: str) -> str:
    """Bravais symbol, e.g. 'cF', from the space group number and its centring letter."""
    bounds = ((2, "a"), (15, "m"), (74, "o"), (142, "t"), (194, "h"), (230, "c"))
    return next(family for last, family in bounds if spacegroup <= last) + centering


def extended_bravais(spacegroup: int, centering: str, conventional: NDArray[np.float64]) -> str:  # noqa: C901 - the table of Hinuma et al., case by case
    """Extended Bravais symbol of Hinuma et al. for a conventional lattice (3, 3), rows in Å.

    All triclinic cells share one symbol: their eight special momenta are the same set in every basis.
    """
    symbol = bravais(spacegroup, centering)
    a, b, c, cos_beta = cell_parameters(conventional)
    sin_beta = np.sqrt(1.0 - cos_beta**2)
    up = 1.0 + _TIE
    if symbol == "aP":
        return TRICLINIC
    if symbol in ("cP", "cF"):
        return symbol + ("1" if spacegroup <= 206 else "2")
    if symbol == "hP":
        return "hP1" if spacegroup in _HP1 else "hP2"
    if symbol == "tI":
        return "tI1" if c <= a * up else "tI2"
    if symbol == "hR":
        return "hR1" if np.sqrt(3.0) * a <= np.sqrt(2.0) * c * up else "hR2"
    if symbol == "oC":
        return "oC1" if a <= b * up else "oC2"
    if symbol == "oA":
        return "oA1" if b <= c * up else "oA2"
    if symbol == "oF":
        if a**-2 > (b**-2 + c**-2) * up:
            return "oF1"
        return "oF2" if c**-2 > (a**-2 + b**-2) * up else "oF3"
    if symbol == "oI":
        if c * up >= max(a, b):
            return "oI1"
        return "oI3" if b * up >= a else "oI2"
    if symbol == "mC":
        if b * up < a * sin_beta:
            return "mC1"
        # up² and not up: the parameters of mC3 divide by cos β, which must then be negative
        return "mC2" if -a * cos_beta / c + (a * sin_beta / b) ** 2 <= up**2 else "mC3"
    return symbol + "1"


def cell_parameters(conventional: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Lengths a, b, c (Å) and the cosine of the angle beta of a lattice of row vectors."""
    a, b, c = (float(x) for x in np.sqrt((conventional**2).sum(1)))
    return a, b, c, float(conventional[0] @ conventional[2]) / (a * c)


@lru_cache(maxsize=64)
def _points(
    symbol: str, centering: str
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64], tuple[Any, ...]]:
    """Labels, constant part (k, 3), slope (k, 3, p) of the coordinates and the parameters' formulas.

    Coordinates are in the reciprocal basis of our primitive cell, and affine in the parameters.
    """
    from seekpath.hpkot.spg_mapping import get_P_matrix
    from seekpath.hpkot.tools import eval_expr_simple, extend_kparam, get_path_data

    formulas, points, _ = get_path_data(symbol)
    labels = tuple(points)
    names = [name for name, _ in formulas]

    def evaluate(values: NDArray[np.float64]) -> NDArray[np.float64]:
        known = extend_kparam(dict(zip(names, values, strict=True)))
        return np.array([[eval_expr_simple(x, known) for x in points[label]] for label in labels], dtype=np.float64)

    # k·r does not depend on the basis: k_ours = Pᵀ_ours · P⁻ᵀ_seekpath · k_seekpath
    to_ours = np.linalg.inv(get_P_matrix(symbol[:2])[0]) @ primitive_basis(centering)
    origin = evaluate(np.zeros(len(names)))
    slope = np.array([evaluate(unit) - origin for unit in np.eye(len(names))]).reshape(len(names), len(labels), 3)
    return labels, origin @ to_ours, np.moveaxis(slope @ to_ours, 0, -1), tuple(formulas)


def labelled_momenta(crystal: SymmetricCrystal) -> tuple[str, dict[str, NDArray[np.float64]]]:
    """The extended Bravais symbol of a crystal, and its labelled momenta as `momenta` gives them."""
    symbol = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
    return symbol, momenta(symbol, crystal.centering, crystal.conventional_lattice)


def momenta(symbol: str, centering: str, conventional: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Coordinates of all labelled momenta in the reciprocal basis of the primitive cell, {label: (3,)}.

    conventional: (3, 3) rows of the standardised conventional cell, Å.
    """
    if symbol == TRICLINIC:
        halves = np.array(np.meshgrid([0, 0.5], [0, 0.5], [0, 0.5], indexing="ij")).reshape(3, -1).T
        return dict(zip(TRICLINIC_LABELS, halves, strict=True))
    from seekpath.hpkot.tools import eval_expr

    labels, origin, slope, formulas = _points(symbol, centering)
    if formulas:
        a, b, c, cos_beta = cell_parameters(conventional)
        known: dict[str, float] = {}
        for name, formula in formulas:
            known[name] = eval_expr(formula, a, b, c, 0.0, cos_beta, 0.0, known)
        origin = origin + slope @ np.array(list(known.values()))
    return dict(zip(labels, origin, strict=True))


def fixed_labels(symbol: str, centering: str) -> frozenset[str]:
    """Labels of the momenta whose coordinates do not depend on the lattice parameters."""
    if symbol == TRICLINIC:
        return frozenset(TRICLINIC_LABELS)
    labels, _, slope, _ = _points(symbol, centering)
    return frozenset(label for label, row in zip(labels, slope, strict=True) if not row.any())


# In the order of `momenta`; which TRIM bears which name depends on the basis, so only GAMMA is distinguished.
TRICLINIC_LABELS = ("GAMMA", *(f"T{i}" for i in range(1, 8)))


@lru_cache(maxsize=64)
def path(symbol: str) -> tuple[tuple[str, str], ...]:
    """Segments of the path between labelled momenta."""
    if symbol == TRICLINIC:
        return tuple(("GAMMA", label) for label in TRICLINIC_LABELS[1:])
    from seekpath.hpkot.tools import get_path_data

    return tuple(get_path_data(symbol)[2])


def written(label: str) -> str:
    """A momentum's name as people write it: GAMMA → Γ, SIGMA_0 → Σ₀."""
    name, _, index = label.partition("_")
    return _GREEK.get(name, name) + index.translate(_SUBSCRIPTS)
