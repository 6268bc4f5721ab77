"""Bonds: lengths against radii, coordination, ionicity, covalent against polar energy, and site-resolved 8-N counting.

All from the neighbours of one atom per orbit, weighted by how close a neighbour is (Hoppe) and how many atoms
the orbit has. Lengths enter as ratios.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.closed_shells import (
    active_electrons,
    anion_formers,
    closed_states,
    kinds,
    low_spin_states,
)
from topofuse.crystals.elements import element_property
from topofuse.modalities.physics.charge import balance

_KINDS = ("mm", "mx", "xx")  # metal-metal, metal-nonmetal, nonmetal-nonmetal (metal: not of groups 14-17, not H)
_HBAR2_OVER_M = 7.62  # eV Å²
_ETA_PP = 2.16  # Harrison, Electronic Structure and the Properties of Solids: V2 = 2.16 ħ²/(m d²) for sp3 hybrids
_BOND = 1.15  # a bond is at most this many times the sum of covalent radii
_LEAST_WEIGHT = 1e-6  # far neighbours never weigh zero: means over one kind of bond stay defined
_METAL_CONTACTS = (0.95, 1.05, 1.15)

NAMES = (
    "ratio_min",
    "ratio_mean",
    "ratio_first_dev",
    *(f"ratio_min_{k}" for k in _KINDS),
    *(f"ratio_mean_{k}" for k in _KINDS),
    *(f"bonds_{k}" for k in _KINDS),
    *(f"mm_within_{c}" for c in _METAL_CONTACTS),
    "like_share",
    "like_ratio_min",
    "ecn_mean",
    "ecn_min",
    "ecn_max",
    "ecn_anion",
    "ecn_cation",
    *(f"hoppe_{s}" for s in ("mean", "min", "max", "anion", "cation")),
    "dchi_mean",
    "dchi_max",
    "dchi_dev",
    "ionicity_mean",
    "ionicity_min",
    "v2_mean",
    "v2_max",
    "v3_mean",
    "polarity_mean",
    "polarity_min",
    "metallicity",
    "gap_min",
    "gap_mean",
    "width_ratio",
    "xx_d_min",
    "bonds8_found",
    "bonds8_needed",
    "bonds8_miss",
    "zintl_miss",
    "zintl_signed",
    "zintl_neutral",
    "zintl_ls_miss",
    "zintl_ls_signed",
    "mixed_miss",
    "site_planarity",
    "site_anisotropy",
)


class Edges(NamedTuple):
    """Per edge: centre's orbit, atomic numbers of both ends, distance (Å), ratio to covalent radii, weight."""

    centre: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    d: NDArray[np.float64]
    ratio: NDArray[np.float64]
    weight: NDArray[np.float64]
    first: NDArray[np.int64]


def _filled(name: str) -> NDArray[np.float64]:
    """A property with its unknown values replaced by the covalent radius or, for other properties, by the median."""
    values = element_property(name)
    spare = element_property("r_covalent") if name == "r_metallic" else np.full(len(values), np.nanmedian(values))
    values = np.where(np.isnan(values), spare, values)
    return np.where(np.isnan(values), np.nanmedian(values[1:]), values)


class _Tables(NamedTuple):
    covalent: NDArray[np.float64]
    metallic: NDArray[np.float64]
    chi: NDArray[np.float64]
    e_s: NDArray[np.float64]
    e_p: NDArray[np.float64]
    level: NDArray[np.float64]
    nonmetal: NDArray[np.bool_]


@cache
def _tables() -> _Tables:
    group, e_s, e_p, e_d = (element_property(name) for name in ("group", "e_s", "e_p", "e_d"))
    numbers = np.arange(len(group))
    nonmetal = (np.isin(group, (14, 15, 16, 17, 18)) | np.isin(numbers, (1, 2, 5))) & (numbers > 0)
    # the level that bonds: mean of the sp3 hybrid for the p block, d for transition metals, s for the rest
    level = np.where(kinds() == "p", (e_s + 3 * e_p) / 4, np.where(kinds() == "d", e_d, e_s))
    # where nothing is tabulated (f elements beyond U, empty 5s of Pd): LDA levels lie near 0.6 of the ionisation energy
    level = np.where(np.isnan(level), -0.6 * element_property("ie1"), level)
    return _Tables(_filled("r_covalent"), _filled("r_metallic"), _filled("chi"), e_s, e_p, level, nonmetal)


