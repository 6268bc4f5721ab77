"""The carried tables: coirreps at fixed momenta, elementary band representations, indicators of the 230 space groups.

`tables.npz` is written by `tools/make_symmetry_tables.py` with the small representations of spgrep. Operations and
momenta are those of the standard primitive cell (`crystals.symmetry`), spin 1/2 and time-reversal symmetry included.

A *coirrep* is an irreducible corepresentation of the little group of a momentum with time reversal. The multiplicities
m of the coirreps of a set of bands at all fixed momenta, one integer vector, are what symmetry says about it:
- a gap at every momentum of high symmetry requires m to be a rational combination of elementary band representations,
  which are those of orbitals in maximal Wyckoff positions: B. Bradlyn et al., Nature 547, 298 (2017);
- bands of atomic limits are integer combinations; the quotient of the two, a finite group, is the group of symmetry
  indicators: H. C. Po, A. Vishwanath, H. Watanabe, Nat. Commun. 8, 50 (2017). The Smith normal form of the matrix of
  elementary band representations gives its structure and its generators; see also L. Elcoro et al.,
  J. Phys.: Condens. Matter 32, 263001 (2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACE_GROUPS = 230
FRACTION = 24  # coordinates of momenta and of translations are multiples of 1/24
_CLOSE = 1e-5

# dtype of each array and its shape behind the first axis; a name stands for the group's number of these
FIELDS: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "rotations": ("<i1", (3, 3)),
    "translations": ("<i1", (3,)),
    "spins": ("<c16", (2, 2)),
    "labels": ("<U8", ()),
    "coirreps": ("<i1", ()),
    "dimensions": ("<i1", ()),
    "point_star": ("<i1", ()),
    "points": ("<i1", (3,)),
    "operations": ("<i1", ()),
    "characters": ("<c16", ()),
    "band_representations": ("<i1", ("dimensions",)),
    "orders": ("<i1", ()),
    "indicator": ("<i1", ("orders",)),
    "compatibility": ("<i2", ("compatibility",)),
    "z4": ("<i1", ()),
    "weak": ("<i1", ()),
}


@dataclass(frozen=True, eq=False)
class Momentum:
    """One momentum of a star, and the operations by which its coirreps are told apart.

    star: index into `SymmetryTable.stars`; k: (3,) in the reciprocal basis of the primitive cell
    operations: (c,) into the operations of the group
    characters: (c operations, c coirreps); from_traces: its inverse, traces → multiplicities
    """

    star: int
    k: NDArray[np.float64]
    operations: NDArray[np.int64]
    characters: NDArray[np.complex128]
    from_traces: NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Star:
    """The c coirreps of a star of momenta that symmetry fixes.

    label: a name of the momentum (Y. Hinuma et al., Comp. Mat. Sci. 128, 140 (2017); TRIM and a number if it has none)
    columns: which entries of the vector of all multiplicities; dimensions: (c,)
    """

    label: str
    columns: slice
    dimensions: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SymmetryTable:
    """What symmetry says about band structures of one space group; n coirreps at all stars together.

    rotations, translations: (g, 3, 3) W and (g, 3) t of the operations x → W x + t, fractional, primitive cell
    spins: (g, 2, 2) their rotations of a spin 1/2, in the axes in which spglib standardises a lattice
    stars: all stars of momenta that symmetry fixes, Γ first; momenta: one or more momenta of every star
    dimensions: (n,) of the coirreps
    band_representations: (e, n) multiplicities of the elementary band representations
    orders: (s,) orders of the cyclic factors of the group of indicators
    indicator: (n, s) Q: multiplicities m of compatible bands have the indicator m Q mod orders
    compatibility: (n, r) R: m R ≠ 0 says that bands m must cross others on the way between the momenta
    z4, weak: for each indicator, numbered by `number`, the strong index of inversion and whether a weak one is odd,
        for the inversion centre where they are smallest; -1 in groups without inversion
    """

    spacegroup: int
    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]
    spins: NDArray[np.complex128]
    stars: tuple[Star, ...]
    momenta: tuple[Momentum, ...]
    dimensions: NDArray[np.int64]
    band_representations: NDArray[np.int64]
    orders: NDArray[np.int64]
    indicator: NDArray[np.int64]
    compatibility: NDArray[np.int64]
    z4: NDArray[np.int64]
    weak: NDArray[np.int64]

    @cached_property
    def representatives(self) -> tuple[Momentum, ...]:
        """The first momentum of every star."""
        first = {momentum.star: momentum for momentum in reversed(self.momenta)}
        return tuple(first[star] for star in range(len(self.stars)))

    @property
    def inversion(self) -> bool:
        """Whether the group has inversion."""
        return bool(self.z4[0] >= 0)

    @property
    def places(self) -> NDArray[np.int64]:
        """(s,) what each component of an indicator counts in its number: the last one counts 1."""
        return np.array([np.prod(self.orders[i + 1 :]) for i in range(len(self.orders))], dtype=np.int64)

    def number(self, indicators: NDArray[np.int64]) -> NDArray[np.int64]:
        """(...,) numbers of indicators (..., s), 0 for the trivial one."""
        return np.asarray(indicators % self.orders @ self.places, dtype=np.int64)

    def elements(self) -> NDArray[np.int64]:
        """(x, s) all indicators in the order of their numbers."""
        elements = list(np.ndindex(*self.orders))
        return np.array(elements, dtype=np.int64).reshape(len(elements), len(self.orders))

    def find(self, k: NDArray[np.float64]) -> Momentum | None:
        """The momentum that equals k (3,) up to a reciprocal lattice vector, if the table has it."""
        for momentum in self.momenta:
            apart = momentum.k - k
            if np.abs(apart - np.rint(apart)).max() < _CLOSE:
                return momentum
        return None

    def multiplicities(self, star: int, inside: NDArray[np.int64]) -> NDArray[np.int64]:
        """(..., n) vector that holds (..., c) at one star, 0 elsewhere."""
        vector = np.zeros((*inside.shape[:-1], len(self.dimensions)), dtype=np.int64)
        vector[..., self.stars[star].columns] = inside
        return vector


@lru_cache(maxsize=1)
def _arrays() -> dict[str, NDArray[Any]]:
    with resources.files(__package__).joinpath("tables.npz").open("rb") as file, np.load(file) as npz:
        return {name: npz[name] for name in npz.files}


@lru_cache(maxsize=SPACE_GROUPS)
def symmetry_table(spacegroup: int) -> SymmetryTable:
    """The table of a space group; ValueError where there is no group of this number."""
    if not 1 <= spacegroup <= SPACE_GROUPS:
        raise ValueError(f"space groups are numbered 1 to {SPACE_GROUPS}; found {spacegroup}")
    own = _record(spacegroup)
    ends = np.cumsum(own["coirreps"])
    stars = tuple(
        Star(str(label), slice(int(end - c), int(end)), own["dimensions"][end - c : end])
        for label, c, end in zip(own["labels"], own["coirreps"], ends, strict=True)
    )
    momenta: list[Momentum] = []
    first = 0
    for star, k, c in zip(own["point_star"], own["points"], own["coirreps"][own["point_star"]], strict=True):
        operations = own["operations"][first : first + c]
        squares = sum(m.characters.size for m in momenta)
        characters = own["characters"][squares : squares + c * c].reshape(c, c)
        momenta.append(Momentum(int(star), k / FRACTION, operations, characters, np.linalg.inv(characters)))
        first += c
    return SymmetryTable(
        spacegroup,
        translations=own["translations"] / FRACTION,
        stars=stars,
        momenta=tuple(momenta),
        **{
            name: own[name]
            for name in (
                "rotations",
                "spins",
                "dimensions",
                "band_representations",
                "orders",
                "indicator",
                "compatibility",
                "z4",
                "weak",
            )
        },
    )


def _record(spacegroup: int) -> dict[str, NDArray[Any]]:
    """The arrays of a space group, named `FIELDS`."""
    stored = _arrays()
    arrays: dict[str, NDArray[Any]] = {}
    for name, (_, shape) in FIELDS.items():
        ends = stored[f"{name}.ends"]
        begin = 0 if spacegroup == 1 else int(ends[spacegroup - 2])
        flat = stored[name][begin : int(ends[spacegroup - 1])]
        widths = [w if isinstance(w, int) else _width(w, arrays, len(flat)) for w in shape]
        rows = len(arrays["dimensions"]) if name in ("indicator", "compatibility") else -1
        flat = flat.reshape(rows, *widths)
        arrays[name] = flat.astype(np.int64) if flat.dtype.kind == "i" else flat
    return arrays


def _width(name: str, arrays: Mapping[str, NDArray[Any]], size: int) -> int:
    return len(arrays[name]) if name in arrays else size // len(arrays["dimensions"])
