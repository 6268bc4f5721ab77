"""A crystal through GPAW: density with PBE, then states with spin-orbit coupling at the momenta that symmetry fixes.

GPAW: J. J. Mortensen et al., J. Chem. Phys. 160, 092503 (2024); plane waves, projector augmented waves, no spin
polarisation. Spin-orbit coupling is diagonalised in the basis of the states without it (second variation).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.confirm.path import PathBands
from topofuse.confirm.settings import STAND_INS, Settings
from topofuse.confirm.traces import state_traces
from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.formula import SYMBOLS
from topofuse.errors import TopofuseError
from topofuse.symmetry import Alignment, SymmetryTable, symmetry_table
from topofuse.symmetry.spin import PAULI, spinor
from topofuse.tightbinding.lines import lines_of

_BOHR, _HARTREE = 0.529177210903, 27.211386245988  # Å, eV (CODATA 2018)
_STEPS = 120  # of a self-consistent calculation
_SPARE = 4  # bands beyond those that have to converge
_LOOSE = 1e-3  # eV², where bands along the path end: those near the filling are then within 0.1 meV
_FAR = 0.01  # Å; no atom may be farther from another's image


class EngineError(TopofuseError, RuntimeError):
    """A calculation that gives no result; the message says why."""


@dataclass(frozen=True, eq=False)
class StarStates:
    """The states at one momentum of a star.

    momentum: index into `SymmetryTable.momenta`; energy: (s,) eV, ascending
    traces: (c, s) of the momentum's operations, in the table's convention
    """

    momentum: int
    energy: NDArray[np.float64]
    traces: NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Calculation:
    """What was calculated of a crystal.

    electrons: that the states hold, counted from the lowest of `stars`' states
    path: bands along the path, where they were asked for
    seconds: of processor time; steps: of self-consistency
    """

    spacegroup: int
    electrons: int
    stars: tuple[StarStates, ...]
    path: PathBands | None
    seconds: float
    steps: int


def engine_version() -> str:
    """GPAW and its PAW data, in words."""
    return f"GPAW {metadata.version('gpaw')}, PAW data {metadata.version('gpaw-data')}"


def has_data(number: int) -> bool:
    """Whether GPAW has a PAW data set (PBE) of an atomic number."""
    from gpaw import setup_paths

    return any((Path(folder) / f"{SYMBOLS[number]}.PBE.gz").is_file() for folder in setup_paths)


def chosen_momenta(table: SymmetryTable) -> list[int]:
    """For each star the index of the first of its momenta."""
    owner = [momentum.star for momentum in table.momenta]
    return [owner.index(star) for star in range(len(table.stars))]


def calculate(crystal: SymmetricCrystal, settings: Settings, threads: int = 1, per_line: int = 0) -> Calculation:
    """The states of a crystal at the momenta that its space group's table asks for.

    threads: of linear algebra; per_line: momenta on each line of the path, 0 for no bands along it
    Raises `EngineError` where a calculation does not converge or GPAW refuses the crystal.
    """
    from gpaw import KohnShamConvergenceError  # loads its linear algebra before that is told the number of threads
    from threadpoolctl import threadpool_limits

    begin = time.process_time()
    table = symmetry_table(crystal.spacegroup)
    _check_setting(crystal, table)
    with threadpool_limits(threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GPAW's, of numpy's functions that it should no longer call
        try:
            density = _density(crystal, settings)
            bands = _bands(density, _points(table), _filled(density) + _empty(density), settings.bands)
        except KohnShamConvergenceError as error:
            raise EngineError(f"the calculation does not converge in {_STEPS} steps") from error
        electrons = round(float(density.wfs.nvalence))
        if electrons % 2:
            raise EngineError(f"its PAW data sets have an odd number of electrons, {electrons}: it is a metal")
        stars = _states(bands, table)
        path = _path(density, crystal, per_line, electrons) if per_line else None
    return Calculation(crystal.spacegroup, electrons, stars, path, time.process_time() - begin, int(density.scf.niter))


def _check_setting(crystal: SymmetricCrystal, table: SymmetryTable) -> None:
    """`EngineError` unless the table's operations are those of the cell, in its axes."""
    cell = crystal.primitive
    turns = cell.lattice.T @ table.rotations @ np.linalg.inv(cell.lattice.T)
    spins = np.array([spinor(np.round(turn, 9) + 0.0) for turn in turns])
    try:
        Alignment.with_table(table, table.rotations, table.translations, spins)
    except ValueError as error:
        raise EngineError(f"its standardised cell is not in the axes of its space group's table: {error}") from error
    images = np.einsum("gij,aj->gai", table.rotations, cell.frac_coords) + table.translations[:, None]
    apart = images[:, :, None] - cell.frac_coords
    distance = np.linalg.norm((apart - np.rint(apart)) @ cell.lattice, axis=-1)
    distance[:, cell.numbers[:, None] != cell.numbers] = np.inf
    if distance.min(-1).max() > _FAR:
        raise EngineError("its standardised cell does not have the operations of its space group")


