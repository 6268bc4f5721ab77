"""trace.txt: what vasp2trace and IrRep write of a calculation by another code, read as states.

The format is that of M. G. Vergniory et al., Nature 566, 480 (2019): number of bands that were asked for, 1 for
spin-orbit coupling, operations {W|t} with their rotations of the spin, momenta, and for each of these the degenerate
levels with traces. Both programs mean the filled bands by that number, and write any other that the user gave them; so
it is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topofuse.confirm.engine import StarStates
from topofuse.confirm.verdict import levels_of
from topofuse.errors import TopofuseError
from topofuse.symmetry import Alignment, Levels, Star, SymmetryTable

_MOST = 64 * 2**20  # bytes
_OPERATION = 9 + 3 + 8  # numbers of a rotation, a translation and a complex 2 × 2 matrix


class TraceFileError(TopofuseError, ValueError):
    """A file of traces that cannot be used; the message says why."""


@dataclass(frozen=True, eq=False)
class MomentumTraces:
    """The levels at one momentum.

    k: (3,) in reciprocal lattice units; operations: (o,) into those of the file
    size: (l,) states of each level; energy: (l,) eV; traces: (l, o)
    """

    k: NDArray[np.float64]
    operations: NDArray[np.int64]
    size: NDArray[np.int64]
    energy: NDArray[np.float64]
    traces: NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class TraceFile:
    """A whole file; rotations (h, 3, 3), translations (h, 3), spins (h, 2, 2), momenta."""

    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]
    spins: NDArray[np.complex128]
    momenta: tuple[MomentumTraces, ...]


def read_traces(path: Path) -> TraceFile:
    """Read a file; `TraceFileError` where it is none, is cut off, or is without spin-orbit coupling."""
    if path.stat().st_size > _MOST:
        raise TraceFileError(f"{path} is larger than {_MOST // 2**20} MiB")
    lines = _Lines(path)
    lines.whole()  # bands that were asked for
    if lines.whole() != 1:
        raise TraceFileError(f"{path} is of a calculation without spin-orbit coupling; with it, its second line is 1")
    operations = np.array([lines.numbers(_OPERATION) for _ in range(lines.whole())]).reshape(-1, _OPERATION)
    spins = operations[:, 12::2] + 1j * operations[:, 13::2]
    points = [lines.numbers(3) for _ in range(lines.whole())]
    momenta = tuple(lines.momentum(k, len(operations)) for k in points)
    rotations = np.rint(operations[:, :9]).astype(np.int64).reshape(-1, 3, 3)
    return TraceFile(rotations, operations[:, 9:12], spins.reshape(-1, 2, 2), momenta)


class _Lines:
    """The lines of a file as numbers, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(encoding="ascii", errors="replace")
        self._lines = [(n, line.split()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        self._next = 0

    def numbers(self, count: int) -> NDArray[np.float64]:
        """The next line, which has so many numbers."""
        if self._next >= len(self._lines):
            raise TraceFileError(f"{self._path} ends too early")
        number, words = self._lines[self._next]
        try:
            values = np.array([float(word) for word in words])
        except ValueError:
            values = np.array([])
        if len(values) != count or not np.isfinite(values).all():
            raise TraceFileError(f"{self._path}, line {number}: {count} numbers should stand here")
        self._next += 1
        return values

    def whole(self) -> int:
        """The next line, which is one number of things."""
        value = float(self.numbers(1)[0])
        if value != int(value) or not 0 <= value < 10**6:
            raise TraceFileError(f"{self._path}: {value:g} is no number of things")
        return int(value)

    def momentum(self, k: NDArray[np.float64], known: int) -> MomentumTraces:
        """The block of one momentum."""
        count = self.whole()
        operations = self.numbers(count).astype(np.int64) - 1
        if not set(operations.tolist()) <= set(range(known)):
            raise TraceFileError(f"{self._path}: operations at {k.tolist()} are not among the {known} that are listed")
        rows = np.array(list(self._levels(3 + 2 * count))).reshape(-1, 3 + 2 * count)
        traces = rows[:, 3::2] + 1j * rows[:, 4::2]
        return MomentumTraces(k, operations, rows[:, 1].astype(np.int64), rows[:, 2], traces)

    def _levels(self, width: int) -> Iterator[NDArray[np.float64]]:
        """The lines up to the next with a single number, which begins another block."""
        while self._next < len(self._lines) and len(self._lines[self._next][1]) > 1:
            yield self.numbers(width)


def levels_in(file: TraceFile, table: SymmetryTable, electrons: int) -> list[Levels]:
    """The coirreps of the states at each star of momenta.

    The calculation must have been of the standardised primitive cell (`topofuse confirm --write-inputs` writes it).
    A star with a single coirrep may be missing: K of the face-centred cubic groups, which the lists of momenta of
    vasp2trace do not have. Its bands are filled by the electrons, whatever they are. Raises `TraceFileError` where the
    cell is another or a momentum is missing, `RepresentationError` where states are no coirreps.
    """
    states = states_of(file, table)
    missing = set(range(len(table.stars))) - {table.momenta[one.momentum].star for one in states}
    needed = [star for i, star in enumerate(table.stars) if i in missing and not _one_filling(star, electrons)]
    if needed:
        raise TraceFileError(f"the traces lack the momenta {', '.join(star.label for star in needed)}")
    return levels_of(table, states, electrons) + [_unseen(i, table.stars[i], electrons) for i in sorted(missing)]


def _one_filling(star: Star, electrons: int) -> bool:
    return len(star.dimensions) == 1 and electrons % int(star.dimensions[0]) == 0


def _unseen(index: int, star: Star, electrons: int) -> Levels:
    """So many electrons in the star's only coirrep, and nothing about their energies."""
    nothing = np.zeros(0, dtype=np.int64)
    return Levels(index, electrons // star.dimensions, np.zeros(0), nothing, nothing, nothing)


def states_of(file: TraceFile, table: SymmetryTable) -> list[StarStates]:
    """The states at one momentum of each star that the file has; `TraceFileError` where its cell is another."""
    try:
        alignment = Alignment.with_table(table, file.rotations, file.translations, file.spins)
    except ValueError as error:
        raise TraceFileError(f"the traces are not of the standardised primitive cell: {error}") from error
    by_star: dict[int, StarStates] = {}
    for one in file.momenta:
        momentum = table.find(one.k)
        if momentum is None or momentum.star in by_star:
            continue
        place = {int(operation): i for i, operation in enumerate(one.operations)}
        wanted = alignment.operations[momentum.operations].tolist()
        if any(operation not in place for operation in wanted):
            raise TraceFileError(f"operations of the little group are missing at {one.k.tolist()}")
        traces = one.traces[:, [place[operation] for operation in wanted]].T * alignment.factors(momentum)[:, None]
        index = next(i for i, known in enumerate(table.momenta) if known is momentum)
        # each state of a level has its share: only their sum counts
        by_star[momentum.star] = StarStates(
            index, np.repeat(one.energy, one.size), np.repeat(traces / one.size, one.size, axis=1)
        )
    return [by_star[star] for star in sorted(by_star)]
