"""Units of tabular columns."""

from __future__ import annotations

import re

# of `modalities/elements.csv`: Pauling's electronegativities, radii of Slater and Cordero, energies of NIST
_OF_PROPERTY = {
    **dict.fromkeys(("r_atomic", "r_covalent", "r_metallic", "r_vdw", "r_cation", "r_anion"), "Å"),
    **dict.fromkeys(("ie1", "ie2", "ie3", "affinity", "e_s", "e_p", "e_d", "e_f", "soc_p", "soc_d", "soc_f"), "eV"),
    "mass": "u", "t_melt": "K", "molar_volume": "cm³/mol",
}  # fmt: skip
_PROPERTY = "|".join(_OF_PROPERTY)
_STATISTIC = "mean|dev|min|max|range"
_BY_PROPERTY = {
    "scalar": (rf"({_PROPERTY})_(?:{_STATISTIC})", rf"(?:anion|cation|most)_({_PROPERTY})"),
    "physics": (rf"diff_({_PROPERTY})_(?:{_STATISTIC})",),
}
_BY_NAME = {
    "crystal": {rf"(?:{_STATISTIC}|std)_nearest": "Å"},
    "scalar": {"density": "g/cm³", "volume_per_atom": "Å³"},
    "physics": {
        r"soc_(?:max|mean|p_weighted|d_weighted|homo|lumo)|level_(?:homo|lumo)|shell_gap": "eV",
        r"v[23]_(?:mean|max)|gap_(?:min|mean)|fermi_energy": "eV",
        "rs": "bohr", "paw_density": "1/bohr³", "xx_d_min": "Å",
    },
    "bands": {
        r"\w*gap(?:_\w+)?|crossing_margin(?:_soc)?|soc_(?:opens_least|changes_most)": "eV",
        r"exchange_\w+|fermi_level|edge_width": "eV",
    },
}  # fmt: skip


def unit_of(modality: str, column: str) -> str:
    """The unit of a column of a modality's table; '' for what has none (shares, counts, ratios, codes)."""
    for pattern in _BY_PROPERTY.get(modality, ()):
        if found := re.fullmatch(pattern, column):
            return _OF_PROPERTY[found[1]]
    for pattern, unit in _BY_NAME.get(modality, {}).items():
        if re.fullmatch(pattern, column):
            return unit
    return ""
