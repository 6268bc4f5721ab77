"""A whole source through a model into a folder: shards, the table of all rows, the ranking.

DIR/shards/               finished shards (`shards.Shards`)
DIR/source/               pages of an OPTIMADE server
DIR/predictions.parquet   all rows, in the order of the source
DIR/ranking.csv, .html, .md
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from topofuse import __version__
from topofuse.screening import optimade
from topofuse.screening.predict import Model, PredictOptions, answering, predict_chunks, progress_bar, write_table
from topofuse.screening.ranking import Filters, Ranking, rank, write_ranking
from topofuse.screening.shards import Engine, Shards
from topofuse.screening.sources import Source, open_source
from topofuse.screening.table import OutputError, TableWriter

_log = logging.getLogger(__name__)


def screen(
    given: str,
    model: Model,
    folder: str | Path,
    options: PredictOptions | None = None,
    *,
    filters: Filters | None = None,
    engine: str = "local",
    address: str | None = None,
    about: str = "",
    progress: bool = False,
    say: Callable[[str], None] = _log.info,
) -> tuple[Counter[str], Ranking]:
    """Predict what lacks in `folder` of the source `given`, rank all; rows per status, and the ranking.

    given: a folder, an archive, a table or an address (`sources.KINDS`)
    options: `options.chunk` is the size of a shard
    engine: 'local', or 'ray' at `address`
    about: what a person calls the model
    Raises `SourceError`, `OutputError` where the folder holds other work, `ClusterError`.
    """
    options, filters, folder = options or PredictOptions(), filters or Filters(), Path(folder)
    _make(folder)
    compute: Engine = lambda missing: predict_chunks(missing, model, options)  # noqa: E731 (one of two)
    if engine == "ray":
        from topofuse.screening.cluster import Cluster

        compute = Cluster(model, options, address)
    with Shards(folder / "shards") as shards:
        source = open_given(given, folder, progress)
        writer = TableWriter(folder / "predictions.parquet", scratch=shards.folder)
        shards.begin(source.state, answering(model, options), options.chunk, say, spare=True)
        with progress_bar(source.total, progress) as bar:
            number = shards.complete(source.entries(), options.chunk, compute, bar.update)
        counts = write_table(writer, shards.rows(number))
        ranking = rank(shards.rows(number), filters)
        write_ranking(folder, ranking, _about(source, model, about))
    return counts, ranking


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = not (folder / "shards").is_dir() and any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
    if strange:
        raise OutputError(f"{folder} holds other files and no screening: choose an empty or a new folder for -o")


def open_given(given: str, folder: Path, progress: bool = False) -> Source:
    """The source that a person gave; pages of a server are kept in `folder`, and fetched only once."""
    if not optimade.is_address(given):
        return open_source(given)
    with progress_bar(None, progress) as bar:
        return optimade.fetch(given, folder / "source", bar.update)


def _about(source: Source, model: Model, about: str) -> dict[str, str]:
    return {
        "source": source.name,
        "model": f"{about} ({model.identity[:12]})" if about else model.identity[:12],
        "topofuse": __version__,
        "labels": "non-magnetic calculations: nothing here says what happens to magnets",
    }
