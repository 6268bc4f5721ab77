"""The band sketch of one crystal for people: bands along the path, levels at special momenta, indices, a figure."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal, analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.errors import TopofuseError
from topofuse.labels import FIVE
from topofuse.screening.structures import StructureLike, as_crystal
from topofuse.symmetry import RepresentationError, diagnose, symmetry_table
from topofuse.symmetry.zones import written
from topofuse.tightbinding.crossings import incompatible_lines
from topofuse.tightbinding.lines import BandLines, band_lines
from topofuse.tightbinding.momenta import MomentumLevels, momentum_levels
from topofuse.tightbinding.sketch import DEGENERATE, NoSketch, Sketch, shared_sketch_of
from topofuse.tightbinding.states import star_levels
from topofuse.tightbinding.threads import linear_algebra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_LINE = 21  # momenta on each line, with its ends
CAVEAT = (
    "A sketch, no calculation to rely on: tight binding from tables of free atoms, nothing self-consistent. Levels are "
    "off by some tenths of an eV, and gaps are mostly too wide."
)


class NoSketchError(TopofuseError, ValueError):
    """The crystal has no sketch; the message says why."""


@dataclass(frozen=True)
class Mark:
    """A place on the path that the class depends on.

    kind: 'crossing' (the occupied states at the two ends of a line do not match, so bands cross on it), 'degenerate'
        (the filling ends inside a level) or 'inversion' (spin-orbit coupling exchanges levels of opposite parity)
    spin_orbit: in the bands with spin-orbit coupling, or in those without
    label: of the momentum or the line; distance: along the path, 1/Å, where it is (a momentum may come more than once;
        a crossing is where the gap of the line is smallest); energy: eV, of the middle of the gap there
    """

    kind: str
    spin_orbit: bool
    label: str
    distance: tuple[float, ...]
    energy: float


@dataclass(frozen=True, eq=False)
class BandSketch:
    """What the tight-binding sketch says of a crystal.

    Energies are in eV from the middle between the highest occupied and the lowest empty level on the path, with
    spin-orbit coupling; momenta in the reciprocal basis of the primitive cell; distances in 1/Å, with 2π.

    electrons: in the sketch's bands, per primitive cell
    lines: the bands along the path; ticks: (distance, label) of the special momenta on it
    gap, gap_soc: smallest difference of the lowest empty and the highest occupied level at one momentum of the path
    points: levels at the momenta that symmetry fixes, with spin-orbit coupling; empty where the sketch's states are no
        representations (atoms that overlap)
    verdict: class that the symmetry analysis gives, or None where there is none
    orders: of the group of symmetry indicators; indicator: an element of it, None where bands touch or must cross
    z4, weak: strong index of inversion, and whether a weak one is odd; None without inversion, or without indicator
    marks: where on the path the class is decided
    """

    formula: str
    spacegroup: int
    symbol: str
    electrons: int
    lines: BandLines
    ticks: tuple[tuple[float, str], ...]
    gap: float
    gap_soc: float
    points: tuple[MomentumLevels, ...]
    verdict: str | None
    orders: tuple[int, ...]
    indicator: tuple[int, ...] | None
    z4: int | None
    weak: bool | None
    marks: tuple[Mark, ...]

    @property
    def nearest_exchange(self) -> MomentumLevels | None:
        """The momentum where an occupied and an empty level of opposite parity are nearest; None without inversion."""
        exchanging = [point for point in self.points if point.exchange is not None]
        return min(exchanging, key=lambda point: point.exchange or 0.0, default=None)

    def plot(self, *, spin_orbit: bool = True, half: float = 4.0) -> Figure:
        """The bands as a figure: `half` eV to each side of the filling, coloured by the orbitals' shares."""
        from topofuse.explain.bands_figure import DrawnBands, draw_bands

        lines = self.lines
        coupling, energy, weights, filled, gap = (
            ("with", lines.energy_soc, lines.weights_soc, lines.filled_soc, self.gap_soc)
            if spin_orbit
            else ("without", lines.energy, lines.weights, lines.filled, self.gap)
        )
        marks = [(mark.kind, mark.distance, mark.energy) for mark in self.marks if mark.spin_orbit == spin_orbit]
        title = (
            f"{self.formula}, {self.symbol} ({self.spacegroup}): sketch of the bands {coupling} spin-orbit coupling\n"
            f"smallest direct gap on the path {gap:.2f} eV, rough by tenths of an eV; occupied bands are thick"
        )
        drawn = DrawnBands(lines.distance, lines.line, self.ticks, energy, weights, filled, marks)
        return draw_bands(drawn, title, half)

    def _repr_svg_(self) -> str:
        """For notebooks."""
        from topofuse.report.svg import styled_alone

        text = io.StringIO()
        with styled_alone():
            self.plot().savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()


