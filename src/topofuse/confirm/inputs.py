"""Input files for other codes: the standardised cell, spin-orbit coupling, the momenta whose traces are wanted.

Structures, and all of Quantum ESPRESSO and Abinit, are written by ase. Potentials are not shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from topofuse.confirm.engine import chosen_momenta
from topofuse.confirm.store import StoreError
from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.elements import valence_electrons
from topofuse.crystals.formula import SYMBOLS
from topofuse.crystals.write_poscar import poscar
from topofuse.symmetry import SymmetryTable, symmetry_table
from topofuse.system.files import write_whole

CUTOFF = 500.0  # eV
DENSITY = 4.0  # momenta per 1/Å along each axis
_EMPTY = 16  # states with spin above the filled ones
_SMEARING = 0.05  # eV
_RYDBERG, _HARTREE = 13.605693122994, 27.211386245988  # eV (CODATA 2018)


def write_inputs(crystal: SymmetricCrystal, code: str, folder: Path) -> list[Path]:
    """Write the files of one code ('vasp', 'qe', 'abinit') into a folder, which is made; what was written.

    Raises `StoreError` where the folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} is there already: choose a new or an empty folder")
    table = symmetry_table(crystal.spacegroup)
    files = {**_WRITERS[code](crystal, table), "README.txt": _readme(crystal, table, code)}
    for name, text in files.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in files]


def _electrons(crystal: SymmetricCrystal) -> int:
    return int(valence_electrons(crystal.primitive.numbers).sum())


def _points(table: SymmetryTable) -> list[list[float]]:
    return [table.momenta[index].k.tolist() for index in chosen_momenta(table)]


def _mesh(crystal: SymmetricCrystal) -> tuple[int, int, int]:
    reciprocal = 2 * np.pi * np.linalg.norm(np.linalg.inv(crystal.primitive.lattice), axis=0)
    first, second, third = np.ceil(reciprocal * DENSITY).astype(int).tolist()
    return first, second, third


def _atoms(crystal: SymmetricCrystal) -> Any:
    from ase import Atoms

    cell = crystal.primitive
    order = np.argsort(cell.numbers, kind="stable")
    return Atoms(cell.numbers[order], scaled_positions=cell.frac_coords[order], cell=cell.lattice, pbc=True)


def _vasp(crystal: SymmetricCrystal, table: SymmetryTable) -> dict[str, str]:
    structure = poscar(crystal.primitive, f"space group {crystal.spacegroup}")
    both = {
        "PREC": "Accurate",
        "ENCUT": CUTOFF,
        "GGA": "PE",
        "ISMEAR": 0,
        "SIGMA": _SMEARING,
        "EDIFF": 1e-7,
        "LSORBIT": ".TRUE.",
        "MAGMOM": f"{3 * len(crystal.primitive)}*0.0",
        "LMAXMIX": 6,
        "NBANDS": _electrons(crystal) + _EMPTY,
    }
    points = _points(table)
    rows = "".join("{:.12f} {:.12f} {:.12f} 1\n".format(*point) for point in points)
    mesh = "{} {} {}".format(*_mesh(crystal))
    return {
        "density/POSCAR": structure,
        "density/INCAR": _incar({**both, "LCHARG": ".TRUE."}),
        "density/KPOINTS": f"mesh around the centre of the zone\n0\nGamma\n{mesh}\n0 0 0\n",
        "bands/POSCAR": structure,
        "bands/INCAR": _incar({**both, "ICHARG": 11, "LWAVE": ".TRUE.", "LCHARG": ".FALSE."}),
        "bands/KPOINTS": f"momenta whose traces are wanted\n{len(points)}\nReciprocal\n{rows}",
    }


def _incar(tags: Mapping[str, object]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in tags.items())


