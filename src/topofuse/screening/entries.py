"""What gets a row: a file, a member of an archive, a record of a table; each small, and can be sent to a worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from topofuse.crystals import Crystal, CrystalError
from topofuse.crystals.read import file_content, read_structure, structure_from_bytes
from topofuse.crystals.read_json import decode_json, parse_record

MAX_CHUNK_BYTES = 64 * 1024 * 1024  # of text that waits for workers; 256 files may be of 20 MiB each


class Entry(Protocol):
    """One structure that is still to be read."""

    @property
    def name(self) -> str:
        """What its row calls it, in the column `input`."""

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""

    def crystal(self) -> Crystal:
        """The structure, or `CrystalError` with the reason."""


@dataclass(frozen=True)
class FileEntry:
    """A file on a disk that the worker sees."""

    path: Path
    size: int = 0

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def crystal(self) -> Crystal:
        """Read it."""
        return read_structure(self.path)


@dataclass(frozen=True)
class ContentEntry:
    """The content of a file; its own name tells the format."""

    name: str
    file_name: str
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return len(self.data)

    def crystal(self) -> Crystal:
        """Read it."""
        return structure_from_bytes(self.file_name, self.data)


@dataclass(frozen=True)
class RecordEntry:
    """A record of a table, of one of the forms of `parse_record`."""

    name: str
    record: Any
    size: int = 0

    def crystal(self) -> Crystal:
        """Check it."""
        return Crystal.validated(*parse_record(self.record))


@dataclass(frozen=True)
class LineEntry:
    """A record as a line of JSON: text takes a tenth of the memory of what it holds, and is quickly sent."""

    name: str
    line: bytes

    @property
    def size(self) -> int:
        """Bytes of the line."""
        return len(self.line)

    def crystal(self) -> Crystal:
        """Read it."""
        return Crystal.validated(*parse_record(decode_json(self.line)))


@dataclass(frozen=True)
class RefusedEntry:
    """Something that is no structure, and why."""

    name: str
    reason: str
    size: int = 0

    def crystal(self) -> Crystal:
        """There is none."""
        raise CrystalError(self.reason)


def with_content(entry: Entry) -> Entry:
    """The entry for a worker that does not see this machine's disks."""
    if not isinstance(entry, FileEntry):
        return entry
    try:
        return ContentEntry(entry.name, entry.path.name, file_content(entry.path))
    except CrystalError as error:
        return RefusedEntry(entry.name, str(error))


def in_chunks(entries: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    """Chunks of `size` entries, or fewer where they are long; the same entries give the same chunks."""
    while chunk := list(islice(entries, 1)):
        length = chunk[0].size
        for entry in islice(entries, size - 1):
            chunk.append(entry)
            length += entry.size
            if length > MAX_CHUNK_BYTES:
                break
        yield chunk


def printable(name: str) -> str:
    """A name as rows have it: one that is no valid Unicode could not be written to any table."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
