"""What an explanation holds: the answer, what did it, symmetry and filling, the band sketch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from topofuse.explain.attention import Attention
from topofuse.explain.contributions import FeaturePart, ModalityPart
from topofuse.modalities.material import SketchFacts
from topofuse.symmetry.filling import ZoneFacts
from topofuse.tightbinding.sketch import NoSketch


@dataclass(frozen=True)
class Answer:
    """What `predict` says: label, probabilities {class: p}, columns (set_90, novelty, ...) by name."""

    label: str
    probabilities: Mapping[str, float]
    p_nontrivial: float
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """What an explanation holds; `Explanation` is the same with a form for notebooks.

    source: the file, or '' ; formula: reduced; spacegroup: international number; symbol: Hermann-Mauguin
    domain: as in the table of predictions; domain_reason: why it is not `in`, or ''
    experiment: what is known from measurements, with the reference, or ''; warnings: each 'code: sentence'
    zone: symmetry and filling; sketch: the tight-binding sketch, or why there is none
    answer: None for an odd number of electrons (a metal), and with it all that follows
    modalities: strongest first; features: the strongest columns of the trees' two-class model
    trees_start: log-odds of non-trivial that the trees start from, before any column; None without trees
    attention: None where the bundle has no network that attends
    """

    source: str
    formula: str
    spacegroup: int
    symbol: str
    domain: str
    domain_reason: str
    experiment: str
    warnings: tuple[str, ...]
    zone: ZoneFacts
    sketch: SketchFacts | NoSketch
    answer: Answer | None = None
    modalities: tuple[ModalityPart, ...] = ()
    features: tuple[FeaturePart, ...] = ()
    trees_start: float | None = None
    attention: Attention | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dicts, lists, strings, numbers and None, as JSON has them.

        `sketch` is None where there is none; then `no_sketch` has the reason's name and its sentence.
        """
        data = asdict(self)
        if isinstance(self.sketch, NoSketch):
            data |= {"sketch": None, "no_sketch": {"reason": str(self.sketch), "sentence": self.sketch.sentence}}
        else:
            data["no_sketch"] = None
        data["zone"]["forced"] = list(self.zone.forced)
        for momentum in data["zone"]["momenta"]:
            momentum["dimensions"] = {str(d): n for d, n in momentum["dimensions"].items()}
        return data
