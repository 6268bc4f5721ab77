"""The parts of a run's report that say how good the model is: verdict, strategies, curves, where it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from topofuse.evaluation.metrics import METRICS, confusion
from topofuse.labels import LEVELS
from topofuse.report import confidence, curves, figures, grids
from topofuse.report.breakdown import (
    TROUBLED,
    Share,
    by_cell_size,
    by_class,
    by_crystal_system,
    by_element,
    with_any_of,
)
from topofuse.report.document import Block, Card, Cards, Folded, Gallery, Items, Picture, Section, Table, Text, table
from topofuse.report.numbers import (
    CLASS_TITLES,
    LEVEL_TITLES,
    METRIC_TITLES,
    NONE,
    count,
    interval,
    is_number,
    percent,
)
from topofuse.report.source import EVALUATIONS, Rows, Run

SMALL = 2000  # test materials; below it, the interval of an accuracy near 95 % is wider than two points


def verdict(run: Run) -> Section:
    """What was reached, on what, how sure; then the warnings that belong to it."""
    chosen, dataset = run.chosen, run.results["dataset"]
    split = "test" if chosen.get("test") else "oof"
    measured = chosen[split]
    if measured is None:
        raise ValueError(f"the chosen strategy {chosen['name']!r} has neither out-of-fold nor test metrics")
    n = dataset["n_test"] if split == "test" else dataset["n_pool"]
    where = (
        f"{count(n)} test materials, which were used for no choice"
        if split == "test"
        else f"{count(n)} materials, each predicted by models that were trained without its formula"
    )
    lead = (
        f"From the crystal structure alone, the strategy “{chosen['title']}” predicts whether a material is trivial or "
        f"non-trivial with {interval('accuracy', measured['two']['accuracy'])} accuracy "
        f"(AUROC {interval('auroc', measured['two']['auroc'])}). For three classes the accuracy is "
        f"{interval('accuracy', measured['three']['accuracy'])}, "
        f"for five {interval('accuracy', measured['five']['accuracy'])}. "
        f"This was measured on {where}; brackets are 95 % bootstrap intervals."
    )
    blocks: list[Block] = [Text(lead, "lead")]
    other = chosen.get("oof") if split == "test" else None
    blocks.append(Cards(tuple(_card(level, measured, other, EVALUATIONS[split][1]) for level in LEVELS)))
    blocks += [Text(line, "warning") for line in _warnings(run, split)]
    sure = confidence.sentences(run.results["trust"]) if run.results.get("trust") else []
    blocks += [Text(line) for line in [*sure, *_comparisons(run, split)]]
    return Section("verdict", "Verdict", tuple(blocks))


def _card(level: str, measured: Mapping[str, Any], oof: Mapping[str, Any] | None, where: str) -> Card:
    accuracy = measured[level]["accuracy"]
    low, high = (percent(accuracy[k]) for k in ("low", "high"))
    beside = f"; out-of-fold {percent(oof[level]['accuracy']['value'])}" if oof else ""
    return Card(f"{LEVEL_TITLES[level]}, {where}", percent(accuracy["value"]), f"{low} to {high}{beside}")


def _warnings(run: Run, split: str) -> list[str]:
    """What a reader must know before believing the verdict."""
    dataset, lines = run.results["dataset"], []
    n = dataset["n_test"] if split == "test" else dataset["n_pool"]
    if n < SMALL:
        accuracy = run.chosen[split]["two"]["accuracy"]
        width = ""
        if is_number(accuracy["low"]) and is_number(accuracy["high"]):
            points = 100 * (accuracy["high"] - accuracy["low"])
            width = f", and the interval of the accuracy for two classes is {points:.1f} points wide"
        lines.append(
            f"Small data: these figures come from only {count(n)} materials{width}. They show that everything works. "
            "They do not show what accuracy to expect on other materials."
        )
    if dataset.get("note"):
        lines.append(dataset["note"])
    return lines


def _comparisons(run: Run, split: str) -> list[str]:
    """What the verdict is to be held against: guessing, and the networks without the trees."""
    lines = []
    guess = _majority_share(run.results["dataset"]["class_counts"].get(EVALUATIONS[split][0], {}))
    if guess is not None:
        lines.append(f"For comparison: always guessing the most frequent class reaches {guess}.")
    networks = run.results.get("networks_only")
    if networks and networks.get(split):
        reached = interval("accuracy", networks[split]["two"]["accuracy"])
        lines.append(f"The networks alone, without boosted trees, reach {reached} for two classes.")
        lines += _why_trees(run, split, networks)
    return lines


def _why_trees(run: Run, split: str, networks: Mapping[str, Any]) -> list[str]:
    """Why trees are ahead of networks, where they are and the data are small."""
    trees = next((s for s in run.results["strategies"] if s.get("name") == "boosted"), None)
    if trees is None or not trees.get(split) or run.results["dataset"]["n_pool"] >= SMALL:
        return []
    ahead = 100 * (trees[split]["two"]["accuracy"]["value"] - networks[split]["two"]["accuracy"]["value"])
    if round(ahead, 1) <= 0:
        return []
    return [
        f"The boosted trees alone are {ahead:.1f} points better than the networks. That is usual for tables and little "
        "data (L. Grinsztajn et al., NeurIPS 2022): a tree tests one column at a time, which means something by itself "
        "(a count of electrons, a gap of the sketch), and leaves out columns that tell nothing; a network has to learn "
        "from the same few materials which of hundreds of columns matter, and how they combine. With more materials "
        "the networks catch up."
    ]


def _majority_share(counts: Mapping[str, int]) -> str | None:
    """Accuracy of the most frequent class at two and five classes, in words; None without counts."""
    total = sum(counts.get(c, 0) for c in LEVELS["five"])
    if not total:
        return None
    trivial = counts.get("trivial", 0) / total
    five = max(counts.get(c, 0) for c in LEVELS["five"]) / total
    return f"{percent(max(trivial, 1 - trivial))} for two classes and {percent(five)} for five"


def strategies(run: Run) -> Section:
    """Every strategy at the three levels, out-of-fold and test, with intervals."""
    results = run.results
    listed = [*results["strategies"], *([results["networks_only"]] if results.get("networks_only") else [])]
    header = ["Strategy", *(f"{LEVEL_TITLES[le]}, {EVALUATIONS[s][1]}" for s in EVALUATIONS for le in LEVELS), "Role"]
    rows = [
        [
            _marked(s, run),
            *(_cell(s, split, level, "accuracy") for split in EVALUATIONS for level in LEVELS),
            _role(s, run),
        ]
        for s in listed
    ]
    chosen_row = [i for i, s in enumerate(listed) if s.get("name") == results["chosen"]]
    blocks: list[Block] = [
        Text(results["choice"]),
        Gallery(tuple(figures.strategies_figure(listed, results["chosen"], level) for level in LEVELS)),
        table("Accuracy of every strategy, with 95 % bootstrap intervals", header, rows, chosen_row),
    ]
    blocks.append(Folded("All metrics of every strategy", tuple(_metric_table(listed, level, run) for level in LEVELS)))
    if results["weights"]:
        weights = sorted(results["weights"].items(), key=lambda item: -item[1])
        caption = "Weights in the weighted super ensemble, fitted on out-of-fold rows only"
        blocks.append(table(caption, ["Family", "Weight"], [[name, percent(w)] for name, w in weights]))
    notes = [note for s in listed if (note := _note(s))]
    if notes:
        blocks.append(Items(tuple(notes)))
    return Section("strategies", "Strategies side by side", tuple(blocks))


def _note(strategy: Mapping[str, Any]) -> str:
    """What a strategy is, and why it has no out-of-fold figures where it has none; '' if nothing is said."""
    sentences = [strategy.get("description")]
    if not strategy.get("oof") and strategy.get("oof_note"):
        sentences.append(f"No out-of-fold figures: {strategy['oof_note']}")
    words = ". ".join(str(s).rstrip(".") for s in sentences if s)
    return f"{strategy['title']}: {words}." if words else ""


def _metric_table(listed: Sequence[Mapping[str, Any]], level: str, run: Run) -> Table:
    rows: list[list[str]] = []
    marked: list[int] = []
    for split, (_, title) in EVALUATIONS.items():
        for strategy in listed:
            if strategy.get(split) is None:
                continue
            if strategy.get("name") == run.results["chosen"]:
                marked.append(len(rows))
            aside = " †" if split == "test" and strategy.get("name") != run.results["chosen"] else ""
            rows.append([_marked(strategy, run), title + aside, *(_cell(strategy, split, level, m) for m in METRICS)])
    header = ["Strategy", "Rows", *(METRIC_TITLES[m] for m in METRICS)]
    return table(f"{LEVEL_TITLES[level]}: all metrics (†: played no part in the choice)", header, rows, marked)


def _marked(strategy: Mapping[str, Any], run: Run) -> str:
    return ("★ " if strategy.get("name") == run.results["chosen"] else "") + str(strategy["title"])


def _cell(strategy: Mapping[str, Any], split: str, level: str, metric: str) -> str:
    return interval(metric, strategy[split][level][metric]) if strategy.get(split) else NONE


def _role(strategy: Mapping[str, Any], run: Run) -> str:
    if strategy.get("name") == run.results["chosen"]:
        return "★ chosen on out-of-fold rows"
    return "for comparison" if strategy.get("test") else ""


def quality(run: Run) -> list[Section]:
    """Confusion matrices, curves and breakdowns of the chosen strategy; those that its rows allow."""
    parts = run.parts
    if not parts:
        return []
    matrices = tuple(
        grids.confusion_figure(confusion(rows.labels, rows.p5, level), level, rows.split)
        for rows in parts
        for level in LEVELS
    )
    drawn = (curves.roc_figure(parts), curves.precision_recall_figure(parts), curves.own_reliability_figure(parts))
    believed = run.results.get("trust")
    title = run.chosen["title"]
    return [
        Section(
            "confusion",
            "Confusion matrices",
            (Text(f"Predictions of “{title}”. Rows are labels, columns are predicted classes."), Gallery(matrices)),
        ),
        Section("curves", "ROC, precision and reliability", (Gallery(drawn),)),
        *([confidence.section(believed)] if believed else []),
        _where(parts[0]),
    ]


def _where(rows: Rows) -> Section:
    """Accuracy by class, element, crystal system and cell size; out of fold where there are such rows."""
    bars = (
        figures.shares_figure(by_crystal_system(rows), "by-system", "crystal system"),
        figures.shares_figure(by_cell_size(rows), "by-size", "atoms in the cell"),
    )
    sentence = f"Over the {count(len(rows))} {EVALUATIONS[rows.split][1]} rows."
    elements = by_element(rows)
    periodic: Picture = grids.periodic_figure(elements)
    return Section(
        "where",
        "Where it works and where it fails",
        (
            Text(sentence),
            _classes(rows),
            Gallery((periodic,), "wide"),
            _elements(elements),
            Gallery(bars),
            *_troubled(rows),
        ),
    )


def _classes(rows: Rows) -> Block:
    """Accuracy of the materials of each class, at the three levels."""
    by_level = {level: by_class(rows, level) for level in LEVELS}
    body = [
        [CLASS_TITLES[name], count(share.n), *(_share(by_level[level][name]) for level in LEVELS)]
        for name, share in by_level["two"].items()
    ]
    caption = "Accuracy by class of the label, with Wilson 95 % intervals"
    return table(caption, ["Class", "Materials", *(LEVEL_TITLES[level] for level in LEVELS)], body)


def _elements(shares: Mapping[str, Share]) -> Folded:
    """Accuracy per element in figures, the lowest first."""
    ordered = sorted(shares.values(), key=lambda s: (s.value, s.name))
    body = [[s.name, count(s.n), count(s.n - s.right), _share(s)] for s in ordered]
    caption = "Accuracy for two classes by element, with Wilson 95 % intervals"
    return Folded("All elements in figures", (table(caption, ["Element", "Materials", "Wrong", "Accuracy"], body),))


def _troubled(rows: Rows) -> list[Block]:
    """Accuracy on the elements that trouble first-principles databases, beside the materials without them."""
    by_level = {level: by_element(rows, level) for level in LEVELS}
    any_of, none_of = zip(*(with_any_of(rows, TROUBLED, level) for level in LEVELS), strict=True)
    if not any_of[0].n:
        return []
    body = [
        [element, count(by_level["two"][element].n), *(_share(by_level[level][element]) for level in LEVELS)]
        for element in TROUBLED
        if element in by_level["two"]
    ]
    for title, shares in (("any of these", any_of), ("none of these", none_of)):
        body.append([title, count(shares[0].n), *(_share(share) for share in shares)])
    caption = "Elements for which first-principles calculations are unreliable: accuracy, with Wilson 95 % intervals"
    note = (
        f"First-principles calculations are least reliable for {', '.join(TROUBLED[:-1])} and {TROUBLED[-1]}. For "
        "materials with these elements, a prediction that counts as wrong may be right, and the label wrong."
    )
    return [
        table(caption, ["Element", "Materials", *(LEVEL_TITLES[level] for level in LEVELS)], body),
        Text(note),
    ]


def _share(share: Share) -> str:
    """'94.8 % [94.4, 95.2]', or a dash for no materials."""
    if not share.n:
        return NONE
    low, high = share.interval
    return interval("accuracy", {"value": share.value, "low": low, "high": high})
