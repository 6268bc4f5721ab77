"""Figures of accuracies side by side: strategies, breakdowns, features, ablation, kinds of split, size of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from topofuse.labels import LEVELS
from topofuse.modalities import registry
from topofuse.report.breakdown import Share
from topofuse.report.document import Picture
from topofuse.report.numbers import LEVEL_TITLES, interval, is_number, percent, signed, signed_interval
from topofuse.report.source import EVALUATIONS
from topofuse.report.svg import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    VERMILION,
    entitle,
    hover_point,
    inline_svg,
    new_figure,
    styled,
)

SPLIT_STYLE: dict[str, dict[str, Any]] = {
    "oof": {"color": BLUE, "linestyle": "-", "marker": "o"},
    "test": {"color": VERMILION, "linestyle": "--", "marker": "s"},
}
LEVEL_STYLE: dict[str, dict[str, Any]] = {
    "two": {"color": BLUE, "marker": "o"},
    "three": {"color": VERMILION, "marker": "s"},
    "five": {"color": GREEN, "marker": "^"},
}
NAME_WIDTH = 18  # letters of a name on one line: a figure is read on a telephone, too
FEW = 10  # materials; below it, a share says little and does not set the scale


@styled()
def strategies_figure(strategies: Sequence[Mapping[str, Any]], chosen: str, level: str = "two") -> Picture:
    """Accuracy of every strategy at `level` with its interval, out-of-fold above test."""
    figure, axes = new_figure(3.4, 0.38 * len(strategies) + 0.9)
    words, data = [], []
    for split, offset in (("oof", -0.13), ("test", 0.13)):
        places, bounds = [], []
        for i, strategy in enumerate(strategies):
            if strategy.get(split) is None:
                continue
            measured = strategy[split][level]["accuracy"]
            hover = f"{strategy['title']}, {EVALUATIONS[split][1]}: {interval('accuracy', measured)}"
            places.append(i + offset)
            bounds.append(_interval_of(measured))
            hover_point(axes, bounds[-1][0], places[-1], hover)
            words.append(hover)
            data.append({"strategy": strategy["title"], "rows": EVALUATIONS[split][1], **_bounds(measured)})
        style = SPLIT_STYLE[split]
        if bounds:
            values = np.array(bounds)
            axes.errorbar(
                values[:, 0], places, xerr=values[:, 1:].T, fmt=style["marker"], color=style["color"],
                markersize=5, capsize=2.5, label=EVALUATIONS[split][1],
            )  # fmt: skip
    names = [("★ " if s["name"] == chosen else "") + s["title"] for s in strategies]
    _row_per_name(axes, names, f"accuracy, {LEVEL_TITLES[level].lower()}")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    figure.legend(loc="outside upper right", ncols=2)
    return Picture(
        inline_svg(figure, f"strategies-{level}"),
        f"{LEVEL_TITLES[level]}: accuracy with 95 % intervals. ★: chosen on out-of-fold rows.",
        f"Accuracy of each strategy, {LEVEL_TITLES[level].lower()}. " + "; ".join(words) + ".",
        tuple(data),
    )


def _bounds(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Value and bounds as they are in JSON: what is undefined is null."""
    return {key: measured[key] if is_number(measured[key]) else None for key in ("value", "low", "high")}


@styled()
def shares_figure(shares: Sequence[Share], name: str, what: str) -> Picture:
    """Horizontal bars of accuracy with Wilson intervals; `what` ends the sentence 'accuracy by …'."""
    figure, axes = new_figure(3.8, 0.32 * len(shares) + 0.9)
    values = np.array([100 * s.value for s in shares])
    bounds = np.array([s.interval for s in shares]) * 100
    errors = np.clip(np.stack([values - bounds[:, 0], bounds[:, 1] - values]), 0, None)
    enough = [low for low, share in zip(bounds[:, 0], shares, strict=True) if share.n >= FEW] or [0.0]
    start = max(0.0, 10 * np.floor((min([*enough, *values]) - 5) / 10))
    bars = axes.barh(range(len(shares)), values - start, left=start, color=BLUE, alpha=0.55, height=0.62)
    for bar, share, (low, high) in zip(bars, shares, bounds, strict=True):
        entitle(bar, f"{share.name}: {percent(share.value)} [{low:.1f}, {high:.1f}] of {share.n:,} materials")
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
        tuple(share_data(share) for share in shares),
    )


def share_data(share: Share) -> dict[str, Any]:
    """A share for the JSON twin."""
    low, high = share.interval
    return {"name": share.name, "n": share.n, "right": share.right, "value": share.value, "low": low, "high": high}


