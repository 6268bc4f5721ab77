"""One crystal, one bundle: the answer with everything that can be said about where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topofuse.crystals import Crystal, CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.crystals.read import read_structure
from topofuse.crystals.symmetrise import symmetrise
from topofuse.ensemble.bundle import Bundle
from topofuse.explain.attention import attention
from topofuse.explain.contents import Answer, Contents
from topofuse.explain.contributions import modality_parts, strongest_columns, tree_contributions
from topofuse.explain.notebook import as_html
from topofuse.labels import FIVE, decide
from topofuse.modalities.material import Material, material_of
from topofuse.modalities.store import FeatureStore
from topofuse.trust.domain import domain_of, odd_electrons, open_shell
from topofuse.trust.experiment import experiment_of
from topofuse.trust.warnings import warnings_of

STRONGEST = 12


@dataclass(frozen=True)
class Explanation(Contents):
    """Why a bundle says what it says of a crystal."""

    def _repr_html_(self) -> str:
        """For notebooks."""
        return as_html(self)


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
    contributions = tree_contributions(bundle, views[0])
    columns, start = (None, None) if contributions is None else contributions
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
    assessment = bundle.assess([features])
    p = assessment.probabilities[0]
    return Answer(
        label=FIVE[int(decide(assessment.probabilities)[0])],
        probabilities={name: float(x) for name, x in zip(FIVE, p, strict=True)},
        p_nontrivial=float(p[1:].sum()),
        columns={name: values[0] for name, values in assessment.columns.items()},
    )
