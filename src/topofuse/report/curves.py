"""Curves of p(non-trivial): ROC, precision and recall, reliability, and accuracy against coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from topofuse.evaluation.reliability import BINS, calibration_error, reliability_curve
from topofuse.labels import coarsen, level_probabilities
from topofuse.report.document import Picture
from topofuse.report.figures import SPLIT_STYLE
from topofuse.report.numbers import count, decimal, percent
from topofuse.report.source import EVALUATIONS, Rows
from topofuse.report.svg import FAINT, hover_point, inline_svg, new_figure, styled

_PER_BIN = 20  # materials at least in a bin of the reliability diagram
CURVE_POINTS = 150  # of a drawn ROC or precision-recall curve: more are not seen, and only make the page heavy
# p(non-trivial) at which a curve tells where it is; 0.5 is where the decision falls
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

Floats = NDArray[np.floating]


def _split_label(rows: Rows) -> str:
    return f"{EVALUATIONS[rows.split][1]}, {len(rows):,}"


def _line_style(split: str) -> dict[str, Any]:
    return {k: v for k, v in SPLIT_STYLE[split].items() if k != "marker"}


def _thinned(n: int) -> NDArray[np.intp]:
    """At most CURVE_POINTS indices into n points, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, CURVE_POINTS)).round().astype(np.intp))


def _nontrivial(rows: Rows) -> tuple[NDArray[np.integer], Floats]:
    """(n,) whether a material is non-trivial, and the probability that it is."""
    return coarsen(rows.labels, "two"), level_probabilities(rows.p5, "two")[:, 1]


def _at_thresholds(axes: Axes, x: Floats, y: Floats, thresholds: Floats, split: str, names: tuple[str, str]) -> None:
    """Tell a pointer where the curve (x, y) is at THRESHOLDS; `thresholds` fall along it."""
    for wanted in THRESHOLDS:
        i = int(np.argmin(np.abs(thresholds - wanted)))
        where = f"{names[0]} {percent(x[i])}, {names[1]} {percent(y[i])}"
        hover_point(axes, x[i], y[i], f"{EVALUATIONS[split][1]}, called non-trivial from p = {wanted:g}: {where}")
        if wanted == 0.5:
            axes.plot([x[i]], [y[i]], color=SPLIT_STYLE[split]["color"], marker=SPLIT_STYLE[split]["marker"])


def _points(rows: Rows, x: Floats, y: Floats, names: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"rows": EVALUATIONS[rows.split][1], names[0]: float(a), names[1]: float(b)} for a, b in zip(x, y, strict=True)
    ]


@styled()
def roc_figure(parts: Sequence[Rows]) -> Picture:
    """ROC of p(non-trivial), one line per split."""
    figure, axes = new_figure(3.8, 3.5)
    words: list[str] = []
    data: list[dict[str, Any]] = []
    for rows in parts:
        truth, score = _nontrivial(rows)
        if len(np.unique(truth)) < 2:
            continue
        x, y, thresholds = roc_curve(truth, score)
        some = _thinned(len(x))
        area = float(roc_auc_score(truth, score))
        axes.plot(x[some], y[some], label=f"{_split_label(rows)}: {area:.3f}", **_line_style(rows.split))
        _at_thresholds(axes, x, y, thresholds, rows.split, ("false alarms", "found"))
        data += _points(rows, x[some], y[some], ("false_positive_rate", "true_positive_rate"))
        words.append(f"area {decimal(area)} on {EVALUATIONS[rows.split][1]} rows")
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    axes.set(xlabel="trivial called non-trivial", ylabel="non-trivial found", xlim=(-0.01, 1), ylim=(0, 1.01))
    axes.grid(True)
    axes.legend(loc="lower right", title="area under the curve")
    return Picture(
        inline_svg(figure, "roc"),
        "Receiver operating characteristic (ROC) of p(non-trivial). Marker: at 0.5, where the prediction changes.",
        "ROC curve: " + (", ".join(words) or "undefined, one class only") + ".",
        tuple(data),
    )


@styled()
def precision_recall_figure(parts: Sequence[Rows]) -> Picture:
    """Precision against recall of p(non-trivial), one line per split, with the share of non-trivial ones."""
    figure, axes = new_figure(3.8, 3.5)
    words: list[str] = []
    data: list[dict[str, Any]] = []
    for rows in parts:
        truth, score = _nontrivial(rows)
        if not truth.any():
            continue
        precision, recall, thresholds = precision_recall_curve(truth, score)
        some = _thinned(len(recall))
        axes.plot(recall[some], precision[some], label=_split_label(rows), **_line_style(rows.split))
        axes.axhline(truth.mean(), color=SPLIT_STYLE[rows.split]["color"], linewidth=0.8, linestyle=":")
        # the last point, (0, 1), has no threshold
        _at_thresholds(axes, recall[:-1], precision[:-1], thresholds, rows.split, ("recall", "precision"))
        data += _points(rows, recall[some], precision[some], ("recall", "precision"))
        at = precision[recall >= 0.9].max()
        words.append(f"at 90 % recall the precision is {percent(at)} on {EVALUATIONS[rows.split][1]} rows")
    axes.set(
        xlabel="recall: non-trivial ones found",
        ylabel="precision: right, if called non-trivial",
        xlim=(0, 1.01),
        ylim=(0, 1.02),
    )
    axes.grid(True)
    axes.legend(loc="lower left")
    return Picture(
        inline_svg(figure, "precision-recall"),
        "Precision and recall of p(non-trivial). Dotted: precision of guessing. Marker: at 0.5.",
        "Precision-recall curve: " + ("; ".join(words) or "undefined, no non-trivial material") + ".",
        tuple(data),
    )


