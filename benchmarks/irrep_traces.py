"""Does `topofuse confirm --read` understand IrRep? Traces of model states, by both, in many space groups.

    python benchmarks/irrep_traces.py DATA.parquet --irrep PATH [--groups 14,186,198]

PATH is the program `irrep` in an environment of its own (pip install irrep; it is under the GPL). For each
space group, the smallest crystal of the split `pool` gets the Hamiltonian of a model potential with spin-orbit coupling
in plane waves. Its lowest states at the special momenta are written as VASP would write them (POSCAR, WAVECAR), IrRep
makes trace.txt of these, and `--read` reads it. At every momentum, the coirreps below every gap must be the same as
without that way. Exit code 1 where they are not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topofuse.confirm.engine import chosen_momenta
from topofuse.confirm.trace_files import TraceFileError, read_traces, states_of
from topofuse.confirm.traces import state_traces
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.symmetry import Levels, Momentum, RepresentationError, SymmetryTable, identify, symmetry_table
from topofuse.symmetry.spin import PAULI

GROUPS = (
    "4,9,14,15,19,20,29,33,36,43,52,56,60,61,62,63,64,70,72,85,88,92,96,109,122,129,130,136,138,140,141,142,146,148,152,"
    "161,163,166,167,176,182,186,187,190,194,198,199,205,206,212,214,216,218,220,221,223,225,227"
)
ATOMS = 40
WAVES = 110  # about so many at each momentum
STATES = 28
GAP = 1e-3  # eV; IrRep prints energies to 1e-4
_KINETIC = 3.81  # ħ²/2m, eV Å²
_TAG = 45200  # of VASP's files in single precision
_ORDER = """
import json, sys, numpy as np
from irrep.gvectors import calc_gvectors
momenta, reciprocal, cutoff = json.load(sys.stdin)
waves = [calc_gvectors(np.array(k), np.array(reciprocal), cutoff)[0] for k in momenta]
print(json.dumps([one[np.argsort(one[:, 3]), :3].tolist() for one in waves]))
"""


@dataclass(frozen=True, eq=False)
class States:
    """momentum; steps: (q, 3) reciprocal lattice vectors; energy: (s,) eV; spinors: (s, q, 2)."""

    momentum: Momentum
    steps: NDArray[np.int64]
    energy: NDArray[np.float64]
    spinors: NDArray[np.complex128]


def crystals(data: Path, groups: list[int]) -> Iterator[tuple[int, Crystal]]:
    """The smallest crystal of each group, standardised; none where the pool has none."""
    columns = ["lattice", "numbers", "frac_coords", "spacegroup", "split"]
    rows = [row for row in pq.read_table(data, columns=columns).to_pylist() if row["split"] == "pool"]
    for group in groups:
        own = sorted((row for row in rows if row["spacegroup"] == group), key=lambda row: len(row["numbers"]))
        found = next((one for row in own[:6] if (one := standardised(row, group)) is not None), None)
        if found is not None:
            yield group, found


def standardised(row: dict, group: int) -> Crystal | None:
    places = np.reshape(row["frac_coords"], (-1, 3))
    try:
        crystal = analyse(Crystal(np.reshape(row["lattice"], (3, 3)), np.array(row["numbers"]), places))
    except CrystalError:
        return None
    return crystal.primitive if crystal.spacegroup == group and len(crystal.primitive) <= ATOMS else None


def plane_waves(momenta: list[Momentum], reciprocal: NDArray, cutoff: float, python: Path) -> list[NDArray[np.int64]]:
    """(q, 3) reciprocal lattice vectors with an energy under the cutoff at each momentum, in the order IrRep expects.

    IrRep orders them as VASP does, but for those that differ in nothing but the sign of a largest component.
    """
    question = json.dumps([[one.k.tolist() for one in momenta], reciprocal.tolist(), cutoff])
    ended = subprocess.run([python, "-c", _ORDER], input=question, check=True, capture_output=True, text=True)
    return [np.array(steps) for steps in json.loads(ended.stdout.splitlines()[-1])]


def states(cell: Crystal, momentum: Momentum, steps: NDArray[np.int64]) -> States:
    """The lowest states of Gaussian potentials at the atoms, with spin-orbit coupling (p × p')·σ."""
    reciprocal = 2 * np.pi * np.linalg.inv(cell.lattice).T
    p = (momentum.k + steps) @ reciprocal
    between = steps[:, None] - steps
    squares = ((between @ reciprocal) ** 2).sum(-1)
    coupling = 1j * np.einsum("ghx,xst->gsht", np.cross(p[:, None], p[None]), PAULI)
    hamiltonian = np.einsum("gh,st->gsht", np.diag((p**2).sum(1) * _KINETIC), np.eye(2)).astype(complex)
    for number in np.unique(cell.numbers):
        places = cell.frac_coords[cell.numbers == number]
        atoms = np.exp(-2j * np.pi * between @ places.T).sum(-1) / len(cell)
        deep, strong = -6 * (1 + 0.13 * number % 1.7), 0.25 * (1 + 0.31 * number % 1.1)
        hamiltonian += np.einsum("gh,st->gsht", deep * atoms * np.exp(-0.3 * squares), np.eye(2))
        hamiltonian += (strong * atoms * np.exp(-0.2 * squares))[:, None, :, None] * coupling
    size = 2 * len(steps)
    energy, vectors = np.linalg.eigh(hamiltonian.reshape(size, size))
    return States(momentum, steps, energy[:STATES], vectors.T.reshape(size, len(steps), 2)[:STATES])


def write(cell: Crystal, found: list[States], cutoff: float, folder: Path) -> None:
    """POSCAR and WAVECAR: records of one length with a header, and for each momentum energies and coefficients."""
    order = np.argsort(cell.numbers, kind="stable")
    kinds, counts = np.unique(cell.numbers, return_counts=True)
    rows = [" ".join(f"{x:.16f}" for x in row) for row in (*cell.lattice, *cell.frac_coords[order])]
    names = [" ".join(f"X{kind}" for kind in kinds), " ".join(map(str, counts)), "Direct"]
    (folder / "POSCAR").write_text("\n".join(["model", "1.0", *rows[:3], *names, *rows[3:]]) + "\n")
    length = 8 * max(2 * max(len(one.steps) for one in found), 4 + 3 * STATES)
    with (folder / "WAVECAR").open("wb") as file:

        def record(values: NDArray) -> None:
            file.write(values.tobytes().ljust(length, b"\0"))

        record(np.array([length, 1.0, _TAG]))
        record(np.array([len(found), STATES, cutoff, *cell.lattice.ravel(), 0.0]))
        for one in found:
            levels = np.column_stack([one.energy, np.zeros((STATES, 2))])
            record(np.array([2 * len(one.steps), *one.momentum.k, *levels.ravel()]))
            for spinor in one.spinors:
                record(np.ascontiguousarray(spinor.T).astype(np.complex64))


def below_gaps(table: SymmetryTable, levels: Levels, energy: NDArray, top: float) -> list[list[int]]:
    """Multiplicities of the coirreps below each gap up to an energy."""
    gaps = [(low + high) / 2 for low, high in pairwise(energy) if high - low > GAP and high <= top]
    count = len(table.stars[levels.star].dimensions)
    return [np.bincount(levels.coirrep[levels.energy < gap], minlength=count).tolist() for gap in gaps]


def compare(table: SymmetryTable, found: list[States], traces: Path) -> Iterator[str]:
    """What differs at each momentum, '' for nothing."""
    theirs = {table.momenta[one.momentum].star: one for one in states_of(read_traces(traces), table)}
    for one in found:
        star, waves = table.stars[one.momentum.star].label, one.momentum.k + one.steps
        own = state_traces(table, one.momentum, waves, *[np.eye(len(waves), dtype=complex)] * 2, one.spinors)
        other = theirs[one.momentum.star]
        a = identify(table, one.momentum, one.energy, own)
        b = identify(table, table.momenta[other.momentum], other.energy, other.traces)
        top = min(a.energy.max(), b.energy.max())
        ours, read = (below_gaps(table, levels, one.energy, top) for levels in (a, b))
        yield "" if ours and ours == read else f"{star}: {ours} is read as {read}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--irrep", type=Path, required=True, metavar="PATH", help="bin/irrep of its environment")
    parser.add_argument("--groups", default=GROUPS)
    options = parser.parse_args()
    compared = wrong = groups = 0
    for group, cell in crystals(options.data, [int(one) for one in options.groups.split(",")]):
        table = symmetry_table(group)
        cutoff = (6 * np.pi**2 * WAVES / abs(np.linalg.det(cell.lattice))) ** (2 / 3) * _KINETIC
        momenta = [table.momenta[index] for index in chosen_momenta(table)]
        reciprocal = 2 * np.pi * np.linalg.inv(cell.lattice).T
        waves = plane_waves(momenta, reciprocal, cutoff, options.irrep.with_name("python"))
        found = [states(cell, momentum, steps) for momentum, steps in zip(momenta, waves, strict=True)]
        with TemporaryDirectory() as name:
            write(cell, found, cutoff, Path(name))
            command = [options.irrep, "-code=vasp", f"-IBend={STATES}", "-spinor"]
            subprocess.run(command, cwd=name, check=True, stdout=subprocess.DEVNULL)
            try:
                differences = list(compare(table, found, Path(name) / "trace.txt"))
            except (TraceFileError, RepresentationError) as error:
                differences = [str(error)]
        groups, compared = groups + 1, compared + len(differences)
        wrong += sum(map(bool, differences))
        print(group, len(differences), "momenta", *filter(None, differences), flush=True)
    print(f"{compared} momenta of {groups} space groups; {wrong} read otherwise")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