@styled()
def importance_figure(features: Sequence[Mapping[str, Any]]) -> Picture:
    """Gain of the boosted trees' most useful features, coloured by modality."""
    colours = {
        name: registry.words(name).colour for name in {f["modality"] for f in features} & set(registry.MODALITY_NAMES)
    }
    figure, axes = new_figure(4.0, 0.25 * len(features) + 0.9)
    total = sum(f["gain"] for f in features) or 1.0
    for i, f in enumerate(features):
        colour, part = colours.get(f["modality"], FAINT), 100 * f["gain"] / total
        (bar,) = axes.barh(i, part, color=colour, height=0.66, label=f["modality"])
        entitle(bar, f"{f['feature']} ({f['modality']}): {part:.1f} %")
    axes.set_yticks(range(len(features)), [f["feature"] for f in features])
    axes.set_ylim(len(features) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of the total gain of these features")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.grid(axis="x")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="lower right")
    strongest = ", ".join(f"{f['feature']} ({f['modality']})" for f in features[:5])
    return Picture(
        inline_svg(figure, "importance"),
        "The features that the boosted trees use most, by gain.",
        f"Most useful features of the boosted trees: {strongest}.",
        tuple(features),
    )


@styled()
def ablation_figure(rows: Sequence[Mapping[str, Any]]) -> Picture:
    """Measured gain with its interval beside the expected gain of every part of the strategy."""
    figure, axes = new_figure(4.0, 0.34 * len(rows) + 1.0)
    axes.axvline(0, color=INK, linewidth=0.8)
    words = []
    _expected_marks(axes, rows)
    for i, row in enumerate(rows):
        measured = row["gain"]
        if measured is None or not is_number(measured["value"]):
            continue
        low, high = (measured[k] if is_number(measured[k]) else measured["value"] for k in ("low", "high"))
        (bar,) = axes.barh(i, measured["value"], height=0.5, color=BLUE, alpha=0.55, label="measured, 95 % interval")
        hover = f"{row['title']}: measured {signed_interval(measured, 2)}, "
        hover += f"expected {signed(row.get('expected_points'))} points"
        hover_point(axes, measured["value"], i, hover)
        entitle(bar, hover)
        axes.plot([low, high], [i, i], color=INK, linewidth=1.2, solid_capstyle="butt")
        words.append(f"{row['title']} {signed(measured['value'])}, expected {signed(row.get('expected_points'))}")
    axes.set_yticks(range(len(rows)), [fill(row["title"], NAME_WIDTH) for row in rows])
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
        "What each part gains: accuracy with it minus accuracy without it.",
        "Measured gain in points: " + "; ".join(words) + ".",
        tuple({"part": row["title"], "expected": row.get("expected_points"), "gain": row["gain"]} for row in rows),
    )


def _expected_marks(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    marks = [(row["expected_points"], i) for i, row in enumerate(rows) if is_number(row.get("expected_points"))]
    if marks:
        x, y = zip(*marks, strict=True)
        axes.plot(x, y, "D", color=VERMILION, markersize=6, label="expected by the strategy", linestyle="none")


def _interval_of(measured: Mapping[str, Any]) -> tuple[float, float, float]:
    """Value, and how far its interval reaches below and above it, in per cent; 0 where it is undefined."""
    value = 100 * measured["value"]
    low, high = (100 * measured[k] if is_number(measured[k]) else value for k in ("low", "high"))
    return value, max(0.0, value - low), max(0.0, high - value)


@styled()
def splits_figure(kinds: Sequence[Mapping[str, Any]]) -> Picture:
    """Accuracy at the three levels by kind of split, with intervals."""
    figure, axes = new_figure(4.4, 0.5 * len(kinds) + 1.0)
    words, data = [], []
    for level, offset in zip(LEVELS, (-0.2, 0.0, 0.2), strict=True):
        bounds = np.array([_interval_of(kind["metrics"][level]["accuracy"]) for kind in kinds])
        places = np.arange(len(kinds)) + offset
        axes.errorbar(
            bounds[:, 0], places, xerr=bounds[:, 1:].T, linestyle="none", markersize=5, capsize=2.5,
            label=LEVEL_TITLES[level].lower(), **LEVEL_STYLE[level],
        )  # fmt: skip
        for kind, value, place in zip(kinds, bounds[:, 0], places, strict=True):
            hover = f"{kind['title']}, {LEVEL_TITLES[level].lower()}"
            hover_point(axes, value, place, f"{hover}: {interval('accuracy', kind['metrics'][level]['accuracy'])}")
            data.append({"split": kind["title"], "level": level, **_bounds(kind["metrics"][level]["accuracy"])})
        listed = ", ".join(f"{kind['title']} {value:.1f} %" for kind, value in zip(kinds, bounds[:, 0], strict=True))
        words.append(f"{LEVEL_TITLES[level].lower()}: {listed}")
    _row_per_name(axes, [str(kind["title"]) for kind in kinds], "accuracy")
    figure.legend(loc="outside upper right", ncols=3)
    return Picture(
        inline_svg(figure, "splits"),
        "Accuracy by kind of split, with 95 % intervals.",
        "Accuracy by kind of split. " + "; ".join(words) + ".",
        tuple(data),
    )


def _row_per_name(axes: Axes, names: Sequence[str], label: str) -> None:
    """Names down the vertical axis, the first on top; per cent along the horizontal one, called `label`."""
    axes.set_yticks(range(len(names)), [fill(name, NAME_WIDTH) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.set_xlabel(label)
    axes.grid(axis="x")


@styled()
def data_size_figure(curve: Sequence[Mapping[str, Any]]) -> Picture:
    """Accuracy at the three levels against the number of materials to learn from, on a logarithmic axis."""
    figure, axes = new_figure(4.4, 3.2)
    n = np.array([point["n_rows"] for point in curve], dtype=float)
    words, data = [], []
    for level in LEVELS:
        bounds = np.array([_interval_of(point["metrics"][level]["accuracy"]) for point in curve])
        style = LEVEL_STYLE[level]
        axes.errorbar(n, bounds[:, 0], yerr=bounds[:, 1:].T, markersize=5, capsize=2.5, **style)
        axes.annotate(
            LEVEL_TITLES[level].lower(), (n[-1], bounds[-1, 0]), (8, 0), textcoords="offset points", va="center",
            color=style["color"],
        )  # fmt: skip
        for point, value in zip(curve, bounds[:, 0], strict=True):
            measured = point["metrics"][level]["accuracy"]
            hover = f"{LEVEL_TITLES[level]}, {point['n_rows']:,} materials: {interval('accuracy', measured)}"
            hover_point(axes, point["n_rows"], value, hover)
            data.append({"level": level, "n_rows": point["n_rows"], **_bounds(measured)})
        words.append(f"{LEVEL_TITLES[level].lower()} {', '.join(f'{value:.1f} %' for value in bounds[:, 0])}")
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
        tuple(data),
    )
