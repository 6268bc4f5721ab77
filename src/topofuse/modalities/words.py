"""What a modality is called and drawn in, and what its columns mean, in words for a person who has not read the code.

Each modality has a `words.py` with `WORDS`; features do not import it, so that better words compute nothing again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Rule = tuple[str, Callable[[re.Match[str]], str]]


@dataclass(frozen=True)
class Words:
    """Of one modality.

    title: what the page calls it; colour: `#rrggbb`, of its bars in figures
    columns: column of its table → words; rules: (pattern, words of its match) for families of columns
    prefix: put before the words of every column
    units: (pattern, unit) of columns that have one
    """

    title: str
    colour: str
    columns: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    prefix: str = ""
    units: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> str:
        """The column called `name` in words; the bare name where there are none."""
        if (known := self.columns.get(name)) is not None:
            return self.prefix + known
        for pattern, write in self.rules:
            if match := re.fullmatch(pattern, name):
                return self.prefix + write(match)
        return name.replace("_", " ")

    def unit(self, name: str) -> str:
        """The unit of the column called `name`; '' for what has none: shares, counts, ratios, codes."""
        return next((unit for pattern, unit in self.units if re.fullmatch(pattern, name)), "")


def listed(words: Mapping[str, str]) -> str:
    """A pattern that matches any key of `words`, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


PROPERTIES = {
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
# electronegativities are Pauling's, which have no unit; sources of all: tools/make_element_table.py
PROPERTY_UNITS = (
    (r"r_(?:atomic|covalent|metallic|vdw|cation|anion)", "Å"), (r"ie[123]|affinity|e_[spdf]|soc_[pdf]", "eV"),
    ("mass", "u"), ("t_melt", "K"), ("molar_volume", "cm³/mol"),
)  # fmt: skip
STATISTICS = {"mean": "mean", "dev": "spread", "min": "smallest", "max": "largest", "range": "range"}
SITES = {
    "all": "all atoms", "anion": "the most electronegative element", "cation": "the least electronegative element",
    "most": "the most abundant element", "dmetal": "transition metals", "pblock": "p-block elements",
    "mean": "mean", "min": "smallest", "max": "largest",
}  # fmt: skip
