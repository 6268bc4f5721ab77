"""Files that appear whole or not at all, and JSON as the project writes it."""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


_UMASK = _umask()


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary name in the same folder, then rename; a kill leaves the old file or the new one.

    So does a power cut, and what was written before it returned is there afterwards.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o666 & ~_UMASK)  # mkstemp's files are for their owner alone
        fsync_replace(Path(temporary), path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def fsync_replace(temporary: Path, path: Path) -> None:
    """Rename a finished file; content and name are on the disk before it returns."""
    _flush_to_disk(temporary)  # before the rename, which could reach the disk without the content
    temporary.replace(path)
    _flush_to_disk(path.parent)


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems have no fsync for folders
            raise
    finally:
        os.close(handle)


def null_undefined(value: Any) -> Any:
    """A copy of nested dicts with every NaN and infinity as None, JSON's null: what is undefined."""
    if isinstance(value, dict):
        return {key: null_undefined(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, whole or not at all; NaN is refused."""
    write_whole(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text())
