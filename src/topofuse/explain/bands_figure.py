"""The bands of a sketch as a figure: coloured by the shares of s, p, d and f orbitals, with what decides the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from topofuse.report.svg import ALONE_FAINT, ALONE_INK, BLUE, GREEN, PURPLE, VERMILION, styled_alone

COLOURS = {"s": VERMILION, "p": BLUE, "d": GREEN, "f": PURPLE}
_SHAPES = {"crossing": "X", "degenerate": "o", "inversion": "D"}
_WORDS = {"crossing": "bands cross on the line", "degenerate": "filling cuts a level", "inversion": "levels inverted"}


@dataclass(frozen=True, eq=False)
class DrawnBands:
    """What the figure shows; p momenta, n bands.

    distance (p,), line (p,): places on the path; ticks: (distance, label); energy (p, n), eV; weights (p, n, 4)
    filled: of the bands, so many are occupied; marks: (kind, distances, energy)
    """

    distance: NDArray[np.float64]
    line: NDArray[np.int64]
    ticks: Sequence[tuple[float, str]]
    energy: NDArray[np.float64]
    weights: NDArray[np.float64]
    filled: int
    marks: Sequence[tuple[str, tuple[float, ...], float]]


def draw_bands(bands: DrawnBands, title: str, half: float) -> Figure:
    """The figure, `half` eV to each side of the filling; occupied bands are thick, empty ones thin."""
    with styled_alone():
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        axes = figure.add_subplot()
        near = np.flatnonzero((bands.energy.max(0) > -1.1 * half) & (bands.energy.min(0) < 1.1 * half))
        for line in range(int(bands.line.max()) + 1):
            own = bands.line == line
            for band in near.tolist():
                _line(axes, bands.distance[own], bands.energy[own, band], bands.weights[own, band], band < bands.filled)
        axes.axhline(0, color=ALONE_FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        for at, _ in bands.ticks:
            axes.axvline(at, color=ALONE_FAINT, linewidth=0.5)
        axes.set_xticks([at for at, _ in bands.ticks], [label for _, label in bands.ticks])
        axes.set(xlim=(0, bands.distance[-1]), ylim=(-half, half), ylabel="energy (eV)", title=title)
        for kind, distances, energy in bands.marks:
            axes.plot(distances, [energy] * len(distances), _SHAPES[kind], markersize=8, color=ALONE_INK,
                      markerfacecolor="none", zorder=5, clip_on=False)  # fmt: skip
        _legend(figure, {kind for kind, _, _ in bands.marks})
    return figure


def _legend(figure: Figure, kinds: set[str]) -> None:
    handles = [Line2D([], [], color=colour, linewidth=2.5, label=kind) for kind, colour in COLOURS.items()]
    handles += [
        Line2D([], [], marker=_SHAPES[kind], linestyle="", color=ALONE_INK, markerfacecolor="none", label=words)
        for kind, words in _WORDS.items()
        if kind in kinds
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


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