def _espresso(crystal: SymmetricCrystal, table: SymmetryTable) -> dict[str, str]:
    from io import StringIO

    from ase.io.espresso import write_espresso_in

    atoms = _atoms(crystal)
    points = np.column_stack([_points(table), np.ones(len(table.stars))])
    steps: dict[str, tuple[dict[str, Any], Any]] = {
        "density.in": ({"calculation": "scf"}, _mesh(crystal)),
        "bands.in": ({"calculation": "bands"}, points),
    }
    files = {}
    for name, (control, kpts) in steps.items():
        text = StringIO()
        write_espresso_in(
            text,
            atoms,
            input_data={
                "control": {**control, "prefix": "topofuse", "outdir": "./out", "pseudo_dir": "./pseudo"},
                "system": {
                    "ecutwfc": round(CUTOFF / _RYDBERG * 1.6, 1),
                    "noncolin": True,
                    "lspinorb": True,
                    "nbnd": _electrons(crystal) + _EMPTY,
                    "occupations": "smearing",
                    "smearing": "gaussian",
                    "degauss": round(_SMEARING / _RYDBERG, 5),
                },
                "electrons": {"conv_thr": 1e-10},
            },
            pseudopotentials={symbol: f"{symbol}.rel-pbe.UPF" for symbol in set(atoms.get_chemical_symbols())},
            kpts=kpts,
            crystal_coordinates=True,
        )
        files[name] = text.getvalue()
    return files


def _abinit(crystal: SymmetricCrystal, table: SymmetryTable) -> dict[str, str]:
    from io import StringIO

    from ase.io.abinit import write_abinit_in

    atoms = _atoms(crystal)
    both = {
        "xc": "PBE",
        "ecut": round(CUTOFF / _HARTREE * 1.6, 1),
        "nspinor": 2,
        "nspden": 1,
        "nband": _electrons(crystal) + _EMPTY,
        "occopt": 3,
        "tsmear": round(_SMEARING / _HARTREE, 6),
        "pp_dirpath": '"./pseudo"',
    }
    points = _points(table)
    steps: dict[str, dict[str, Any]] = {
        "density.abi": {
            **both,
            "kptopt": 1,
            "ngkpt": list(_mesh(crystal)),
            "nshiftk": 1,
            "shiftk": [0.0, 0.0, 0.0],
            "tolvrs": 1e-10,
            "nstep": 100,
        },
        "bands.abi": {
            **both,
            "getden_filepath": '"densityo_DEN"',
            "iscf": -2,
            "istwfk": "*1",
            "kptopt": 0,
            "nkpt": len(points),
            "kpt": points,
            "tolwfr": 1e-14,
            "nstep": 100,
        },
    }
    species = sorted(set(atoms.numbers.tolist()))
    files = {}
    for name, parameters in steps.items():
        text = StringIO()
        pseudos = [f"{SYMBOLS[z]}.rel-pbe.psp8" for z in species]
        write_abinit_in(text, atoms, param=parameters, species=species, pseudos=pseudos)  # type: ignore[no-untyped-call]
        files[name] = text.getvalue()
    return files


_WRITERS: dict[str, Callable[[SymmetricCrystal, SymmetryTable], dict[str, str]]] = {
    "vasp": _vasp,
    "qe": _espresso,
    "abinit": _abinit,
}
CODES = tuple(_WRITERS)

_STEPS = {
    "vasp": "run density/, copy its CHGCAR into bands/, run bands/, then vasp2trace or IrRep (code=vasp) there",
    "qe": "run pw.x on density.in, then on bands.in, then IrRep (code=espresso, prefix=out/topofuse)",
    "abinit": "run abinit on density.abi, then on bands.abi, then IrRep (code=abinit, fWFK=bandso_WFK)",
}


def _readme(crystal: SymmetricCrystal, table: SymmetryTable, code: str) -> str:
    momenta = "\n".join(
        f"  {table.stars[table.momenta[index].star].label:8} {' '.join(f'{x:9.6f}' for x in table.momenta[index].k)}"
        for index in chosen_momenta(table)
    )
    return f"""Space group {crystal.spacegroup}, standardised primitive cell of {len(crystal.primitive)} atoms.
Do not change the cell: the operations of the space group are known in its axes.

Valence electrons with the labels' potentials: {_electrons(crystal)}. Other potentials may have more in the core or
fewer: then the number of bands (electrons + {_EMPTY}) has to change by the same.

Momenta, in reciprocal lattice units:
{momenta}

What to do: put your potentials (PBE, with spin-orbit coupling) where the files say; {_STEPS[code]}.
Have the traces written of all states from the lowest to some above the filling, so that no degenerate level is cut.
Then: topofuse confirm STRUCTURE --read trace.txt --electrons N
"""
