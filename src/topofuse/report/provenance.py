"""The parts of a report that say where the numbers come from: members, data, protocol, versions, citations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from topofuse.labels import LEVELS
from topofuse.report import figures
from topofuse.report.document import Block, Code, Folded, Gallery, Items, Section, Table, Text, table
from topofuse.report.learning import learning_figures
from topofuse.report.numbers import (
    CLASS_TITLES,
    LEVEL_TITLES,
    METRIC_TITLES,
    NONE,
    count,
    duration,
    interval,
    is_number,
    moment,
    percent,
    signed,
    signed_interval,
)
from topofuse.report.source import Run

SHOWN_FEATURES = 20
PROTOCOL = (
    "Folds and test set are grouped by reduced formula: no formula is on both sides of a split.",
    "Out-of-fold: each material of the pool is predicted by models that were trained without its formula.",
    "Every choice (epochs, weights, which strategy is reported) was made on out-of-fold or validation rows.",
    "The test set was predicted once, for this report. Test figures of strategies that were not chosen are shown "
    "for comparison; they played no part in the choice.",
    "Intervals: 95 % percentile bootstrap, which resamples reduced formulas with all their materials.",
    "The answers for two, three and five classes never contradict each other: they are decided in this order.",
    "Inputs come from the crystal structure alone; no output of a band-structure calculation is used.",
)
TIMING_TITLES = {
    "features_s": "Features",
    "networks_s": "Networks",
    "trees_s": "Boosted trees",
    "bundles_s": "Training of the bundles, and predictions",
    "total_s": "Total",
    "peak_memory_gib": "Memory of the main process",
    "peak_worker_memory_gib": "Memory of the largest worker",
}
LEFT_OUT = {
    "n_rejected": "No valid crystal (not used)",
    "n_unlabelled": "Without a label (not used)",
}


def members(run: Run) -> Section | None:
    """Learning curves of every trained member and a table of the members; None without members."""
    results = run.results
    if not results["jobs"]:
        return None
    pictures = learning_figures(results["jobs"], results.get("history") or [])
    header = ["Member", "Kind", "Epochs", "Best epoch", "Parameters", "Time"]
    rows = [
        [
            str(job["name"]),
            str(job["kind"]),
            count(job.get("epochs_run")),
            count(job.get("best_epoch")),
            count(job.get("n_parameters")),
            duration(job.get("seconds")),
        ]
        for job in results["jobs"]
    ]
    blocks: list[Block] = []
    if pictures:
        legend = (
            "Loss by epoch, two lines for each network: training (blue, dashed) and validation (orange). Diamonds "
            "mark the epochs that were kept. The shaded area below is the learning rate with its warm-up and cycles. "
            "Training loss includes mixup and label smoothing, so it may be higher than the validation loss."
        )
        blocks += [Text(legend), Gallery(pictures, "small")]
    blocks.append(Folded("All networks in numbers", (table("Members of the ensemble", header, rows),)))
    features = sorted(results.get("feature_importance") or [], key=lambda f: -f["gain"])[:SHOWN_FEATURES]
    if features:
        blocks.append(Gallery((figures.importance_figure(features),), "broad"))
    return Section("members", "Learning curves and members", tuple(blocks))


def ablation(content: Mapping[str, Any]) -> Section:
    """Measured gain of each part beside the expected one."""
    rows = content["rows"]
    header = [
        "Part",
        "Expected",
        "Measured, two classes",
        "Measured, five classes",
        "AUROC, two classes",
        "Note",
    ]
    body = [
        [
            str(row["title"]),
            signed(row.get("expected_points")),
            signed_interval(row["gain"], 2),
            signed_interval(row.get("five_gain"), 2),
            signed_interval(row.get("auroc_gain"), 2),
            str(row.get("note") or ""),
        ]
        for row in rows
    ]
    blocks: list[Block] = [Text(_ablation_verdict(rows), "lead"), Text(str(content["protocol"]))]
    blocks.append(Gallery((figures.ablation_figure(rows),), "broad"))
    caption = (
        "Gain of each part in percentage points (AUROC: hundredths), with the part minus without it, and 95 % intervals"
    )
    blocks.append(table(caption, header, body))
    if content.get("reference"):
        blocks.append(_reference_table(content["reference"]))
    return Section("ablation", "What each part gains", tuple(blocks))


def _ablation_verdict(rows: list[Mapping[str, Any]]) -> str:
    """How many parts help, hurt, or cannot be told from nothing at this size of data."""
    known = [r for r in rows if r["gain"] and is_number(r["gain"]["low"]) and is_number(r["gain"]["high"])]
    helps = [r["title"] for r in known if r["gain"]["low"] > 0]
    hurts = [r["title"] for r in known if r["gain"]["high"] < 0]
    unclear = len(known) - len(helps) - len(hurts)
    compared = [r for r in known if is_number(r.get("expected_points"))]
    text = (
        f"{len(known)} parts were measured. Gain, with an interval above zero: {', '.join(helps) or 'none'}. "
        f"Loss, with an interval below zero: {', '.join(hurts) or 'none'}. "
        f"For {unclear}, the interval contains zero, so no effect is shown."
    )
    if compared:
        expected = sum(r["expected_points"] for r in compared)
        measured = sum(r["gain"]["value"] for r in compared)
        text += (
            f" The strategy note expects {signed(expected)} points in all from {len(compared)} of these parts; "
            f"measured one at a time, their gains add up to {signed(measured)}."
        )
    return text


def _reference_table(reference: Mapping[str, Any]) -> Block:
    """The reference of an ablation: {level: {metric: interval}}."""
    levels = [level for level in LEVELS if level in reference]
    if not levels:
        raise ValueError(f"ablation reference must be keyed by level ({', '.join(LEVELS)}), not {list(reference)}")
    metrics = [m for m in METRIC_TITLES if m in reference[levels[0]]]
    rows = [[LEVEL_TITLES[le], *(interval(m, reference[le][m]) for m in metrics)] for le in levels]
    return table(
        "Accuracy with all parts, which the gains are measured against",
        ["Level", *(METRIC_TITLES[m] for m in metrics)],
        rows,
    )


def protocol(run: Run) -> Section:
    """Data, split protocol, hashes, versions, timings, configuration."""
    results, dataset = run.results, run.results["dataset"]
    facts = [
        ["Data set", str(dataset["name"])],
        ["Materials", count(dataset["n_materials"])],
        ["Pool (trained and cross-validated)", count(dataset["n_pool"])],
        ["Test", count(dataset["n_test"])],
        *([title, count(dataset[key])] for key, title in LEFT_OUT.items() if is_number(dataset.get(key))),
        *_origin(results),
    ]
    timings = [[TIMING_TITLES.get(k, k), _spent(k, v)] for k, v in results["timings"].items()]
    blocks: list[Block] = [
        Items(PROTOCOL),
        table("The run", ["What", "Value"], facts),
        _class_table(dataset["class_counts"]),
        table("Time and memory", ["Step", "Wall-clock time, or peak memory"], timings),
        _versions(results),
        Code("Resolved configuration", json.dumps(results["config"], indent=2, ensure_ascii=False)),
    ]
    return Section("protocol", "Protocol and provenance", tuple(blocks))


def _origin(content: Mapping[str, Any]) -> list[list[str]]:
    """What `topofuse.runs.provenance` says of any artifact, but for the versions."""
    return [
        ["Preset", str(content["preset"])],
        ["Seed", str(content["seed"])],
        ["Created", moment(content["created"])],
        *([f"Hash of {name}", str(value)] for name, value in content["hashes"].items()),
        *([str(name).replace("_", " ").capitalize(), str(value)] for name, value in content["machine"].items()),
    ]


def _versions(content: Mapping[str, Any]) -> Table:
    return table(
        "Versions", ["Package", "Version"], [[name, str(version)] for name, version in content["versions"].items()]
    )


def origin(content: Mapping[str, Any]) -> Section | None:
    """Where the figures of an ablation or of a generalisation come from; None for files of before it was kept."""
    if "hashes" not in content:
        return None
    made = table("How it was made", ["What", "Value"], _origin(content))
    return Section("provenance", "Provenance", (made, _versions(content)))


def _spent(key: str, value: Any) -> str:
    if key.endswith("_gib"):
        return f"{value:.2f} GiB" if is_number(value) else NONE
    return duration(value)


def _class_table(class_counts: Mapping[str, Mapping[str, int]]) -> Block:
    rows = []
    for c in LEVELS["five"]:
        row = [CLASS_TITLES[c]]
        for counts in class_counts.values():
            total = sum(counts.values())
            row.append(f"{count(counts.get(c, 0))} ({percent(counts.get(c, 0) / total)})" if total else NONE)
        rows.append(row)
    return table("Materials per class", ["Class", *class_counts], rows)


def citations(run: Run) -> Section | None:
    """What is to be cited where these results are shown; None where nothing is."""
    lines = run.results["dataset"]["citations"]
    return Section("citations", "Please cite", (Items(tuple(lines)),)) if lines else None


def subtitle(results: Mapping[str, Any]) -> str:
    """One line under the title."""
    dataset = results["dataset"]
    total = results["timings"].get("total_s")
    took = f", {duration(total)}" if is_number(total) else ""
    data = f"{dataset['name']}, {count(dataset['n_materials'])} materials"
    return f"{data} · preset {results['preset']}{took} · {moment(results['created'])}"
