"""What a modality is: arrays extracted from a symmetric crystal, and names for the tabular ones.

A modality turns one crystal into a `Part`: a dict of numpy arrays.

- `"table"`: (1, f) float32, one row of named numbers (`table_names`); NaN where undefined. The boosted
  trees read it, and so may the modality's encoder.
- `"<group>.<field>"`: (k, ...) arrays; all arrays of a group share their first dimension k
  (for example `node.number`, `node.multiplicity`, `edge.distance`).
- an array named in `index_arrays` holds indices into another group of the same crystal
  (for example `edge.source` into `node`); batching shifts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal

Part = dict[str, NDArray[np.generic]]


class Extractor(Protocol):
    """Function from a symmetric crystal to the arrays of one modality."""

    def __call__(self, crystal: SymmetricCrystal) -> Part:
        """Arrays of the modality for `crystal`."""


@dataclass(frozen=True)
class Costly:
    """The crystals on which a modality that has nothing but a table takes long; `skip_costly` leaves it out there.

    crystal: whether a crystal is one of them, found in next to no time
    rows: the same from tables (n, columns) that are there: (n,) booleans
    """

    crystal: Callable[[SymmetricCrystal], bool]
    rows: Callable[[NDArray[Any]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Modality:
    """One view of a crystal.

    name: short name, also its key in samples and configurations
    version: raised whenever a value of the extracted arrays changes its meaning
    extract: SymmetricCrystal → Part
    table_names: names of the columns of `table`
    index_arrays: arrays that hold indices → the group they point into
    categories: columns of the table that are codes 0, 1, … of something without an order → number of codes
    costly: crystals whose row is undefined with `skip_costly`; None where every crystal is cheap
    from_sketch: whether the features are computed from the band sketch (`tightbinding`), which explanations show
    """

    name: str
    version: int
    extract: Extractor
    table_names: tuple[str, ...]
    index_arrays: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)
    costly: Costly | None = None
    from_sketch: bool = False
