"""Figures with words in cells: confusion matrices and the periodic table of accuracy.

A cell's shade is one colour over a transparent ground, at most 70 % opaque: then the page's own ink reads
on every cell, in light and in dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from topofuse.labels import LEVELS
from topofuse.report.breakdown import Share
from topofuse.report.document import Picture
from topofuse.report.figures import FEW, share_data
from topofuse.report.numbers import CLASS_TITLES, LEVEL_TITLES, percent
from topofuse.report.source import EVALUATIONS
from topofuse.report.svg import BLUE, FAINT, INK, VERMILION, entitle, inline_svg, new_figure, styled

MOST_OPAQUE = 0.7

PERIODIC_TABLE = """
H  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  He
Li Be .  .  .  .  .  .  .  .  .  .  B  C  N  O  F  Ne
Na Mg .  .  .  .  .  .  .  .  .  .  Al Si P  S  Cl Ar
K  Ca Sc Ti V  Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y  Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I  Xe
Cs Ba .  Hf Ta W  Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
Fr Ra .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
.  .  La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .
.  .  Ac Th Pa U  Np Pu Am Cm Bk Cf Es Fm Md No Lr .
"""
POSITIONS: dict[str, tuple[int, int]] = {
    symbol: (row, column)
    for row, line in enumerate(PERIODIC_TABLE.strip().splitlines())
    for column, symbol in enumerate(line.split())
    if symbol != "."
}


@styled()
def confusion_figure(matrix: NDArray[np.integer], level: str, split: str) -> Picture:
    """Confusion matrix (k, k) of counts; shade: share of the row, that is of the true class."""
    classes = [CLASS_TITLES[c] for c in LEVELS[level]]
    k = len(classes)
    figure, axes = new_figure(3.9, {2: 2.2, 3: 2.7, 5: 3.7}[k])
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for i in range(k):
        for j in range(k):
            colour = BLUE if i == j else VERMILION
            opacity = MOST_OPAQUE * shares[i, j]
            cell = Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, color=colour, alpha=opacity, linewidth=0)
            hover = f"label {classes[i]}, decided {classes[j]}: {matrix[i, j]:,} of {matrix[i].sum():,}"
            entitle(axes.add_patch(cell), f"{hover} ({percent(shares[i, j])})")
            words = f"{matrix[i, j]:,}\n{percent(shares[i, j], 0 if k == 5 else 1)}"
            axes.text(j, i, words, ha="center", va="center", fontsize=8.5, linespacing=1.25)
    axes.set_xlim(-0.5, k - 0.5)
    axes.set_ylim(k - 0.5, -0.5)
    # long names stand slanted below, so that they do not run into each other
    slant: dict[str, Any] = {"rotation": 28, "ha": "right", "rotation_mode": "anchor"} if k == 5 else {}
    axes.set_xticks(range(k), [_broken(c) if k < 5 else c for c in classes], **slant)
    axes.set_yticks(range(k), [_broken(c) for c in classes])
    axes.tick_params(length=0)
    axes.set(xlabel="decided", ylabel="label")
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    recall = "; ".join(f"{c} {percent(shares[i, i])}" for i, c in enumerate(classes) if matrix[i].sum())
    title = f"{LEVEL_TITLES[level]}, {EVALUATIONS[split][1]}"
    return Picture(
        inline_svg(figure, f"confusion-{level}-{split}"),
        f"{title}. Shares of each row.",
        f"Confusion matrix, {title}. Share found of each class: {recall}.",
        tuple(
            {"label": LEVELS[level][i], "decided": LEVELS[level][j], "n": int(matrix[i, j])}
            for i in range(k)
            for j in range(k)
        ),
    )


def _broken(name: str) -> str:
    return name.replace(" ", "\n", 1)


@styled()
def periodic_figure(shares: Mapping[str, Share]) -> Picture:
    """Accuracy per element: the stronger the shade, the more of the element's materials are predicted wrongly."""
    figure, axes = new_figure(9.4, 4.9)
    worst = max([*(1 - s.value for s in shares.values() if s.n >= FEW), 0.01])
    for symbol, (row, column) in POSITIONS.items():
        y = row + 0.4 * (row > 6)  # the f block stands a little below
        _element(axes, symbol, column, y, shares.get(symbol), worst)
    _scale(axes, worst)
    axes.set_xlim(-0.55, 17.55)
    axes.set_ylim(8.95, -0.55)
    axes.set_axis_off()
    known = sorted((s for s in shares.values() if s.n >= FEW), key=lambda s: (s.value, s.name))
    low = ", ".join(f"{s.name} {percent(s.value)} of {s.n:,}" for s in known[:5]) or "none has enough materials"
    return Picture(
        inline_svg(figure, "periodic"),
        "Accuracy for two classes, in per cent, over the materials that contain the element. Shade: share of wrong "
        f"predictions, strongest at {percent(worst)}. Grey: fewer than {FEW} materials.",
        f"Periodic table of accuracy. Lowest: {low}.",
        tuple(share_data(share) for share in shares.values()),
    )


def _element(axes: Axes, symbol: str, x: float, y: float, share: Share | None, worst: float) -> None:
    """One field at (x, y): symbol and accuracy over a shade that is full at the share `worst` of wrong decisions."""
    axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, fill=False, edgecolor=FAINT, linewidth=0.5))
    if share is None:
        axes.text(x, y, symbol, ha="center", va="center", fontsize=9, color=FAINT)
        return
    ink = INK if share.n >= FEW else FAINT
    axes.text(x, y - 0.17, symbol, ha="center", va="center", fontsize=10.5, fontweight="bold", color=ink)
    axes.text(x, y + 0.22, f"{100 * share.value:.0f}", ha="center", va="center", fontsize=8.5, color=ink)
    opacity = MOST_OPAQUE * min(1.0, (1 - share.value) / worst) if share.n >= FEW else 0.0
    axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, color=VERMILION, alpha=opacity, linewidth=0, zorder=0))
    low, high = (100 * bound for bound in share.interval)
    hover = f"{symbol}: {share.right:,} of {share.n:,} right, {percent(share.value)} [{low:.1f}, {high:.1f}]"
    cover = Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, color=VERMILION, alpha=0, linewidth=0, zorder=9)
    entitle(axes.add_patch(cover), hover)  # above the words, so that the whole field tells


def _scale(axes: Axes, worst: float) -> None:
    """The shades and what they mean, above the transition metals."""
    for i in range(5):
        field = Rectangle((3.5 + i, 0.55), 1, 0.4, facecolor=VERMILION, alpha=MOST_OPAQUE * i / 4, linewidth=0)
        axes.add_patch(field)
    axes.add_patch(Rectangle((3.5, 0.55), 5, 0.4, fill=False, edgecolor=FAINT, linewidth=0.5))
    axes.text(3.5, 1.25, "0 %", ha="left", va="center", fontsize=8.5)
    axes.text(8.5, 1.25, percent(worst), ha="right", va="center", fontsize=8.5)
    axes.text(3.5, 0.25, "wrong", ha="left", va="center", fontsize=8.5)
