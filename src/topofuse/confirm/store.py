"""Finished calculations in a folder, one JSON file each, under a hash of all that decides the result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topofuse.confirm.path import PathBands
from topofuse.confirm.settings import Settings
from topofuse.crystals import SymmetricCrystal
from topofuse.errors import TopofuseError
from topofuse.modalities.extraction import default_cache
from topofuse.symmetry import Levels
from topofuse.system.files import read_json, write_json

_VERSION = 3  # of what a calculation does with its settings, and of the files
_DECIMALS = 4  # of Å and of fractional coordinates; what differs by less is the same crystal


class StoreError(TopofuseError, ValueError):
    """A stored calculation that cannot be read, or a folder that cannot be written."""


@dataclass(frozen=True, eq=False)
class Result:
    """What is kept of a calculation.

    reason: why there are no levels, in words; empty where there are
    electrons: that the levels hold; levels: of every star of the space group's table
    path: bands along the path, where they were asked for
    seconds: of processor time; steps: of self-consistency; engine: with its version
    """

    reason: str
    spacegroup: int
    electrons: int
    levels: tuple[Levels, ...]
    seconds: float
    steps: int
    engine: str
    path: PathBands | None = None


def default_folder() -> Path:
    """Where calculations are kept unless told otherwise: beside the feature cache."""
    return default_cache().with_name("confirm")


def key_of(crystal: SymmetricCrystal, settings: Settings, engine: str) -> str:
    """The name of a calculation: sha256 (hex) over standardised cell, settings and engine."""
    cell = crystal.primitive
    lattice = np.round(cell.lattice, _DECIMALS) + 0.0
    places = np.round(np.round(cell.frac_coords, _DECIMALS) % 1.0, _DECIMALS) + 0.0
    atoms = sorted(zip(cell.numbers.tolist(), places.tolist(), strict=True))
    content = [_VERSION, crystal.spacegroup, lattice.tolist(), atoms]
    return hashlib.sha256(json.dumps([*content, asdict(settings), engine], sort_keys=True).encode()).hexdigest()


class Store:
    """The folder of finished calculations; a calculation is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from error
        self.folder = folder

    def get(self, key: str) -> Result | None:
        """The calculation of this name, if it was made."""
        path = self.folder / f"{key}.json"
        if not path.is_file():
            return None
        try:
            return _result(read_json(path))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged: delete it, and it is calculated anew") from error

    def put(self, key: str, result: Result) -> None:
        """Keep a calculation."""
        levels = [{name: _plain(value) for name, value in vars(one).items()} for one in result.levels]
        path = None if result.path is None else {name: _plain(value) for name, value in vars(result.path).items()}
        write_json(self.folder / f"{key}.json", {**vars(result), "levels": levels, "path": path})


def _plain(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return np.round(value, 6).tolist() if value.dtype.kind == "f" else value.tolist()


def _result(content: dict[str, Any]) -> Result:
    levels = [
        Levels(
            star=int(one["star"]),
            energy=np.array(one["energy"], dtype=np.float64),
            **{name: np.array(one[name], dtype=np.int64) for name in ("below", "coirrep", "set", "set_of_state")},
        )
        for one in content.pop("levels")
    ]
    path = content.pop("path", None)
    return Result(levels=tuple(levels), path=None if path is None else _path(path), **content)


def _path(content: dict[str, Any]) -> PathBands:
    ends = tuple((str(first), str(second)) for first, second in content["ends"])
    energy, distance = (np.array(content[name], dtype=np.float64) for name in ("energy", "distance"))
    if energy.ndim != 2:
        raise ValueError("bands are a table of energies")
    return PathBands(distance, np.array(content["line"], dtype=np.int64), ends, energy, int(content["filled"]))
