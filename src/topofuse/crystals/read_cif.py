"""CIF text → lattice, atomic numbers and coordinates of the full unit cell, with strict checks.

gemmi parses the grammar (it refuses what the standard refuses, and is a hundred times faster than the
usual readers); what the values mean is decided here, because lenient readers guess where a person
should be told: a half-occupied site, a missing hydrogen, a file that was cut off.
"""

from __future__ import annotations

import re
from functools import lru_cache

import gemmi
import numpy as np
from gemmi import cif
from numpy.typing import NDArray

from topofuse.crystals.cif_declared import check_formula, check_group, refuse_kinds
from topofuse.crystals.crystal import MAX_ATOMS, CrystalError
from topofuse.crystals.formula import atomic_number
from topofuse.crystals.text import OCCUPANCY_TOLERANCE, Arrays, lattice_of, refuse_moments

MERGE_DISTANCE = 0.1  # Å; images of one site closer than this are one atom on a special position
METRIC_TOLERANCE = 0.02  # relative; how well a symmetry operation must preserve the cell
MAX_OPERATIONS = 1000
_CELL_TAGS = tuple(f"_cell_length_{x}" for x in "abc") + tuple(f"_cell_angle_{x}" for x in ("alpha", "beta", "gamma"))
_OPERATION_TAGS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
)
_NAME_TAGS = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group_name_Hall",
    "_symmetry_space_group_name_Hall",
)
_NUMBER_TAGS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_NULLS = ("", "?", ".")
_COMPONENTS = (
    *(f"{sign}{system}{axis}" for sign in "._" for system in ("crystalaxis_", "cartn_") for axis in "xyz"),
    *(f"{sign}{name}" for sign in "._" for name in ("magnitude", "spherical_modulus")),
)
_NO_GROUP = frozenset((*_NULLS, "0"))
_OTHER_KINDS = re.compile(r"_magn|ssg_|_moment|_fourier_|_special_|_displace_|_wave_vector_", re.IGNORECASE)
# a charge may follow: 'Fe3+', 'Fe+3', 'Fe2.5+', and a number: 'Fe1'
_TYPE_SYMBOL = re.compile(r"([A-Za-z]{1,2})(?:\d*|\d*\.?\d*[+-]\d*\.?\d*)")
# more than one element, with or without shares: 'Fe0.5Ni0.5', 'Fe/Ni', 'Fe,Ni'
_MIXTURE = re.compile(r"[A-Z][a-z]?\d*\.\d+[ \t]*[A-Z]|[A-Z][a-z]?[\d.]*[ \t]*[,/&|][ \t]*[A-Z]")


def parse_cif(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3) of all atoms in the cell.

    Of several data blocks, the one that holds atoms is taken; if more than one does, which is meant is
    for a person to say, and the file is refused. Dummy atoms (`_atom_site_calc_flag dum`) are left out;
    D and T are read as hydrogen. Raises `CrystalError` with the reason.
    """
    block = _block_with_atoms(text)
    _refuse_other_kinds(block, text)
    lattice = _lattice(block)
    numbers, coords = _sites(block)
    if len(numbers) > MAX_ATOMS:
        raise CrystalError(f"{len(numbers)} sites in the cell; at most {MAX_ATOMS} atoms are supported")
    rotations, translations = _operations(block, lattice)
    site, full = _expand(lattice, coords, rotations, translations)
    units = _value(block, "_cell_formula_units_Z")
    check_formula(_value(block, "_chemical_formula_sum"), units, numbers[site])
    return lattice, numbers[site], full


def _value(block: gemmi.cif.Block, tag: str) -> str:
    """The unquoted value of a tag; '' where it is absent or null."""
    raw = block.find_value(tag)
    text = cif.as_string(raw).strip() if raw is not None else ""
    return "" if text in _NULLS else text


def _column(block: gemmi.cif.Block, *tags: str) -> list[str]:
    """The unquoted values of the first of `tags` that is present; [] where none is."""
    for tag in tags:
        values = [cif.as_string(v).strip() for v in block.find_values(tag)]
        if values:
            return values
    return []


def _block_with_atoms(text: str) -> gemmi.cif.Block:
    try:
        document = cif.read_string(text)
    except (ValueError, RuntimeError, UnicodeError) as error:
        raise CrystalError(f"not a readable CIF: {_plain(str(error))}") from error
    if len(document) == 0:
        raise CrystalError("the CIF holds no data block (no line starts with 'data_')")
    blocks = [block for block in document if any(block.find_values(f"_atom_site_fract{dot}x") for dot in "_.")]
    if len(blocks) == 1:
        return blocks[0]
    if blocks:
        names = ", ".join(block.name for block in blocks[:3]) + (", …" if len(blocks) > 3 else "")
        raise CrystalError(
            f"{len(blocks)} data blocks of the CIF hold atoms ({names}): keep one structure per file, "
            "so that it is clear which one is meant"
        )
    for block in document:
        if _column(block, "_atom_site_Cartn_x", "_atom_site.Cartn_x", "_atom_site.fract_x"):
            raise CrystalError("the CIF has no fractional coordinates of a crystal (_atom_site_fract_x)")
    raise CrystalError("the CIF lists no atoms (no _atom_site_fract_x): is it truncated?")


def _plain(message: str) -> str:
    """Gemmi's 'string:12:3(45): text' → 'text (line 12)'."""
    match = re.match(r"string:(\d+)(?::\d+\(\d+\))?:? ?(.*)", message, flags=re.DOTALL)
    return f"{match.group(2).strip()} (line {match.group(1)})" if match else message


