"""A crystal: lattice, atomic numbers, fractional coordinates; validated, hashable by content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import MAX_ATOMIC_NUMBER, element_property
from topofuse.errors import TopofuseError

MIN_DISTANCE = 0.5  # Å; the shortest real bond, H-H, has 0.74 Å
# Least distance of two atoms, in units of the sum of their covalent radii (B. Cordero et al., Dalton Trans. 2832
# (2008)). The smallest among the 25,072 materials of topomat is 0.611 (Rb4CO4), 99.9 % of them are above 0.678.
MIN_OF_RADII = 0.5
MAX_ATOMS = 2000
MAX_LENGTH = 1000.0  # Å, of any lattice component
MIN_VOLUME_PER_ATOM = 1.5  # Å³; diamond, the densest known at ambient pressure, has 5.7


_MOST_IMAGES = 3  # cells to each side that are looked at, more only in cells that nobody writes down
_AROUND = np.array(sorted(product((-1, 0, 1), repeat=3), key=np.any))  # lattice vectors, none first
_FEW_ATOMS = 150  # up to here looking at all pairs takes less time than building a tree of all images


class CrystalError(TopofuseError, ValueError):
    """The structure cannot be used; the message says why, for a person."""


@dataclass(frozen=True, eq=False)
class Crystal:
    """A periodic arrangement of atoms.

    lattice: (3, 3) float64, row vectors, Å
    numbers: (n,) int64, atomic numbers
    frac_coords: (n, 3) float64, fractional coordinates
    """

    lattice: NDArray[np.float64]
    numbers: NDArray[np.int64]
    frac_coords: NDArray[np.float64]

    @classmethod
    def validated(cls, lattice: object, numbers: object, frac_coords: object) -> Crystal:
        """Build a crystal from anything array-like; raise `CrystalError` with the reason if it cannot be one."""
        try:
            cell = np.array(lattice, dtype=np.float64).reshape(3, 3)
            z = np.array(numbers, dtype=np.int64).reshape(-1)
            x = np.array(frac_coords, dtype=np.float64).reshape(-1, 3)
        except (TypeError, ValueError, OverflowError) as error:
            raise CrystalError(f"lattice, numbers or coordinates are not numeric arrays: {error}") from error
        if len(z) == 0:
            raise CrystalError("the structure holds no atoms")
        if len(z) != len(x):
            raise CrystalError(f"{len(z)} atomic numbers but {len(x)} coordinates")
        if len(z) > MAX_ATOMS:
            raise CrystalError(f"{len(z)} atoms in the cell; at most {MAX_ATOMS} are supported")
        if not np.isfinite(cell).all():
            raise CrystalError("the lattice holds NaN or infinite values")
        if not np.isfinite(x).all():
            raise CrystalError("the coordinates hold NaN or infinite values")
        if np.abs(cell).max() > MAX_LENGTH:
            raise CrystalError(f"a lattice vector is longer than {MAX_LENGTH:g} Å: is the unit of length another one?")
        bad = z[(z < 1) | (z > MAX_ATOMIC_NUMBER)]
        if len(bad):
            raise CrystalError(f"atomic number {bad[0]} is outside 1 to {MAX_ATOMIC_NUMBER}")
        volume = abs(np.linalg.det(cell))
        if not np.isfinite(volume) or volume < MIN_VOLUME_PER_ATOM * len(z):
            raise CrystalError(
                f"cell volume {volume:.3g} Å³ for {len(z)} atoms is below {MIN_VOLUME_PER_ATOM} Å³ per atom"
            )
        crystal = cls(cell, z, x % 1.0)
        crystal._refuse_clash()
        return crystal

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def volume(self) -> float:
        """Cell volume, Å³."""
        return float(abs(np.linalg.det(self.lattice)))

    @cached_property
    def face_distances(self) -> NDArray[np.float64]:
        """(3,) distances between the opposite faces of the cell, Å."""
        return face_distances(self.lattice)

    def smallest_distance(self) -> float:
        """Smallest distance between any two atoms or periodic images among the neighbouring cells, Å."""
        from scipy.spatial import cKDTree  # a fifth of a second of start-up

        shifts = np.array(list(product((-1, 0, 1), repeat=3)))
        images = (self.frac_coords[None] + shifts[:, None]).reshape(-1, 3) @ self.lattice
        distances, _ = cKDTree(images).query(self.frac_coords @ self.lattice, k=2)
        return float(distances[:, 1].min())

    def _refuse_clash(self) -> None:
        """`CrystalError` where two atoms are closer than `MIN_DISTANCE`, or `MIN_OF_RADII` allows."""
        radii = MIN_OF_RADII * element_property("r_covalent")[self.numbers]
        first, second, distances = self._pairs_within(max(2 * float(radii.max()), MIN_DISTANCE))
        short = distances - np.maximum(radii[first] + radii[second], MIN_DISTANCE)
        if len(short) and short.min() < 0:
            k = int(short.argmin())
            least = max(radii[first[k]] + radii[second[k]], MIN_DISTANCE)
            raise CrystalError(
                f"two atoms are {distances[k]:.3f} Å apart; the least accepted for them is {least:.2f} Å"
            )

    def _pairs_within(self, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Indices of atoms and distances (Å) of all pairs up to `reach`, images included, maybe some farther ones."""
        heights = self.face_distances
        if heights.min() > reach and len(self) <= _FEW_ATOMS:
            first, second = _pairs(len(self))
            apart = self.frac_coords[first] - self.frac_coords[second]
            apart -= np.rint(apart)
            if heights.min() > 2 * reach:  # no image farther than half of a height in one coordinate is within reach
                return first, second, np.sqrt(((apart @ self.lattice) ** 2).sum(1))
            steps = _AROUND[~_AROUND[:, heights > 2 * reach].any(1)]
            images = (apart[:, None] + steps).reshape(-1, 3) @ self.lattice  # of the pairs, and of an atom itself
            nearest = (images**2).sum(1).reshape(-1, len(steps)).min(1)
            own = ((steps[1:] @ self.lattice) ** 2).sum(1).min()
            atoms = np.arange(len(self))
            squares = np.append(nearest, np.full(len(self), own))
            return np.append(first, atoms), np.append(second, atoms), np.sqrt(squares)
        from scipy.spatial import cKDTree  # a fifth of a second of start-up

        # images of the cell's atoms that are within reach of the cell
        margin = reach / heights
        most = np.minimum(np.ceil(margin), _MOST_IMAGES).astype(int)
        shifts = np.array(list(product(*(range(-m, m + 1) for m in most))))
        images = (self.frac_coords[None] + shifts[:, None]).reshape(-1, 3)
        near = np.flatnonzero(((images >= -margin) & (images <= 1 + margin)).all(1))
        tree = cKDTree(images[near] @ self.lattice)
        here = self.frac_coords @ self.lattice
        nearest, which = tree.query(here, k=2, distance_upper_bound=MIN_DISTANCE)
        if np.isfinite(nearest[:, 1]).any():  # before clouds of atoms in one place make a huge list of pairs
            k = int(nearest[:, 1].argmin())
            return np.array([k]), near[which[k, 1:]] % len(self), nearest[k, 1:]
        pairs = cKDTree(here).sparse_distance_matrix(tree, reach, output_type="ndarray")
        image = near[pairs["j"]]
        others = image != pairs["i"] + len(shifts) // 2 * len(self)  # the middle shift is none
        return pairs["i"][others], image[others] % len(self), pairs["v"][others]

    def content_hash(self) -> str:
        """Hex digest of the exact content (not of the crystal's equivalence class)."""
        digest = hashlib.sha256()
        digest.update(np.ascontiguousarray(self.lattice, dtype="<f8").tobytes())
        digest.update(np.ascontiguousarray(self.numbers, dtype="<i8").tobytes())
        digest.update(np.ascontiguousarray(self.frac_coords, dtype="<f8").tobytes())
        return digest.hexdigest()[:32]


def face_distances(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) distances between the opposite faces of a cell, Å."""
    return np.asarray(1.0 / np.sqrt((np.linalg.inv(lattice) ** 2).sum(0)))


def empty_layers(lattice: NDArray[np.float64], frac_coords: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) along each axis, the width in Å of the widest layer parallel to a face of the cell that holds no atom.

    frac_coords: (n, 3), in [0, 1)
    """
    x = np.sort(frac_coords, axis=0)
    return np.asarray(np.diff(np.vstack([x, x[:1] + 1.0]), axis=0).max(axis=0) * face_distances(lattice))


def reciprocal(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) rows of the reciprocal lattice, including 2π, Å⁻¹."""
    return np.asarray(2.0 * np.pi * np.linalg.inv(lattice).T, dtype=np.float64)


@lru_cache(maxsize=_FEW_ATOMS)
def _pairs(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the n (n - 1) / 2 pairs of n things."""
    first, second = np.triu_indices(n, 1)
    return first, second
