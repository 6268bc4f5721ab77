"""Structure files and folders → one row per structure, streamed; a bad file is a row with a reason."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.crystals.read import find_structures, read_structure
from topofuse.labels import FIVE, decide
from topofuse.modalities.elements import valence_electrons
from topofuse.screening.table import COLUMNS, Row, TableWriter

CHUNK = 256
_log = logging.getLogger(__name__)

# What one strange crystal may raise inside a feature. Anything else (no memory, a broken model) is not
# the crystal's fault, would hit every row alike, and ends the run.
_ONE_CRYSTALS_FAULT = (ValueError, ArithmeticError, LookupError)


class Model(Protocol):
    """Anything that gives five-class probabilities."""

    def predict_proba(self, crystals: list[SymmetricCrystal]) -> NDArray[np.floating]:
        """(n, 5) probabilities in the order of `topofuse.labels.FIVE`; `CrystalError` for an unusable crystal."""


def predict_rows(
    paths: Iterable[str | Path], model: Model, *, chunk: int = CHUNK, progress: bool = False
) -> Iterator[Row]:
    """Rows with the keys `COLUMNS`, in the order of `find_structures(paths)`; memory holds one chunk.

    status 'ok': label and probabilities are given; 'metal': an odd number of electrons in the primitive
    cell; 'error': the reason says why. Missing values are None.
    """
    from tqdm import tqdm

    paths = list(paths)
    total = sum(1 for _ in find_structures(paths)) if progress else None
    with tqdm(total=total, desc="predict", unit="structure", disable=not progress) as bar:
        files = find_structures(paths)
        while batch := list(islice(files, chunk)):
            yield from _predict_batch(batch, model)
            bar.update(len(batch))


def predict_paths(
    paths: Iterable[str | Path], model: Model, *, chunk: int = CHUNK, progress: bool = False
) -> list[Row]:
    """All rows of `predict_rows` in a list."""
    return list(predict_rows(paths, model, chunk=chunk, progress=progress))


def predict_to_file(
    paths: Iterable[str | Path], model: Model, output: str | Path, *, chunk: int = CHUNK, progress: bool = False
) -> Counter[str]:
    """Write the rows to `output` (.csv, .parquet, .jsonl), whole or not at all; returns rows per status.

    Raises `OutputError` before any work where `output` cannot be written.
    """
    counts: Counter[str] = Counter()
    with TableWriter(Path(output)) as writer:
        for row in predict_rows(paths, model, chunk=chunk, progress=progress):
            writer.write(row)
            counts[str(row["status"])] += 1
    return counts


def prepare(path: Path) -> tuple[Row, SymmetricCrystal | None]:
    """The row of one file as far as it goes without a model, and the crystal if a model is to see it."""
    row: Row = dict.fromkeys(COLUMNS)
    # a name that is no valid Unicode could not be written to any table
    row["input"] = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    try:
        crystal = read_structure(path)
        row["formula"] = reduced_formula(crystal.numbers)
        symmetric = analyse(crystal)
    except CrystalError as error:
        return _refused(row, str(error)), None
    row["spacegroup"] = symmetric.spacegroup
    electrons = int(valence_electrons(symmetric.primitive.numbers).sum())
    if electrons % 2:
        row["status"] = "metal"
        row["reason"] = (
            f"odd number of electrons in the primitive cell (nu = {electrons}): "
            "gapless by Kramers' theorem, outside the classification"
        )
        return row, None
    return row, symmetric


def _predict_batch(files: Sequence[Path], model: Model) -> list[Row]:
    prepared = [prepare(path) for path in files]
    waiting = [(row, crystal) for row, crystal in prepared if crystal is not None]
    if waiting:
        crystals = [crystal for _, crystal in waiting]
        try:
            results: list[NDArray[np.floating] | str] = list(_probabilities(model, crystals))
        except _ONE_CRYSTALS_FAULT as error:
            _log.info("a chunk of %d failed (%s), retrying one by one", len(crystals), error)
            results = [_alone(model, crystal) for crystal in crystals]
        for (row, _), result in zip(waiting, results, strict=True):
            if isinstance(result, str):
                _refused(row, result)
            else:
                _fill(row, result)
    return [row for row, _ in prepared]


def _alone(model: Model, crystal: SymmetricCrystal) -> NDArray[np.floating] | str:
    """Probabilities (5,) of one crystal, or the reason why there are none."""
    try:
        return _probabilities(model, [crystal])[0]
    except CrystalError as error:
        return str(error)
    except _ONE_CRYSTALS_FAULT as error:
        _log.warning("features of one crystal failed", exc_info=error)
        return f"its features cannot be computed ({type(error).__name__}: {' '.join(str(error).split())[:200]})"


def _probabilities(model: Model, crystals: list[SymmetricCrystal]) -> NDArray[np.float64]:
    p = np.asarray(model.predict_proba(crystals), dtype=np.float64)
    if p.shape != (len(crystals), len(FIVE)):
        raise TypeError(f"the model gave an array of shape {p.shape} instead of {(len(crystals), len(FIVE))}")
    if not (np.isfinite(p).all() and (p >= 0).all() and (np.abs(p.sum(axis=1) - 1) < 1e-3).all()):
        raise ValueError("the model gave no valid probabilities")
    return p


def _refused(row: Row, reason: str) -> Row:
    row["status"] = "error"
    row["reason"] = reason
    return row


def _fill(row: Row, p: NDArray[np.floating]) -> None:
    row["status"] = "ok"
    row["reason"] = ""
    row["label"] = FIVE[int(decide(p[None])[0])]
    for name, value in zip(FIVE, p, strict=True):
        row[f"p_{name}"] = float(value)
    row["p_nontrivial"] = float(p[1:].sum())
