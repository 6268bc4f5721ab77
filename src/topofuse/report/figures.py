"""Figures of a model's quality: strategies, ROC, precision and recall, reliability, learning curves, bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from topofuse.labels import LEVELS, coarsen, level_probabilities
from topofuse.report.breakdown import Share, reliability
from topofuse.report.document import Picture
from topofuse.report.numbers import LEVEL_TITLES, decimal, is_number, percent, signed
from topofuse.report.source import SPLITS, Rows
from topofuse.report.svg import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, inline_svg, new_figure, styled

SPLIT_STYLE: dict[str, dict[str, Any]] = {
    "oof": {"color": BLUE, "linestyle": "-", "marker": "o"},
    "test": {"color": VERMILION, "linestyle": "--", "marker": "s"},
}
LEVEL_STYLE: dict[str, dict[str, Any]] = {
    "two": {"color": BLUE, "marker": "o"},
    "three": {"color": VERMILION, "marker": "s"},
    "five": {"color": GREEN, "marker": "^"},
}
FEW = 10  # materials; below it, a share says little and does not set the scale
CURVE_POINTS = 150  # of a drawn ROC or precision-recall curve: more are not seen, and only make the page heavy


def _split_label(rows: Rows) -> str:
    return f"{SPLITS[rows.split][1]}, {len(rows):,}"


def _thinned(n: int) -> NDArray[np.intp]:
    """At most CURVE_POINTS indices into n points, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, CURVE_POINTS)).round().astype(np.intp))


def _line_style(split: str) -> dict[str, Any]:
    return {k: v for k, v in SPLIT_STYLE[split].items() if k != "marker"}


@styled()
def strategies_figure(strategies: Sequence[Mapping[str, Any]], chosen: str, metric: str = "accuracy") -> Picture:
    """Two-class accuracy of every strategy with its interval, out-of-fold above test."""
    figure, axes = new_figure(4.9, 0.38 * len(strategies) + 0.9)
    words = []
    for split, offset in (("oof", -0.13), ("test", 0.13)):
        places, values, errors = [], [], []
        for i, strategy in enumerate(strategies):
            if strategy.get(split) is None:
                continue
            of = strategy[split]["two"][metric]
            low, high = (of[k] if is_number(of[k]) else of["value"] for k in ("low", "high"))
            places.append(i + offset)
            values.append(100 * of["value"])
            errors.append((max(0.0, 100 * (of["value"] - low)), max(0.0, 100 * (high - of["value"]))))
            words.append(f"{strategy['title']}, {SPLITS[split][1]}: {percent(of['value'])}")
        style = SPLIT_STYLE[split]
        if values:
            axes.errorbar(
                values,
                places,
                xerr=np.array(errors).T,
                fmt=style["marker"],
                color=style["color"],
                markersize=5,
                capsize=2.5,
                label=SPLITS[split][1],
            )
    names = [("★ " if s["name"] == chosen else "") + s["title"] for s in strategies]
    _row_per_name(axes, names, "accuracy, two classes")
    figure.legend(loc="outside upper right", ncols=2)
    return Picture(
        inline_svg(figure, "strategies"),
        "Accuracy for two classes, with 95 % intervals. ★: chosen on out-of-fold data.",
        "Accuracy of each strategy. " + "; ".join(words) + ".",
    )


@styled()
def roc_figure(parts: Sequence[Rows]) -> Picture:
    """ROC of p(non-trivial), one line per split."""
    figure, axes = new_figure(3.8, 3.5)
    words = []
    for rows in parts:
        truth, score = coarsen(rows.labels, "two"), level_probabilities(rows.p5, "two")[:, 1]
        if len(np.unique(truth)) < 2:
            continue
        x, y, _ = roc_curve(truth, score)
        some = _thinned(len(x))
        area = float(roc_auc_score(truth, score))
        axes.plot(x[some], y[some], label=f"{_split_label(rows)}: {area:.3f}", **_line_style(rows.split))
        words.append(f"area {decimal(area)} on {SPLITS[rows.split][1]} rows")
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    axes.set(xlabel="trivial called non-trivial", ylabel="non-trivial found", xlim=(0, 1), ylim=(0, 1.01))
    axes.grid(True)
    axes.legend(loc="lower right", title="area under the curve")
    return Picture(
        inline_svg(figure, "roc"),
        "Receiver operating characteristic of p(non-trivial).",
        "ROC curve: " + (", ".join(words) or "undefined, one class only") + ".",
    )


