"""A structure file, read once → its row, picture, bands, and what a model sees. Runs in worker processes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.material import Material, material_of
from topofuse.screening.examine import Examine
from topofuse.screening.table import Row
from topofuse.trust.warnings import SEPARATOR
from topofuse.web.bands import bands_of
from topofuse.web.compute import offer
from topofuse.web.scene import scene_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """All that is done of one file before the model.

    row, features: as `Examine` gives them; material: for an explanation, where one is asked for
    scene, bands: what the page draws; None where the file cannot be used, {"none": sentence} where there is no such
    compute: what a first-principles calculation would take (`compute.offer`)
    """

    row: Row
    features: Any = None
    material: Material | None = None
    scene: dict[str, Any] | None = None
    bands: dict[str, Any] | None = None
    compute: dict[str, Any] | None = None


@dataclass(frozen=True)
class Read:
    """`Read(extractor, explained)(path)`.

    extractor: features of one crystal as the model takes them; can be pickled
    explained: whether the model can be explained, so that the material is wanted
    """

    extractor: Callable[[SymmetricCrystal], Any]
    explained: bool

    def __call__(self, path: Path) -> Reading:
        """The reading; symmetry, features and sketch are computed once."""
        row, features, crystal = Examine(self.extractor).examined(path)
        if crystal is None:
            return Reading(row)
        material = None
        if self.explained and features is not None:
            warnings = tuple(filter(None, (row["warnings"] or "").split(SEPARATOR)))
            material = replace(material_of(crystal, lambda _: features), warnings=warnings)
        drawn = (_or_why_not(draw, crystal) for draw in (scene_of, bands_of, offer))
        return Reading(row, features, material, *drawn)


def _or_why_not(draw: Callable[[SymmetricCrystal], dict[str, Any]], crystal: SymmetricCrystal) -> dict[str, Any]:
    """The drawing; a strange crystal that defeats it costs the drawing, not the answer."""
    try:
        return draw(crystal)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        _log.info("drawing one crystal failed", exc_info=error)
        return {"none": f"it cannot be drawn: {str(error)[:200]}"}