def _refuse_other_kinds(block: gemmi.cif.Block, text: str) -> None:
    tags = []
    for item in block if _OTHER_KINDS.search(text) else ():
        tags += [tag.lower() for tag in (item.loop.tags if item.loop is not None else (item.pair or ())[:1])]
    refuse_kinds(tags)
    if _value(block, "_cell_modulation_dimension") not in ("", "0"):
        raise CrystalError("an incommensurately modulated structure has no unit cell in three dimensions")
    for tag in tags:
        if tag.startswith("_atom_site_moment") and tag.endswith(_COMPONENTS):
            for value in _column(block, tag):
                refuse_moments([0.0 if value in _NULLS else _number(value, "a magnetic moment")], "an atom")


def _number(text: str, what: str) -> float:
    """A CIF number such as 5.6402(3) → 5.6402; `CrystalError` naming `what` otherwise."""
    if text in _NULLS:
        raise CrystalError(f"{what} is not given")
    value = cif.as_number(text)
    if not np.isfinite(value):
        raise CrystalError(f"{what} is {text[:40]!r}, not a finite number")
    return float(value)


def _lattice(block: gemmi.cif.Block) -> NDArray[np.float64]:
    """(3, 3) row vectors, Å; a along x, b in the xy plane."""
    texts = {tag: _value(block, tag) for tag in _CELL_TAGS}
    missing = [tag for tag, text in texts.items() if not text]
    if missing:
        raise CrystalError(f"the CIF gives no complete cell (missing {', '.join(missing)})")
    a, b, c, *angles = (_number(text, tag) for tag, text in texts.items())
    return lattice_of((a, b, c), angles)


def _sites(block: gemmi.cif.Block) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atomic numbers and coordinates of the listed sites, every one fully occupied by one element."""
    columns = [_column(block, f"_atom_site_fract_{x}", f"_atom_site_fract.{x}") for x in "xyz"]
    n = len(columns[0])
    labels = _column(block, "_atom_site_label")
    symbols = _column(block, "_atom_site_type_symbol")
    if not labels and not symbols:
        raise CrystalError("the CIF does not say which elements its atoms are")
    labels = labels or symbols
    symbols = symbols or [""] * n
    occupancies = _column(block, "_atom_site_occupancy") or ["1"] * n
    flags = _column(block, "_atom_site_calc_flag") or ["."] * n
    disorder = _column(block, "_atom_site_disorder_group") or ["."] * n
    if any(len(column) != n for column in (*columns, labels, symbols, occupancies, flags, disorder)):
        raise CrystalError("the columns of the CIF's atom list have different lengths")
    atoms = np.array([flag.lower() != "dum" for flag in flags], dtype=bool)
    if not atoms.any():
        raise CrystalError("the CIF lists no atoms but dummy ones")
    numbers = np.array([_element(*names) or 0 for names in zip(symbols, labels, strict=True)], dtype=np.int64)
    coords = np.array([[cif.as_number(text) for text in column] for column in columns]).T
    occupancy = np.array([1.0 if text in _NULLS else cif.as_number(text) for text in occupancies])
    good = (np.abs(occupancy - 1.0) <= OCCUPANCY_TOLERANCE) & (numbers > 0) & np.isfinite(coords).all(1)
    if not _NO_GROUP.issuperset(disorder):
        raise CrystalError("sites are in disorder groups: disordered structures cannot be classified")
    if mixture := _MIXTURE.search("\n".join(labels)):
        raise CrystalError(_several(mixture.group()))
    if not good[atoms].all():
        i = int(np.flatnonzero(atoms & ~good)[0])
        _refuse_site(labels[i], symbols[i], occupancies[i], [column[i] for column in columns])
    return numbers[atoms], np.ascontiguousarray(coords[atoms])


def _refuse_site(label: str, symbol: str, occupancy: str, coords: list[str]) -> None:
    """Raise `CrystalError` that says what is wrong with a listed site."""
    value = 1.0 if occupancy in _NULLS else _number(occupancy, f"the occupancy of site {label}")
    if abs(value - 1.0) > OCCUPANCY_TOLERANCE:
        raise CrystalError(f"site {label} has occupancy {value:g}: disordered structures cannot be classified")
    if _MIXTURE.search(symbol):
        raise CrystalError(_several(symbol))
    if _element(symbol, label) is None:
        if symbol in _NULLS:
            raise CrystalError(f"no element on site {label[:20]!r}: name it in _atom_site_type_symbol")
        raise CrystalError(f"unknown element {symbol[:20]!r} on site {label}")
    for text, axis in zip(coords, "xyz", strict=True):
        _number(text, f"coordinate {axis} of site {label}")


def _several(name: str) -> str:
    return f"a site holds {name[:30]!r}, several elements: disordered structures cannot be classified"


def _element(symbol: str, label: str) -> int | None:
    """Atomic number from a type symbol ('Fe3+', 'D'), else from a label ('Fe1A', 'Ow2'); None if unknown."""
    return _element_of_label(label) if symbol in _NULLS else _element_of_symbol(symbol)


@lru_cache(maxsize=1024)
def _element_of_symbol(symbol: str) -> int | None:
    match = _TYPE_SYMBOL.fullmatch(symbol)
    return atomic_number(match.group(1)) if match else None


@lru_cache(maxsize=1024)
def _element_of_label(label: str) -> int | None:
    """The letters that a label begins with must be an element: 'Wat1' is no tungsten, 'Cg1' no carbon, 'Tet1' is none.

    Water's 'Ow' and 'Hw' are oxygen and hydrogen.
    """
    letters = re.match(r"[A-Za-z]*", label)
    name = letters.group() if letters else ""
    if name.capitalize() in ("Ow", "Hw"):
        name = name[:1]
    return atomic_number(name) if 1 <= len(name) <= 2 else None


def _operations(
    block: gemmi.cif.Block, lattice: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations (m, 3, 3) and translations (m, 3) that act on fractional coordinates."""
    listed = _column(block, *_OPERATION_TAGS)
    triplets = listed or _operations_of_named_group(block)
    if len(triplets) > MAX_OPERATIONS:
        raise CrystalError(f"{len(triplets)} symmetry operations; at most {MAX_OPERATIONS} make sense")
    rotations, translations = _parsed(tuple(triplets))
    if listed:
        check_group(*_declared_group(block), tuple(listed))
    metric = lattice @ lattice.T
    moved = rotations.transpose(0, 2, 1) @ metric @ rotations
    off = np.abs(moved - metric).max(axis=(1, 2)) / np.abs(metric).max()
    bad = (np.abs(np.abs(np.linalg.det(rotations)) - 1) > 1e-6) | (off > METRIC_TOLERANCE)
    if bad.any():
        raise CrystalError(f"symmetry operation {triplets[int(bad.argmax())][:40]!r} does not fit the cell")
    return rotations, translations


