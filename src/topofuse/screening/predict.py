"""Structure files and folders → one row per structure, streamed; a bad file is a row with a reason."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from topofuse.crystals import CrystalError, SymmetricCrystal
from topofuse.crystals.read import find_structures
from topofuse.labels import FIVE, decide
from topofuse.screening.entries import Entry, FileEntry, in_chunks
from topofuse.screening.examine import Examine, blank_row, refuse, uncomputable
from topofuse.screening.shards import Numbered, Shards
from topofuse.screening.sources import hash_inputs
from topofuse.screening.structures import StructureLike, entries
from topofuse.screening.table import Row, TableWriter
from topofuse.system.workers import Lost, needs_too_much, supervised_map
from topofuse.trust.trust import Assessment

CHUNK = 256
TIME_LIMIT = 60.0  # seconds; the largest cell accepted, 2,000 atoms without symmetry, takes half a second
MEMORY_LIMIT = 2.0  # GiB
_log = logging.getLogger(__name__)

# What one strange crystal may raise inside a model. Anything else (no memory, a broken model) is not
# the crystal's fault, would hit every row alike, and ends the run.
_ONE_CRYSTALS_FAULT = (ValueError, ArithmeticError, LookupError)


class Model(Protocol):
    """Anything that gives five-class probabilities from features, and says how far to believe them."""

    @property
    def identity(self) -> str:
        """Another model has another one; what an interrupted run goes on with must have the same."""

    def extractor(self) -> Callable[[SymmetricCrystal], Any]:
        """What makes the features of one crystal, in a worker process: it can be pickled, and so can they."""

    def assess(self, features: list[Any]) -> Assessment:
        """Probabilities, and the other columns of the table; `CrystalError` for an unusable crystal."""


@dataclass(frozen=True)
class PredictOptions:
    """How structures are predicted; rows depend on the last entry alone, but for structures over the time limit.

    workers: processes that read structures and compute features; 0 is this process, without limits
    time_limit: seconds that one structure may take
    memory_limit: GiB that a worker may take for one structure
    chunk: structures that the model sees at a time; twice as many are in memory
    symmetrise: Å; each structure is made symmetric within this tolerance first (`crystals.symmetrise`); None: as it is
    """

    workers: int = 0
    time_limit: float = TIME_LIMIT
    memory_limit: float = MEMORY_LIMIT
    chunk: int = CHUNK
    symmetrise: float | None = None


def answering(model: Model, options: PredictOptions) -> str:
    """The model's identity, and what is done to a structure before it sees one: what the rows depend on."""
    return model.identity + ("" if options.symmetrise is None else f", symmetrised within {options.symmetrise} Å")


def predict_rows(
    structures: Iterable[StructureLike], model: Model, options: PredictOptions | None = None, *, progress: bool = False
) -> Iterator[Row]:
    """Rows with the keys `COLUMNS`, in the order of `entries(structures)`; memory holds two chunks.

    structures: files, folders, and structures in memory

    status 'ok': label and probabilities are given; 'metal': an odd number of electrons in the primitive
    cell; 'error': the reason says why. Missing values are None.
    """
    options, structures = options or PredictOptions(), list(structures)
    total = sum(1 for _ in entries(structures)) if progress else None
    chunks = enumerate(in_chunks(entries(structures), options.chunk))
    with progress_bar(total, progress) as bar:
        for _, rows in predict_chunks(chunks, model, options):
            yield from rows
            bar.update(len(rows))


def predict_paths(
    structures: Iterable[StructureLike], model: Model, options: PredictOptions | None = None, *, progress: bool = False
) -> list[Row]:
    """All rows of `predict_rows` in a list."""
    return list(predict_rows(structures, model, options, progress=progress))


def predict_to_file(
    paths: Iterable[str | Path],
    model: Model,
    output: str | Path,
    options: PredictOptions | None = None,
    *,
    progress: bool = False,
    say: Callable[[str], None] = _log.info,
) -> Counter[str]:
    """Write the rows to `output` (.csv, .parquet, .jsonl), whole or not at all; returns rows per status.

    Finished chunks are kept beside it (`Shards`): the same call after a kill goes on with them; `say`
    is told so. Raises `OutputError` before any work where `output` cannot be written.
    """
    options, paths, output = options or PredictOptions(), list(paths), Path(output)
    shards = Shards(output.with_name(f"{output.name}.partial"))
    writer = TableWriter(output, scratch=shards.folder)
    with shards:
        inputs, total = hash_inputs(find_structures(paths))
        shards.begin(inputs, answering(model, options), options.chunk, say)
        with progress_bar(total, progress) as bar:
            structures = map(FileEntry, find_structures(paths))
            number = shards.complete(
                structures, options.chunk, lambda missing: predict_chunks(missing, model, options), bar.update
            )
        counts = write_table(writer, shards.rows(number))
        shards.remove()
    return counts