def closeness(length: NDArray[np.float64], centre: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights exp(1 - (d/d0)^6) of neighbours, d0 the mean length of a centre's bonds (Hoppe 1979, one iteration).

    Measured from the mean and not from the shortest bond, one bond that is short by chance does not hide the others.
    length: (e,), grouped by `centre`; first: index of each centre's first neighbour.
    """
    shortest = np.minimum.reduceat(length, first)[centre]
    rough = np.exp(1 - (length / shortest) ** 6)
    mean = np.add.reduceat(rough * length, first) / np.add.reduceat(rough, first)
    return np.exp(1 - (length / mean[centre]) ** 6)


def bond_edges(crystal: SymmetricCrystal) -> Edges:
    """The neighbours of the orbit representatives with what bonds are judged by."""
    near = crystal.neighbours
    table = _tables()
    a = crystal.orbit_numbers[near.centre]
    b = crystal.primitive.numbers[near.atom]
    ratio = near.distance / (table.covalent[a] + table.covalent[b])
    first = np.searchsorted(near.centre, np.arange(crystal.n_orbits))
    # lengths in units of the radii: so the contacts of unlike partners compare
    weight = np.maximum(closeness(ratio, near.centre, first), _LEAST_WEIGHT)
    return Edges(near.centre, a, b, near.distance, ratio, weight, first)


def bond_features(crystal: SymmetricCrystal, edges: Edges) -> NDArray[np.float64]:
    """(f,) features named `NAMES`; NaN where a kind of bond does not occur among the neighbours."""
    share = crystal.orbit_sizes / crystal.orbit_sizes.sum()
    row = [
        *_lengths(edges, share),
        *_coordination(crystal, edges, share),
        *_energies(edges, share),
        *_eight_minus_n(crystal, edges),
        *_directions(crystal, edges, share),
    ]
    return np.array(row, dtype=np.float64)


def _lengths(edges: Edges, share: NDArray[np.float64]) -> list[float]:
    table = _tables()
    w = edges.weight * share[edges.centre]
    shortest = np.minimum.reduceat(edges.ratio, edges.first)
    mean = float(share @ shortest)
    kind = table.nonmetal[edges.a].astype(int) + table.nonmetal[edges.b]
    masks = [kind == k for k in range(3)]
    like = edges.a == edges.b
    metallic = edges.d / (table.metallic[edges.a] + table.metallic[edges.b])
    both_metal = share[edges.centre] * masks[0]
    return [
        shortest.min(),
        mean,
        float(np.sqrt(share @ (shortest - mean) ** 2)),
        *(edges.ratio[m].min() if m.any() else np.nan for m in masks),
        *(float(w[m] @ edges.ratio[m] / w[m].sum()) if m.any() else np.nan for m in masks),
        *(w[m].sum() / w.sum() for m in masks),
        *(float(both_metal[metallic < limit].sum()) for limit in _METAL_CONTACTS),
        w[like].sum() / w.sum(),
        edges.ratio[like].min() if like.any() else np.nan,
    ]


def _coordination(crystal: SymmetricCrystal, edges: Edges, share: NDArray[np.float64]) -> list[float]:
    table = _tables()
    ecn = np.add.reduceat(edges.weight, edges.first)
    hoppe = np.add.reduceat(closeness(edges.d, edges.centre, edges.first), edges.first)
    chi = table.chi[crystal.orbit_numbers]
    anion, cation = chi == chi.max(), chi == chi.min()
    dchi = np.abs(table.chi[edges.a] - table.chi[edges.b])
    w = edges.weight * share[edges.centre]
    w = w / w.sum()
    mean = float(w @ dchi)
    ionicity = 1 - np.exp(-(dchi**2) / 4)  # Pauling
    close = edges.weight > 0.5
    return [
        *_over_sites(ecn, share, anion, cation),
        *_over_sites(hoppe, share, anion, cation),
        mean,
        dchi[close].max(),
        float(np.sqrt(w @ (dchi - mean) ** 2)),
        float(w @ ionicity),
        ionicity[close].min(),
    ]


def _over_sites(
    values: NDArray[np.float64],
    share: NDArray[np.float64],
    anion: NDArray[np.bool_],
    cation: NDArray[np.bool_],
) -> list[float]:
    """Mean, extremes, mean over the most and over the least electronegative sites."""
    return [
        float(share @ values),
        values.min(),
        values.max(),
        float(share[anion] @ values[anion] / share[anion].sum()),
        float(share[cation] @ values[cation] / share[cation].sum()),
    ]


def _energies(edges: Edges, share: NDArray[np.float64]) -> list[float]:
    """Harrison's covalent energy V2, polar energy V3, and metallic energy V1, eV or ratios of them."""
    table = _tables()
    v2 = _ETA_PP * _HBAR2_OVER_M / edges.d**2
    v3 = np.abs(table.level[edges.a] - table.level[edges.b]) / 2
    bonding = np.hypot(v2, v3)
    polarity = v3 / bonding
    v1 = (table.e_p - table.e_s) / 4
    metallic = (v1[edges.a] + v1[edges.b]) / (2 * bonding)
    gap = 2 * bonding * (1 - metallic)
    w = edges.weight * share[edges.centre]
    known = ~np.isnan(metallic)
    covalent = known & (edges.weight > 0.5)
    width = np.add.reduceat(edges.weight * v2**2, edges.first) ** 0.5  # second moment of the local density of states
    return [
        float(w @ v2 / w.sum()),
        v2.max(),
        float(w @ v3 / w.sum()),
        float(w @ polarity / w.sum()),
        polarity[edges.weight > 0.5].min(),
        float(w[known] @ metallic[known] / w[known].sum()) if known.any() else np.nan,
        gap[covalent].min() if covalent.any() else np.nan,
        float(w[known] @ gap[known] / w[known].sum()) if known.any() else np.nan,
        float(w @ v3 / w.sum() / (share @ width)),
    ]


def _eight_minus_n(crystal: SymmetricCrystal, edges: Edges) -> list[float]:
    """Zintl counting with the bonds that are there: an anion with b bonds to its like has charge -(8 - N - b).

    zintl_*: least |charge| per atom when groups 14-17 (and H) take that charge or are closed-shell cations and
    all others are closed-shell cations; zintl_ls: with low-spin d6 and d8 ions too; mixed: the least distance
    of zero from the interval between the extremes.
    """
    table = _tables()
    numbers, sizes = crystal.orbit_numbers, crystal.orbit_sizes
    like = (edges.a == edges.b) & (edges.ratio < _BOND)
    bonds = np.add.reduceat(like.astype(np.float64), edges.first)
    electrons = active_electrons()[numbers]
    anionic = anion_formers()[numbers]
    lack = np.where(numbers == 1, 1, 8 - electrons)
    charge = -np.maximum(lack - bonds, 0.0)
    strict: list[list[int]] = []
    loose: list[list[int]] = []
    for z in np.unique(numbers).tolist():
        mine = numbers == z
        count = int(sizes[mine].sum())
        own = [round(float(sizes[mine] @ charge[mine]))] if anionic[mine].any() else []
        for states, into in ((closed_states(z), strict), (low_spin_states(z), loose)):
            into.append([*own, *(q * count for q in states if q > 0 or not own)] or [0])
    tight = balance(strict)
    soft = tight if loose == strict else balance(loose)
    atoms = int(sizes.sum())
    weight = sizes * anionic
    # what the generalised 8-N rule asks for: bonds per anion = 8 - electrons per anion
    total = float(sizes @ electrons)
    needed = 8 - total / weight.sum() if weight.any() else np.nan
    mean = float(weight @ bonds / weight.sum()) if weight.any() else np.nan
    xx = table.nonmetal[edges.a] & table.nonmetal[edges.b]
    return [
        edges.ratio[xx & (edges.a == edges.b)].min() if (xx & (edges.a == edges.b)).any() else np.nan,
        mean,
        needed,
        needed - mean,
        abs(tight.nearest) / atoms,
        tight.nearest / atoms,
        float(tight.ways > 0),
        abs(soft.nearest) / atoms,
        soft.nearest / atoms,
        max(soft.low, -soft.high, 0) / atoms,
    ]


def _directions(crystal: SymmetricCrystal, edges: Edges, share: NDArray[np.float64]) -> list[float]:
    """How far from isotropic the bonds of a site point: eigenvalues of its mean u uᵀ; planar < 0 < linear, and spread.

    Site by site, since the tensor of an orbit's representative depends on which atom represents it.
    """
    u = crystal.neighbours.vector / edges.d[:, None]
    outer = edges.weight[:, None, None] * u[:, :, None] * u[:, None, :]
    tensors = np.add.reduceat(outer, edges.first, axis=0)
    tensors /= np.trace(tensors, axis1=1, axis2=2)[:, None, None]
    low, middle, high = np.linalg.eigvalsh(tensors).T
    return [float(share @ (low + high - 2 * middle)), float(share @ (high - low))]