def _density(crystal: SymmetricCrystal, settings: Settings) -> Any:
    """GPAW's calculator with the self-consistent density."""
    from ase import Atoms
    from gpaw import GPAW, PW, FermiDirac

    cell = crystal.primitive
    atoms = Atoms(
        numbers=[STAND_INS.get(int(z), int(z)) for z in cell.numbers],
        scaled_positions=cell.frac_coords,
        cell=cell.lattice,
        pbc=True,
    )
    atoms.calc = GPAW(
        mode=PW(settings.cutoff_for(cell.numbers)),
        xc="PBE",
        kpts={"density": settings.density, "gamma": True},
        occupations=FermiDirac(settings.smearing),
        spinpol=False,
        symmetry={"symmorphic": False},  # also has GPAW choose grids that screws and glides map onto themselves
        txt=None,
        maxiter=_STEPS,
        convergence={"energy": settings.energy, "density": settings.charge, "eigenstates": settings.states},
    )
    atoms.get_potential_energy()  # type: ignore[no-untyped-call]
    return atoms.calc


def _points(table: SymmetryTable) -> list[list[float]]:
    return [table.momenta[index].k.tolist() for index in chosen_momenta(table)]


def _bands(density: Any, momenta: list[list[float]], needed: int, converged: float) -> Any:
    """GPAW's calculator with the states without spin at some momenta, for the density of another.

    needed: bands that have to converge, to `converged` eV²
    """
    return density.fixed_density(
        kpts=momenta,
        symmetry="off",
        nbands=_filled(density) + _empty(density) + _SPARE,
        txt=None,
        maxiter=_STEPS,
        convergence={"bands": needed, "eigenstates": converged},
    )


def _filled(calculator: Any) -> int:
    """Bands that the electrons fill, without spin."""
    return -(-round(float(calculator.wfs.nvalence)) // 2)


def _empty(calculator: Any) -> int:
    """Empty bands that have to converge: spin-orbit coupling mixes them into the filled ones."""
    return max(8, 3 * len(calculator.atoms))


def _states(bands: Any, table: SymmetryTable) -> tuple[StarStates, ...]:
    waves_of, cell = bands.wfs, bands.atoms.cell.array / _BOHR
    coupling = _coupling(bands)
    stars = []
    for place, index in enumerate(chosen_momenta(table)):
        momentum, one = table.momenta[index], waves_of.kpt_u[place]
        energy, spinors = _with_spin(bands, one, coupling)
        used = spinors.shape[1]
        states = np.array(one.psit_nG[:used])
        dual = states.copy()
        projections = {atom: p[:used] @ waves_of.setups[atom].dO_ii for atom, p in one.P_ani.items()}
        waves_of.pt.add(dual, projections, one.q)
        # Cartesian, 1/bohr → reciprocal lattice units
        waves = waves_of.pd.get_reciprocal_vectors(one.q) @ cell.T / (2 * np.pi)
        waves = momentum.k + np.rint(waves - momentum.k)
        stars.append(StarStates(index, energy, state_traces(table, momentum, waves, states, dual, spinors)))
    return tuple(stars)


def _path(density: Any, crystal: SymmetricCrystal, per_line: int, electrons: int) -> PathBands:
    """The bands on the lines between special momenta, one line at a time: the states of all would need much memory."""
    lines = lines_of(crystal, per_line)
    energy = []
    for momenta in lines.momenta.tolist():
        bands = _bands(density, momenta, _filled(density) + _SPARE, _LOOSE)
        coupling = _coupling(bands)
        energy += [_with_spin(bands, one, coupling)[0] for one in bands.wfs.kpt_u]
    return PathBands.near_filling(lines, energy, electrons)


def _coupling(bands: Any) -> dict[int, NDArray[np.complex128]]:
    """Radial part of the coupling times the angular momentum between partial waves: of each atom (3, i, i), hartree."""
    from gpaw.spinorbit import soc

    return {
        atom: soc(bands.wfs.setups[atom], bands.hamiltonian.xc, density)
        for atom, density in bands.density.D_asp.items()
    }


def _with_spin(
    bands: Any, one: Any, coupling: Mapping[int, NDArray[np.complex128]]
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Energies (2b,) in eV and spinors (2b, b, 2) at one of the calculator's momenta."""
    filled, empty = _filled(bands), _empty(bands)
    used = _whole_sets(one.eps_n * _HARTREE, filled + empty // 2, filled + empty)
    return _coupled(one.eps_n[:used] * _HARTREE, {atom: p[:used] for atom, p in one.P_ani.items()}, coupling)


def _whole_sets(energy: NDArray[np.float64], least: int, most: int) -> int:
    """How many bands to couple: `least` to `most`, up to the widest gap, so that no degenerate set is taken in part.

    One in part would break the symmetry of all states, and time reversal; so would bands that have not converged.
    """
    return least + int(np.diff(energy[least - 1 : most + 1]).argmax())


def _coupled(
    energy: NDArray[np.float64],
    projections: Mapping[int, NDArray[np.complex128]],
    coupling: Mapping[int, NDArray[np.complex128]],
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Energies (2b,) in eV and spinors (2b, b, 2) of b bands with spin-orbit coupling.

    projections: of each atom, (b, i) of the bands on its partial waves; coupling: (3, i, i) of each atom, hartree
    """
    b = len(energy)
    hamiltonian = np.einsum("nm,st->nsmt", np.diag(energy), np.eye(2)).astype(np.complex128)
    for atom, own in projections.items():
        along = np.einsum("ni,vij,mj->vnm", own.conj(), coupling[atom], own)
        hamiltonian += _HARTREE * np.einsum("vnm,vst->nsmt", along, PAULI)
    levels, states = np.linalg.eigh(hamiltonian.reshape(2 * b, 2 * b))
    return levels, states.T.reshape(2 * b, b, 2)
