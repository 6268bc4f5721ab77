"""The drawings of the documents that are schemes: band inversion, and the parts of the model."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from topofuse.modalities.registry import MODALITY_NAMES, modality
from topofuse.report.svg import BLUE, FAINT, GREEN, PURPLE, VERMILION


def draw_inversion(ax: Axes, mass: float, title: str) -> None:
    """Two bands of opposite parity, E = ±√((M − k²)² + k²/2): M < 0 in order, M > 0 inverted at k = 0."""
    k = np.linspace(-1.8, 1.8, 181)
    diagonal, mixing = mass - k**2, np.sqrt(0.5) * k
    energy = np.hypot(diagonal, mixing)
    even_below = diagonal < 0  # the lower band is the even one where its diagonal element is the lower
    for sign in (-1, 1):
        even = even_below if sign < 0 else ~even_below
        for which, colour, style in ((even, BLUE, "-"), (~even, VERMILION, (0, (3, 1.2)))):
            ax.plot(k, np.where(which, sign * energy, np.nan), color=colour, linestyle=style, linewidth=2)
    ax.axhline(0, color=FAINT, linewidth=0.5)
    ax.set_title(title)
    ax.set_xlabel("momentum")
    ax.set_xticks([0], ["Γ"])
    ax.set_yticks([])
    ax.set_ylim(-2.6, 2.6)


def _box(ax: Axes, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    patch = FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor="none",
                           edgecolor=colour, linewidth=1.6)  # fmt: skip
    ax.add_patch(patch)
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8.5, linespacing=1.35)


def _arrow(ax: Axes, x: float, y: float, u: float, v: float) -> None:
    ax.annotate("", (u, v), (x, y), arrowprops={"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.1})


def draw_fusion(ax: Axes) -> None:
    """Encoders, attention, stages, hierarchical head; beside them the trees, and the blend."""
    count = len(MODALITY_NAMES)
    for i, name in enumerate(MODALITY_NAMES):
        y = (count - 1 - i) * 0.8
        info = modality(name)
        kind = "graph, " if info.index_arrays else ""
        _box(ax, 0, y, 2.0, 0.6, f"{name}\n{kind}{len(info.table_names)} columns", BLUE)
        _box(ax, 2.6, y, 1.1, 0.6, "encoder", PURPLE)
        _arrow(ax, 2.0, y + 0.3, 2.6, y + 0.3)
        _arrow(ax, 3.7, y + 0.3, 4.3, y + 0.3)
    top = (count - 1) * 0.8 + 0.6
    steps = ("cross-attention:\neach view attends\nto the others", "self-attention\nover the views",
             "joined,\nresidual\nstages", "p(non-trivial),\np(kind | non-trivial)")  # fmt: skip
    x = 4.3
    for i, (text, width) in enumerate(zip(steps, (2.0, 1.85, 1.25, 2.1), strict=True)):
        _box(ax, x, 0, width, top, text, PURPLE)
        if i:
            _arrow(ax, x - 0.4, top / 2, x, top / 2)
        x += width + 0.4
    _box(ax, 2.6, -1.3, 10.1, 0.7, "boosted trees on all columns: one model for non-trivial, one for the kind", GREEN)
    ax.plot([1.0, 1.0], [0, -0.95], color=FAINT, linewidth=1.1)
    _arrow(ax, 1.0, -0.95, 2.6, -0.95)
    blend = "blend:\nweights from\nout-of-fold\npredictions\n\n↓\n\nfive\nprobabilities"
    _box(ax, x + 0.2, -1.3, 1.5, top + 1.3, blend, VERMILION)
    _arrow(ax, x - 0.4, top / 2, x + 0.2, top / 2)
    _arrow(ax, 12.7, -0.95, x + 0.2, -0.95)
    ax.set_xlim(-0.1, x + 1.8)
    ax.set_ylim(-1.45, top + 0.1)
    ax.set_axis_off()
