"""What is known of a crystal before any model sees it: its features, the facts of its zone and of its sketch.

The public face of what the sketch says to people: other rooms import `SketchFacts` and `sketch_facts` here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.indicators.facts import SketchFacts, sketch_facts
from topofuse.modalities.store import Sample
from topofuse.symmetry.filling import ZoneFacts, zone_facts
from topofuse.tightbinding.sketch import NoSketch

__all__ = ["Material", "SketchFacts", "material_of", "sketch_facts", "sketch_in"]


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

    @property
    def sketch_in_features(self) -> SketchFacts | NoSketch | None:
        """The sketch, where it is among the features; None where a model sees none."""
        return self.sketch if self.features is not None and "bands" in self.features[0] else None


def material_of(crystal: SymmetricCrystal, extractor: Callable[[SymmetricCrystal], list[Sample]] | None) -> Material:
    """All of it; extractor: what makes the features, None for none."""
    features = None if extractor is None else extractor(crystal)
    read = None if features is None else sketch_in(crystal, features[0])
    return Material(crystal, features, zone_facts(crystal), sketch_facts(crystal) if read is None else read)


def sketch_in(crystal: SymmetricCrystal, sample: Sample) -> SketchFacts | NoSketch | None:
    """What the sketch among a crystal's features says; None where they have none."""
    return sketch_facts(crystal, sample) if "bands" in sample else None
