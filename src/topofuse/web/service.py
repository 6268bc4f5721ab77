"""What the page can do, without HTTP: structure files as bytes → rows and scenes, each structure with a time limit."""

from __future__ import annotations

import contextlib
import functools
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from topofuse.labels import FIVE, LEVELS, coarsen, level_probabilities
from topofuse.web.errors import BusyError, UnavailableError

if TYPE_CHECKING:
    from topofuse.web.compute import Calculations

TIME_LIMIT = 30.0  # seconds that one structure may take
MEMORY_LIMIT = 2.0  # GiB that a worker may take for one structure


@dataclass(frozen=True)
class Upload:
    """A file as it came: the name that a person gave it, and its content."""

    name: str
    content: bytes


class Service:
    """Predictions and scenes.

    load: gives the model (see `screening.predict.Model`); called once, by `start`, in a thread of its own
    folder: where uploads lie while they are worked on; each request's are removed at its end
    workers: most processes for one request
    compute: what a process calculates of a file; None: from first principles, kept where `topofuse confirm` keeps it
    """

    def __init__(
        self,
        load: Callable[[], Any],
        folder: Path,
        *,
        name: str,
        workers: int = 1,
        time_limit: float = TIME_LIMIT,
        compute: Callable[[Path], dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.time_limit = time_limit
        self._load = load
        self._folder = folder
        self._workers = workers
        self._model: Future[Any] = Future()
        self._compute = compute

    def start(self, when_ready: Callable[[BaseException | None], None] = lambda _: None) -> None:
        """Load the model in the background; `when_ready` is told of the error, or None."""

        def work() -> None:
            try:
                model = self._load()
            except BaseException as error:
                self._model.set_exception(error)
                when_ready(error)
            else:
                self._model.set_result(model)
                when_ready(None)

        threading.Thread(target=work, name="load the model", daemon=True).start()

    @property
    def state(self) -> str:
        """'loading', 'ready' or 'failed'."""
        if not self._model.done():
            return "loading"
        return "failed" if self._model.exception() else "ready"

    @property
    def model(self) -> Any:
        """The model, when it is loaded; `UnavailableError` where it cannot be."""
        try:
            return self._model.result()
        except Exception as error:
            raise UnavailableError(f"the model cannot be loaded: {error}") from error

    @functools.cached_property
    def calculations(self) -> Calculations:
        """First-principles calculations, one at a time."""
        from topofuse.confirm.store import default_folder
        from topofuse.web.compute import Calculations, Compute

        return Calculations(self._compute or Compute(default_folder()))

    def predict(self, uploads: Sequence[Upload]) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
        """The columns of the table, and one row per file, in order; see `screening.predict.predict_rows`."""
        model = self.model  # waits until it is loaded; two threads that import at a time are slower than one
        from topofuse.screening.entries import printable
        from topofuse.screening.predict import PredictOptions, predict_paths
        from topofuse.screening.table import COLUMNS

        with self._written(uploads) as paths:
            options = PredictOptions(min(self._workers, len(paths)), self.time_limit, MEMORY_LIMIT)
            rows = predict_paths(paths, model, options)
        for row, upload in zip(rows, uploads, strict=True):
            row["input"] = printable(upload.name)
        return COLUMNS, rows

    def material(self, upload: Upload) -> dict[str, Any]:
        """All that the page shows of one file, which is read once, in one worker, with the limits of time and memory.

        columns, row: as `predict` gives them; neighbours: the nearest training materials; scene, bands: what is drawn;
        compute: whether a calculation can be made (`compute.offer`); why: `topofuse.explain` as data, None for a model
        that is no bundle. A file that cannot be used is a row with
        the reason, and None for the rest.
        """
        model = self.model
        from topofuse.ensemble.bundle import Bundle
        from topofuse.explain import explain
        from topofuse.screening.entries import printable
        from topofuse.screening.predict import answered
        from topofuse.screening.table import COLUMNS
        from topofuse.system.files import null_undefined
        from topofuse.web.colours import element_colours
        from topofuse.web.neighbours import neighbours

        with self._written([upload]) as paths:
            reading = self._read(paths[0], model, explained=isinstance(model, Bundle))
        (row,) = answered([(reading.row, reading.features)], model)
        row["input"] = printable(upload.name)
        why = None
        if reading.material is not None and row["status"] == "ok":
            why = null_undefined(explain(reading.material, model).to_dict()) | {"source": row["input"]}
        for element in (reading.scene or {}).get("elements", ()):
            element["colour"] = element_colours()[element["symbol"]]
        return {
            "columns": list(COLUMNS),
            "row": row,
            "neighbours": neighbours(row["nearest"]),
            "scene": reading.scene,
            "bands": reading.bands,
            "why": why,
            "compute": reading.compute,
        }

    def compute(self, upload: Upload) -> int:
        """Begin the calculation of a file; its number in `calculations`. `BusyError` where another is under way."""
        stack = contextlib.ExitStack()
        (path,) = stack.enter_context(self._written([upload]))
        try:
            return self.calculations.begin(path, stack.close)
        except BusyError:
            stack.close()
            raise

    def close(self) -> None:
        """End a calculation that is under way."""
        if "calculations" in vars(self):
            self.calculations.close()

    def _read(self, path: Path, model: Any, *, explained: bool) -> Any:
        """The `Reading` of a file by a worker process; one that hangs or crashes is a row with the reason."""
        from topofuse.screening.examine import blank_row, refuse
        from topofuse.system.workers import Lost, supervised_map
        from topofuse.web.reading import Read, Reading

        results = supervised_map(
            Read(model.extractor(), explained),
            [path],
            workers=1,
            time_limit=self.time_limit,
            ahead=1,
            memory_limit=MEMORY_LIMIT,
        )
        with contextlib.closing(results):
            reading = next(results)
        return Reading(refuse(blank_row(path.name), reading.reason)) if isinstance(reading, Lost) else reading

    @contextlib.contextmanager
    def _written(self, uploads: Sequence[Upload]) -> Iterator[list[Path]]:
        """The uploads as files, each in its own folder: the name tells the format, and names may repeat."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            paths = []
            for number, upload in enumerate(uploads):
                path = Path(folder, str(number), safe_name(upload.name))
                path.parent.mkdir()
                path.write_bytes(upload.content)
                paths.append(path)
            yield paths


def safe_name(name: str) -> str:
    """The last part of a name, of ordinary characters and at most 80 of them; its end, which tells the format, stays.

    >>> safe_name("../../etc/my crystal.CIF")
    'my_crystal.CIF'
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in last)[-80:]
    return kept if kept.strip("._") else "structure"


def levels(row: dict[str, Any]) -> dict[str, Any] | None:
    """Probabilities and label of a row at the three levels; None where it has no class."""
    if row["label"] is None:
        return None
    p = np.array([[row[f"p_{name}"] for name in FIVE]])
    code = np.array([FIVE.index(row["label"])])
    return {
        level: {
            "label": names[int(coarsen(code, level)[0])],
            "probabilities": dict(zip(names, level_probabilities(p, level)[0].tolist(), strict=True)),
        }
        for level, names in LEVELS.items()
    }
