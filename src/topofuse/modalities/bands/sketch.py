"""The bands of one crystal at the sampled momenta, without and with spin-orbit coupling, and what is occupied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.bands.atoms import FreeAtom, free_atom
from topofuse.modalities.bands.hamiltonian import Bands, Basis, TightBinding, basis_of
from topofuse.modalities.bands.operators import PAULI, Operators, angular_momentum
from topofuse.modalities.bands.sampling import Sampling, sampling_of

# Time grows with the cube: about 0.07 s for 100 to 150 orbitals. Sketches of up to 120 orbitals instead of 60 brought
# the trees 0.18 points of two-class accuracy on topomat's pool (docs/levers.md).
MAX_ORBITALS = 150
DEGENERATE = 1e-5  # eV; levels this close are one; spin-orbit coupling of light atoms splits by less than 1e-3
WINDOW = 12  # bands on each side of the filling that spin-orbit coupling mixes
_WINDOW_GAP = 1e-2  # eV; the window is widened until it ends at a gap
_NEGLIGIBLE_SPIN_ORBIT = 1e-3  # eV


class NoSketch(StrEnum):
    """Why a crystal has no sketch; `sentence` is for people."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> NoSketch:
        """A member that equals `value` and carries its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    UNKNOWN_ELEMENT = "unknown_element", "the table of free atoms lacks one of its elements"
    ODD_ELECTRONS = "odd_electrons", "an odd number of electrons cannot fill whole bands"
    ALL_FILLED = "all_filled", "its electrons fill every orbital of the sketch, as in noble gases, so there is no gap"
    TOO_LARGE = "too_large", f"the primitive cell has more than {MAX_ORBITALS} orbitals, the most that are computed"
    SKIPPED = "skipped", "the fast model leaves it out for cells of this size, to save time"


@dataclass(frozen=True, eq=False)
class SpinLevels:
    """Levels with spin-orbit coupling at one momentum: the window of w bands mixed among themselves.

    first: first band of the window; energy: (2w,) ascending; states: (w, 2, 2w) coefficients of band, spin
    """

    first: int
    energy: NDArray[np.float64]
    states: NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Sketch:
    """Bands of a crystal with an even number of electrons.

    filled: occupied bands; bands: solutions at `sampling.points`; spin: levels with spin-orbit coupling there
    inside: (l, n) energies in the middle of each line, without spin-orbit coupling
    """

    basis: Basis
    model: TightBinding
    operators: Operators
    sampling: Sampling
    filled: int
    bands: Bands
    inside: NDArray[np.float64]
    spin: tuple[SpinLevels, ...]

    def spin_edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(k,) highest occupied and lowest empty level with spin-orbit coupling."""
        top = [2 * (self.filled - s.first) for s in self.spin]
        pairs = [(s.energy[n - 1], s.energy[n]) for s, n in zip(self.spin, top, strict=True)]
        below, above = np.array(pairs).T
        return below, above

    def occupation(self, point: int) -> NDArray[np.float64]:
        """(n,) part of each band that is filled; levels that are one with the highest occupied share its electrons."""
        return _shared_occupation(self.bands.energy[point], self.filled)

    def densities(self, point: int) -> NDArray[np.complex128]:
        """(5, n, n) of the occupied states, for `Operators.traces`: spinless, and with spin (up up, up down, ...)."""
        spin, states, dual = self.spin[point], self.bands.states[point], self.bands.dual[point]
        occupation = self.occupation(point)
        top = int(np.flatnonzero(occupation)[-1]) + 1
        first, last = spin.first, spin.first + len(spin.states)
        found = np.zeros((5, *states.shape), dtype=np.complex128)
        found[0] = (states[:, :top] * occupation[:top]) @ dual[:, :top].conj().T
        below = states[:, :first] @ dual[:, :first].conj().T
        share = _shared_occupation(spin.energy, 2 * (self.filled - first))
        used = share > 0
        vectors = spin.states[:, :, used]
        ket = [states[:, first:last] @ (vectors[:, t] * share[used]) for t in (0, 1)]
        bra = [(dual[:, first:last] @ vectors[:, s]).conj().T for s in (0, 1)]
        for t in (0, 1):
            for s in (0, 1):
                found[1 + 2 * t + s] = ket[t] @ bra[s]
            found[1 + 3 * t] += below
        return found

    def traces(self, point: int, operations: NDArray[np.int64]) -> NDArray[np.complex128]:
        """(2, g) traces of operations over the occupied states of a point: without spin, and with it."""
        found = self.operators.traces(operations, self.sampling.points[point], self.densities(point))
        spinors = self.operators.spinors[operations]  # Tr(U ⊗ u ρ) = Σ u_st Tr(U ρ_ts)
        return np.stack([found[0], np.einsum("gst,tsg->g", spinors, found[1:].reshape(2, 2, -1))])


