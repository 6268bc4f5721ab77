"""The same few structures in every kind of source, and what a screening makes of them."""

from __future__ import annotations

import csv
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq

from support.stand_ins import ByFirstAtom, poscar
from topofuse.crystals.formula import atomic_number
from topofuse.screening.predict import PredictOptions
from topofuse.screening.screen import screen

PAIRS = [("Mg", "O"), ("Ca", "S"), ("Cs", "Cl"), ("Na",), ("Sr", "Te"), ("Ba", "Se"), ("Zn", "S")]
TWO_AT_A_TIME = PredictOptions(chunk=2)


def record(*symbols: str, a: float = 4.2) -> dict:
    coords = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]][: len(symbols)]
    lattice = [[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]]
    return {"lattice": lattice, "numbers": [atomic_number(s) for s in symbols], "frac_coords": coords}


def as_pymatgen(*symbols: str, a: float = 4.2) -> dict:
    sites = [
        {"species": [{"element": s, "occu": 1}], "abc": x}
        for s, x in zip(symbols, record(*symbols)["frac_coords"], strict=True)
    ]
    return {"lattice": {"matrix": record(*symbols, a=a)["lattice"]}, "sites": sites}


def as_optimade(name: str, *symbols: str, a: float = 4.2, **other) -> dict:
    attributes = {
        "lattice_vectors": record(*symbols, a=a)["lattice"],
        "cartesian_site_positions": [[a * x for x in row] for row in record(*symbols)["frac_coords"]],
        "species_at_sites": list(symbols),
        "species": [{"name": s, "chemical_symbols": [s], "concentration": [1.0]} for s in symbols],
        "structure_features": [],
        "dimension_types": [1, 1, 1],
    }
    return {"id": name, "type": "structures", "attributes": attributes | other}


def files() -> dict[str, str]:
    return {f"{i}_{'_'.join(pair)}.vasp": poscar(*pair) for i, pair in enumerate(PAIRS)} | {"7_bad.cif": "data_x\n"}


def archive_of(path: Path) -> Path:
    """The files in a zip or a tar, beside what is no structure."""
    content = {**files(), "README.md": "no structure", "sub/8_MgO.vasp": poscar("Mg", "O", a=4.3)}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
        return path
    compression = {"gz": "w:gz", "GZ": "w:gz", "z2": "w:bz2", "xz": "w:xz"}.get(path.name[-2:], "w")
    with tarfile.open(path, compression) as archive:
        for name, text in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("9_link.vasp")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def rows_of(source: Path | str, out: Path, model=None, **given) -> list[dict]:
    screen(str(source), model or ByFirstAtom(), out, given.pop("options", TWO_AT_A_TIME), **given)
    return pq.read_table(out / "predictions.parquet").to_pylist()


def without_names(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "input"} for row in rows]


def listed(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "ranking.csv").read_text().splitlines()))


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def folder_of_files(tmp_path: Path) -> Path:
    source = tmp_path / "structures"
    source.mkdir()
    for name, text in files().items():
        (source / name).write_text(text)
    return source