def sketch(structure: StructureLike | SymmetricCrystal, *, per_line: int = PER_LINE) -> BandSketch:
    """The band sketch of a structure: a file, or an object of pymatgen, ase or topofuse.

    per_line: momenta on each line of the path, with its ends; at least 2

    Raises `CrystalError` for an unusable structure, and `NoSketchError` where there is no sketch (an odd number of
    electrons, an element without a table, cells of more than 250 orbitals).
    """
    if per_line < 2:
        raise ValueError(f"per_line is the number of momenta on a line with both its ends, at least 2; not {per_line}")
    crystal = structure if isinstance(structure, SymmetricCrystal) else analyse(as_crystal(structure))
    with linear_algebra().limit(limits=1):
        model = shared_sketch_of(crystal)
        if isinstance(model, NoSketch):
            raise NoSketchError(f"there is no band sketch of {reduced_formula(crystal.primitive.numbers)}: "
                                f"{model.sentence}")  # fmt: skip
        return _described(crystal, model, per_line)


def _described(crystal: SymmetricCrystal, model: Sketch, per_line: int) -> BandSketch:
    lines = band_lines(crystal, model, per_line)
    zero = float(lines.energy_soc[:, lines.filled_soc - 1].max() + lines.energy_soc[:, lines.filled_soc].min()) / 2
    lines = replace(lines, energy=lines.energy - zero, energy_soc=lines.energy_soc - zero)
    table = symmetry_table(crystal.spacegroup)
    points: tuple[MomentumLevels, ...] = ()
    diagnosis = None
    try:
        stars = star_levels(model, table)
    except RepresentationError:  # said by `points` and `verdict`
        pass
    else:
        diagnosis = diagnose(table, [star.levels for star in stars], 2 * model.filled)
        levels = momentum_levels(crystal, model, table, stars)
        points = tuple(replace(one, label=written(one.label), energy=one.energy - zero) for one in levels)
    indicator = None if diagnosis is None else diagnosis.indicator
    return BandSketch(
        formula=reduced_formula(crystal.primitive.numbers),
        spacegroup=crystal.spacegroup,
        symbol=crystal.symbol,
        electrons=2 * model.filled,
        lines=lines,
        ticks=_ticks(lines),
        gap=float((lines.energy[:, lines.filled] - lines.energy[:, lines.filled - 1]).min()),
        gap_soc=float((lines.energy_soc[:, lines.filled_soc] - lines.energy_soc[:, lines.filled_soc - 1]).min()),
        points=points,
        verdict=None if diagnosis is None else FIVE[diagnosis.verdict],
        orders=tuple(table.orders.tolist()),
        indicator=None if indicator is None else tuple(indicator.tolist()),
        z4=None if diagnosis is None else diagnosis.z4,
        weak=None if diagnosis is None else diagnosis.weak,
        marks=(*_level_marks(lines, points), *_crossing_marks(crystal, model, lines)),
    )


def _ticks(lines: BandLines) -> tuple[tuple[float, str], ...]:
    """Special momenta along the path; where it jumps, both names stand at one place: 'U|K'."""
    ticks: list[tuple[float, str]] = []
    for line, pair in enumerate(lines.ends):
        where = lines.distance[lines.line == line]
        first, last = (written(label) for label in pair)
        if not ticks:
            ticks.append((float(where[0]), first))
        elif ticks[-1][1] != first:
            ticks[-1] = (ticks[-1][0], f"{ticks[-1][1]}|{first}")
        ticks.append((float(where[-1]), last))
    return tuple(ticks)


def _edges(lines: BandLines, spin_orbit: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(p,) highest occupied and lowest empty level."""
    energy, filled = (lines.energy_soc, lines.filled_soc) if spin_orbit else (lines.energy, lines.filled)
    return energy[:, filled - 1], energy[:, filled]


def _level_marks(lines: BandLines, points: tuple[MomentumLevels, ...]) -> list[Mark]:
    """Degenerate levels that the filling cuts, and inversions by spin-orbit coupling, at momenta of the path."""
    inverted = {point.label for point in points if point.inverted}
    marks: dict[tuple[str, bool, str], Mark] = {}
    for spin_orbit in (False, True):
        below, above = _edges(lines, spin_orbit)
        for line, pair in enumerate(lines.ends):
            own = np.flatnonzero(lines.line == line)
            for label, at in zip(map(written, pair), own[[0, -1]].tolist(), strict=True):
                kinds = ["degenerate"] if above[at] - below[at] < DEGENERATE else []
                kinds += ["inversion"] if spin_orbit and label in inverted else []
                for kind in kinds:
                    middle = float(below[at] + above[at]) / 2
                    mark = marks.setdefault((kind, spin_orbit, label), Mark(kind, spin_orbit, label, (), middle))
                    where = {round(x, 9): x for x in (*mark.distance, float(lines.distance[at]))}
                    marks[kind, spin_orbit, label] = replace(mark, distance=tuple(where.values()))
    return list(marks.values())


def _crossing_marks(crystal: SymmetricCrystal, model: Sketch, lines: BandLines) -> list[Mark]:
    """Lines with open gaps at both ends whose occupied states do not match."""
    marks = []
    for spin_orbit, incompatible in zip((False, True), incompatible_lines(crystal, model), strict=True):
        below, above = _edges(lines, spin_orbit)
        for line, pair in enumerate(lines.ends):
            own = np.flatnonzero(lines.line == line)
            gap = (above - below)[own]
            if incompatible[pair] and min(gap[0], gap[-1]) > DEGENERATE:
                at = int(own[gap.argmin()])
                label = "–".join(map(written, pair))
                middle = float(below[at] + above[at]) / 2
                marks.append(Mark("crossing", spin_orbit, label, (float(lines.distance[at]),), middle))
    return marks