def sketch_of(crystal: SymmetricCrystal) -> Sketch | NoSketch:
    """The sketch of a crystal, or why there is none (never `NoSketch.SKIPPED`: that is a model's choice)."""
    atoms = _sketchable_atoms(crystal)
    if isinstance(atoms, NoSketch):
        return atoms
    filled = sum(atom.electrons for atom in atoms) // 2
    basis = basis_of(atoms)
    operators = Operators(crystal, basis)
    inversion = np.flatnonzero(operators.characters == -3)
    model = TightBinding(crystal.primitive, basis, operators.atoms[inversion[0]] if len(inversion) else None)
    sampling = sampling_of(crystal, operators)
    bands = model.bands(sampling.points)
    inside = model.energies(sampling.middles)
    spin = tuple(spin_levels(basis, bands, point, filled) for point in range(len(sampling.points)))
    return Sketch(basis, model, operators, sampling, filled, bands, inside, spin)


_last: WeakKeyDictionary[SymmetricCrystal, Sketch | NoSketch] = WeakKeyDictionary()


def shared_sketch_of(crystal: SymmetricCrystal) -> Sketch | NoSketch:
    """`sketch_of`, kept for the modalities that ask for the same crystal next; only the last one is kept."""
    try:
        return _last[crystal]
    except KeyError:
        _last.clear()
        _last[crystal] = sketch = sketch_of(crystal)
        return sketch


def why_no_sketch(crystal: SymmetricCrystal) -> NoSketch | None:
    """Why `sketch_of` has none for a crystal, without computing it; None where there is one."""
    atoms = _sketchable_atoms(crystal)
    return atoms if isinstance(atoms, NoSketch) else None


def _sketchable_atoms(crystal: SymmetricCrystal) -> tuple[FreeAtom, ...] | NoSketch:
    known = [free_atom(int(z)) for z in crystal.primitive.numbers]
    atoms = tuple(atom for atom in known if atom is not None)
    if len(atoms) < len(known):
        return NoSketch.UNKNOWN_ELEMENT
    electrons, orbitals = sum(atom.electrons for atom in atoms), sum(atom.n_orbitals for atom in atoms)
    if electrons % 2:
        return NoSketch.ODD_ELECTRONS
    if electrons >= 2 * orbitals:
        return NoSketch.ALL_FILLED
    return NoSketch.TOO_LARGE if orbitals > MAX_ORBITALS else atoms


def _shared_occupation(energy: NDArray[np.float64], filled: int) -> NDArray[np.float64]:
    occupation = (np.arange(len(energy)) < filled).astype(np.float64)
    if filled < len(energy) and energy[filled] - energy[filled - 1] < DEGENERATE:
        level = (energy[filled] + energy[filled - 1]) / 2
        one = np.abs(energy - level) < DEGENERATE
        occupation[one] = occupation[one].mean()
    return occupation


def spin_levels(basis: Basis, bands: Bands, point: int, filled: int) -> SpinLevels:
    """Levels at the momentum `point` of the bands: second variation, ζ L·S among the bands near the filling."""
    energy = bands.energy[point]
    first, last = max(0, filled - WINDOW), min(basis.size, filled + WINDOW)
    while first > 0 and energy[first] - energy[first - 1] < _WINDOW_GAP:
        first -= 1
    while last < basis.size and energy[last] - energy[last - 1] < _WINDOW_GAP:
        last += 1
    states = bands.states[point][:, first:last]
    width = last - first
    coupling = np.zeros((width, 2, width, 2), dtype=np.complex128)
    for axis, pauli in zip(_weighted_rotations(basis, states), PAULI, strict=True):
        momentum = states.conj().T @ axis
        coupling += (0.5j * momentum)[:, None, :, None] * pauli[None, :, None, :]
    matrix = coupling.reshape(2 * width, 2 * width)
    matrix[np.diag_indices(2 * width)] += np.repeat(energy[first:last], 2)
    levels, vectors = np.linalg.eigh(matrix)
    return SpinLevels(first, levels, vectors.reshape(width, 2, -1))


def _weighted_rotations(basis: Basis, states: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """(3, n, m) -iζL_x, -iζL_y, -iζL_z of every shell applied to columns (n, m)."""
    out = np.zeros((3, *states.shape), dtype=np.complex128)
    coupled = np.abs(basis.spin_orbit) >= _NEGLIGIBLE_SPIN_ORBIT
    for ell in range(1, int(basis.ell.max()) + 1):
        shells = np.flatnonzero((basis.ell == ell) & coupled).reshape(-1, 2 * ell + 1)
        weighted = states[shells] * basis.spin_orbit[shells][:, :, None]
        out[:, shells] = np.einsum("xab,ibm->xiam", angular_momentum()[ell], weighted)
    return out
