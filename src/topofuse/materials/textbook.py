"""The embedded data set: well-known compounds in classical prototypes, with the class and where it was looked up.

`textbook.csv` has one compound a line:

formula    reduced formula, as pymatgen writes it
prototype  key of `prototypes.PROTOTYPES`
elements   one symbol per site of the prototype, in its order (an element may stand on several sites)
a, b, c    experimental lattice constants of the conventional cell, Å, near room temperature unless the phase
           exists only elsewhere; only those that the prototype leaves free are filled in
params     free coordinates, 'u=0.385' or 'z1=0.21 z2=0.65'
class      one of `labels.FIVE`
source     the database entry from which the class was taken: 'Materiae MAT…'
           (T. Zhang et al., Nature 566, 475 (2019))

Geometry is written down from the experimental literature as collected in R. W. G. Wyckoff, Crystal Structures
(1963), Landolt-Börnstein III/6, 7, 14, 43, and Pearson's Handbook; it is not taken from the database of the classes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from topofuse.crystals import Crystal, CrystalError
from topofuse.crystals.formula import atomic_number, reduced_formula
from topofuse.errors import TopofuseError
from topofuse.labels import FIVE
from topofuse.materials.prototypes import PROTOTYPES, Prototype

COLUMNS = ("formula", "prototype", "elements", "a", "b", "c", "params", "class", "source")


class TextbookError(TopofuseError, ValueError):
    """A line of a textbook table cannot be used; the message names the line and says why."""


@dataclass(frozen=True, eq=False)
class TextbookMaterial:
    """One compound of the embedded data set.

    material_id: 'textbook/Bi2Se3-tetradymite', unique
    crystal: conventional cell
    label: one of `labels.FIVE`
    source: where the label was looked up
    prototype: key of `prototypes.PROTOTYPES`
    """

    material_id: str
    reduced_formula: str
    crystal: Crystal
    label: str
    source: str
    prototype: str


def iter_textbook() -> Iterator[TextbookMaterial]:
    """The embedded data set, in the order of its table."""
    text = files("topofuse.materials").joinpath("textbook.csv").read_text(encoding="utf-8")
    return read_textbook(text.splitlines())


def read_textbook(lines: Iterable[str]) -> Iterator[TextbookMaterial]:
    """Expand a table in the format of this module's docstring.

    Raises `TextbookError`, which names the line, at the first line that cannot be used.
    """
    reader = csv.DictReader(lines, strict=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise TextbookError(
            f"line 1: the columns must be {','.join(COLUMNS)}; found {','.join(reader.fieldnames or ())}"
        )
    seen: dict[str, int] = {}
    for row in reader:
        number = reader.line_num
        try:
            material = _material(row)
        except (ValueError, KeyError) as error:
            reason = error.args[0] if error.args else type(error).__name__
            raise TextbookError(f"line {number} ({row.get('formula')}): {reason}") from error
        if material.material_id in seen:
            raise TextbookError(
                f"line {number} ({row['formula']}): {material.material_id} stands already in line "
                f"{seen[material.material_id]}"
            )
        seen[material.material_id] = number
        yield material


def _material(row: dict[str, str]) -> TextbookMaterial:
    if None in row or None in row.values():
        raise ValueError(f"a row has {len(COLUMNS)} fields")
    prototype = PROTOTYPES.get(row["prototype"])
    if prototype is None:
        raise ValueError(f"prototype {row['prototype']!r} is unknown; known are {', '.join(PROTOTYPES)}")
    if row["class"] not in FIVE:
        raise ValueError(f"class {row['class']!r} is none of {', '.join(FIVE)}")
    if not row["source"].strip():
        raise ValueError("a class needs a source")
    crystal = crystal_of(prototype, row)
    formula = reduced_formula(crystal.numbers)
    if formula != row["formula"]:
        raise ValueError(f"the sites expand to {formula}, not to {row['formula']}")
    return TextbookMaterial(
        material_id=f"textbook/{formula}-{prototype.name}",
        reduced_formula=formula,
        crystal=crystal,
        label=row["class"],
        source=row["source"].strip(),
        prototype=prototype.name,
    )


def crystal_of(prototype: Prototype, row: Mapping[str, str]) -> Crystal:
    """The conventional cell that the fields elements, a, b, c, params of a row stand for; `ValueError` if for none."""
    symbols = row["elements"].split()
    if len(symbols) != len(prototype.sites):
        raise ValueError(
            f"prototype {prototype.name} has {len(prototype.sites)} sites, given are {len(symbols)} elements"
        )
    species = [_element(symbol) for symbol in symbols]
    frac, sites = prototype.expand(_parameters(row["params"]))
    a, b, c = _lengths(prototype, row)
    numbers = np.array(species)[sites]
    try:
        return Crystal.validated(prototype.lattice(a, b, c), numbers, frac)
    except CrystalError as error:
        raise ValueError(str(error)) from error


def _element(symbol: str) -> int:
    number = atomic_number(symbol)
    if number is None:
        raise ValueError(f"{symbol!r} is no chemical element")
    return number


def _lengths(prototype: Prototype, row: Mapping[str, str]) -> tuple[float, float, float]:
    given = "".join(name for name in "abc" if row[name].strip())
    if given != prototype.lengths:
        wanted = ", ".join(prototype.lengths)
        raise ValueError(
            f"prototype {prototype.name} takes the lattice constants {wanted}; given are {given or 'none'}"
        )
    values = {name: _number(row[name], name) for name in given}
    for name, value in values.items():
        if not 2.0 <= value <= 40.0:
            raise ValueError(f"{name}={value} Å is outside 2 to 40 Å")
    a = values["a"]
    return a, values.get("b", a), values.get("c", a)


def _parameters(text: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals or name in values:
            raise ValueError(f"parameter {part!r} is not of the form name=value, each name once")
        values[name] = _number(value, name)
    return values


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{name}={text!r} is not a number") from error
    if not np.isfinite(value):
        raise ValueError(f"{name}={text!r} is not finite")
    return value
