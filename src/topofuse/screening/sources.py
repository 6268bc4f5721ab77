"""Where the structures of a screening come from: folder, archive, table, OPTIMADE; read as a stream."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

from topofuse.crystals import CrystalError
from topofuse.crystals.crystal import MAX_ATOMS
from topofuse.crystals.read import MAX_FILE_BYTES, TOO_LARGE, find_structures, is_structure_name
from topofuse.crystals.read_json import decode_json
from topofuse.errors import TopofuseError
from topofuse.screening.entries import ContentEntry, Entry, FileEntry, LineEntry, RecordEntry, RefusedEntry

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_JSONL = (".jsonl", ".jsonl.gz")
KINDS = f"a folder, {', '.join(_TAR)}, .zip, .parquet, {', '.join(_JSONL)}, or the address of an OPTIMADE server"
# what reading a compressed stream raises where it is cut off or altered
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    struct.error,
    NotImplementedError,
)
# structures are packed to a fiftieth, to a two-hundredth where all are nearly equal; zeros to a thousandth and far less
_MAX_RATIO = 250
_FREE_BYTES = 2**30  # so much may come of any file
_MAX_IDLE = 500_000  # lines without text, or members that are no structures, one after another
_MAX_GROUP_VALUES = 100_000_000  # of a parquet column: one row may hold them all, 0.8 GB
_NUMERIC = ("lattice", "numbers", "frac_coords")  # the columns of a parquet
_HUGE = f"more than {MAX_ATOMS} atoms, or a lattice of more than nine numbers"
_ID_KEYS = ("material_id", "id", "name")


class SourceError(TopofuseError, ValueError):
    """A source that cannot be read at all; the message says why."""


@dataclass(frozen=True)
class Source:
    """Structures as a stream that can be read again, with the same entries in the same order.

    name: as a person gave it
    state: another one where the content is another
    total: how many entries there are; None where only reading tells
    """

    name: str
    state: str
    entries: Callable[[], Iterator[Entry]]
    total: int | None = None


def open_source(given: str) -> Source:
    """The source behind a path; `SourceError` where there is none."""
    path = Path(given)
    name = path.name.lower()
    if not path.exists():
        raise SourceError(f"there is no {given}; a source is {KINDS}")
    if path.is_dir():
        digest, total = hash_inputs(find_structures([path]))
        return Source(given, digest, lambda: map(FileEntry, find_structures([path])), total)
    reader: Callable[[Path], Iterator[Entry]]
    if name.endswith(_TAR):
        reader = _tar
    elif name.endswith(".zip"):
        reader = _zip
    elif name.endswith(".parquet"):
        reader = _parquet
    elif name.endswith(_JSONL):
        reader = _jsonl
    else:
        raise SourceError(f"{given} is no source; it can be {KINDS}. Single files: `topofuse predict`")
    digest, _ = hash_inputs([path.resolve()])
    return Source(given, digest, partial(reader, path), _parquet_rows(path) if reader is _parquet else None)


def hash_inputs(files: Iterable[Path]) -> tuple[str, int]:
    """Hex digest of the list of files with their sizes and times of change, and how many there are."""
    digest = hashlib.sha256()
    number = 0
    for file in files:
        try:
            status = file.stat()
            state = f"{status.st_size}:{status.st_mtime_ns}"
        except (OSError, ValueError):  # absent, or a name that cannot be one: it gets its row
            state = "unreadable"
        digest.update(f"{str(file)!r}:{state};".encode())
        number += 1
    return digest.hexdigest(), number


class BombError(ValueError):
    """A compressed file that holds far more than structures can."""

    def __init__(self) -> None:
        super().__init__(f"it expands to more than {_MAX_RATIO} times its size: if you trust it, unpack it")


class _Bounded(io.RawIOBase):
    """What a compressed stream holds; `BombError` where that is out of proportion to the file."""

    def __init__(self, path: Path, stream: Any) -> None:
        self._stream = stream
        self._left = _most(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise BombError
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _most(path: Path) -> int:
    """Bytes that a compressed file may hold."""
    return max(_FREE_BYTES, _MAX_RATIO * path.stat().st_size)


def _tar(path: Path) -> Iterator[Entry]:
    """Members that are regular files with a structure's name, in the archive's order."""
    last = "its beginning"
    try:
        with _decompressed(path) as content, tarfile.open(fileobj=content, mode="r|") as archive:
            idle = 0
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
                last = member.name
                stream = archive.extractfile(member) if member.isfile() and _wanted(member.name) else None
                if stream is not None:
                    idle = 0
                    yield _member(member.name, member.size, stream)
                elif (idle := idle + 1) > _MAX_IDLE:
                    raise ValueError(f"{_MAX_IDLE:,} members that are no structures")
        if path.suffix.lower() == ".tar" and path.stat().st_size % tarfile.BLOCKSIZE:
            raise EOFError("its last block is incomplete")  # which tarfile takes for an end
    except _DAMAGE as error:
        yield _broken_off(path, last, error)


def _decompressed(path: Path) -> io.BufferedReader:
    """What a file holds, decompressed if its name says so, and within bounds.

    Of a tar not by tarfile itself, which takes the end of a truncated stream for that of the archive.
    """
    name = path.name.lower()
    if not name.endswith(("gz", "bz2", "xz")):
        return path.open("rb")
    stream = (gzip if name.endswith("gz") else bz2 if name.endswith("bz2") else lzma).open(path)
    return io.BufferedReader(_Bounded(path, stream), 2**16)


def _zip(path: Path) -> Iterator[Entry]:
    last = "its beginning"
    try:
        with zipfile.ZipFile(path) as archive:
            left = _most(path)
            for member in archive.infolist():
                last = member.filename
                if member.is_dir() or not _wanted(last):
                    continue
                if member.flag_bits & 1:
                    yield RefusedEntry(last, "it is encrypted in the archive")
                    continue
                try:
                    with archive.open(member) as stream:
                        entry = _member(last, member.file_size, stream)
                except _DAMAGE as error:  # a member by itself: the others are reached through the directory
                    entry = RefusedEntry(last, f"damaged in the archive ({_words(error)})")
                left -= max(entry.size, min(member.file_size, MAX_FILE_BYTES))  # members may share their bytes
                if left < 0:
                    raise BombError
                yield entry
    except _DAMAGE as error:
        yield _broken_off(path, last, error)


def _wanted(member: str) -> bool:
    return is_structure_name(Path(member).name)


def _member(name: str, size: int, stream: IO[bytes]) -> Entry:
    # the size that an archive declares need not be true
    data = b"" if size > MAX_FILE_BYTES else stream.read(MAX_FILE_BYTES + 1)
    if size > MAX_FILE_BYTES or len(data) > MAX_FILE_BYTES:
        return RefusedEntry(name, TOO_LARGE)
    if len(data) < size:
        raise EOFError("unexpected end of data")
    return ContentEntry(name, Path(name).name, data)


def _jsonl(path: Path) -> Iterator[Entry]:
    """A structure a line, in a form of `parse_record`; its name is its material_id, id or name, or its line."""
    last = "its beginning"
    try:
        with _decompressed(path) as stream:
            blank = 0
            for number in count(1):
                line = stream.readline(MAX_FILE_BYTES + 1)
                if not line:
                    return
                last = f"line {number}"
                if len(line) > MAX_FILE_BYTES:
                    yield RefusedEntry(last, TOO_LARGE)
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(MAX_FILE_BYTES)
                elif line.strip():
                    blank = 0
                    yield json_entry(line, last)
                elif (blank := blank + 1) > _MAX_IDLE:
                    raise ValueError(f"{_MAX_IDLE:,} lines without text")
    except _DAMAGE as error:
        yield _broken_off(path, last, error)


def json_entry(line: bytes, place: str) -> Entry:
    """The entry of a line of JSON."""
    try:
        record = decode_json(line)
    except CrystalError as error:
        return RefusedEntry(place, str(error))
    return LineEntry(record_name(record, place), line)


def record_name(record: Any, place: str) -> str:
    """The name that a record has for itself, else its place."""
    named = (record.get(key) for key in _ID_KEYS) if isinstance(record, dict) else ()
    return next((str(name)[:200] for name in named if isinstance(name, str | int) and str(name).strip()), place)


def _parquet_rows(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in _NUMERIC if name not in file.schema_arrow.names]
            if missing:
                present = ", ".join(file.schema_arrow.names) or "none"
                raise SourceError(f"{path} has no column {', '.join(missing)}; found are {present}")
            _check_columns(path, file)
            rows: int = file.metadata.num_rows
            return rows
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path} is not a readable parquet file: {error}") from error


def _check_columns(path: Path, file: Any) -> None:
    """Refuse columns of other types, and row groups that would fill the memory: a small file can hold huge lists."""
    import pyarrow as pa

    for name in _NUMERIC:
        kind, depth = file.schema_arrow.field(name).type, 0
        while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            kind, depth = kind.value_type, depth + 1
        if not 1 <= depth <= 2 or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise SourceError(f"{path}: the column {name} does not hold lists of numbers")
    for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            values = column.num_values if column.path_in_schema.split(".")[0] in _NUMERIC else 0
            if values > min(max(group.num_rows, 1) * 3 * MAX_ATOMS, _MAX_GROUP_VALUES):
                raise SourceError(
                    f"{path}: a row group has {values:,} numbers in {column.path_in_schema.split('.')[0]}; write the "
                    f"file with smaller row groups, at most {_MAX_GROUP_VALUES:,} numbers each"
                )


def _parquet(path: Path) -> Iterator[Entry]:
    """A structure a row: columns lattice, numbers, frac_coords, and one of material_id, id, name if there is one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 0
    try:
        with pq.ParquetFile(path) as file:
            wanted = [name for name in (*_ID_KEYS, *_NUMERIC) if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=256, columns=wanted):
                # as Python's numbers a list takes four times the memory: huge ones are looked at one by one
                small = all(_leaves(batch.column(name)) <= 3 * MAX_ATOMS * batch.num_rows for name in _NUMERIC)
                for record in (
                    batch.to_pylist() if small else map(partial(_without_huge_lists, batch), range(len(batch)))
                ):
                    row += 1
                    name = record_name(record, f"row {row}")
                    yield RefusedEntry(name, _HUGE) if record["numbers"] is _HUGE else RecordEntry(name, record)
    except (pa.ArrowException, OSError) as error:
        yield _broken_off(path, f"row {row}", error)


