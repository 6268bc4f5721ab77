"""topofuse: topological class of a crystal from its structure alone.

topofuse.predict("structures/")          a table of predictions, drawn in notebooks
topofuse.featurize(structures)           what the models see, as a table with names and units
topofuse.TopoClassifier()                a scikit-learn classifier of structures
topofuse.Atlas.open()                    predictions for the Materials Project, to be searched
topofuse.sketch("crystal.cif")           the sketch of its bands: arrays and a figure
"""

import os
from typing import TYPE_CHECKING, Any

if os.name != "posix":
    raise ImportError(
        "topofuse needs Linux or macOS: it locks files (fcntl) and limits the memory and time of its workers "
        "(resource, alarms), which this system does not offer; on Windows, install it in WSL"
    )

__version__ = "0.1.0"
__all__ = [
    "Atlas",
    "BandSketch",
    "Crystal",
    "Predictions",
    "TopoClassifier",
    "__version__",
    "featurize",
    "predict",
    "sketch",
]

if TYPE_CHECKING:
    from topofuse.atlas.atlas import Atlas
    from topofuse.crystals import Crystal
    from topofuse.estimator import TopoClassifier
    from topofuse.featurizing import featurize
    from topofuse.predictions import Predictions, predict
    from topofuse.sketches import BandSketch, sketch

_HOMES = {
    "Atlas": "topofuse.atlas.atlas",
    "BandSketch": "topofuse.sketches",
    "Crystal": "topofuse.crystals",
    "Predictions": "topofuse.predictions",
    "TopoClassifier": "topofuse.estimator",
    "featurize": "topofuse.featurizing",
    "predict": "topofuse.predictions",
    "sketch": "topofuse.sketches",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import topofuse` alone loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'topofuse' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
