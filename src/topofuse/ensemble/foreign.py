"""A bundle from a stranger: what its files must be before anything is made of them.

Checksums tell damage, not intent: whoever changes a file can write its checksum anew. So nothing here relies on them.
Files lie in the folder itself and are plain; sizes are known before memory is taken; arrays fit one another, so that
what is computed with them later cannot run out of bounds, in circles or out of memory.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from topofuse.crystals.elements import MAX_ATOMIC_NUMBER
from topofuse.crystals.fingerprint import LENGTH
from topofuse.ensemble.forest import Forest
from topofuse.labels import FIVE
from topofuse.modalities.ranks import N_QUANTILES
from topofuse.modalities.registry import MODALITY_NAMES, table_columns
from topofuse.trust.novelty import TrainingMaterials
from topofuse.trust.trust import Trust

MAX_DESCRIPTION = 16 * 2**20  # bytes of bundle.json
MAX_FILE = 2**30  # bytes of any other file
MAX_FILES = 256  # networks, and as many files of trees
MAX_DEPTH = 512  # splits on the way to a leaf: what explanations need grows with its square
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,199}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class ForeignError(ValueError):
    """Something that no bundle holds; the message says what."""


def read_file(folder: Path, name: str, limit: int = MAX_FILE) -> bytes:
    """A file of a bundle; name: relative, its parts separated by /.

    Raises OSError where it is absent, a link, or behind one; `ForeignError` where the name leads outside, the file is
    no plain one (a pipe would keep its reader waiting), or longer than `limit`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ForeignError(f"no name of a file in a bundle: {str(name)[:80]!r}")
    *parents, last = name.split("/")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parents:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        with os.fdopen(os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise ForeignError(f"{name} is no plain file")
            if about.st_size > limit:
                raise ForeignError(f"{name} has {about.st_size} bytes, at most {limit} are read")
            return file.read(limit)
    finally:
        os.close(handle)


def arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file; they fill it without gaps, so memory is what the file has."""
    try:
        return load(content)
    except (SafetensorError, KeyError) as error:  # KeyError: a type that numpy has not
        raise ForeignError(f"no safetensors file: {error}") from error


def check_described(described: Mapping[str, Any]) -> None:
    """The parts of bundle.json that are lists of files: few, each named once."""
    names = [entry["file"] for entry in _listed(described, "networks")] + _listed(described, "trees")
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ForeignError("a file is named twice, or by something else than text")
    if not isinstance(described["info"], Mapping) or not isinstance(described["checksums"], Mapping):
        raise ForeignError("info and checksums are tables")
    modalities = described["config"]["modalities"]
    if not isinstance(modalities, list) or not all(name in MODALITY_NAMES for name in modalities):
        raise ForeignError("modalities that this version does not know")


def _listed(described: Mapping[str, Any], key: str) -> list[Any]:
    entries = described[key]
    if not isinstance(entries, list) or len(entries) > MAX_FILES:
        raise ForeignError(f"{key} is a list of at most {MAX_FILES} files")
    return entries


def check_weights(weights: Mapping[str, Any], families: Sequence[str]) -> None:
    """Finite, not negative, not all nought, and of nothing that is not there."""
    values = np.array([float(value) for value in weights.values()])
    if not np.isfinite(values).all() or (values < 0).any() or not values.sum() > 0:
        raise ForeignError("weights of the blend that are none")
    absent = [name for name, value in weights.items() if value > 0 and name not in families]
    if absent:
        raise ForeignError(f"the blend weighs {', '.join(absent)}, which the bundle does not hold")


def check_forest(forest: Forest) -> None:
    """No way from a root to a leaf is longer than `MAX_DEPTH`; gains are numbers."""
    if not np.isfinite(forest.gain).all():
        raise ForeignError("gains of the trees that are not finite")
    splits = forest.root[forest.root >= 0]
    for _ in range(MAX_DEPTH):
        if not len(splits):
            return
        below = np.concatenate([forest.left[splits], forest.right[splits]])
        splits = below[below >= 0]
    raise ForeignError(f"trees deeper than {MAX_DEPTH} splits")


def check_trust(trust: Trust) -> None:
    """Temperatures above nought, and known materials with a class and a score each."""
    temperatures = np.array([trust.temperatures.nontrivial, trust.temperatures.kind], dtype=np.float64)
    if not np.isfinite(temperatures).all() or (temperatures <= 0).any():
        raise ForeignError("temperatures that are no positive numbers")
    sets = trust.sets
    n = (len(sets.scores),)
    _shaped("scores of the prediction sets", sets.scores, n, np.floating)
    for codes in (sets.classes, sets.labels):
        _shaped("classes of the prediction sets", codes, n, np.integer)
        _classes(codes)


def check_reference(reference: TrainingMaterials) -> None:
    """Arrays that fit one another and the tables of the features."""
    names = reference.names
    if not all(isinstance(name, str) and name in MODALITY_NAMES for name in names):
        raise ForeignError("a reference of modalities that this version does not know")
    f, (n, k) = len(table_columns(names)), reference.codes.shape
    if n < 3 or k < 1:
        raise ForeignError("a reference of fewer than three materials")
    _shaped("quantiles", reference.quantiles, (f, N_QUANTILES), np.floating)
    _shaped("projection", reference.projection, (f, k), np.floating)
    _shaped("centre", reference.centre, (k,), np.floating)
    _shaped("step", reference.step, (k,), np.floating)
    _shaped("codes", reference.codes, (n, k), np.int8)
    _shaped("distances", reference.distances, (max(len(reference.distances), 2),), np.floating)
    _shaped("seen", reference.seen, (MAX_ATOMIC_NUMBER + 1,), np.bool_)
    _shaped("classes", reference.classes, (n,), np.integer)
    _classes(reference.classes)
    if len(reference.ids) != n or len(reference.formulas) != n:
        raise ForeignError(f"{n} reference materials with {len(reference.ids)} names")
    known = reference.known
    if known is not None:
        _shaped("space groups of the known materials", known.spacegroups, (n,), np.integer)
        _shaped("sizes of the known materials", known.sizes, (n,), np.integer)
        _shaped("volumes of the known materials", known.volumes, (n,), np.floating)
        _shaped("fingerprints of the known materials", known.fingerprints, (n, LENGTH), np.integer)
        if len(known.sources) != n or not (known.volumes > 0).all():
            raise ForeignError("known materials without a source or a volume")


def _shaped(what: str, array: NDArray[Any], shape: tuple[int, ...], kind: type) -> None:
    if array.shape != shape or not np.issubdtype(array.dtype, kind):
        raise ForeignError(f"{what} of type {array.dtype} and shape {array.shape}, not {shape}")
    if np.issubdtype(kind, np.floating) and not np.isfinite(array).all():
        raise ForeignError(f"{what} that are not finite")


def _classes(codes: NDArray[Any]) -> None:
    if len(codes) and (codes.min() < 0 or codes.max() >= len(FIVE)):
        raise ForeignError("classes that do not exist")
