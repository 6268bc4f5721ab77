"""The bands of one crystal at the sampled momenta, without and with spin-orbit coupling, and what is occupied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.tightbinding.adapted import Wanted
from topofuse.tightbinding.atoms import FreeAtom, free_atom
from topofuse.tightbinding.hamiltonian import Bands, Basis, TightBinding, basis_of
from topofuse.tightbinding.operators import Operators, angular_momentum
from topofuse.tightbinding.sampling import Sampling, sampling_of

# Time grows with the cube of this number. Analysing the symmetry of cells of 151 to 250 orbitals too brought the trees
# 0.15 points of two-class accuracy on topomat's pool (docs/levers.md).
MAX_ORBITALS = 250
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
    parity: (2w,) ±1 of each level where `Bands.parity` has one, else None
    beneath: (n, n) density of the bands beneath the window, without spin; None if there are none
    """

    first: int
    energy: NDArray[np.float64]
    states: NDArray[np.complex128]
    parity: NDArray[np.int64] | None
    beneath: NDArray[Any] | None

    @property
    def window(self) -> slice:
        """The bands of the window."""
        return slice(self.first, self.first + len(self.states))


@dataclass(frozen=True, eq=False)
class Sketch:
    """Bands of a crystal with an even number of electrons.

    filled: occupied bands; bands: solutions at `sampling.points`, states at least up to the window of `spin`
    spin: levels with spin-orbit coupling there
    """

    basis: Basis
    model: TightBinding
    operators: Operators
    sampling: Sampling
    filled: int
    bands: Bands
    spin: tuple[SpinLevels, ...]

    def at(self, points: NDArray[np.float64]) -> Sketch:
        """The sketch of the same crystal at other momenta (k, 3)."""
        sampling = Sampling.at(points)
        bands, spin = _solved(self.model, sampling, self.filled, len)
        return replace(self, sampling=sampling, bands=bands, spin=spin)

    def spin_edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(k,) highest occupied and lowest empty level with spin-orbit coupling."""
        top = [2 * (self.filled - s.first) for s in self.spin]
        pairs = [(s.energy[n - 1], s.energy[n]) for s, n in zip(self.spin, top, strict=True)]
        below, above = np.array(pairs).T
        return below, above

    def occupation(self, point: int) -> NDArray[np.float64]:
        """(n,) part of each band that is filled; levels that are one with the highest occupied share its electrons."""
        return _shared_occupation(self.bands.energy[point], self.filled)

    def spin_occupation(self, point: int) -> NDArray[np.float64]:
        """(2w,) the same of the levels with spin-orbit coupling; all bands beneath the window are filled."""
        spin = self.spin[point]
        return _shared_occupation(spin.energy, 2 * (self.filled - spin.first))

    def beneath(self, point: int, operations: NDArray[np.int64]) -> NDArray[Any]:
        """(g,) traces of operations over the bands beneath the window, without spin."""
        density = self.spin[point].beneath
        if density is None:
            return np.zeros(len(operations))
        return self.operators.traces(operations, self.sampling.points[point], density)

    def in_window(self, point: int, operations: NDArray[np.int64]) -> NDArray[Any]:
        """(g, w, w) matrices of operations between the bands of the window, without spin."""
        window = self.spin[point].window
        moved = self.operators.matrices(operations, self.sampling.points[point]) @ self.bands.states[point][:, window]
        between: NDArray[Any] = self.bands.dual[point][:, window].conj().T @ moved
        return between

    def traces(self, point: int, operations: NDArray[np.int64]) -> NDArray[np.complex128]:
        """(2, g) traces of operations over the occupied states of a point: without spin, and with it."""
        spin, beneath = self.spin[point], self.beneath(point, operations)
        between, spinors = self.in_window(point, operations), self.operators.spinors[operations]
        spinless = beneath + np.diagonal(between, axis1=1, axis2=2) @ self.occupation(point)[spin.window]
        share = self.spin_occupation(point)
        used = share > 0
        w = len(spin.states)
        kept = spin.states[:, :, used].reshape(2 * w, -1)
        density = ((kept * share[used]) @ kept.conj().T).reshape(w, 2, w, 2)  # (j, t, i, s)
        traced = between.reshape(-1, w * w) @ density.transpose(2, 0, 3, 1).reshape(w * w, 4)  # Tr (U ⊗ u) ρ
        spinful = (traced * spinors.reshape(-1, 4)).sum(1) + beneath * np.trace(spinors, axis1=1, axis2=2)
        return np.stack([spinless, spinful])


def sketch_of(crystal: SymmetricCrystal) -> Sketch | NoSketch:
    """The sketch of a crystal, or why there is none (never `NoSketch.SKIPPED`: that is a model's choice)."""
    atoms = _sketchable_atoms(crystal)
    if isinstance(atoms, NoSketch):
        return atoms
    filled = sum(atom.electrons for atom in atoms) // 2
    basis = basis_of(atoms)
    operators = Operators(crystal, basis)
    model = TightBinding(crystal.primitive, basis, operators.inversion)
    sampling = sampling_of(crystal.spacegroup, crystal.hall_number, crystal.centering)
    solved = _solved(model, sampling, filled, lambda energy: _window(energy, filled)[1])
    return Sketch(basis, model, operators, sampling, filled, *solved)


def _solved(
    model: TightBinding, sampling: Sampling, filled: int, wanted: Wanted
) -> tuple[Bands, tuple[SpinLevels, ...]]:
    bands = model.bands(sampling.points, wanted)
    return bands, tuple(spin_levels(model.basis, bands, point, filled) for point in range(len(sampling.points)))


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
    known = [free_atom(z) for z in crystal.primitive.numbers.tolist()]
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
    first, last = _window(energy, filled)
    beneath = bands.states[point][:, :first] @ bands.dual[point][:, :first].conj().T if first else None
    states, energy = bands.states[point][:, first:last], energy[first:last]
    momentum = states.conj().T @ _weighted_rotations(basis, states)  # (3, w, w) of -iζL
    parity = bands.parity[point]
    if parity is None:
        return SpinLevels(first, *_mixed(energy, momentum), None, beneath)
    parity = parity[first:last]  # spin-orbit coupling mixes no states of opposite parity
    parts = [np.flatnonzero(parity == sign) for sign in (1, -1)]
    solved = [_mixed(energy[own], momentum[:, own[:, None], own]) for own in parts]
    levels = np.concatenate([level for level, _ in solved])
    order = np.argsort(levels, kind="stable")
    vectors = np.zeros((len(energy), 2, len(order)), dtype=np.complex128)
    begin = 2 * len(parts[0])
    vectors[parts[0], :, :begin], vectors[parts[1], :, begin:] = (vector for _, vector in solved)
    parities = np.repeat([1, -1], [len(level) for level, _ in solved])[order]
    return SpinLevels(first, levels[order], vectors[:, :, order], parities, beneath)


def _window(energy: NDArray[np.float64], filled: int) -> tuple[int, int]:
    """First band of those that spin-orbit coupling mixes, and the first one above them."""
    first, last = max(0, filled - WINDOW), min(len(energy), filled + WINDOW)
    while first > 0 and energy[first] - energy[first - 1] < _WINDOW_GAP:
        first -= 1
    while last < len(energy) and energy[last] - energy[last - 1] < _WINDOW_GAP:
        last += 1
    return first, last


def _mixed(energy: NDArray[np.float64], momentum: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Energies (2w,) and states (w, 2, 2w) of bands (w,) with spin, mixed by momenta (3, w, w)."""
    width = len(energy)
    mixing = np.zeros((width, 2, width, 2), dtype=np.complex128)
    x, y, z = 0.5j * momentum
    mixing[:, 0, :, 0], mixing[:, 1, :, 1] = z, -z
    mixing[:, 0, :, 1], mixing[:, 1, :, 0] = x - 1j * y, x + 1j * y
    matrix = mixing.reshape(2 * width, 2 * width)
    matrix[np.diag_indices(2 * width)] += np.repeat(energy, 2)
    levels, vectors = np.linalg.eigh(matrix)
    return levels, vectors.reshape(width, 2, 2 * width)


def _weighted_rotations(basis: Basis, states: NDArray[Any]) -> NDArray[Any]:
    """(3, n, m) -iζL_x, -iζL_y, -iζL_z of every shell applied to columns (n, m)."""
    out = np.zeros((3, *states.shape), dtype=states.dtype)
    coupled = np.abs(basis.spin_orbit) >= _NEGLIGIBLE_SPIN_ORBIT
    for ell in range(1, int(basis.ell.max()) + 1):
        shells = np.flatnonzero((basis.ell == ell) & coupled).reshape(-1, 2 * ell + 1)
        weighted = states[shells] * basis.spin_orbit[shells][:, :, None]
        out[:, shells] = np.einsum("xab,ibm->xiam", angular_momentum()[ell], weighted)
    return out
