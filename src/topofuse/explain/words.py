"""Names of tabular columns in words that a person who has not read the code understands."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_PROPERTIES = {
    "chi": "electronegativity", "mass": "atomic mass", "mendeleev": "Pettifor's chemical order",
    "r_atomic": "atomic radius", "r_covalent": "covalent radius", "r_metallic": "metallic radius",
    "r_vdw": "van der Waals radius", "r_cation": "radius as a cation", "r_anion": "radius as an anion",
    "ie1": "first ionisation energy", "ie2": "second ionisation energy", "ie3": "third ionisation energy",
    "affinity": "electron affinity", "period": "period", "group": "group of the periodic table",
    "block": "block (s p d f)", "n_s": "outer s electrons", "n_p": "outer p electrons", "n_d": "outer d electrons",
    "n_f": "outer f electrons", "n_outer": "outer electrons", "filling": "filling of the element's block",
    "t_melt": "melting point of the element", "molar_volume": "molar volume of the element", "z": "atomic number",
    "e_s": "s level of the free atom", "e_p": "p level of the free atom", "e_d": "d level of the free atom",
    "e_f": "f level of the free atom", "soc_p": "spin-orbit constant of p", "soc_d": "spin-orbit constant of d",
    "soc_f": "spin-orbit constant of f", "paw": "valence electrons", "fraction": "share of the atoms",
    "electrons": "chemically active electrons",
}  # fmt: skip
_STATISTICS = {"mean": "mean", "dev": "spread", "min": "smallest", "max": "largest", "range": "range"}
_SITES = {
    "all": "all atoms", "anion": "the most electronegative element", "cation": "the least electronegative element",
    "most": "the most abundant element", "dmetal": "transition metals", "pblock": "p-block elements",
    "mean": "mean", "min": "smallest", "max": "largest",
}  # fmt: skip
_BONDS = {"mm": "between metals", "mx": "of metals to non-metals", "xx": "between non-metals"}
_TIERS = {
    "closed": "closed-shell ions", "lowspin": "closed-shell and low-spin ions", "common": "common oxidation states",
    "icsd": "oxidation states of the ICSD", "known": "all known oxidation states",
    "zintl": "site-resolved 8-N counting",
    "zintl_ls": "site-resolved 8-N counting with low-spin ions", "mixed": "mixed valence",
}  # fmt: skip
_BALANCE = {
    "miss": "charge left over per atom", "signed": "signed charge left over per atom", "neutral": "can be neutral",
    "ways": "ways to be neutral (log)", "low": "lowest charge per atom", "high": "highest charge per atom",
}  # fmt: skip
_EDGE_PARTS = {"s": "s orbitals", "p": "p orbitals", "d": "d orbitals", "a": "anions"}

_EXACT = {
    "crystal": {
        "n_orbits": "inequivalent sites", "n_atoms": "atoms in the primitive cell",
        "like_neighbour_share": "share of nearest neighbours of the same element",
        "mean_shell_gap": "gap behind the first shell of neighbours",
        "mean_n_shells": "distance of the farthest neighbour over the nearest",
        "std_nearest": "spread of nearest distances",
        "mean_log_site_order": "mean order of the site symmetries (log2)",
        "max_log_site_order": "highest order of a site symmetry (log2)",
    },
    "scalar": {
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
    },
    "kspace": {
        "zone": "shape of the Brillouin zone", "momenta": "special momenta", "lines": "lines between special momenta",
        "trims": "time-reversal-invariant momenta", "centric_trims": "time-reversal-invariant momenta with inversion",
        "fourfold_trims": "time-reversal-invariant momenta where every level is four-fold",
        "double_gcd_lcm": "electrons that every special momentum can fill",
        "double_min_max": "largest forced degeneracy",
        "double_max": "largest degeneracy that occurs", "double_max_min": "degeneracy that occurs at every momentum",
        "multiplet_momenta": "momenta with levels of more than two states",
        "single_min_max": "largest forced degeneracy without spin",
        "single_max": "largest degeneracy without spin", "line_irreps_mean": "kinds of levels on a line, mean",
        "line_irreps_max": "kinds of levels on a line, most",
        "lines_that_cross": "share of lines on which bands may cross",
        "line_double_min_max": "largest forced degeneracy on a line", "line_double_max": "largest degeneracy on a line",
        "smallest_orbit": "smallest orbit of the space group", "orbit_kinds": "kinds of orbits of the space group",
        "atomic_filling": "filling of all atomic insulators of the space group",
        "indicator_order": "order of the symmetry-indicator group", "indicator_factors": "symmetry indicators",
        "indicator_largest": "largest symmetry indicator", "representations": "independent band representations",
        "electrons_mod_atomic": "electrons beyond a multiple of the atomic filling",
        "electrons_over_atomic": "electrons over the atomic filling",
        "electrons_mod_smallest": "electrons modulo twice the smallest orbit of the group",
        "violates_atomic_limit": "no atomic insulator has this filling",
        "mod_occupied": "electrons modulo twice the occupied orbits' common divisor",
        "occupied_gcd": "twice the common divisor of the occupied orbits",
        "violates_occupied": "no atomic insulator on the occupied sites has this filling",
        "double_unfilled": "momenta where the electrons cannot fill whole levels",
        "double_unfilled_share": "share of momenta where the electrons cannot fill whole levels",
        "double_unfilled_star": "momenta where the electrons cannot fill whole levels, by their number in the star",
        "single_unfilled": "momenta where pairs cannot fill whole levels without spin",
        "single_unfilled_share": "share of momenta where pairs cannot fill whole levels without spin",
        "lines_unfilled": "share of lines on which the electrons cannot fill whole levels",
        "lines_single_unfilled": "share of lines on which pairs cannot fill whole levels without spin",
        "worst_rest": "electrons left over at the worst momentum", "rest_of_lcm": "electrons left over at all momenta",
        "largest_rest": "electrons modulo the largest degeneracy",
        "inside": "momenta where free electrons end inside a shell",
        "inside_share": "share of momenta where free electrons end inside a shell",
        "inside_star": "momenta where free electrons end inside a shell, by their number in the star",
        "inside_gamma": "free electrons end inside a shell at Γ",
        "gap_min": "smallest gap of free electrons", "gap_mean": "mean gap of free electrons",
        "gap_indirect": "indirect gap of free electrons", "gap_gamma": "gap of free electrons at Γ",
        "shell_max": "largest shell of free electrons at the filling",
        "shell_gamma": "shell of free electrons at the filling at Γ",
        "level_spread": "spread of the free-electron level",
        "density_mean": "free-electron levels near the filling, mean",
        "density_max": "free-electron levels near the filling, most", "first_zone": "nearest zone face (log)",
    },
    "physics": {
        "guess_neutral": "an assignment of oxidation states is neutral", "guess_cost": "how unusual that assignment is",
        "guess_closed": "all ions of that assignment have closed shells", "q_max": "highest oxidation state",
        "q_min": "lowest oxidation state", "q_abs": "mean size of the oxidation states",
        "q_dev": "spread of the oxidation states", "n_cations": "share of cations",
        "d_left_max": "most d electrons left on an ion", "d_left_mean": "d electrons left on the ions, mean",
        "d_open": "an ion has an open d shell", "d_open_fraction": "share of ions with an open d shell",
        "d0": "share of d0 ions", "d10": "share of d10 ions", "lone_pair": "share of lone-pair cations",
        "f_open": "share of ions with an unusual f state", "q_chi_order": "electronegativity of anions above cations",
        "e_chem": "active electrons per formula", "e_per_atom": "active electrons per atom",
        "e_per_anion": "active electrons per anion", "e_per_pblock": "active electrons per p-block atom",
        "e_minus8_per_anion": "active electrons beyond 8 per anion",
        "e_minus8_per_pblock": "active electrons beyond 8 per p-block atom",
        "d_metal_e": "active electrons per transition metal", "donated": "electrons that cations donate, per atom",
        "needed": "electrons that anions need, per atom", "need_balance": "electrons donated minus needed, per atom",
        "need_ratio": "electrons donated over needed", "need_p": "electrons that the strongest anion needs, per atom",
        "p_balance": "electrons beyond what the strongest anion needs, per atom",
        "soc_max": "strongest spin-orbit constant (eV)", "soc_mean": "mean spin-orbit constant (eV)",
        "soc_p_weighted": "spin-orbit strength of the p electrons",
        "soc_d_weighted": "spin-orbit strength of the d electrons",
        "soc_homo": "spin-orbit constant of the highest filled atomic level",
        "soc_lumo": "spin-orbit constant of the lowest empty atomic level",
        "soc_over_gap": "spin-orbit constant over the gap between atomic levels",
        "level_homo": "highest filled atomic level (eV)", "level_lumo": "lowest empty atomic level (eV)",
        "shell_gap": "gap between filled and empty atomic levels (eV)",
        "shell_filling": "filling of the last atomic shell",
        "shell_closed": "the last atomic shell is closed",
        "homo_l": "angular momentum of the highest filled atomic level",
        "lumo_l": "angular momentum of the lowest empty atomic level",
        "homo_chi": "electronegativity where the highest filled level is",
        "lumo_chi": "electronegativity where the lowest empty level is",
        "same_element": "both levels belong to one element", "chi_balance": "spread of electronegativity",
        "ratio_min": "shortest bond over covalent radii", "ratio_mean": "mean bond over covalent radii",
        "ratio_first_dev": "spread of the shortest bonds", "like_share": "share of bonds between the same element",
        "like_ratio_min": "shortest bond between the same element over its radii",
        "metallicity": "metallicity of the bonds",
        "v2_mean": "covalent energy, mean", "v2_max": "covalent energy, largest", "v3_mean": "polar energy, mean",
        "width_ratio": "band width over polar energy", "xx_d_min": "shortest distance between non-metals (Å)",
        "bonds8_found": "bonds between anions, found", "bonds8_needed": "bonds between anions, needed by 8-N",
        "bonds8_miss": "bonds between anions, found minus needed", "site_planarity": "planarity of the sites",
        "site_anisotropy": "anisotropy of the sites", "volume_ratio": "volume over that of the elements",
        "d_rest": "electrons left per transition metal",
        "d_rest_frac": "electrons left per transition metal, fractional part",
        "rest_mod2": "parity of the electrons that are left", "paw_minus_chem_mod4": "semicore electrons modulo 4",
        "rs": "Wigner-Seitz radius of the electrons (bohr)", "fermi_energy": "free-electron Fermi energy (eV)",
        "paw_density": "density of valence electrons", "chem_nu": "active electrons in the cell",
        "chem_odd": "odd number of active electrons",
        "chem_mod_2min": "active electrons modulo twice the smallest orbit",
        "chem_mod_2gcd": "active electrons modulo twice the orbits' common divisor",
        "chem_over_2min": "active electrons over twice the smallest orbit",
        "atomic_limit_rest": "electron pairs that no whole orbits hold",
        "anion_exhausts": "active electrons over what full shells of the anions hold",
        "pairs_mod_anion": "electron pairs modulo the anions' orbits",
        "pairs_mod_cation": "electron pairs modulo the cations' orbits",
        "gap_min": "covalent gap of the bonds, smallest", "gap_mean": "covalent gap of the bonds, mean",
    },
    "bands": {
        "orbitals": "orbitals in the cell", "direct_gap": "smallest direct gap (eV)",
        "direct_gap_mean": "mean direct gap (eV)", "line_gap_min": "smallest gap inside a line (eV)",
        "soc_opens_least": "largest loss of a gap to spin-orbit coupling (eV)",
        "soc_changes_most": "largest change of a gap by spin-orbit coupling (eV)",
        "exchange_min": "energy to the nearest exchange of parities (eV)",
        "exchange_mean": "mean energy to an exchange of parities (eV)",
        "exchange_gamma": "energy to an exchange of parities at Γ (eV)", "fermi_level": "Fermi level (eV)",
        "fermi_density_narrow": "states within 0.25 eV of the Fermi level",
        "fermi_density_wide": "states within 1 eV of the Fermi level",
        "fermi_bands": "bands that cross the Fermi level",
        "edge_width": "width of the bands at the filling (eV)", "charge_max": "most electrons gained by an atom",
        "charge_min": "most electrons lost by an atom",
    },
}  # fmt: skip
_TWICE = {
    "indirect_gap": "indirect gap (eV)", "point_gap_min": "smallest gap at a special momentum (eV)",
    "point_gap_second": "second smallest gap at a special momentum (eV)",
    "point_gap_mean": "mean gap at special momenta (eV)",
    "point_gap_open": "smallest open gap at a special momentum (eV)",
    "degenerate_points": "momenta where the filling ends inside a level",
    "degenerate_share": "share of momenta where the filling ends inside a level", "gamma_gap": "gap at Γ (eV)",
    "trim_gap": "smallest gap at a time-reversal-invariant momentum (eV)",
    "crossing_lines": "lines on which bands must cross", "crossing_share": "share of lines on which bands must cross",
    "crossing_margin": "by how much bands cross on a line, or miss it (eV)",
    "crossing_gap": "gap at the ends of crossing lines (eV)", "z4": "indicator z4", "weak": "weak index",
    "parity_spread": "range of odd pairs over the momenta", "rotoinversion": "rotoinversion indicator",
    "verdict": "class", "nontrivial": "verdict non-trivial",
}  # fmt: skip

Rule = tuple[str, Callable[[re.Match[str]], str]]


def _listed(words: dict[str, str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_P, _T, _S = _listed(_PROPERTIES), _listed(_STATISTICS), _listed(_SITES)
_RULES: dict[str, tuple[Rule, ...]] = {
    "crystal": (
        (r"radial_(\d+)", lambda m: f"neighbours at {0.95 + 0.08125 * int(m[1]):.2f} to "
                                    f"{1.03125 + 0.08125 * int(m[1]):.2f} times the nearest distance"),
        (rf"({_T})_nearest", lambda m: f"nearest distance, {_STATISTICS[m[1]]} (Å)"),
        (rf"({_T})_first_shell_size", lambda m: f"nearest neighbours, {_STATISTICS[m[1]]}"),
    ),
    "scalar": (
        (rf"({_P})_({_T})", lambda m: f"{_PROPERTIES[m[1]]}, {_STATISTICS[m[2]]}"),
        (rf"(anion|cation|most)_({_P})", lambda m: f"{_PROPERTIES[m[2]]} of {_SITES[m[1]]}"),
        (r"norm(\d)", lambda m: f"{m[1]}-norm of the composition"),
        (r"block_([spdf])", lambda m: f"share of {m[1]}-block elements"),
        (r"group_(\d+)", lambda m: f"share of group {m[1]}"),
        (r"x_(\w+)", lambda m: f"share of {m[1]}"),
        (r"at_order(\d+)", lambda m: f"share of atoms with site symmetry of order {m[1]}"),
        (r"nu_mod(\d+)", lambda m: f"valence electrons modulo {m[1]}"),
    ),
    "kspace": ((r"electrons_mod_(\d+)", lambda m: f"valence electrons modulo {m[1]}"),),
    "physics": (
        (rf"({_listed(_TIERS)})_({_listed(_BALANCE)})", lambda m: f"{_TIERS[m[1]]}: {_BALANCE[m[2]]}"),
        (r"e_mod(\d+)", lambda m: f"active electrons per formula modulo {m[1]}"),
        (r"share_([spdf])(_max)?", lambda m: f"share of {m[1]} among outer electrons" + (", largest" if m[2] else "")),
        (r"hole_([spdf])", lambda m: f"empty {m[1]} states per atom"),
        (r"ratio_(min|mean)_(mm|mx|xx)", lambda m: f"bonds {_BONDS[m[2]]} over covalent radii, {_STATISTICS[m[1]]}"),
        (r"bonds_(mm|mx|xx)", lambda m: f"share of bonds {_BONDS[m[1]]}"),
        (r"mm_within_([\d.]+)", lambda m: f"metal contacts within {m[1]} times the metallic radii"),
        (rf"ecn_({_S})", lambda m: f"effective coordination, {_SITES[m[1]]}"),
        (rf"hoppe_({_S})", lambda m: f"Hoppe's coordination number, {_SITES[m[1]]}"),
        (rf"ratio_({_S})", lambda m: f"shortest bond over covalent radii, {_SITES[m[1]]}"),
        (rf"dchi_({_T})", lambda m: f"electronegativity difference of bonds, {_STATISTICS[m[1]]}"),
        (rf"(ionicity|polarity)_({_T})", lambda m: f"{m[1]} of the bonds, {_STATISTICS[m[2]]}"),
        (rf"diff_({_P})_({_T})", lambda m: f"difference of neighbours in {_PROPERTIES[m[1]]}, {_STATISTICS[m[2]]}"),
        (rf"shape(\d)_({_S})", lambda m: f"bond-orientation invariant l = {m[1]}, {_SITES[m[2]]}"),
    ),
    "bands": (
        (rf"({_listed(_TWICE)})_soc", lambda m: f"{_TWICE[m[1]]}, with spin-orbit coupling"),
        (rf"({_listed(_TWICE)})", lambda m: f"{_TWICE[m[1]]}, without spin-orbit coupling"),
        (r"(gamma|narrow)_(top|bottom)_([spda])", lambda m: (
            f"{_EDGE_PARTS[m[3]]} in the {'highest filled' if m[2] == 'top' else 'lowest empty'} band at "
            f"{'Γ' if m[1] == 'gamma' else 'the smallest gap'}"
        )),
    ),
}  # fmt: skip


@lru_cache(maxsize=2048)
def in_words(modality: str, column: str) -> str:
    """The column of a modality's table in words; its bare name where there are none (a modality added later)."""
    known = _EXACT.get(modality, {}).get(column)
    if known is None:
        for pattern, write in _RULES.get(modality, ()):
            if found := re.fullmatch(pattern, column):
                known = write(found)
                break
    if known is None:
        return column.replace("_", " ")
    return f"sketch: {known}" if modality == "bands" else known
