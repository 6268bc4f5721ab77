"""What the band sketch says of a crystal, or why there is none, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from topofuse.crystals import SymmetricCrystal
from topofuse.labels import FIVE
from topofuse.modalities.bands.features import BANDS
from topofuse.modalities.base import Modality, Part
from topofuse.modalities.indicators.features import INDICATORS
from topofuse.tightbinding.sketch import NoSketch, why_no_sketch

_VERDICTS = {
    "trivial": "trivial",
    "hsp_semimetal": "a semimetal: the filling ends inside a degenerate level at a special momentum",
    "hsl_semimetal": "a semimetal: occupied states at the special momenta do not match, so bands cross between them",
    "ti": "a topological insulator: its symmetry indicator is that of a strong one",
    "tci": "a topological crystalline insulator: its symmetry indicator is neither trivial nor that of a strong one",
}
_NONE = "none: atoms overlap so much that the sketched states are of no symmetry"


@dataclass(frozen=True)
class SketchFacts:
    """The tight-binding sketch with spin-orbit coupling. Its gaps are far too wide; energies in eV.

    verdict: the class that its symmetry analysis gives, in words; nontrivial: whether that is another than trivial
    point_gap: smallest gap at the momenta that symmetry fixes
    z4, rotoinversion: indicators, None where the crystal lacks the symmetry; orbitals: in the cell
    """

    verdict: str
    nontrivial: bool
    point_gap: float
    z4: int | None
    rotoinversion: int | None
    orbitals: int


def sketch_facts(crystal: SymmetricCrystal, parts: Mapping[str, Part] | None = None) -> SketchFacts | NoSketch:
    """What the sketch says, or why there is none.

    parts: the modalities of the crystal as the model read them, by name; what is missing is computed
    """
    reason = why_no_sketch(crystal)
    if reason is not None:
        return reason
    bands, analysis = (_columns(made, crystal, parts or {}) for made in (BANDS, INDICATORS))
    if np.isnan(bands["orbitals"]):  # there is one, but the model does without it
        return NoSketch.SKIPPED

    def whole(name: str) -> int | None:
        return None if np.isnan(bands[name]) else round(bands[name])

    verdict = None if np.isnan(analysis["verdict"]) else FIVE[round(analysis["verdict"])]
    return SketchFacts(
        verdict=_NONE if verdict is None else _VERDICTS[verdict],
        nontrivial=verdict not in (None, FIVE[0]),
        point_gap=bands["point_gap_min_soc"],
        z4=whole("z4_soc"),
        rotoinversion=whole("rotoinversion_soc"),
        orbitals=round(bands["orbitals"]),
    )


def _columns(made: Modality, crystal: SymmetricCrystal, parts: Mapping[str, Part]) -> dict[str, float]:
    part = parts[made.name] if made.name in parts else made.extract(crystal)
    return dict(zip(made.table_names, np.asarray(part["table"])[0].tolist(), strict=True))
