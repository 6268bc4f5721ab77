"""Well-known compounds that a person can try at once; geometry from the embedded textbook data.

TaAs is not in it, because its formula is in topomat's test split: lattice constants from S.-Y. Xu et al.,
Science 349, 613 (2015), the arsenic's coordinate that of TaP.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from topofuse.crystals.write_poscar import poscar


@dataclass(frozen=True)
class Example:
    """formula and prototype name a line of the textbook; note: what the compound is known as.

    row: fields elements, a, b, c, params of a compound that is not in the textbook
    """

    formula: str
    prototype: str
    note: str
    row: Mapping[str, str] | None = None

    @property
    def file(self) -> str:
        """Name of the structure file."""
        return f"{self.formula}.vasp"


EXAMPLES: tuple[Example, ...] = (
    Example("Bi2Se3", "tetradymite", "a topological insulator with a single Dirac cone on its surface"),
    Example("SnTe", "rock_salt", "a topological crystalline insulator, protected by mirror planes"),
    Example("Na3Bi", "na3as", "a Dirac semimetal, protected by a three-fold axis"),
    Example("HgTe", "zinc_blende", "a zero-gap semimetal with inverted bands"),
    Example(
        "TaAs",
        "taas",
        "the first Weyl semimetal found; its nodes lie at general momenta, unseen by symmetry",
        {"elements": "Ta As", "a": "3.44", "b": "", "c": "11.65", "params": "z=0.417"},
    ),
    Example("ZrSiS", "zrsis", "a nodal-line compound, gapped by spin-orbit coupling"),
    Example("Bi", "arsenic_a7", "a higher-order topological insulator"),
    Example("Si", "diamond", "an ordinary semiconductor"),
    Example("GaAs", "zinc_blende", "an ordinary semiconductor"),
    Example("NaCl", "rock_salt", "an ionic insulator"),
)


@cache
def _textbook_row(name: str) -> Mapping[str, str] | None:
    """The line of the textbook of the example of this formula, if it is in the textbook."""
    example = {e.formula: e for e in EXAMPLES}[name]
    text = files("topofuse.materials").joinpath("textbook.csv").read_text(encoding="utf-8")
    wanted = example.formula, example.prototype
    rows = csv.DictReader(text.splitlines())
    return next((r for r in rows if (r["formula"], r["prototype"]) == wanted), None)


def example_label(name: str) -> str | None:
    """The class that the textbook gives the example of this formula; None where it does not have it."""
    row = _textbook_row(name)
    return None if row is None else row["class"]


@cache
def example_text(name: str) -> str:
    """POSCAR text of the example of this formula; KeyError if there is none."""
    from topofuse.materials.prototypes import PROTOTYPES
    from topofuse.materials.textbook import crystal_of

    example = {e.formula: e for e in EXAMPLES}[name]
    row, source = (example.row, "") if example.row else (_textbook_row(name), ", textbook geometry")
    if row is None:
        raise KeyError(f"{name} is not in the textbook")
    crystal = crystal_of(PROTOTYPES[example.prototype], row)
    return poscar(crystal, f"{example.formula}, {example.prototype} type{source}")
