"""Work in shards: finished ones in a folder, each whole or not at all, so that a killed run continues where it was.

    FOLDER/MANIFEST        what the shards belong to: inputs, model, code, size, columns
    FOLDER/00000000.jsonl  rows of the first shard, and so on

No name in the folder is one of a structure file's, so that a search for structures finds nothing in it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from topofuse.modalities.source import package_digest
from topofuse.screening.entries import Entry, in_chunks, printable
from topofuse.screening.table import COLUMNS, OutputError, Row
from topofuse.system.files import read_json, write_json, write_whole

_LAYOUT = 2
_IN_WORDS = {
    "inputs": "the list of inputs",
    "model": "the model or its --symmetrise",
    "code": "the code of topofuse",
}

Numbered = Iterator[tuple[int, list[Entry]]]
Engine = Callable[[Numbered], Iterator[tuple[int, list[Row]]]]
"""Rows of numbered shards, which are drawn as needed; in any order."""


class Shards:
    """The folder of finished shards; a context manager that keeps other processes out.

    begin(...) deals with what does not belong to these inputs and this model; `complete` makes what is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / "LOCK")

    def __enter__(self) -> Shards:
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock.acquire(blocking=False)  # a killed process gives it up
        except Timeout as error:
            raise OutputError(f"another process is writing {self.folder}: wait for it, or choose another -o") from error
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be written: {error.strerror or error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def begin(self, inputs: str, model: str, size: int, say: Callable[[str], None], *, spare: bool = False) -> None:
        """Keep the shards that are there if they are of the same work; `say` tells a person what was decided.

        spare: refuse (`OutputError`) to remove those of other work, instead of beginning anew
        """
        manifest = {
            "layout": _LAYOUT,
            "columns": list(COLUMNS),
            "size": size,
            "inputs": inputs,
            "model": model,
            "code": package_digest(),
        }
        path = self.folder / "MANIFEST"
        recorded = _read(path)
        done = sum(1 for _ in self.folder.glob("*.jsonl"))
        if recorded == manifest:
            for litter in self.folder.glob(".*.part"):  # of a killed process; the lock says that it is gone
                litter.unlink()
            if done:
                say(f"continuing: {done} chunks of {size} structures are in {self.folder}")
            return
        if recorded is not None:
            changed = [words for name, words in _IN_WORDS.items() if recorded.get(name) != manifest[name]]
            what = " and ".join(changed or ["the size or the layout of the shards"]) + " changed"
            if spare and done:
                raise OutputError(
                    f"{self.folder} holds {done} shards of other work ({what} since): delete it, or choose another -o"
                )
            say(f"beginning anew: {what} since {self.folder} was written")
        path.unlink(missing_ok=True)  # first: shards without a manifest belong to nothing
        for file in self.folder.iterdir():
            if file.name != "LOCK":
                file.unlink()
        write_json(path, manifest)

    def complete(
        self, entries: Iterator[Entry], size: int, engine: Engine, advance: Callable[[int], object] = lambda _: None
    ) -> int:
        """Have every shard made that is missing; how many shards there are. `advance` hears of rows that are there."""
        total = 0

        def missing() -> Numbered:
            nonlocal total
            for index, chunk in enumerate(in_chunks(entries, size)):
                total = index + 1
                if self._holds(index, chunk):
                    advance(len(chunk))
                else:
                    yield index, chunk

        for index, rows in engine(missing()):
            text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
            write_whole(self._shard(index), text.encode())
            advance(len(rows))
        return total

    def rows(self, shards: int) -> Iterator[Row]:
        """Rows of the first `shards` shards, in order, one shard in memory."""
        for index in range(shards):
            yield from self._rows_of(index)

    def remove(self) -> None:
        """The table is there: the folder is not needed any more."""
        shutil.rmtree(self.folder)

    def _holds(self, index: int, entries: Sequence[Entry]) -> bool:
        """Whether a shard is there, whole, and of these entries."""
        try:
            rows = list(self._rows_of(index))
            matches = [row["input"] for row in rows] == [printable(entry.name) for entry in entries]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        return matches and all(tuple(row) == COLUMNS for row in rows)

    def _rows_of(self, index: int) -> Iterator[Row]:
        return (json.loads(line) for line in self._shard(index).read_text(encoding="utf-8").splitlines())

    def _shard(self, index: int) -> Path:
        return self.folder / f"{index:08d}.jsonl"


def _read(path: Path) -> dict[str, object] | None:
    """The manifest; None where there is none, {} where it is damaged."""
    try:
        manifest = read_json(path)
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return manifest if isinstance(manifest, dict) else {}
