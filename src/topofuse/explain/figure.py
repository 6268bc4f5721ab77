"""An explanation as a figure: class probabilities, modalities, columns, attention where there is any."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from topofuse.errors import TopofuseError
from topofuse.explain.contents import Answer, Contents
from topofuse.labels import FIVE
from topofuse.report.numbers import CLASS_TITLES
from topofuse.report.svg import ALONE_INK, BLUE, GREEN, VERMILION, styled_alone
from topofuse.tightbinding.sketch import NoSketch

SUFFIXES = (".svg", ".png")
_WRAP = 46  # characters of a column's words per line
_TITLE_WRAP = 110  # characters of the title's second line


class FigureError(TopofuseError, ValueError):
    """The figure cannot be written; the message says why."""


def save_figure(explanation: Contents, path: Path) -> None:
    """Write the figure as .svg or .png; raises `FigureError` for another name, a missing folder, or a metal."""
    if path.suffix.lower() not in SUFFIXES:
        raise FigureError(f"{path}: the name of a figure ends in {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise FigureError(f"{path}: there is no folder {path.parent}")
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
    with styled_alone():
        try:
            draw(explanation).savefig(path, dpi=160, metadata=metadata)
        except OSError as error:
            raise FigureError(f"{path} cannot be written: {error.strerror or error}") from error


def draw(explanation: Contents) -> Figure:
    """The figure; call it inside `styled_alone`. Raises `FigureError` for a metal: it has no answer to explain."""
    if explanation.answer is None:
        raise FigureError(f"{explanation.source or explanation.formula}: {explanation.domain_reason}; no figure")
    attention = explanation.attention
    matrices = [matrix for matrix in (attention.between, attention.over) if matrix] if attention else []
    lines = sum(len(_wrapped(part.words)) for part in explanation.features)
    heights = [1.7, 0.33 * len(explanation.modalities) + 0.75, 0.14 * lines + 0.22 * len(explanation.features) + 0.7]
    heights = heights if explanation.features else heights[:2]
    figure = Figure(figsize=(7.2, sum(heights) + (2.6 if matrices else 0.0) + 0.8), layout="constrained")
    grid = figure.add_gridspec(
        len(heights) + bool(matrices), max(len(matrices), 1), height_ratios=[*heights, *([2.6] if matrices else [])]
    )
    figure.suptitle(_title(explanation, explanation.answer), x=0.01, ha="left", fontsize=10)
    _probabilities(figure.add_subplot(grid[0, :]), explanation.answer)
    _modalities(figure.add_subplot(grid[1, :]), explanation)
    if explanation.features:
        _features(figure.add_subplot(grid[2, :]), explanation)
    if attention is not None:
        for k, matrix in enumerate(matrices):
            title = "Attention to the others" if matrix is attention.between else "Self-attention"
            _attention(figure.add_subplot(grid[len(heights), k]), attention.names, matrix, title)
    return figure


def _title(explanation: Contents, answer: Answer) -> str:
    lines = [f"{explanation.formula}, {explanation.symbol} ({explanation.spacegroup}): {CLASS_TITLES[answer.label]}, "
             f"p(non-trivial) = {answer.p_nontrivial:.2f}"]  # fmt: skip
    facts = [f"domain: {explanation.domain}"]
    if "novelty" in answer.columns:
        facts.append(f"novelty {answer.columns['novelty']:.2f}")
    if isinstance(explanation.sketch, NoSketch):
        facts.append(f"no band sketch: {explanation.sketch.sentence}")
    else:
        facts.append(f"band sketch: {'non-trivial' if explanation.sketch.nontrivial else 'trivial'}")
    forced = explanation.zone.forced
    facts.append(f"gap forbidden by filling at {', '.join(forced)}" if forced else "filling allows a gap")
    return "\n".join([*lines, *textwrap.wrap("; ".join(facts), _TITLE_WRAP)])


def _probabilities(axes: Axes, answer: Answer) -> None:
    values = [100 * answer.probabilities[name] for name in FIVE]
    axes.barh(range(len(FIVE)), values, color=GREEN, height=0.66)
    for i, value in enumerate(values):
        axes.annotate(f"{value:.1f} %", (value, i), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(FIVE)), [CLASS_TITLES[name] for name in FIVE])
    axes.set(xlim=(0, 112), title="Class probabilities", xlabel="per cent")
    _rows_down(axes, len(FIVE))


def _modalities(axes: Axes, explanation: Contents) -> None:
    _signed_bars(axes, [part.change for part in explanation.modalities], "{:+.3f}")
    axes.set_yticks(range(len(explanation.modalities)), [part.name for part in explanation.modalities])
    axes.set(title="What each modality adds", xlabel="p(non-trivial) with all modalities, minus without this one")
    _rows_down(axes, len(explanation.modalities))


def _features(axes: Axes, explanation: Contents) -> None:
    _signed_bars(axes, [part.log_odds for part in explanation.features], "{:+.2f}")
    names = []
    for part in explanation.features:
        value = "undefined" if part.value is None else f"{part.value:.4g}"
        names.append("\n".join(_wrapped(f"{part.words} = {value}")))
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set(title="Strongest columns for the boosted trees", xlabel="contribution to the log-odds of non-trivial")
    _rows_down(axes, len(names))


def _signed_bars(axes: Axes, values: Sequence[float], form: str) -> None:
    """Towards non-trivial to the right in blue, towards trivial to the left in vermilion; the sign stands beside."""
    axes.barh(range(len(values)), values, color=[BLUE if v > 0 else VERMILION for v in values], height=0.66)
    axes.axvline(0, color=ALONE_INK, linewidth=0.8)
    reach = max(max(map(abs, values), default=0.0), 1e-9)
    axes.set_xlim(min(*values, 0.0) - 0.16 * reach, max(*values, 0.0) + 0.16 * reach)
    for i, value in enumerate(values):
        side = 1 if value >= 0 else -1
        axes.annotate(
            form.format(value), (value, i), (4 * side, 0), textcoords="offset points", va="center",
            ha="left" if side > 0 else "right", fontsize=8,
        )  # fmt: skip


def _attention(axes: Axes, names: Sequence[str], rows: Sequence[Sequence[float]], title: str) -> None:
    axes.imshow(rows, cmap="Blues", vmin=0.0, vmax=1.0)
    for i, row in enumerate(rows):
        for j, share in enumerate(row):
            axes.text(
                j, i, f"{share:.2f}", ha="center", va="center", fontsize=8, color="white" if share > 0.5 else ALONE_INK
            )
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title)
    axes.tick_params(length=0)


def _rows_down(axes: Axes, n: int) -> None:
    axes.set_ylim(n - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, _WRAP) or [""]
