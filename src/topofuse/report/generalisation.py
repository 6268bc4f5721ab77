"""The parts of a report that say how far a model carries: kinds of split side by side, and the learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from topofuse.labels import LEVELS
from topofuse.report import figures
from topofuse.report.document import Block, Gallery, Section, Text, table
from topofuse.report.numbers import LEVEL_TITLES, count, interval, is_number, percent, signed, signed_interval

MET = {
    "chemsys": "on systems of elements that they have not met",
    "prototype": "on structure types (anonymous formula with space group) that they have not met",
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
        caption = f"{title}: difference to the split by formula in points (hundredths), paired, with 95 % intervals"
        rows = [[str(kind["title"]), *_differences(kind["difference"])] for kind in compared]
        blocks.append(table(caption, ["Split", *_difference_header()], rows))
        blocks.append(
            Text(
                "Prototypes leave the formula free: other structures of a formula may stand on the other side. Space "
                "groups are those that this package finds. A random split has near-copies of a material on both "
                "sides; its figures are for comparison with publications, not for what new materials will show."
            )
        )
    return Section("splits", "Materials unlike those learned from", tuple(blocks))


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
    caption = f"{title} by the share of the rows to learn from, split by formula, with 95 % bootstrap intervals"
    blocks.append(table(caption, ["Share", "Materials", *metrics], rows, [len(rows) - 1]))
    fewer = [point for point in curve if point["difference"]]
    if fewer:
        caption = f"{title}: difference to all rows in points (hundredths), paired, with 95 % intervals"
        rows = [[percent(point["share"], 0), *_differences(point["difference"])] for point in fewer]
        blocks.append(table(caption, ["Share", *_difference_header()], rows))
    return Section("data-size", "What more data bring", tuple(blocks))


def _metrics(of: Mapping[str, Any]) -> list[str]:
    accuracies = [interval("accuracy", of[level]["accuracy"]) for level in LEVELS]
    return [*accuracies, interval("auroc", of["two"]["auroc"]), interval("macro_f1", of["five"]["macro_f1"])]


def _difference_header() -> list[str]:
    return [*(f"{LEVEL_TITLES[level]}: accuracy" for level in LEVELS), "Two classes: AUROC"]


def _differences(of: Mapping[str, Any]) -> list[str]:
    accuracies = [signed_interval(of[level]["accuracy"], 2) for level in LEVELS]
    return [*accuracies, signed_interval(of["two"]["auroc"], 2)]


def _verdict(content: Mapping[str, Any]) -> str:
    """What the trees reach on formulas that they have not met, and what changes with other splits."""
    kinds = {kind["name"]: kind for kind in content["kinds"]}
    reached = interval("accuracy", kinds["formula"]["metrics"]["two"]["accuracy"])
    text = (
        f"On materials whose formula they have not met, the {content['family']} tell trivial from non-trivial with "
        f"{reached} accuracy."
    )
    said = [f"{MET[name]} {_changed(kind['difference'])}" for name, kind in kinds.items() if name in MET]
    return f"{text} Compared with that: {'; '.join(said)}." if said else text


def _changed(difference: Mapping[str, Any]) -> str:
    """'0.8 points less [−1.2, −0.4]', and whether that could be chance."""
    of = difference["two"]["accuracy"]
    if not (is_number(of["low"]) and is_number(of["high"])):
        return f"{signed(of['value'])} points (too little data for an interval)"
    bounds = f"[{signed(of['low'])}, {signed(of['high'])}]"
    chance = ", which could be chance" if of["low"] <= 0 <= of["high"] else ""
    return f"{abs(of['value']):.1f} points {'more' if of['value'] > 0 else 'less'} {bounds}{chance}"


def _curve_words(content: Mapping[str, Any]) -> list[str]:
    curve: Sequence[Mapping[str, Any]] = content["curve"]
    accuracy = [percent(point["metrics"]["two"]["accuracy"]["value"]) for point in curve]
    points = [
        f"{percent(point['share'], 0)} of the rows ({count(point['n_rows'])} materials) {value}"
        for point, value in zip(curve, accuracy, strict=True)
    ]
    lines = [
        f"Accuracy of the {content['family']} for two classes, learning from " + ", from ".join(points) + ". A share "
        "is drawn as whole formulas, classes in equal shares; the rows for early stopping come out of it; every "
        "point is scored on all of the pool, out of fold."
    ]
    half = next((point for point in curve if point["share"] == 0.5), None)
    if half:
        rising = half["difference"]["two"]["accuracy"]["high"]
        verdict = (
            "More data would still help"
            if is_number(rising) and rising < 0
            else "Whether more data would help cannot be told from the last doubling"
        )
        lines.append(f"{verdict}: with half of the rows instead of all, {_changed(half['difference'])}.")
    if content["skipped_shares"]:
        skipped = ", ".join(percent(share, 0) for share in content["skipped_shares"])
        lines.append(f"Not measured, with too few materials to learn from: {skipped}.")
    return lines
