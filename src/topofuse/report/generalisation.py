"""The parts of a report that say how far a model carries: kinds of split side by side, and the learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from topofuse.labels import LEVELS
from topofuse.report import figures
from topofuse.report.document import Block, Gallery, Section, Text, table
from topofuse.report.numbers import LEVEL_TITLES, count, interval, is_number, percent, signed, signed_interval

MET = {
    "chemsys": "on sets of elements that are not in the training rows",
    "prototype": "on structure types (anonymous formula with space group) that are not in the training rows",
    "random": "with rows drawn one by one, as in most publications",
}


def splits(content: Mapping[str, Any]) -> Section:
    """Accuracy by kind of split, with differences to the split by formula."""
    kinds = content["kinds"]
    blocks: list[Block] = [Text(_verdict(content), "lead"), Text(str(content["protocol"]))]
    blocks.append(Gallery((figures.splits_figure(kinds),), "broad"))
    header = [
        "Split",
        "What is kept apart",
        "Groups",
        "Largest",
        *(f"{LEVEL_TITLES[level]}: accuracy" for level in LEVELS),
        "Two classes: AUROC",
        "Five classes: macro F1",
    ]
    rows = [
        [
            str(kind["title"]),
            str(kind["note"]),
            count(kind["n_groups"]),
            count(kind["largest_group"]),
            *_metrics(kind["metrics"]),
        ]
        for kind in kinds
    ]
    title = str(content["family"]).capitalize()
    blocks.append(table(f"{title} by kind of split, out of fold, with 95 % bootstrap intervals", header, rows, [0]))
    compared = [kind for kind in kinds if kind["difference"]]
    if compared:
        caption = f"{title}: paired difference to the split by formula in points (AUROC: hundredths), 95 % intervals"
        rows = [[str(kind["title"]), *_differences(kind["difference"])] for kind in compared]
        blocks.append(table(caption, ["Split", *_difference_header()], rows))
        blocks.append(
            Text(
                "A split by prototype may have other structures of a formula on the other side. Space groups are those "
                "that topofuse finds. A random split has near-copies of a material on both sides. Its figures are for "
                "comparison with publications; they do not say what accuracy to expect on new materials."
            )
        )
    return Section("splits", "Accuracy on new kinds of materials", tuple(blocks))


def learning_curve(content: Mapping[str, Any]) -> Section:
    """Accuracy by the share of the pool to learn from."""
    curve, title = content["curve"], str(content["family"]).capitalize()
    blocks: list[Block] = [Text(line) for line in _curve_words(content)]
    blocks.append(Gallery((figures.data_size_figure(curve),), "broad"))
    metrics = [
        *(f"{LEVEL_TITLES[level]}: accuracy" for level in LEVELS),
        "Two classes: AUROC",
        "Five classes: macro F1",
    ]
    rows = [[percent(point["share"], 0), count(point["n_rows"]), *_metrics(point["metrics"])] for point in curve]
    caption = f"{title} by the share of the training rows used, split by formula, with 95 % bootstrap intervals"
    blocks.append(table(caption, ["Share", "Materials", *metrics], rows, [len(rows) - 1]))
    fewer = [point for point in curve if point["difference"]]
    if fewer:
        caption = f"{title}: paired difference to all rows in points (AUROC: hundredths), 95 % intervals"
        rows = [[percent(point["share"], 0), *_differences(point["difference"])] for point in fewer]
        blocks.append(table(caption, ["Share", *_difference_header()], rows))
    return Section("data-size", "Accuracy by amount of training data", tuple(blocks))


def _metrics(measured: Mapping[str, Any]) -> list[str]:
    accuracies = [interval("accuracy", measured[level]["accuracy"]) for level in LEVELS]
    return [
        *accuracies,
        interval("auroc", measured["two"]["auroc"]),
        interval("macro_f1", measured["five"]["macro_f1"]),
    ]


def _difference_header() -> list[str]:
    return [*(f"{LEVEL_TITLES[level]}: accuracy" for level in LEVELS), "Two classes: AUROC"]


def _differences(measured: Mapping[str, Any]) -> list[str]:
    accuracies = [signed_interval(measured[level]["accuracy"], 2) for level in LEVELS]
    return [*accuracies, signed_interval(measured["two"]["auroc"], 2)]


def _verdict(content: Mapping[str, Any]) -> str:
    """What the trees reach on formulas that they have not met, and what changes with other splits."""
    kinds = {kind["name"]: kind for kind in content["kinds"]}
    reached = interval("accuracy", kinds["formula"]["metrics"]["two"]["accuracy"])
    text = (
        f"For materials whose formula is not in the training rows, the {content['family']} predict trivial or "
        f"non-trivial with {reached} accuracy."
    )
    changes = [f"{MET[name]} {_changed(kind['difference'])}" for name, kind in kinds.items() if name in MET]
    return f"{text} Compared with that: {'; '.join(changes)}." if changes else text


def _changed(difference: Mapping[str, Any]) -> str:
    """'0.8 points less [−1.2, −0.4]', and whether that could be chance."""
    measured = difference["two"]["accuracy"]
    if not (is_number(measured["low"]) and is_number(measured["high"])):
        return f"{signed(measured['value'])} points (too little data for an interval)"
    bounds = f"[{signed(measured['low'])}, {signed(measured['high'])}]"
    chance = ", which could be chance" if measured["low"] <= 0 <= measured["high"] else ""
    return f"{abs(measured['value']):.1f} points {'more' if measured['value'] > 0 else 'less'} {bounds}{chance}"


def _curve_words(content: Mapping[str, Any]) -> list[str]:
    curve: Sequence[Mapping[str, Any]] = content["curve"]
    accuracy = [percent(point["metrics"]["two"]["accuracy"]["value"]) for point in curve]
    points = [
        f"{percent(point['share'], 0)} of the rows ({count(point['n_rows'])} materials): {value}"
        for point, value in zip(curve, accuracy, strict=True)
    ]
    lines = [
        f"Accuracy of the {content['family']} for two classes, trained on " + "; on ".join(points) + ". A share "
        "consists of whole formulas, with the same share of every class; the rows for early stopping come out of "
        "it. Every point is measured on the whole pool, out of fold."
    ]
    half = next((point for point in curve if point["share"] == 0.5), None)
    if half:
        rising = half["difference"]["two"]["accuracy"]["high"]
        verdict = (
            "More data would still help"
            if is_number(rising) and rising < 0
            else "The last doubling of the data does not show whether more data would help"
        )
        lines.append(f"{verdict}: with half of the rows instead of all, {_changed(half['difference'])}.")
    if content["skipped_shares"]:
        skipped = ", ".join(percent(share, 0) for share in content["skipped_shares"])
        lines.append(f"Not measured, because of too few training materials: {skipped}.")
    return lines