def _leaves(array: Any) -> int:
    """How many numbers there are in an array of lists, or of lists of lists."""
    while hasattr(array, "flatten") and hasattr(array.type, "value_type"):
        array = array.flatten()
    return len(array)


def _without_huge_lists(batch: Any, index: int) -> dict[str, Any]:
    """A row; where it has too long a list, its 'numbers' are `_HUGE`."""
    row = batch.slice(index, 1)
    if any(_leaves(row.column(name)) > 3 * MAX_ATOMS for name in _NUMERIC):
        row = row.select([name for name in row.schema.names if name not in _NUMERIC])
        return {**row.to_pylist()[0], "numbers": _HUGE} if row.num_columns else {"numbers": _HUGE}
    record: dict[str, Any] = row.to_pylist()[0]
    return record


def _broken_off(path: Path, last: str, error: Exception) -> Entry:
    """The row that says that a source ends where it should not: what came before it stands."""
    return RefusedEntry(
        str(path), f"the source cannot be read beyond {last}: it is truncated or damaged ({_words(error)})"
    )


def _words(error: Exception) -> str:
    # tarfile has zlib's inside an error of its own, gzip tells checksums in hexadecimal
    if isinstance(error, zlib.error) or any(words in str(error) for words in ("zlib error", "CRC check")):
        return "its compressed data are altered"
    return str(error)[:120] or "it ends too early"
