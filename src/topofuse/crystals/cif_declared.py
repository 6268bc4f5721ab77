"""What a CIF declares beside its atoms, held against what they add up to: formula, formula units, space group, kind."""

from __future__ import annotations

import re
from functools import lru_cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.formula import atomic_number, reduced_formula

FORMULA_TOLERANCE = 0.02  # atoms per atom, between the atoms listed and the formula declared

# tags that begin so belong to structures with no unit cell in three dimensions
_SUPERSPACE = (
    "_space_group_ssg_",
    "_space_group_symop_ssg_",
    "_space_group_symop.ssg_",
    "_space_group.ssg_",
    "_cell_wave_vector_",
    "_atom_site_fourier_",
    "_atom_site_displace_",
    "_atom_site_occ_fourier_",
    "_atom_site_occ_special_",
)
_MAGNETIC = ("_space_group_magn", "_space_group_symop_magn")


def refuse_kinds(tags: list[str]) -> None:
    """`CrystalError` where the tags (in lower case) are those of a magnetic or a modulated structure."""
    for tag in tags:
        if tag.startswith(_MAGNETIC):
            raise CrystalError("a magnetic CIF: the classification is of non-magnetic crystals only")
        if tag.startswith(_SUPERSPACE):
            raise CrystalError("an incommensurately modulated structure has no unit cell in three dimensions")


def check_formula(declared_text: str, units_text: str, numbers: NDArray[np.int64]) -> None:
    """Refuse atoms that do not add up to the declared formula: a cut file, or hydrogens left out.

    declared_text, units_text: `_chemical_formula_sum` and `_cell_formula_units_Z`, '' where absent
    numbers: (n,) atomic numbers of all atoms in the cell
    """
    declared = _counts(declared_text)
    if declared is None or declared.sum() <= 0:
        return  # absent, or not of the standard form: nothing to compare with
    listed = np.bincount(numbers, minlength=128).astype(float)
    if np.abs(declared / declared.sum() - listed / listed.sum()).max() > FORMULA_TOLERANCE:
        raise CrystalError(
            f"the atoms add up to {reduced_formula(numbers)}, but the CIF declares {declared_text!r}: "
            "is it truncated, or are atoms (hydrogen?) left out?"
        )
    if not re.fullmatch(r"[1-9]\d{0,3}", units_text):
        return
    units, ratio = int(units_text), listed.sum() / declared.sum()
    # some programs declare the content of the whole cell, together with the number of its formula units
    whole_cell = abs(ratio - 1) <= FORMULA_TOLERANCE and not (declared % units).any()
    if not whole_cell and abs(ratio / units - 1) > FORMULA_TOLERANCE:
        raise CrystalError(
            f"the cell holds {ratio:.4g} times the declared formula {declared_text!r}, but the CIF declares "
            f"Z = {units}: symmetry operations or atoms are missing, or there are too many"
        )


def _counts(text: str) -> NDArray[np.float64] | None:
    """Atoms by atomic number (128,) of a formula such as 'Na4 Cl4'; None where it is not of this form."""
    terms = re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", text)
    if not terms or re.sub(r"[A-Z][a-z]?\d*\.?\d*|\s", "", text):
        return None
    declared = np.zeros(128)
    for symbol, count in terms:
        z = atomic_number(symbol)
        if z is None:
            return None
        declared[z] += float(count) if count not in ("", ".") else 1.0
    return declared


@lru_cache(maxsize=1024)
def check_group(names: tuple[str, ...], numbers: tuple[str, ...], triplets: tuple[str, ...]) -> None:
    """Refuse listed operations that make up another space group than the one that is named.

    In a setting that the tables do not have, the order of the point group is compared. A name that nobody
    knows is passed over, for the operations say all.
    """
    named = [group for name in names if (group := gemmi.find_spacegroup_by_name(name)) is not None]
    known = [int(text) for text in numbers if re.fullmatch(r"[1-9]\d{0,2}", text) and int(text) <= 230]
    declared = {group.number for group in named} | set(known)
    if not declared:
        return
    listed = gemmi.GroupOps([gemmi.Op(triplet) for triplet in triplets])
    listed_group = gemmi.find_spacegroup_by_ops(listed)
    order = len({str(op.rot) for op in listed})
    if listed_group is not None and listed_group.number not in declared:
        is_a = f"those of {listed_group.hm}"
    elif order not in {len(gemmi.find_spacegroup_by_number(number).operations().sym_ops) for number in declared}:
        is_a = f"of a point group of order {order}"
    else:
        return
    raise CrystalError(
        f"the CIF names the space group {(*names, *numbers)[0][:30]!r}, but the symmetry operations that it lists are "
        f"{is_a}: which is meant?"
    )
