"""Structure files → crystals, and folders → structure files; every refusal has a reason for a person.

No reader of another library sees a file, but for gemmi's and expat's grammars: those of pymatgen and ase build the
objects that a file names, and run code on the way.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from topofuse.crystals.crystal import Crystal, CrystalError
from topofuse.crystals.read_cif import parse_cif
from topofuse.crystals.read_cssr import parse_cssr
from topofuse.crystals.read_input import parse_aims, parse_cell
from topofuse.crystals.read_json import parse_json
from topofuse.crystals.read_poscar import parse_poscar
from topofuse.crystals.read_vasprun import parse_vasprun
from topofuse.crystals.read_xsf import parse_gen, parse_xsf
from topofuse.crystals.read_xyz import parse_xyz
from topofuse.crystals.read_yaml import parse_yaml
from topofuse.crystals.text import Arrays

MAX_FILE_BYTES = 20 * 1024 * 1024
TOO_LARGE = f"larger than {MAX_FILE_BYTES // 2**20} MiB: more than one usable crystal takes"

_PARSERS: dict[str, Callable[[str], Arrays]] = {
    "cif": parse_cif,
    "poscar": parse_poscar,
    "json": parse_json,
    "extxyz": parse_xyz,
    "xsf": parse_xsf,
    "gen": parse_gen,
    "aims": parse_aims,
    "castep-cell": parse_cell,
    "vasp-xml": parse_vasprun,
    "cssr": parse_cssr,
    "yaml": parse_yaml,
}
_BY_SUFFIX = {
    ".cif": "cif",
    ".mcif": "cif",
    ".vasp": "poscar",
    ".poscar": "poscar",
    ".json": "json",
    ".xyz": "extxyz",
    ".extxyz": "extxyz",
    ".xsf": "xsf",
    ".gen": "gen",
    ".cell": "castep-cell",
    ".cssr": "cssr",
    ".yaml": "yaml",
    ".yml": "yaml",
}
_BY_NAME = (
    (re.compile(r"(POSCAR|CONTCAR|CHGCAR|LOCPOT)([-_.].*)?"), "poscar"),
    (re.compile(r"vasprun([-_.].*)?\.xml"), "vasp-xml"),
    (re.compile(r"geometry\.in(\.next_step)?"), "aims"),
)
# Suffixes that mostly mean something else: such files are read when named, but not picked up from folders.
_NAMED_ONLY = (".yaml", ".yml")


def read_structure(path: str | Path) -> Crystal:
    """The crystal in a structure file.

    Read are CIF; POSCAR, CONTCAR, CHGCAR and *.vasp; JSON as `parse_record` has it; extended XYZ with a cell, XSF,
    DFTB+ gen, FHI-aims, CASTEP cell, vasprun.xml, CSSR and pymatgen's YAML; each also with `.gz`. The name tells the
    format, the content where the name does not. D and T are hydrogen. Text is UTF-8, or Latin-1 where it is not.
    Raises `CrystalError` with the reason, for whatever cannot be used, and nothing else.
    """
    path = Path(path)
    return structure_from_bytes(path.name, file_content(path))


def structure_from_bytes(name: str, data: bytes) -> Crystal:
    """The crystal in the content of a file called `name`; as `read_structure`, which has the details."""
    text = _text(name, data)
    fmt = known_format(name) or _sniff(text)
    if fmt is None:
        raise CrystalError("unknown format: neither its name nor its content is that of a known structure file")
    with np.errstate(all="ignore"):  # overflow gives infinities, which are refused as such
        lattice, numbers, coords = _PARSERS[fmt](text)
        return Crystal.validated(lattice, numbers, coords)


def known_format(name: str) -> str | None:
    """Format that a file's name tells ('cif', 'poscar', 'json', …), None if it tells none."""
    if name.lower().endswith(".gz"):
        name = name[:-3]
    for pattern, fmt in _BY_NAME:
        if pattern.fullmatch(name):
            return fmt
    return _BY_SUFFIX.get(Path(name).suffix.lower())


