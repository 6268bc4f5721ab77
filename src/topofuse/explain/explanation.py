"""One crystal, one bundle: the answer with everything that can be said about where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from topofuse.crystals import Crystal, CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.crystals.read import read_structure
from topofuse.crystals.symmetrise import symmetrise
from topofuse.ensemble.bundle import Bundle
from topofuse.explain.attention import Attention, attention
from topofuse.explain.contributions import (
    FeaturePart,
    ModalityPart,
    modality_parts,
    strongest_columns,
    tree_contributions,
)
from topofuse.labels import FIVE, decide
from topofuse.modalities.material import Material, SketchFacts, material_of
from topofuse.modalities.store import FeatureStore
from topofuse.symmetry.filling import ZoneFacts
from topofuse.tightbinding.sketch import NoSketch
from topofuse.trust.domain import domain_of, odd_electrons, open_shell
from topofuse.trust.experiment import experiment_of
from topofuse.trust.warnings import warnings_of

STRONGEST = 12


@dataclass(frozen=True)
class Answer:
    """What `predict` says: label, probabilities {class: p}, columns (set_90, novelty, ...) by name."""

    label: str
    probabilities: Mapping[str, float]
    p_nontrivial: float
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Explanation:
    """Why a bundle says what it says of a crystal.

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

    def _repr_html_(self) -> str:
        """For notebooks."""
        from topofuse.explain.notebook import as_html

        return as_html(self)

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dicts, lists, strings, numbers and None, as JSON has them.

        `sketch` is None where there is none; then `no_sketch` has the reason's name and its sentence.
        """
        found = asdict(self)
        if isinstance(self.sketch, NoSketch):
            found |= {"sketch": None, "no_sketch": {"reason": str(self.sketch), "sentence": self.sketch.sentence}}
        else:
            found["no_sketch"] = None
        found["zone"]["forced"] = list(self.zone.forced)
        for momentum in found["zone"]["momenta"]:
            momentum["dimensions"] = {str(d): n for d, n in momentum["dimensions"].items()}
        return found


def explain(
    source: str | Path | Crystal | SymmetricCrystal | Material,
    bundle: Bundle,
    strongest: int = STRONGEST,
    tolerance: float | None = None,
) -> Explanation:
    """Explain the bundle's answer for a structure file or a crystal; raises `CrystalError` for an unusable one.

    source: a `Material` has the features of `bundle.extractor()`, or none where its number of electrons is odd
    strongest: number of tabular features to give
    tolerance: Å, within which a file or `Crystal` is made symmetric first; None: as it is
    """
    name = str(source) if isinstance(source, str | Path) else ""
    moved: tuple[str, ...] = ()
    if not isinstance(source, Material):
        source, moved = _look_at(source, name, bundle, tolerance)
    crystal, features = source.crystal, source.features
    numbers = crystal.primitive.numbers
    seen = None if bundle.reference is None else bundle.reference.seen
    domain = domain_of(numbers, seen)
    known: dict[str, Any] = {
        "source": name,
        "formula": reduced_formula(numbers),
        "spacegroup": crystal.spacegroup,
        "symbol": crystal.symbol,
        "domain": str(domain),
        "experiment": experiment_of(crystal),
        "warnings": (
            *moved,
            *(warnings_of(crystal, source.sketch_in_features) if source.warnings is None else source.warnings),
        ),
        "zone": source.zone,
        "sketch": source.sketch,
    }
    if features is None:
        return Explanation(**known, domain_reason=odd_electrons(numbers))
    reasons = {"likely_magnetic": open_shell(numbers), "unseen_element": "no training material holds the element"}
    views = [FeatureStore.from_samples([sample]) for sample in features]
    found = tree_contributions(bundle, views[0])
    columns, start = (None, None) if found is None else found
    return Explanation(
        **known,
        domain_reason=reasons.get(str(domain), ""),
        answer=_answer(bundle, features),
        modalities=modality_parts(bundle, views, columns),
        features=() if columns is None else strongest_columns(bundle, views[0], columns, strongest),
        trees_start=start,
        attention=attention(bundle, views[0]),
    )


def _look_at(
    source: str | Path | Crystal | SymmetricCrystal, name: str, bundle: Bundle, tolerance: float | None
) -> tuple[Material, tuple[str, ...]]:
    """The material, and a warning that says what was made symmetric."""
    moved: tuple[str, ...] = ()
    try:
        crystal = read_structure(source) if isinstance(source, str | Path) else source
        if isinstance(crystal, Crystal) and tolerance is not None:
            crystal, how = symmetrise(crystal, tolerance)
            moved = (f"symmetrised: {how}",)
        crystal = analyse(crystal) if isinstance(crystal, Crystal) else crystal
    except CrystalError as error:
        raise CrystalError(f"{name}: {error}" if name else str(error)) from error
    metal = odd_electrons(crystal.primitive.numbers)
    return material_of(crystal, None if metal else bundle.extractor()), moved


def _answer(bundle: Bundle, features: Any) -> Answer:
    found = bundle.assess([features])
    p = found.probabilities[0]
    return Answer(
        label=FIVE[int(decide(found.probabilities)[0])],
        probabilities={name: float(x) for name, x in zip(FIVE, p, strict=True)},
        p_nontrivial=float(p[1:].sum()),
        columns={name: values[0] for name, values in found.columns.items()},
    )
