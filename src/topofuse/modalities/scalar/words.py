"""What the scalar modality is called, and its columns in words."""

from __future__ import annotations

from topofuse.modalities.words import PROPERTIES, PROPERTY_UNITS, SITES, STATISTICS, Words, listed

_PROPERTY, _STATISTIC = listed(PROPERTIES), listed(STATISTICS)
_COLUMNS = {
    "n_elements": "number of elements", "entropy": "entropy of the composition", "spacegroup": "space group",
    "system": "crystal system", "centering": "centring of the lattice", "pg_order": "order of the point group",
    "pg_centro": "inversion symmetry", "pg_polar": "polar point group", "pg_chiral": "chiral point group",
    "symmorphic": "symmorphic space group", "n_orbits": "inequivalent sites",
    "orbits_per_element": "inequivalent sites per element", "size_min": "atoms on the smallest orbit",
    "size_max": "atoms on the largest orbit", "size_mean": "mean atoms per orbit",
    "size_gcd": "greatest common divisor of the orbit sizes", "n_at_smallest": "orbits of the smallest size",
    "site_order_max": "highest order of a site symmetry", "site_order_mean": "mean order of the site symmetries",
    "site_order_min": "lowest order of a site symmetry", "at_inversion": "share of atoms on inversion centres",
    "n_atoms": "atoms in the primitive cell", "density": "density (g/cm³)",
    "volume_per_atom": "volume per atom (Å³)", "packing": "volume filled by covalent spheres",
    "b/a": "axis ratio b/a", "c/a": "axis ratio c/a", "c/b": "axis ratio c/b", "cos_al": "cosine of α",
    "cos_be": "cosine of β", "cos_ga": "cosine of γ", "nu": "valence electrons in the cell",
    "nu_per_atom": "valence electrons per atom", "nu_odd": "odd number of electrons",
    "z_sum_odd": "odd sum of atomic numbers", "nu_half_odd": "odd number of electron pairs",
    "nu_mod_2min": "electrons modulo twice the smallest orbit",
    "nu_mod_2gcd": "electrons modulo twice the orbits' common divisor",
    "nu_over_2min": "electrons over twice the smallest orbit",
}  # fmt: skip
_RULES = (
    (rf"({_PROPERTY})_({_STATISTIC})", lambda m: f"{PROPERTIES[m[1]]}, {STATISTICS[m[2]]}"),
    (rf"(anion|cation|most)_({_PROPERTY})", lambda m: f"{PROPERTIES[m[2]]} of {SITES[m[1]]}"),
    (r"norm(\d)", lambda m: f"{m[1]}-norm of the composition"),
    (r"block_([spdf])", lambda m: f"share of {m[1]}-block elements"),
    (r"group_(\d+)", lambda m: f"share of group {m[1]}"),
    (r"x_(\w+)", lambda m: f"share of {m[1]}"),
    (r"at_order(\d+)", lambda m: f"share of atoms with site symmetry of order {m[1]}"),
    (r"nu_mod(\d+)", lambda m: f"valence electrons modulo {m[1]}"),
)  # fmt: skip
_UNITS = (
    *((rf"(?:{which})_(?:{listed(STATISTICS)})", unit) for which, unit in PROPERTY_UNITS),
    *((rf"(?:anion|cation|most)_(?:{which})", unit) for which, unit in PROPERTY_UNITS),
    ("density", "g/cm³"), ("volume_per_atom", "Å³"),
)  # fmt: skip
WORDS = Words("Composition and symmetry", "#009e73", _COLUMNS, _RULES, units=_UNITS)