@styled()
def precision_recall_figure(parts: Sequence[Rows]) -> Picture:
    """Precision against recall of p(non-trivial), one line per split, with the share of non-trivial ones."""
    figure, axes = new_figure(3.8, 3.5)
    words = []
    for rows in parts:
        truth, score = coarsen(rows.labels, "two"), level_probabilities(rows.p5, "two")[:, 1]
        if not truth.any():
            continue
        precision, recall, _ = precision_recall_curve(truth, score)
        some = _thinned(len(recall))
        axes.plot(recall[some], precision[some], label=_split_label(rows), **_line_style(rows.split))
        axes.axhline(truth.mean(), color=SPLIT_STYLE[rows.split]["color"], linewidth=0.8, linestyle=":")
        at = precision[recall >= 0.9].max()
        words.append(f"at 90 % recall the precision is {percent(at)} on {SPLITS[rows.split][1]} rows")
    axes.set(xlabel="recall: non-trivial found", ylabel="precision: called so, and is", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(True)
    axes.legend(loc="lower left")
    return Picture(
        inline_svg(figure, "precision-recall"),
        "Precision and recall of p(non-trivial). Dotted: precision of guessing.",
        "Precision-recall curve: " + ("; ".join(words) or "undefined, no non-trivial material") + ".",
    )


@styled()
def reliability_figure(parts: Sequence[Rows]) -> Picture:
    """Observed share of non-trivial materials against p(non-trivial), in bins of equal mass."""
    figure, axes = new_figure(3.8, 3.5)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    words = []
    for rows in parts:
        curve = reliability(rows)
        label = f"{_split_label(rows)}: {100 * curve.error:.1f} %"
        axes.plot(curve.predicted, curve.observed, markersize=4, label=label, **SPLIT_STYLE[rows.split])
        words.append(f"{percent(curve.error)} on {SPLITS[rows.split][1]} rows")
    axes.set(xlabel="predicted p(non-trivial)", ylabel="observed share", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(True)
    axes.legend(loc="upper left", title="expected calibration error")
    return Picture(
        inline_svg(figure, "reliability"),
        "Reliability of p(non-trivial), in bins of equal mass; on the diagonal, a probability means what it says.",
        "Reliability diagram. Expected calibration error: " + ", ".join(words) + ".",
    )


@styled()
def learning_figure(job: Mapping[str, Any], history: Sequence[Mapping[str, Any]], index: int) -> Picture:
    """Losses of one member over its epochs, above the learning rate's cycles."""
    figure, axes = new_figure(3.1, 2.5)
    epochs = np.array([h["epoch"] for h in history], dtype=float)
    columns = {k: _column(history, k) for k in ("lr", "train_loss", "val_loss", "val_accuracy")}
    axes.plot(epochs, columns["train_loss"], color=BLUE, linestyle="--", label="training")
    if np.isfinite(columns["val_loss"]).any():
        axes.plot(epochs, columns["val_loss"], color=VERMILION, label="validation")
    if is_number(job.get("best_epoch")):
        axes.axvline(job["best_epoch"], color=GREEN, linewidth=1, linestyle=":")
    rate = axes.twinx()
    rate.fill_between(epochs, 0, columns["lr"], color=PURPLE, alpha=0.35, linewidth=0)
    rate.set_ylim(0, 4 * max(float(np.nanmax(columns["lr"])), 1e-12))  # cycles stay in the lowest quarter
    rate.set_yticks([])
    rate.spines["right"].set_visible(False)
    axes.set_zorder(rate.get_zorder() + 1)
    axes.set_title(job["name"], loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    if index == 0:
        axes.legend(loc="upper right")
    best = columns["val_accuracy"]
    reached = (
        f"best validation accuracy {percent(np.nanmax(best))}" if np.isfinite(best).any() else "no validation rows"
    )
    peak = f"{np.nanmax(columns['lr']):.2g}"
    return Picture(
        inline_svg(figure, f"learning-{index}"),
        f"{len(history)} epochs, {reached}.",
        f"Learning curve of {job['name']}: {len(history)} epochs, {reached}, highest learning rate {peak}.",
    )


def _column(history: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    return np.array([h[key] if is_number(h.get(key)) else np.nan for h in history], dtype=np.float64)


@styled()
def shares_figure(shares: Sequence[Share], name: str, what: str) -> Picture:
    """Horizontal bars of accuracy with Wilson intervals; `what` ends the sentence 'accuracy by …'."""
    figure, axes = new_figure(3.8, 0.32 * len(shares) + 0.9)
    values = np.array([100 * s.value for s in shares])
    bounds = np.array([s.interval for s in shares]) * 100
    errors = np.clip(np.stack([values - bounds[:, 0], bounds[:, 1] - values]), 0, None)
    enough = [low for low, share in zip(bounds[:, 0], shares, strict=True) if share.n >= FEW] or [0.0]
    start = max(0.0, 10 * np.floor((min([*enough, *values]) - 5) / 10))
    axes.barh(range(len(shares)), values - start, left=start, color=BLUE, alpha=0.55, height=0.62)
    axes.errorbar(values, range(len(shares)), xerr=errors, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    axes.set_yticks(range(len(shares)), [f"{s.name}  ({s.n:,})" for s in shares])
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(start, 100.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.set_xlabel("accuracy, two classes")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    words = "; ".join(f"{s.name} {percent(s.value)} of {s.n:,}" for s in shares)
    return Picture(
        inline_svg(figure, name),
        f"Accuracy by {what} (number of materials), with Wilson 95 % intervals; the axis starts at {start:.0f} %.",
        f"Accuracy by {what}: {words}.",
    )


@styled()
def importance_figure(features: Sequence[Mapping[str, Any]]) -> Picture:
    """Gain of the boosted trees' most useful features, coloured by modality."""
    colours = dict(zip(sorted({f["modality"] for f in features}), (BLUE, VERMILION, GREEN, PURPLE), strict=False))
    figure, axes = new_figure(4.9, 0.25 * len(features) + 0.9)
    total = sum(f["gain"] for f in features) or 1.0
    for i, f in enumerate(features):
        axes.barh(i, 100 * f["gain"] / total, color=colours.get(f["modality"], FAINT), height=0.66, label=f["modality"])
    axes.set_yticks(range(len(features)), [f["feature"] for f in features])
    axes.set_ylim(len(features) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of the gain of the features shown")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.grid(axis="x")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="lower right")
    words = ", ".join(f"{f['feature']} ({f['modality']})" for f in features[:5])
    return Picture(
        inline_svg(figure, "importance"),
        "What the boosted trees split on, by gain.",
        f"Most useful features of the boosted trees: {words}.",
    )


@styled()
def ablation_figure(rows: Sequence[Mapping[str, Any]]) -> Picture:
    """Measured gain with its interval beside the expected gain of every part of the strategy."""
    figure, axes = new_figure(4.9, 0.34 * len(rows) + 1.0)
    axes.axvline(0, color=INK, linewidth=0.8)
    words = []
    _expected_marks(axes, rows)
    for i, row in enumerate(rows):
        of = row["gain"]
        if of is None or not is_number(of["value"]):
            continue
        low, high = (of[k] if is_number(of[k]) else of["value"] for k in ("low", "high"))
        axes.barh(i, of["value"], height=0.5, color=BLUE, alpha=0.55, label="measured, 95 % interval")
        axes.plot([low, high], [i, i], color=INK, linewidth=1.2, solid_capstyle="butt")
        words.append(f"{row['title']} {signed(of['value'])}, expected {signed(row.get('expected_points'))}")
    axes.set_yticks(range(len(rows)), [row["title"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("gain in accuracy for two classes, points")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: signed(x)))
    axes.grid(axis="x")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper right", ncols=2)
    return Picture(
        inline_svg(figure, "ablation"),
        "What each part brings: accuracy with it minus accuracy without it.",
        "Measured gain in points: " + "; ".join(words) + ".",
    )


def _expected_marks(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    marks = [(row["expected_points"], i) for i, row in enumerate(rows) if is_number(row.get("expected_points"))]
    if marks:
        x, y = zip(*marks, strict=True)
        axes.plot(x, y, "D", color=VERMILION, markersize=6, label="expected by the strategy", linestyle="none")


def _interval_of(of: Mapping[str, Any]) -> tuple[float, float, float]:
    """Value, and how far its interval reaches below and above it, in per cent; 0 where it is undefined."""
    value = 100 * of["value"]
    low, high = (100 * of[k] if is_number(of[k]) else value for k in ("low", "high"))
    return value, max(0.0, value - low), max(0.0, high - value)


@styled()
def splits_figure(kinds: Sequence[Mapping[str, Any]]) -> Picture:
    """Accuracy at the three levels by kind of split, with intervals."""
    figure, axes = new_figure(4.9, 0.5 * len(kinds) + 1.0)
    words = []
    for level, offset in zip(LEVELS, (-0.2, 0.0, 0.2), strict=True):
        found = np.array([_interval_of(kind["metrics"][level]["accuracy"]) for kind in kinds])
        places = np.arange(len(kinds)) + offset
        axes.errorbar(
            found[:, 0], places, xerr=found[:, 1:].T, linestyle="none", markersize=5, capsize=2.5,
            label=LEVEL_TITLES[level].lower(), **LEVEL_STYLE[level],
        )  # fmt: skip
        listed = ", ".join(f"{kind['title']} {value:.1f} %" for kind, value in zip(kinds, found[:, 0], strict=True))
        words.append(f"{LEVEL_TITLES[level].lower()}: {listed}")
    _row_per_name(axes, [str(kind["title"]) for kind in kinds], "accuracy")
    figure.legend(loc="outside upper right", ncols=3)
    return Picture(
        inline_svg(figure, "splits"),
        "Accuracy by kind of split, with 95 % intervals.",
        "Accuracy by kind of split. " + "; ".join(words) + ".",
    )


def _row_per_name(axes: Axes, names: Sequence[str], label: str) -> None:
    """Names down the vertical axis, the first on top; per cent along the horizontal one, called `label`."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.set_xlabel(label)
    axes.grid(axis="x")


@styled()
def data_size_figure(curve: Sequence[Mapping[str, Any]]) -> Picture:
    """Accuracy at the three levels against the number of materials to learn from, on a logarithmic axis."""
    figure, axes = new_figure(4.9, 3.2)
    n = np.array([point["n_rows"] for point in curve], dtype=float)
    words = []
    for level in LEVELS:
        found = np.array([_interval_of(point["metrics"][level]["accuracy"]) for point in curve])
        style = LEVEL_STYLE[level]
        axes.errorbar(n, found[:, 0], yerr=found[:, 1:].T, markersize=5, capsize=2.5, **style)
        axes.annotate(
            LEVEL_TITLES[level].lower(), (n[-1], found[-1, 0]), (8, 0), textcoords="offset points", va="center",
            color=style["color"],
        )  # fmt: skip
        words.append(f"{LEVEL_TITLES[level].lower()} {', '.join(f'{value:.1f} %' for value in found[:, 0])}")
    axes.set_xscale("log")
    ticks = [f"{point['n_rows']:,}\n({percent(point['share'], 0)})" for point in curve]
    axes.set_xticks(n, ticks)
    axes.minorticks_off()
    axes.set_xlim(n[0] / 1.15, n[-1] * 1.7)  # room for the names of the lines
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g} %"))
    axes.set(xlabel="materials to learn from (logarithmic)", ylabel="accuracy")
    axes.grid(True)
    return Picture(
        inline_svg(figure, "data-size"),
        "Accuracy by the number of materials to learn from, with 95 % intervals.",
        f"Learning curve over {', '.join(f'{x:,.0f}' for x in n)} materials: {'; '.join(words)}.",
    )