def own_reliability_figure(parts: Sequence[Rows]) -> Picture:
    """Reliability of a strategy's own probabilities, from its predictions."""
    curves, errors = {}, {}
    for rows in parts:
        event, p = coarsen(rows.labels, "two") > 0, level_probabilities(rows.p5, "two")[:, 1]
        bins = max(1, min(BINS, len(p) // _PER_BIN))
        curves[rows.split] = reliability_curve(event, p, bins)
        errors[rows.split] = calibration_error(event, p, bins)
    caption = "Reliability of p(non-trivial), in bins of equal size. On the diagonal, probabilities are exact."
    return reliability_figure(curves, errors, "reliability", caption)


@styled()
def reliability_figure(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], errors: Mapping[str, float], name: str, caption: str
) -> Picture:
    """Observed share of non-trivial materials against p(non-trivial), one line per split.

    curves: bins by split: n materials, mean probability `p`, `share` that is non-trivial, and where known the
    95 % interval `low`, `high` of the share; errors: expected calibration error by split
    """
    figure, axes = new_figure(3.8, 3.5)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    words: list[str] = []
    data: list[dict[str, Any]] = []
    for split, bins in curves.items():
        p, share = (np.array([measured[key] for measured in bins]) for key in ("p", "share"))
        style, title = SPLIT_STYLE[split], EVALUATIONS[split][1]
        label = f"{title}, {sum(measured['n'] for measured in bins):,}: {percent(errors[split])}"
        axes.plot(p, share, markersize=4, label=label, **style)
        for measured in bins:
            range_ = ""
            if "low" in measured:
                axes.plot([measured["p"]] * 2, [measured["low"], measured["high"]], color=style["color"], linewidth=0.9)
                range_ = f" [{100 * measured['low']:.1f}, {100 * measured['high']:.1f}]"
            hover = f"{title}: predicted {percent(measured['p'])}, observed {percent(measured['share'])}{range_}"
            hover_point(axes, measured["p"], measured["share"], f"{hover}, {count(measured['n'])} materials")
        data += [{"rows": title, **measured} for measured in bins]
        words.append(f"{percent(errors[split])} on {title} rows")
    axes.set(xlabel="predicted p(non-trivial)", ylabel="observed share", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(True)
    axes.legend(loc="upper left", title="expected calibration error")
    alt = "Reliability diagram. Expected calibration error: " + ", ".join(words) + "."
    return Picture(inline_svg(figure, name), caption, alt, tuple(data))


@styled()
def risk_coverage_figure(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Picture:
    """Two-class accuracy on the most confident share of the materials, by split.

    curves: points by split: `coverage`, `accuracy`, and `confidence`, the least among the materials kept
    """
    figure, axes = new_figure(3.8, 3.5)
    words: list[str] = []
    data: list[dict[str, Any]] = []
    lowest = 1.0
    for split, points in curves.items():
        title = EVALUATIONS[split][1]
        x, y = (np.array([100 * measured[key] for measured in points]) for key in ("coverage", "accuracy"))
        axes.plot(x, y, label=title, **_line_style(split))
        for measured in points[4::5]:
            hover = f"{title}: {percent(measured['accuracy'])} of the most confident "
            hover += f"{percent(measured['coverage'], 0)} are right (confidence from {decimal(measured['confidence'])})"
            hover_point(axes, 100 * measured["coverage"], 100 * measured["accuracy"], hover)
        data += [{"rows": title, **measured} for measured in points]
        lowest = min(lowest, *(measured["accuracy"] for measured in points))
        shares = [
            f"{percent(measured['accuracy'])} at {percent(measured['coverage'], 0)}" for measured in points[9::10]
        ]
        words.append(f"{title}: {', '.join(shares)}")
    axes.set(xlim=(0, 101), ylim=(np.floor(100 * lowest) - 0.5, 100.2))
    axes.set(xlabel="share of the predictions used, most confident first", ylabel="accuracy, two classes")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.grid(True)
    axes.legend(loc="lower left")
    return Picture(
        inline_svg(figure, "risk-coverage"),
        "Accuracy for two classes if only the most confident predictions are used.",
        "Accuracy against the share of predictions used. " + "; ".join(words) + ".",
        tuple(data),
    )