@lru_cache(maxsize=256)
def _parsed(triplets: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    try:
        operations = [gemmi.Op(triplet) for triplet in triplets]
    except (RuntimeError, ValueError) as error:
        raise CrystalError(f"a symmetry operation of the CIF cannot be read: {error}") from error
    den = gemmi.Op.DEN
    return np.array([op.rot for op in operations]) / den, np.array([op.tran for op in operations]) / den


def _declared_group(block: gemmi.cif.Block) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and numbers of the space group that the CIF gives."""
    names = tuple(name for tag in _NAME_TAGS if (name := _value(block, tag)))
    return names, tuple(number for tag in _NUMBER_TAGS if (number := _value(block, tag)))


def _operations_of_named_group(block: gemmi.cif.Block) -> list[str]:
    """Operations of the space group that the CIF only names; the identity where it names none."""
    names, numbers = _declared_group(block)
    alpha, gamma = (_number(_value(block, tag), tag) for tag in ("_cell_angle_alpha", "_cell_angle_gamma"))
    for name in names:
        named = gemmi.find_spacegroup_by_name(name, alpha, gamma)
        if named is not None:
            return [op.triplet() for op in named.operations()]
    for number in numbers:
        if number.isdecimal() and len(number) < 4 and 1 <= int(number) <= 230:
            return [op.triplet() for op in gemmi.find_spacegroup_by_number(int(number)).operations()]
    if names or numbers:
        raise CrystalError(f"unknown space group {(*names, *numbers)[0][:40]!r}, and no symmetry operations are listed")
    return ["x,y,z"]


def _expand(
    lattice: NDArray[np.float64],
    coords: NDArray[np.float64],
    rotations: NDArray[np.float64],
    translations: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Site index (n,) and coordinates (n, 3) of all images of the sites, each once."""
    if len(rotations) == 1 and (rotations[0] == np.eye(3)).all() and not translations.any():  # all atoms are listed
        return np.arange(len(coords)), (coords + 0.0) % 1.0
    full: list[NDArray[np.float64]] = []
    counts: list[int] = []
    for x in coords:
        images = (rotations @ x + translations) % 1.0
        delta = images[:, None] - images
        delta -= np.round(delta)
        apart = np.linalg.norm(delta @ lattice, axis=2) > MERGE_DISTANCE
        left = np.ones(len(images), dtype=bool)
        distinct: list[int] = []
        while left.any():
            distinct.append(int(left.argmax()))
            left &= apart[distinct[-1]]
        full.append(images[distinct])
        counts.append(len(distinct))
        if sum(counts) > MAX_ATOMS:
            raise CrystalError(f"more than {MAX_ATOMS} atoms in the cell; at most {MAX_ATOMS} are supported")
    return np.repeat(np.arange(len(coords)), counts), np.concatenate(full)