def write_table(writer: TableWriter, rows: Iterable[Row]) -> Counter[str]:
    """Write all rows; how many there are of each status."""
    counts = Counter[str]()
    with writer:
        for row in rows:
            writer.write(row)
            counts[str(row["status"])] += 1
    return counts


def progress_bar(total: int | None, progress: bool) -> Any:
    """A bar on stderr, or nothing; `update(n)` when n structures are done."""
    if not progress:
        return _NoBar()
    from tqdm import tqdm

    return tqdm(total=total, desc="predict", unit="structure")


class _NoBar(contextlib.nullcontext["_NoBar"]):
    def __enter__(self) -> _NoBar:
        return self

    def update(self, n: int) -> None:
        """Show nothing."""


def predict_chunks(chunks: Numbered, model: Model, options: PredictOptions) -> Iterator[tuple[int, list[Row]]]:
    """The rows of each chunk, in order, on this machine; chunks are drawn as needed."""
    examine = Examine(model.extractor(), options.symmetrise)
    if options.workers < 1:
        for index, chunk in chunks:
            yield index, answered([_known(entry, _here(examine, entry)) for entry in chunk], model)
        return
    drawn: deque[tuple[int, list[Entry]]] = deque()

    def tasks() -> Iterator[Entry]:
        for index, chunk in chunks:
            drawn.append((index, chunk))
            yield from chunk

    results = supervised_map(
        examine,
        tasks(),
        workers=options.workers,
        time_limit=options.time_limit,
        ahead=options.chunk + 2 * options.workers,
        memory_limit=options.memory_limit,
    )
    with contextlib.closing(results):
        for first in results:
            index, chunk = drawn.popleft()
            examined = [first, *islice(results, len(chunk) - 1)]
            yield index, answered([_known(entry, result) for entry, result in zip(chunk, examined, strict=True)], model)


def _here(examine: Examine, entry: Entry) -> tuple[Row, Any] | Lost:
    try:
        return examine(entry)
    except MemoryError:
        return Lost(needs_too_much())


def _known(entry: Entry, result: tuple[Row, Any] | Lost) -> tuple[Row, Any]:
    return (refuse(blank_row(entry.name), result.reason), None) if isinstance(result, Lost) else result


def answered(examined: list[tuple[Row, Any]], model: Model) -> list[Row]:
    """The rows with the model's answers; examined: what `Examine` gave of each structure."""
    waiting = [(row, features) for row, features in examined if features is not None]
    if waiting:
        features = [f for _, f in waiting]
        try:
            results: list[Row | str] = list(_answers(model, features))
        except _ONE_CRYSTALS_FAULT as error:
            _log.info("a chunk of %d failed (%s), retrying one by one", len(features), error)
            results = [_alone(model, f) for f in features]
        for (row, _), result in zip(waiting, results, strict=True):
            if isinstance(result, str):
                refuse(row, result)
            else:
                row.update(result)
    return [row for row, _ in examined]


def _alone(model: Model, features: Any) -> Row | str:
    """The answer for one crystal, or the reason why there is none."""
    try:
        return _answers(model, [features])[0]
    except CrystalError as error:
        return str(error)
    except _ONE_CRYSTALS_FAULT as error:
        return uncomputable(error)


def _answers(model: Model, features: list[Any]) -> list[Row]:
    """For each crystal the part of its row that the model fills."""
    assessment = model.assess(features)
    p = np.asarray(assessment.probabilities, dtype=np.float64)
    if p.shape != (len(features), len(FIVE)):
        raise TypeError(f"the model gave an array of shape {p.shape} instead of {(len(features), len(FIVE))}")
    if not (np.isfinite(p).all() and (p >= 0).all() and (np.abs(p.sum(axis=1) - 1) < 1e-3).all()):
        raise ValueError("the model gave no valid probabilities")
    return [
        {
            "status": "ok",
            "reason": "",
            "label": FIVE[code],
            **{f"p_{name}": float(value) for name, value in zip(FIVE, own, strict=True)},
            "p_nontrivial": float(own[1:].sum()),
            **{name: values[k] for name, values in assessment.columns.items()},
        }
        for k, (own, code) in enumerate(zip(p, decide(p), strict=True))
    ]
