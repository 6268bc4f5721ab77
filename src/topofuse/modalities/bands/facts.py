"""What the band sketch says of a crystal, or why there is none, for people to read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.bands.features import (
    CROSSING_LINE,
    CRYSTALLINE,
    DEGENERATE_POINT,
    STRONG,
    TABLE_NAMES,
    TRIVIAL,
    extract,
)
from topofuse.modalities.base import Part
from topofuse.tightbinding.sketch import NoSketch, why_no_sketch

_VERDICTS = {
    TRIVIAL: "trivial",
    DEGENERATE_POINT: "a semimetal: the filling ends inside a degenerate level at a special momentum",
    CROSSING_LINE: "a semimetal: occupied states do not match at the ends of a line, so bands cross on it",
    STRONG: "a topological insulator: parities or the rotoinversion give a strong index",
    CRYSTALLINE: "a topological crystalline insulator: parities give a weak or higher-order index",
}


@dataclass(frozen=True)
class SketchFacts:
    """The tight-binding sketch with spin-orbit coupling. Its gaps are far too wide; energies in eV.

    verdict: in words; nontrivial: whether it is another than trivial; verdict_without: the same without the coupling
    point_gap: smallest gap at special momenta; direct_gap: also in the middle of the lines, without the coupling
    z4, rotoinversion: indicators, None where the crystal lacks the symmetry; orbitals: in the cell
    """

    verdict: str
    nontrivial: bool
    verdict_without: str
    point_gap: float
    direct_gap: float
    crossing_lines: int
    z4: int | None
    rotoinversion: int | None
    orbitals: int


def sketch_facts(crystal: SymmetricCrystal, part: Part | None = None) -> SketchFacts | NoSketch:
    """What the sketch says, or why there is none.

    part: the bands modality of the crystal as the model read it; None has it computed
    """
    reason = why_no_sketch(crystal)
    if reason is not None:
        return reason
    part = extract(crystal) if part is None else part
    row = dict(zip(TABLE_NAMES, np.asarray(part["table"])[0].tolist(), strict=True))
    if np.isnan(row["orbitals"]):  # there is one, but the model does without it
        return NoSketch.SKIPPED

    def whole(name: str) -> int | None:
        return None if np.isnan(row[name]) else round(row[name])

    verdict = round(row["verdict_soc"])
    return SketchFacts(
        verdict=_VERDICTS[verdict],
        nontrivial=verdict != TRIVIAL,
        verdict_without=_VERDICTS[round(row["verdict"])],
        point_gap=row["point_gap_min_soc"],
        direct_gap=row["direct_gap"],
        crossing_lines=round(row["crossing_lines_soc"]),
        z4=whole("z4_soc"),
        rotoinversion=whole("rotoinversion_soc"),
        orbitals=round(row["orbitals"]),
    )
