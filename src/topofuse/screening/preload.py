"""What worker processes need sooner or later: they are forked from a server process that has imported this module.

A process that only waits for them does without, which saves it a third of a second.
"""

import gemmi  # noqa: F401
import scipy.linalg.lapack
import scipy.spatial
import scipy.special  # noqa: F401
import threadpoolctl  # noqa: F401

import topofuse.screening.examine  # noqa: F401
from topofuse.modalities.registry import MODALITY_NAMES, modality

for _name in MODALITY_NAMES:
    modality(_name)  # imports it
