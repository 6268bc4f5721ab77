"""What is known of a crystal before any model sees it: its features, the facts of its zone and of its sketch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.bands.facts import SketchFacts, sketch_facts
from topofuse.modalities.bands.sketch import NoSketch
from topofuse.modalities.kspace.facts import ZoneFacts, zone_facts
from topofuse.modalities.store import Sample


@dataclass(frozen=True)
class Material:
    """A crystal with what follows from it; it can be sent between processes.

    features: what the model's extractor made of it, one sample per view; None where no model is to see it
    zone: symmetry and filling; sketch: the tight-binding sketch, or why there is none
    warnings: what a table's row says of the crystal, where that is known already; None where not
    """

    crystal: SymmetricCrystal
    features: list[Sample] | None
    zone: ZoneFacts
    sketch: SketchFacts | NoSketch
    warnings: tuple[str, ...] | None = None


def material_of(crystal: SymmetricCrystal, extractor: Callable[[SymmetricCrystal], list[Sample]] | None) -> Material:
    """All of it; extractor: what makes the features, None for none."""
    features = None if extractor is None else extractor(crystal)
    if features is None:
        return Material(crystal, None, zone_facts(crystal), sketch_facts(crystal))
    zone, sketch = zone_facts(crystal, features[0].get("kspace")), sketch_facts(crystal, features[0].get("bands"))
    return Material(crystal, features, zone, sketch)
