"""One structure → its row as far as it goes without a model, and its features; what worker processes do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# what workers need sooner or later: they are forked from a process that has imported this module
import gemmi  # noqa: F401
import pymatgen.core  # noqa: F401
import scipy.spatial  # noqa: F401
import threadpoolctl  # noqa: F401

import topofuse.modalities.extraction  # noqa: F401 (as above)
from topofuse.crystals import CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.modalities.registry import MODALITY_NAMES, modality
from topofuse.screening.entries import Entry, FileEntry, printable
from topofuse.screening.table import COLUMNS, Row
from topofuse.trust.domain import Domain, odd_electrons

_log = logging.getLogger(__name__)
for _name in MODALITY_NAMES:
    modality(_name)  # imports it, as above


@dataclass(frozen=True)
class Examine:
    """What is done to each structure, apart from the model: `Examine(extractor)(path or entry)`.

    extractor: features of one crystal, in whatever form the model takes them; can be pickled
    """

    extractor: Callable[[SymmetricCrystal], Any]

    def __call__(self, task: Path | Entry) -> tuple[Row, Any]:
        """The row, with its status if that is settled, and the features if a model is to see them, else None.

        A MemoryError is passed on: a process that has met one had better end.
        """
        entry = FileEntry(task) if isinstance(task, Path) else task
        row = blank_row(entry.name)
        try:
            crystal = entry.crystal()
            row["formula"] = reduced_formula(crystal.numbers)
            symmetric = analyse(crystal)
            row["spacegroup"] = symmetric.spacegroup
            row["n_atoms"] = len(symmetric.primitive)
            if reason := odd_electrons(symmetric.primitive.numbers):
                row["status"], row["domain"], row["reason"] = "metal", str(Domain.ODD_ELECTRONS), reason
                return row, None
            return row, self.extractor(symmetric)
        except CrystalError as error:
            return refuse(row, str(error)), None
        except (ImportError, MemoryError):
            raise  # a missing library is not the crystal's fault: it would hit every row alike
        except Exception as error:  # a bug, or arithmetic that one strange crystal defeats; a million others go on
            return refuse(row, uncomputable(error)), None


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
