"""What the physics modality is called, and its columns in words."""

from __future__ import annotations

from topofuse.modalities.words import PROPERTIES, PROPERTY_UNITS, SITES, STATISTICS, Words, listed

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
_PROPERTY, _STATISTIC, _SITE = listed(PROPERTIES), listed(STATISTICS), listed(SITES)
_COLUMNS = {
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
}  # fmt: skip
_RULES = (
    (rf"({listed(_TIERS)})_({listed(_BALANCE)})", lambda m: f"{_TIERS[m[1]]}: {_BALANCE[m[2]]}"),
    (r"e_mod(\d+)", lambda m: f"active electrons per formula modulo {m[1]}"),
    (r"share_([spdf])(_max)?", lambda m: f"share of {m[1]} among outer electrons" + (", largest" if m[2] else "")),
    (r"hole_([spdf])", lambda m: f"empty {m[1]} states per atom"),
    (r"ratio_(min|mean)_(mm|mx|xx)", lambda m: f"bonds {_BONDS[m[2]]} over covalent radii, {STATISTICS[m[1]]}"),
    (r"bonds_(mm|mx|xx)", lambda m: f"share of bonds {_BONDS[m[1]]}"),
    (r"mm_within_([\d.]+)", lambda m: f"metal contacts within {m[1]} times the metallic radii"),
    (rf"ecn_({_SITE})", lambda m: f"effective coordination, {SITES[m[1]]}"),
    (rf"hoppe_({_SITE})", lambda m: f"Hoppe's coordination number, {SITES[m[1]]}"),
    (rf"ratio_({_SITE})", lambda m: f"shortest bond over covalent radii, {SITES[m[1]]}"),
    (rf"dchi_({_STATISTIC})", lambda m: f"electronegativity difference of bonds, {STATISTICS[m[1]]}"),
    (rf"(ionicity|polarity)_({_STATISTIC})", lambda m: f"{m[1]} of the bonds, {STATISTICS[m[2]]}"),
    (rf"diff_({_PROPERTY})_({_STATISTIC})",
     lambda m: f"difference of neighbours in {PROPERTIES[m[1]]}, {STATISTICS[m[2]]}"),
    (rf"shape(\d)_({_SITE})", lambda m: f"bond-orientation invariant l = {m[1]}, {SITES[m[2]]}"),
)  # fmt: skip
_UNITS = (
    *((rf"diff_(?:{which})_(?:{listed(STATISTICS)})", unit) for which, unit in PROPERTY_UNITS),
    (r"soc_(?:max|mean|p_weighted|d_weighted|homo|lumo)|level_(?:homo|lumo)|shell_gap", "eV"),
    (r"v[23]_(?:mean|max)|gap_(?:min|mean)|fermi_energy", "eV"),
    ("rs", "bohr"), ("paw_density", "1/bohr³"), ("xx_d_min", "Å"),
)  # fmt: skip
WORDS = Words("Simple physics and chemistry", "#cc79a7", _COLUMNS, _RULES, units=_UNITS)
