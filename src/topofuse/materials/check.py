"""What a data set holds, and what is wrong with it, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from topofuse.crystals.formula import SYMBOLS
from topofuse.labels import FIVE, UNKNOWN
from topofuse.materials.dataset import N_FOLDS, SPLITS, Dataset, DatasetError
from topofuse.materials.sources import load

_LISTED = 20  # problems of one kind that are spelled out; the rest is counted


def describe(data: Dataset) -> dict[str, Any]:
    """Counts of rows, formulas, classes, splits, folds, elements and sizes; JSON-ready."""
    class_names = np.array([*FIVE, UNKNOWN])  # code -1 is the last
    classes_by_split = {
        split: {name: int((class_names[data.labels[data.rows(split)]] == name).sum()) for name in class_names.tolist()}
        for split in SPLITS
    }
    elements: Counter[str] = Counter()
    for crystal in data.crystals:
        elements.update(SYMBOLS[z] for z in np.unique(crystal.numbers))
    atoms = np.array([len(crystal) for crystal in data.crystals])
    return {
        "name": data.name,
        "data_hash": data.data_hash,
        "rows": len(data),
        "formulas": len(set(data.formulas)),
        "rejected": len(data.rejected),
        "classes": {name: sum(by[name] for by in classes_by_split.values()) for name in class_names.tolist()},
        "classes_by_split": classes_by_split,
        "folds": {str(k): int((data.fold == k).sum()) for k in range(N_FOLDS)},
        "elements": dict(elements.most_common()),
        "atoms": {"least": int(atoms.min()), "median": float(np.median(atoms)), "most": int(atoms.max())},
    }


def describe_text(data: Dataset) -> str:
    """`describe` as a page for a terminal."""
    facts = describe(data)
    split_sizes = {split: sum(by.values()) for split, by in facts["classes_by_split"].items()}
    lines = [
        f"{facts['name']}: {facts['rows']} crystals, {facts['formulas']} formulas, {facts['rejected']} rows rejected",
        f"sha256 {facts['data_hash']}",
        "",
        f"{'class':<16}{'all':>8}{'share':>8}" + "".join(f"{split:>12}" for split in SPLITS),
    ]
    for name, count in facts["classes"].items():
        cells = "".join(f"{facts['classes_by_split'][split][name]:>12}" for split in SPLITS)
        lines.append(f"{name:<16}{count:>8}{count / facts['rows']:>8.1%}{cells}")
    lines.append(f"{'sum':<16}{facts['rows']:>8}{'':>8}" + "".join(f"{split_sizes[split]:>12}" for split in SPLITS))
    lines += [
        "",
        "rows per fold of the pool: " + ", ".join(str(n) for n in facts["folds"].values()),
        "atoms per cell: {least} to {most}, median {median:g}".format(**facts["atoms"]),
        f"{len(facts['elements'])} elements, the most frequent: "
        + ", ".join(f"{symbol} {n}" for symbol, n in list(facts["elements"].items())[:10]),
    ]
    return "\n".join(lines)


def check(path: str | Path | None) -> list[str]:
    """Problems of the data set at `path` (None: the embedded one), a sentence each; [] where there are none."""
    try:
        data = load(path)
    except DatasetError as error:
        return [str(error)]
    return problems(data)


def problems(data: Dataset) -> list[str]:
    """Problems of a loaded data set, a sentence each: rejected rows, missing classes, contradictions."""
    sentences = _listed([f"{name}: rejected, {reason}" for name, reason in data.rejected], "more rows rejected")
    for split in SPLITS[:2]:
        labels = data.labels[data.rows(split)]
        absent = [name for code, name in enumerate(FIVE) if not (labels == code).any()]
        if absent:
            sentences.append(f"the {split} holds no row of class {', '.join(absent)}")
    empty = [str(k) for k in range(N_FOLDS) if not (data.fold == k).any()]
    if empty:
        sentences.append(f"no row of the pool is in fold {', '.join(empty)}")
    return sentences + _contradictions(data)


def _contradictions(data: Dataset) -> list[str]:
    """Exactly equal crystals under several ids, with different classes."""
    twins: dict[str, list[int]] = defaultdict(list)
    for row, crystal in enumerate(data.crystals):
        twins[crystal.content_hash()].append(row)
    sentences = []
    for rows in twins.values():
        classes = sorted({FIVE[data.labels[row]] for row in rows if data.labels[row] >= 0})
        if len(classes) > 1:
            names = ", ".join(data.material_ids[row] for row in rows)
            sentences.append(f"{names}: the same crystal with the classes {', '.join(classes)}")
    return _listed(sentences, "more crystals with several classes")


def _listed(sentences: list[str], rest: str) -> list[str]:
    if len(sentences) <= _LISTED:
        return sentences
    return [*sentences[:_LISTED], f"{len(sentences) - _LISTED} {rest}"]
