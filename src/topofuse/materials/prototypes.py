"""Classical structure prototypes: space group, Wyckoff sites, and which numbers a compound has to give.

Sites are written as in the International Tables (Vol. A): first origin choice where there are two,
hexagonal axes for rhombohedral groups, which are the settings that gemmi gives for a number.
A coordinate is a fraction or a free parameter with an optional factor and offset: '1/3', 'x', '-x', '2x', 'x+1/2'.
Site descriptions follow Strukturbericht and Pearson's Handbook (P. Villars, L. D. Calvert, 1991).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

_COORDINATE = re.compile(r"^(?P<factor>-?\d*)(?P<name>[a-z]\d?)(?P<offset>[+-]\d+(?:/\d+)?)?$")
_DECIMALS = 10  # of coordinates, by which one atom is known that several operations lead to


@dataclass(frozen=True)
class Prototype:
    """One structure type.

    name: key used in the tables
    spacegroup: international number
    sites: one 'x y z' string per occupied Wyckoff position; a compound lists its elements in this order
    """

    name: str
    spacegroup: int
    sites: tuple[str, ...]

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the free coordinates, in order of appearance."""
        names: dict[str, None] = {}
        for coordinate in " ".join(self.sites).split():
            match = _COORDINATE.match(coordinate)
            if match:
                names[match["name"]] = None
        return tuple(names)

    @property
    def lengths(self) -> str:
        """The lattice constants that are free: 'a', 'ac' or 'abc' (no prototype here is monoclinic)."""
        if self.spacegroup >= 195:
            return "a"
        return "ac" if self.spacegroup >= 75 else "abc"

    def lattice(self, a: float, b: float, c: float) -> NDArray[np.float64]:
        """(3, 3) row vectors of the conventional cell, Å; trigonal and hexagonal groups on hexagonal axes."""
        if 143 <= self.spacegroup <= 194:
            return np.array([[a, 0.0, 0.0], [-b / 2, b * np.sqrt(3) / 2, 0.0], [0.0, 0.0, c]])
        return np.diag([a, b, c])

    def expand(self, values: Mapping[str, float]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Fractional coordinates (n, 3) of the conventional cell, and which of `sites` (n,) each atom belongs to.

        Raises `ValueError` where `values` does not name exactly the free parameters.
        """
        if set(values) != set(self.parameters):
            given = " ".join(values) or "none"
            wanted = " ".join(self.parameters) or "none"
            raise ValueError(f"prototype {self.name} has the free parameters: {wanted}; given: {given}")
        return _expand(self, tuple(values[name] for name in self.parameters))


@lru_cache(maxsize=1024)
def _expand(prototype: Prototype, values: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Run the space group over the sites, once for all compounds that share prototype and parameters."""
    named = dict(zip(prototype.parameters, values, strict=True))
    rotations, translations = _operations(prototype.spacegroup)
    orbits = []
    for site in prototype.sites:
        images = rotations @ [_coordinate(text, named) for text in site.split()] + translations
        images = np.round(np.round(images, _DECIMALS) % 1.0, _DECIMALS)
        _, first = np.unique(images, axis=0, return_index=True)
        orbits.append(images[np.sort(first)])
    frac = np.concatenate(orbits)
    sites = np.repeat(np.arange(len(orbits)), [len(orbit) for orbit in orbits])
    frac.flags.writeable = sites.flags.writeable = False  # shared by all callers through the cache
    return frac, sites


@lru_cache(maxsize=230)
def _operations(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations (g, 3, 3) and translations (g, 3) of a space group, centring included."""
    from gemmi import Op, find_spacegroup_by_number

    operations = list(find_spacegroup_by_number(number).operations())
    return np.array([op.rot for op in operations]) / Op.DEN, np.array([op.tran for op in operations]) / Op.DEN


def _coordinate(text: str, values: Mapping[str, float]) -> float:
    match = _COORDINATE.match(text)
    if match is None:
        return float(Fraction(text))
    factor = {"": 1, "-": -1}.get(match["factor"])
    return (int(match["factor"]) if factor is None else factor) * values[match["name"]] + float(
        Fraction(match["offset"] or 0)
    )


def _prototype(line: str) -> Prototype:
    head, *sites = (part.strip() for part in line.split("|"))
    name, spacegroup = head.split()
    return Prototype(name, int(spacegroup), tuple(sites))


# name space-group | site | site …
_TABLE = """
fcc 225 | 0 0 0
bcc 229 | 0 0 0
hcp 194 | 1/3 2/3 1/4
dhcp 194 | 0 0 0 | 1/3 2/3 1/4
diamond 227 | 0 0 0
arsenic_a7 166 | 0 0 z
black_phosphorus 64 | 0 y z
beta_tin 141 | 0 0 0
selenium 152 | x 0 1/3
rock_salt 225 | 0 0 0 | 1/2 1/2 1/2
caesium_chloride 221 | 0 0 0 | 1/2 1/2 1/2
zinc_blende 216 | 0 0 0 | 1/4 1/4 1/4
wurtzite 186 | 1/3 2/3 0 | 1/3 2/3 u
nickel_arsenide 194 | 0 0 0 | 1/3 2/3 1/4
tungsten_carbide 187 | 0 0 0 | 1/3 2/3 1/2
titanium_phosphide 194 | 1/3 2/3 z | 0 0 0 | 1/3 2/3 3/4
gallium_sulphide 194 | 1/3 2/3 z1 | 1/3 2/3 z2
zintl_natl 227 | 0 0 0 | 1/2 1/2 1/2
cuau_l10 123 | 0 0 0 | 1/2 1/2 1/2
fesi_b20 198 | x1 x1 x1 | x2 x2 x2
cooperite_pts 131 | 0 1/2 0 | 0 0 1/4
lead_oxide 129 | 0 0 0 | 0 1/2 z
cuti_b11 129 | 0 1/2 z1 | 0 1/2 z2
crb 63 | 0 y1 1/4 | 0 y2 1/4
feb 62 | x1 1/4 z1 | x2 1/4 z2
mnp 62 | x1 1/4 z1 | x2 1/4 z2
germanium_sulphide 62 | x1 1/4 z1 | x2 1/4 z2
gete 160 | 0 0 0 | 0 0 z
millerite 160 | x1 -x1 z1 | x2 -x2 z2
taas 109 | 0 0 0 | 0 0 z
fluorite 225 | 0 0 0 | 1/4 1/4 1/4
cuprite 224 | 0 0 0 | 1/4 1/4 1/4
pyrite 205 | 0 0 0 | u u u
marcasite 58 | 0 0 0 | x y 0
rutile 136 | 0 0 0 | u u 0
anatase 141 | 0 0 0 | 0 0 z
thsi2 141 | 0 0 0 | 0 0 z
quartz 152 | x1 0 1/3 | x2 y2 z2
cdi2 164 | 0 0 0 | 1/3 2/3 z
cdcl2 166 | 0 0 0 | 0 0 z
mos2_2h 194 | 1/3 2/3 1/4 | 1/3 2/3 z
nbse2_2h 194 | 0 0 1/4 | 1/3 2/3 z
alb2 191 | 0 0 0 | 1/3 2/3 1/2
cain2 194 | 0 0 1/4 | 1/3 2/3 z
ni2in 194 | 0 0 0 | 1/3 2/3 3/4 | 1/3 2/3 1/4
laves_c15 227 | 0 0 0 | 5/8 5/8 5/8
laves_c14 194 | 1/3 2/3 z | 0 0 0 | x 2x 1/4
cual2 140 | 0 0 1/4 | x x+1/2 0
mosi2 139 | 0 0 0 | 0 0 z
zrh2 139 | 0 0 0 | 0 1/2 1/4
la2sb 139 | 0 1/2 0 | 0 0 z1 | 0 0 z2
cu2sb 129 | 0 0 0 | 0 1/2 z1 | 0 1/2 z2
tisi2_c54 70 | 0 0 0 | x 0 0
crsi2 180 | 1/2 0 0 | x 2x 0
ni4mo 87 | 0 0 0 | x y 0
a15 223 | 0 0 0 | 1/4 0 1/2
aucu3_l12 221 | 0 0 0 | 0 1/2 1/2
reo3 221 | 0 0 0 | 1/2 0 0
bif3 225 | 0 0 0 | 1/2 1/2 1/2 | 1/4 1/4 1/4
na3as 194 | 1/3 2/3 1/4 | 0 0 1/4 | 1/3 2/3 z
ni3sn 194 | 1/3 2/3 1/4 | x 2x 1/4
ni3ti 194 | 0 0 0 | 1/3 2/3 1/4 | 1/2 0 0 | x 2x 1/4
tial3_d022 139 | 0 0 0 | 0 0 1/2 | 0 1/2 1/4
skutterudite 204 | 1/4 1/4 1/4 | 0 y z
ucl3 176 | 1/3 2/3 1/4 | x y 1/4
baal4 139 | 0 0 0 | 0 1/2 1/4 | 0 0 z
cacu5 191 | 0 0 0 | 1/3 2/3 0 | 1/2 0 1/2
cab6 221 | 0 0 0 | x 1/2 1/2
ub12 225 | 0 0 0 | 1/2 x x
tetradymite 166 | 0 0 z1 | 0 0 0 | 0 0 z2
la2o3 164 | 1/3 2/3 z1 | 0 0 0 | 1/3 2/3 z2
corundum 167 | 0 0 z | x 0 1/4
bixbyite 206 | 1/4 1/4 1/4 | u 0 1/4 | x y z
th3p4 220 | 3/8 0 1/4 | x x x
mn5si3 193 | x1 0 1/4 | 1/3 2/3 0 | x2 0 1/4
w5si3 140 | 0 0 1/4 | x1 x1+1/2 0 | 0 1/2 1/4 | x2 y2 0
half_heusler 216 | 0 0 0 | 1/2 1/2 1/2 | 1/4 1/4 1/4
full_heusler 225 | 0 0 0 | 1/2 1/2 1/2 | 1/4 1/4 1/4
pbfcl 129 | 0 1/2 z1 | 0 0 0 | 0 1/2 z2
zrsis 129 | 0 1/2 z1 | 0 0 0 | 0 1/2 z2
zrbesi 194 | 0 0 0 | 1/3 2/3 1/4 | 1/3 2/3 3/4
ligage 186 | 0 0 z1 | 1/3 2/3 z2 | 1/3 2/3 z3
zrnial 189 | x1 0 1/2 | x2 0 0 | 1/3 2/3 0 | 0 0 1/2
bitei 156 | 0 0 0 | 2/3 1/3 z1 | 1/3 2/3 z2
chalcopyrite 122 | 0 0 0 | 0 0 1/2 | x 1/4 1/8
delafossite 166 | 0 0 0 | 0 0 1/2 | 0 0 z
alpha_nafeo2 166 | 0 0 0 | 0 0 1/2 | 0 0 z
perovskite 221 | 0 0 0 | 1/2 1/2 1/2 | 0 1/2 1/2
thcr2si2 139 | 0 0 0 | 0 1/2 1/4 | 0 0 z
caal2si2 164 | 0 0 0 | 1/3 2/3 z1 | 1/3 2/3 z2
brucite 164 | 0 0 0 | 1/3 2/3 z1 | 1/3 2/3 z2
spinel 227 | 0 0 0 | 5/8 5/8 5/8 | u+1/8 u+1/8 u+1/8
k2nif4 139 | 0 0 0 | 0 0 z1 | 0 1/2 0 | 0 0 z2
k2ptcl6 225 | 0 0 0 | 1/4 1/4 1/4 | x 0 0
pyrochlore 227 | 5/8 5/8 5/8 | 1/8 1/8 1/8 | x-1/8 0 0 | 1/2 1/2 1/2
elpasolite 225 | 0 0 0 | 1/2 1/2 1/2 | 1/4 1/4 1/4 | x 0 0
zrcusias 129 | 0 1/2 z1 | 0 0 1/2 | 0 0 0 | 0 1/2 z2
stannite 121 | 0 1/2 1/4 | 0 0 0 | 0 0 1/2 | x x z
hocoga5 123 | 0 0 0 | 0 0 1/2 | 1/2 1/2 0 | 0 1/2 z
sulvanite 215 | 0 0 0 | x x x | 1/2 0 0
"""

PROTOTYPES: dict[str, Prototype] = {p.name: p for p in map(_prototype, _TABLE.strip().splitlines())}
