"""The bands of a sketch as a figure: coloured by the shares of s, p, d and f orbitals, with what decides the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from topofuse.report.svg import ALONE_FAINT, ALONE_INK, BLUE, GREEN, PURPLE, VERMILION, styled_alone

if TYPE_CHECKING:
    from topofuse.sketches import BandSketch

COLOURS = {"s": VERMILION, "p": BLUE, "d": GREEN, "f": PURPLE}
_SHAPES = {"crossing": "X", "degenerate": "o", "inversion": "D"}
_WORDS = {"crossing": "bands cross on the line", "degenerate": "filling cuts a level", "inversion": "levels inverted"}


def draw_bands(found: BandSketch, *, spin_orbit: bool, half: float) -> Figure:
    """The figure, `half` eV to each side of the filling; occupied bands are thick, empty ones thin."""
    energy, weights, filled = (
        (found.energy_soc, found.weights_soc, found.filled_soc)
        if spin_orbit
        else (found.energy, found.weights, found.filled)
    )
    with styled_alone():
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        axes = figure.add_subplot()
        near = np.flatnonzero((energy.max(0) > -1.1 * half) & (energy.min(0) < 1.1 * half))
        for line in range(int(found.line.max()) + 1):
            own = found.line == line
            for band in near.tolist():
                _line(axes, found.distance[own], energy[own, band], weights[own, band], band < filled)
        axes.axhline(0, color=ALONE_FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        for at, _ in found.ticks:
            axes.axvline(at, color=ALONE_FAINT, linewidth=0.5)
        axes.set_xticks([at for at, _ in found.ticks], [label for _, label in found.ticks])
        axes.set(xlim=(0, found.distance[-1]), ylim=(-half, half), ylabel="energy (eV)")
        handles = [Line2D([], [], color=colour, linewidth=2.5, label=kind) for kind, colour in COLOURS.items()]
        shown = [mark for mark in found.marks if mark.spin_orbit == spin_orbit]
        for mark in shown:
            axes.plot(mark.distance, [mark.energy] * len(mark.distance), _SHAPES[mark.kind], markersize=8,
                      color=ALONE_INK, markerfacecolor="none", zorder=5, clip_on=False)  # fmt: skip
        handles += [
            Line2D([], [], marker=_SHAPES[kind], linestyle="", color=ALONE_INK, markerfacecolor="none", label=words)
            for kind, words in _WORDS.items()
            if any(mark.kind == kind for mark in shown)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        coupling = "with" if spin_orbit else "without"
        gap = found.gap_soc if spin_orbit else found.gap
        what = f"{found.formula}, {found.symbol} ({found.spacegroup})"
        axes.set_title(
            f"{what}: sketch of the bands {coupling} spin-orbit coupling\n"
            f"smallest direct gap on the path {gap:.2f} eV, rough by tenths of an eV; occupied bands are thick"
        )
    return figure


def _line(
    axes: Axes, distance: NDArray[np.float64], energy: NDArray[np.float64], weights: NDArray[np.float64], filled: bool
) -> None:
    """One band on one line, in pieces, each of the mean colour of its two ends."""
    corners = np.column_stack([distance, energy])
    pieces = np.stack([corners[:-1], corners[1:]], axis=1)
    shares = np.clip((weights[:-1] + weights[1:]) / 2, 0, None)
    palette = np.array([to_rgb(colour) for colour in COLOURS.values()])
    colours = shares @ palette / np.maximum(shares.sum(1, keepdims=True), 1e-9)
    axes.add_collection(LineCollection(list(pieces), colors=np.clip(colours, 0, 1), linewidths=1.9 if filled else 0.9))
