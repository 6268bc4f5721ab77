"""A table in the making: finished chunks in a folder beside it, so that a killed run continues where it was.

    TABLE.partial/MANIFEST        hashes of the inputs and of the model
    TABLE.partial/00000000.jsonl  rows of the first chunk, and so on; each appears whole or not at all

No name in the folder is one of a structure file's, so that a search for structures finds nothing in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from topofuse.files import read_json, write_json, write_whole
from topofuse.screening.examine import blank_row
from topofuse.screening.table import COLUMNS, OutputError, Row

_LAYOUT = 1


class PartialTable:
    """The folder of finished chunks of one table; a context manager that keeps other processes out.

    begin(...) clears what does not belong to these inputs and this model; `rows` gives a finished chunk;
    `remove` when the table is written.
    """

    def __init__(self, table: Path) -> None:
        self.folder = table.with_name(f"{table.name}.partial")
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> PartialTable:
        try:
            self.folder.mkdir(exist_ok=True)
            lock = self._stack.enter_context((self.folder / "LOCK").open("w"))
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be written: {error.strerror or error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a killed process gives it up
        except OSError as error:
            self._stack.close()
            raise OutputError(f"another process is writing {self.folder}: wait for it, or choose another -o") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self, inputs: str, model: str, chunk: int, say: Callable[[str], None]) -> None:
        """Keep the chunks that are there if they are of the same work; `say` tells a person what was decided."""
        manifest = {"layout": _LAYOUT, "columns": list(COLUMNS), "chunk": chunk, "inputs": inputs, "model": model}
        path = self.folder / "MANIFEST"
        try:
            found = read_json(path)
        except FileNotFoundError:
            found = None
        except ValueError:
            found = "damaged"
        else:
            found = found if isinstance(found, dict) else "damaged"
        done = sum(1 for _ in self.folder.glob("*.jsonl"))
        if found == manifest:
            if done:
                say(f"continuing: {done} chunks of {chunk} structures are in {self.folder}")
            return
        if found is not None:
            before = found if isinstance(found, dict) else {}
            changed = [name for name in ("inputs", "model") if before.get(name) != manifest[name]]
            what = " and ".join({"inputs": "the list of inputs", "model": "the model"}[name] for name in changed)
            say(f"beginning anew: {what or 'the layout'} changed since {self.folder} was written")
        path.unlink(missing_ok=True)  # first: chunks without a manifest belong to nothing
        for file in self.folder.iterdir():
            if file.name != "LOCK":
                file.unlink()
        write_json(path, manifest)

    def rows(self, index: int, files: Sequence[Path]) -> list[Row] | None:
        """Rows of a finished chunk; None if it is not there, or is not of these files."""
        try:
            rows = [json.loads(line) for line in self._chunk(index).read_text(encoding="utf-8").splitlines()]
            matches = [row["input"] for row in rows] == [blank_row(file)["input"] for file in files]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return rows if matches and all(tuple(row) == COLUMNS for row in rows) else None

    def keep(self, index: int, rows: Iterable[Row]) -> None:
        """Write a chunk, whole or not at all."""
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
        write_whole(self._chunk(index), text.encode())

    def all_rows(self, chunks: int) -> Iterator[Row]:
        """Rows of the first `chunks` chunks, in order, one chunk in memory."""
        for index in range(chunks):
            for line in self._chunk(index).read_text(encoding="utf-8").splitlines():
                yield json.loads(line)

    def remove(self) -> None:
        """The table is there: the folder is not needed any more."""
        shutil.rmtree(self.folder)

    def _chunk(self, index: int) -> Path:
        return self.folder / f"{index:08d}.jsonl"


def hash_inputs(files: Iterable[Path]) -> tuple[str, int]:
    """Hex digest of the list of files with their sizes and times of change, and how many there are."""
    digest = hashlib.sha256()
    count = 0
    for file in files:
        try:
            status = file.stat()
            state = f"{status.st_size}:{status.st_mtime_ns}"
        except (OSError, ValueError):  # absent, or a name that cannot be one: it gets its row
            state = "unreadable"
        digest.update(f"{str(file)!r}:{state};".encode())
        count += 1
    return digest.hexdigest(), count
