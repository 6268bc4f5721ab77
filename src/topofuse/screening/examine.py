"""One structure → its row as far as it goes without a model, and its features; what worker processes do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topofuse.crystals import CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.crystals.symmetrise import symmetrise
from topofuse.modalities.material import SketchFacts, sketch_in
from topofuse.modalities.store import Sample
from topofuse.screening.entries import Entry, FileEntry, printable
from topofuse.screening.table import COLUMNS, Row
from topofuse.trust.domain import Domain, odd_electrons
from topofuse.trust.experiment import experiment_of
from topofuse.trust.warnings import SEPARATOR, warnings_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examine:
    """What is done to each structure, apart from the model: `Examine(extractor)(path or entry)`.

    extractor: features of one crystal, in whatever form the model takes them; can be pickled
    tolerance: Å, within which the structure is made symmetric first; None: as it is
    """

    extractor: Callable[[SymmetricCrystal], Any]
    tolerance: float | None = None

    def __call__(self, task: Path | Entry) -> tuple[Row, Any]:
        """The row, with its status if that is settled, and the features if a model is to see them, else None."""
        row, features, _ = self.examined(task)
        return row, features

    def examined(self, task: Path | Entry) -> tuple[Row, Any, SymmetricCrystal | None]:
        """The same, and the crystal, where there is one.

        A MemoryError is passed on: a process that has met one had better end.
        """
        entry = FileEntry(task) if isinstance(task, Path) else task
        row = blank_row(entry.name)
        try:
            crystal = entry.crystal()
            row["formula"] = reduced_formula(crystal.numbers)
            symmetric, moved = analyse(crystal), []
            if self.tolerance is not None:
                symmetric, how = symmetrise(crystal, self.tolerance)
                moved = [f"symmetrised: {how}"]
            row["spacegroup"] = symmetric.spacegroup
            row["n_atoms"] = len(symmetric.primitive)
            row["experiment"] = experiment_of(symmetric) or None
            if reason := odd_electrons(symmetric.primitive.numbers):
                row["status"], row["domain"], row["reason"] = "metal", str(Domain.ODD_ELECTRONS), reason
                row["warnings"] = SEPARATOR.join(moved + warnings_of(symmetric))
                return row, None, symmetric
            features = self.extractor(symmetric)
            sample = features[0] if isinstance(features, list) and features else None
            sketch = sketch_in(symmetric, sample) if isinstance(sample, Sample) else None
            row["warnings"] = SEPARATOR.join(moved + warnings_of(symmetric, sketch))
            if isinstance(sketch, SketchFacts):
                row["sketch_gap"], row["sketch_z4"] = sketch.point_gap, sketch.z4
        except CrystalError as error:
            return refuse(row, str(error)), None, None
        except (ImportError, MemoryError):
            raise  # a missing library is not the crystal's fault: it would hit every row alike
        except Exception as error:  # a bug, or arithmetic that one strange crystal defeats; a million others go on
            return refuse(row, uncomputable(error)), None, None
        return row, features, symmetric


def blank_row(name: str) -> Row:
    """A row of which nothing is known but the name."""
    row: Row = dict.fromkeys(COLUMNS)
    row["input"] = printable(name)
    return row


def refuse(row: Row, reason: str) -> Row:
    """The row as an error with this reason, on one line and of readable length."""
    row["status"] = "error"
    row["reason"] = " ".join(printable(reason).split())[:500]
    return row


def uncomputable(error: Exception) -> str:
    """The reason where features or a prediction failed in a way that nobody foresaw; details go to the log."""
    _log.info("features of one crystal failed", exc_info=error)
    detail = " ".join(str(error).split())[:200]
    return "its features cannot be computed" + (f": {detail}" if detail else "")