def find_structures(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Structure files behind `paths`, in their order; folders are searched recursively, in sorted order.

    A named file is always passed on, known or not, present or not, so that it gets its row. Folders give
    the files whose name tells a structure format. Symbolic links are followed, each real folder being
    entered once per named path, so loops end. A folder that cannot be listed, and a named folder in
    which nothing is found, are passed on themselves: `read_structure` says what is wrong with them.
    """
    for given in paths:
        path = Path(given)
        if not _is_folder(path):
            yield path
            continue
        any_file = False
        for file in _walk(path):
            any_file = True
            yield file
        if not any_file:
            yield path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, a NUL in it: read_structure reports it
        return False


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    stack = [folder]
    while stack:
        path = stack.pop()
        if not _is_folder(path):
            yield path
            continue
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            children = sorted(path.iterdir(), reverse=True)
        except OSError:  # becomes a row: read_structure says that the folder cannot be listed
            yield path
            continue
        stack.extend(child for child in children if _is_folder(child) or is_structure_name(child.name))


def is_structure_name(name: str) -> bool:
    """Whether a file of this name is taken from a folder or an archive."""
    suffix = Path(name[:-3] if name.lower().endswith(".gz") else name).suffix.lower()
    return known_format(name) is not None and suffix not in _NAMED_ONLY


def _text(name: str, data: bytes) -> str:
    """Content of a file, decompressed and decoded."""
    if name.lower().endswith(".gz"):
        data = _decompressed(data)
    if not data.strip():
        raise CrystalError("the file is empty")
    if data[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff") or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise CrystalError("the file is UTF-16 or UTF-32 text: save it as UTF-8")
    if re.search(rb"[\x00-\x08\x0e-\x19\x1c-\x1f\x7f]", data):
        raise CrystalError("the file is binary or in an unsupported encoding: UTF-8 text is expected")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Journals' files often name their authors in Latin-1; every value that counts is ASCII.
        return data.decode("latin-1")


def file_content(path: Path) -> bytes:
    """Content of a regular file of acceptable size; `CrystalError` says why there is none."""
    try:
        if not path.is_file():
            raise CrystalError(_no_file(path))
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, CrystalError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CrystalError(f"cannot be read: {reason}") from error
    if len(data) > MAX_FILE_BYTES:
        raise CrystalError(TOO_LARGE)
    return data


def _no_file(path: Path) -> str:
    """What is there instead of a regular file; OSError where the system does not let us look."""
    if path.is_dir():
        next(path.iterdir(), None)
        return "the folder holds no structure file (CIF, POSCAR, *.vasp, *.xyz, *.json, …)"
    if path.is_symlink() and not path.exists():
        return "a symbolic link that leads nowhere"
    return "not a regular file" if path.exists() else "no such file"  # a pipe or a device would block or never end


def _decompressed(data: bytes) -> bytes:
    """Gunzip at most `MAX_FILE_BYTES`, so that a small file cannot fill the memory; all members, one after another."""
    try:
        text = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MAX_FILE_BYTES + 1)
    except EOFError as error:
        raise CrystalError("the gzip file ends too early: it is truncated") from error
    except (gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise CrystalError("not a readable gzip file: it is damaged, or not compressed by gzip at all") from error
    if len(text) > MAX_FILE_BYTES:
        raise CrystalError(f"larger than {MAX_FILE_BYTES // 2**20} MiB when decompressed")
    return text


def _sniff(text: str) -> str | None:
    """Format by content, for files whose name tells none."""
    lines = [line.strip() for line in text.splitlines()[:200]]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    if first.lower().startswith("data_"):
        return "cif"
    if first.startswith("{"):
        return "json"
    if len(lines) > 1 and lines[0].isdecimal() and "lattice=" in lines[1].lower():
        return "extxyz"
    if any(line in ("CRYSTAL", "SLAB", "PRIMVEC") for line in lines):
        return "xsf"
    if sum(line.startswith("lattice_vector") for line in lines) == 3:
        return "aims"
    number = r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?\.?"
    if len(lines) > 6 and all(re.match(rf"{number}\s+{number}\s+{number}", line) for line in lines[2:5]):
        return "poscar"
    return None
