"""Learning curves: the losses of every network over its epochs above the cycles of its learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from topofuse.report.document import Picture
from topofuse.report.numbers import is_number, percent
from topofuse.report.svg import (
    BLUE,
    GREEN,
    PURPLE,
    VERMILION,
    entitle,
    hover_point,
    inline_svg,
    new_figure,
    styled,
)

Record = Mapping[str, Any]


def learning_figures(jobs: Sequence[Record], history: Sequence[Record]) -> tuple[Picture, ...]:
    """One figure per member: its networks, one for each fold, have the same settings and lie over each other.

    jobs: entries of results.json, whose `model` tells which belong together; history: their epochs
    """
    epochs: dict[str, list[Record]] = {}
    for entry in history:
        epochs.setdefault(entry["job"], []).append(entry)
    members: dict[str, list[Record]] = {}
    for job in jobs:
        if job["name"] in epochs:
            members.setdefault(job.get("model", job["name"]), []).append(job)
    return tuple(
        _member_figure(name, [(job, epochs[job["name"]]) for job in networks], index)
        for index, (name, networks) in enumerate(members.items())
    )


@styled()
def _member_figure(name: str, networks: Sequence[tuple[Record, Sequence[Record]]], index: int) -> Picture:
    figure, axes = new_figure(3.1, 2.6)
    rate = axes.twinx()
    axes.set_zorder(rate.get_zorder() + 1)
    sentences = [_network(axes, job, history) for job, history in networks]
    longest = max((history for _, history in networks), key=len)
    lr = _column(longest, "lr")
    rate.fill_between(_column(longest, "epoch"), 0, lr, color=PURPLE, alpha=0.35, linewidth=0)
    peak = float(np.nanmax(lr))
    rate.set_ylim(0, 4 * max(peak, 1e-12))  # the cycles stay in the lowest quarter
    rate.set_yticks([])
    rate.spines["right"].set_visible(False)
    axes.set_title(name, loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="upper right")
    best = [np.nanmax(a) for _, h in networks if np.isfinite(a := _column(h, "val_accuracy")).any()]
    span = sorted({percent(min(best)), percent(max(best))}) if best else []
    reached = f"best validation accuracy {' to '.join(span)}" if best else "no validation rows"
    many = f"{len(networks)} networks, " if len(networks) > 1 else ""
    caption = f"{name}: {many}up to {len(longest)} epochs; {reached}; highest learning rate {peak:.2g}."
    data = tuple({key: value for key, value in entry.items() if key != "seconds"} for _, h in networks for entry in h)
    return Picture(inline_svg(figure, f"learning-{index}"), caption, f"Learning curves. {' '.join(sentences)}", data)


def _network(axes: Axes, job: Record, history: Sequence[Record]) -> str:
    """Draw the losses of one network; a sentence about it."""
    epochs, train, val = (_column(history, key) for key in ("epoch", "train_loss", "val_loss"))
    accuracy = _column(history, "val_accuracy")
    reached = f", validation accuracy up to {percent(np.nanmax(accuracy))}" if np.isfinite(accuracy).any() else ""
    kept = job.get("best_epoch")
    words = f"{job['name']}: {len(history)} epochs{reached}{f', epoch {kept} kept' if is_number(kept) else ''}"
    (line,) = axes.plot(epochs, train, color=BLUE, linestyle="--", linewidth=1.1, label="training")
    entitle(line, f"{words} (training loss)")
    followed = train
    if np.isfinite(val).any():
        (line,) = axes.plot(epochs, val, color=VERMILION, linewidth=1.1, label="validation")
        entitle(line, f"{words} (validation loss)")
        followed = val
    at = np.flatnonzero(epochs == kept) if is_number(kept) else np.array([], dtype=int)
    if at.size and np.isfinite(followed[at[0]]):
        x, y = float(epochs[at[0]]), float(followed[at[0]])
        axes.plot([x], [y], "D", color=GREEN, markersize=4, linestyle="none", label="epoch kept")
        hover_point(axes, x, y, f"{words}; loss there {y:.3f}")
    return words + "."


def _column(history: Sequence[Record], key: str) -> NDArray[np.float64]:
    return np.array([h[key] if is_number(h.get(key)) else np.nan for h in history], dtype=np.float64)
