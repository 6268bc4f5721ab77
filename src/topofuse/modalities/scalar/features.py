"""The scalar modality: composition, space group, sites, lattice shape, and electron counts as one table row.

Wyckoff letters are left out on purpose: which of two equivalent positions is called `a` depends on the
choice of origin, and a prediction must not. Multiplicities and site-symmetry orders do not depend on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.elements import element_property, valence_electrons
from topofuse.crystals.formula import formula_of
from topofuse.crystals.pointgroups import is_symmorphic, point_group_of
from topofuse.modalities.base import Modality, Part
from topofuse.modalities.scalar.composition import composition_features, composition_names
from topofuse.modalities.scalar.symmetry_tables import CENTERINGS, site_has_inversion

_SYMMETRY_NAMES = (
    "spacegroup",
    "system",
    "centering",
    "pg_order",
    "pg_centro",
    "pg_polar",
    "pg_chiral",
    "symmorphic",
)
_SITE_ORDERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48)
_SITE_NAMES = (
    "n_orbits",
    "orbits_per_element",
    "size_min",
    "size_max",
    "size_mean",
    "size_gcd",
    "n_at_smallest",
    "site_order_max",
    "site_order_mean",
    "site_order_min",
    "at_inversion",
    *(f"at_order{order}" for order in _SITE_ORDERS),
)
_CELL_NAMES = ("n_atoms", "density", "volume_per_atom", "packing", "b/a", "c/a", "c/b", "cos_al", "cos_be", "cos_ga")
_MODULI = (4, 6, 8, 12, 16, 24)
_ELECTRON_NAMES = (
    "nu",
    "nu_per_atom",
    "nu_odd",
    "z_sum_odd",
    "nu_half_odd",
    *(f"nu_mod{m}" for m in _MODULI),
    "nu_mod_2min",
    "nu_mod_2gcd",
    "nu_over_2min",
)
TABLE_NAMES = (*composition_names(), *_SYMMETRY_NAMES, *_SITE_NAMES, *_CELL_NAMES, *_ELECTRON_NAMES)

_AMU_PER_A3 = 1.66053907  # g/cm³


def extract(crystal: SymmetricCrystal) -> Part:
    """One row of scalar features; see `TABLE_NAMES`."""
    row = np.concatenate(
        [
            composition_features(formula_of(crystal.primitive.numbers)),
            _symmetry(crystal),
            _sites(crystal),
            _cell(crystal),
            _electrons(crystal),
        ]
    )
    return {"table": row[None].astype(np.float32)}


def _symmetry(crystal: SymmetricCrystal) -> list[float]:
    group = point_group_of(crystal.spacegroup)
    return [
        crystal.spacegroup,
        group.system,
        CENTERINGS[crystal.centering],
        group.order,
        group.centrosymmetric,
        group.polar,
        group.chiral,
        is_symmorphic(crystal.spacegroup),
    ]


def _sites(crystal: SymmetricCrystal) -> NDArray[np.float64]:
    sizes = crystal.orbit_sizes
    orders = point_group_of(crystal.spacegroup).order // sizes
    weight = sizes / sizes.sum()
    smallest = sizes.min()
    inversion = np.array([site_has_inversion(symbol) for symbol in crystal.site_symmetries])
    general = [
        len(sizes),
        len(sizes) / len(set(crystal.orbit_numbers.tolist())),
        smallest,
        sizes.max(),
        sizes.mean(),
        np.gcd.reduce(sizes),
        (sizes == smallest).sum(),
        orders.max(),
        weight @ orders,
        orders.min(),
        weight @ inversion,
    ]
    return np.concatenate([general, [weight[orders == order].sum() for order in _SITE_ORDERS]])


def _cell(crystal: SymmetricCrystal) -> list[float]:
    numbers, volume = crystal.primitive.numbers, crystal.primitive.volume
    lattice = crystal.conventional_lattice
    a, b, c = np.sqrt((lattice**2).sum(1))
    radii = element_property("r_covalent")[numbers]
    return [
        len(numbers),
        float(element_property("mass")[numbers].sum()) * _AMU_PER_A3 / volume,
        volume / len(numbers),
        4 / 3 * np.pi * float(np.nansum(radii**3)) / volume,
        b / a,
        c / a,
        c / b,
        float(lattice[1] @ lattice[2]) / (b * c),
        float(lattice[0] @ lattice[2]) / (a * c),
        float(lattice[0] @ lattice[1]) / (a * b),
    ]


def _electrons(crystal: SymmetricCrystal) -> list[float]:
    numbers = crystal.primitive.numbers
    nu = int(valence_electrons(numbers).sum())
    twice_smallest = 2 * int(crystal.orbit_sizes.min())
    twice_gcd = 2 * int(np.gcd.reduce(crystal.orbit_sizes))
    return [
        nu,
        nu / len(numbers),
        nu % 2,
        int(numbers.sum()) % 2,
        (nu // 2) % 2,
        *(nu % m for m in _MODULI),
        nu % twice_smallest / twice_smallest,
        nu % twice_gcd / twice_gcd,
        nu / twice_smallest,
    ]


SCALAR = Modality("scalar", 1, extract, TABLE_NAMES, categories={"spacegroup": 231})
