"""How far the probabilities can be believed: the block `trust` of results.json (`topofuse.evaluation.confidence`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import FuncFormatter

from topofuse.labels import FIVE, LEVELS
from topofuse.report.curves import reliability_figure, risk_coverage_figure
from topofuse.report.document import Block, Gallery, Picture, Section, Text, table
from topofuse.report.figures import SPLIT_STYLE
from topofuse.report.numbers import CLASS_TITLES, LEVEL_TITLES, NONE, count, decimal, is_number, percent
from topofuse.report.source import EVALUATIONS
from topofuse.report.svg import INK, hover_point, inline_svg, new_figure, styled

BUNDLES = {"main": "The model bundle", "fast": "The fast bundle"}
DOMAINS = {
    "in": "inside",
    "likely_magnetic": "likely magnetic",
    "odd_electrons": "odd number of electrons",
    "unseen_element": "element in no training material",
}
ASIDE = " !"  # behind a coverage that is too low for chance


def sentences(trust: Mapping[str, Any]) -> list[str]:
    """How sure the main bundle is, for the verdict; on test rows where there are any."""
    split, rows = _best(trust["main"])
    sets = rows["sets"]["90"]
    groups = [*sets["classes"].values(), *sets["labels"].values()]
    worst = min((measured["share"] for measured in groups if is_number(measured["share"])), default=None)
    text = (
        f"After calibration, the probabilities are off by {percent(rows['after']['ece']['two'])} on average "
        f"({EVALUATIONS[split][1]}; even exact probabilities would show {percent(rows['after']['ece_floor'])}). Of the "
        f"80 % most confident predictions for two classes, {percent(rows['accuracy_at_80'])} are right. The prediction "
        f"sets promise to contain the true class in at least 90 % of the cases, for each class and for each label. For "
        f"the class and label with the lowest share they do so in {percent(worst)}; they have "
        f"{decimal(sets['mean_size'], 2)} classes on average."
    )
    return [text]


def section(trust: Mapping[str, Any]) -> Section:
    """Figures of the main bundle, tables of both."""
    main = trust["main"]
    rows = {split: main[split] for split in EVALUATIONS if main.get(split)}
    opening = (
        "This part is about the predictions of `topofuse predict`. Their calibration (two temperatures) and prediction "
        f"sets were fitted on {main['fitted_on']}. For the out-of-fold rows here, they were fitted on the other folds; "
        "the test rows were predicted by the bundle itself. The temperatures are "
        f"{decimal(main['temperatures']['nontrivial'], 2)} for trivial or not, and "
        f"{decimal(main['temperatures']['kind'], 2)} for the kind (above 1: the models were overconfident)."
    )
    blocks: list[Block] = [Text(opening), Gallery((_reliability(rows), _risk(rows), _coverage_figure(rows)))]
    blocks.append(_calibration(trust))
    abstain = "Of the 80 % most confident predictions, {} are right for two classes."
    blocks.append(
        Text(
            abstain.format(
                " and ".join(
                    f"{percent(measured['accuracy_at_80'])} ({EVALUATIONS[s][1]})" for s, measured in rows.items()
                )
            )
        )
    )
    blocks += [_coverage(rows, "classes"), _coverage(rows, "labels"), _sizes(rows)]
    note = (
        "A prediction set lists the classes that remain possible; the label is always one of them. It should contain "
        "the true class for at least 90 (95) % of the materials of each class, also of rare ones, and of those with "
        f"each label.{ASIDE}: lower than chance explains (below the range of 95 % of random samples of the same size)."
    )
    blocks += [Text(note), *_apart(trust)]
    return Section("trust", "How far to trust the probabilities", tuple(blocks))


def _apart(trust: Mapping[str, Any]) -> list[Block]:
    """Accuracy by domain and by novelty (`topofuse.evaluation.novelty`), where they were measured."""
    blocks: list[Block] = []
    if trust.get("domain"):
        rows = [
            (f"{DOMAINS.get(name, name)}, {EVALUATIONS[split][1]}", measured)
            for split in EVALUATIONS
            for name, measured in (trust["domain"].get(split) or {}).items()
        ]
        blocks.append(_accuracies("Accuracy inside and outside the domain of the labels", "Domain", rows))
    if trust.get("novelty"):
        rows = [
            (f"{measured['low']:g} to {measured['high']:g}, {EVALUATIONS[split][1]}", measured)
            for split in EVALUATIONS
            for measured in trust["novelty"].get(split) or []
        ]
        blocks.append(
            _accuracies("Accuracy by novelty: near to the training materials, and far from them", "Novelty", rows)
        )
    return blocks


def _accuracies(caption: str, what: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Block:
    header = [what, "Materials", "Share", *(LEVEL_TITLES[level] for level in LEVELS)]
    body = [
        [name, count(measured["n"]), percent(measured["share"]), *(percent(measured[level]) for level in LEVELS)]
        for name, measured in rows
    ]
    return table(caption, header, body)


def _best(bundle: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    split = "test" if bundle.get("test") else "oof"
    return split, bundle[split]


def _reliability(rows: Mapping[str, Mapping[str, Any]]) -> Picture:
    return reliability_figure(
        {split: measured["after"]["reliability"] for split, measured in rows.items()},
        {split: measured["after"]["ece"]["two"] for split, measured in rows.items()},
        "reliability-after",
        "Reliability of p(non-trivial) after calibration, in bins of equal size, with 95 % intervals.",
    )


def _risk(rows: Mapping[str, Mapping[str, Any]]) -> Picture:
    return risk_coverage_figure({split: measured["risk_coverage"] for split, measured in rows.items()})


@styled()
def _coverage_figure(rows: Mapping[str, Mapping[str, Any]]) -> Picture:
    """Coverage of the 90 % sets per class, over the band in which chance would put it."""
    figure, axes = new_figure(3.8, 3.5)
    words: list[str] = []
    data: list[dict[str, Any]] = []
    axes.axvline(90, color=INK, linewidth=0.8)
    for split, offset in zip(rows, (-0.15, 0.15), strict=False):
        style, title = SPLIT_STYLE[split], EVALUATIONS[split][1]
        for i, name in enumerate(FIVE):
            measured = rows[split]["sets"]["90"]["classes"][name]
            if not measured["n"]:
                continue
            share, low, high = (100 * measured[key] for key in ("share", "low", "high"))
            axes.barh(i + offset, high - low, left=low, height=0.26, color=style["color"], alpha=0.3, linewidth=0)
            axes.plot([share], [i + offset], color=style["color"], marker=style["marker"], markersize=5, label=title)
            hover = f"{CLASS_TITLES[name]}, {title}: {share:.1f} % of {measured['n']:,}; "
            hover += f"chance allows {low:.1f} to {high:.1f} %"
            hover_point(axes, share, i + offset, hover)
            words.append(hover)
            data.append({"class": name, "rows": title, **measured})
    axes.set_yticks(range(len(FIVE)), [CLASS_TITLES[name].replace(" ", "\n", 1) for name in FIVE])
    axes.set_ylim(len(FIVE) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.set_xlabel("share of materials whose set holds their class")
    axes.grid(axis="x")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper right", ncols=2)
    return Picture(
        inline_svg(figure, "coverage"),
        "Coverage of the 90 % prediction sets: how often they hold the true class. Bands: 95 % range of chance.",
        "Coverage of the 90 % prediction sets. " + "; ".join(words) + ".",
        tuple(data),
    )


def _calibration(trust: Mapping[str, Any]) -> Block:
    body = []
    for name, title in BUNDLES.items():
        for split in EVALUATIONS:
            measured = trust.get(name, {}).get(split)
            if measured is None:
                continue
            errors = [_change(measured, "ece", level, percent) for level in LEVELS]
            losses = [_change(measured, "log_loss", level, decimal) for level in LEVELS]
            floor = percent(measured["after"]["ece_floor"])
            body.append([title, EVALUATIONS[split][1], count(measured["n"]), *errors, floor, *losses])
    titles = [LEVEL_TITLES[level].lower() for level in LEVELS]
    header = ["Bundle", "Rows", "Materials", *(f"Calibration error, {t}" for t in titles), "Floor, two classes"]
    caption = "Calibration error and log loss, before → after calibration; floor: error of exact probabilities"
    return table(caption, [*header, *(f"Log loss, {t}" for t in titles)], body)


def _change(measured: Mapping[str, Any], figure: str, level: str, written: Any) -> str:
    return f"{written(measured['before'][figure][level])} → {written(measured['after'][figure][level])}"


def _coverage(rows: Mapping[str, Mapping[str, Any]], groups: str) -> Block:
    """How often the sets hold the true class, for the materials of each class (or with each label)."""
    columns = [(confidence, split) for confidence in ("90", "95") for split in rows]
    body = []
    for name in FIVE:
        row = [CLASS_TITLES[name]]
        for confidence, split in columns:
            measured = rows[split]["sets"][confidence][groups][name]
            aside = ASIDE if measured["kept"] is False else ""
            row.append(f"{percent(measured['share'])} of {count(measured['n'])}{aside}" if measured["n"] else NONE)
        body.append(row)
    title, whose = {"classes": ("Class", "of each class"), "labels": ("Label", "with each label")}[groups]
    header = [title, *(f"{confidence} % sets, {EVALUATIONS[split][1]}" for confidence, split in columns)]
    return table(f"Coverage: share of the materials {whose} whose set holds their class", header, body)


def _sizes(rows: Mapping[str, Mapping[str, Any]]) -> Block:
    body = []
    for confidence in ("90", "95"):
        for split, measured in rows.items():
            sets = measured["sets"][confidence]
            shares = [percent(share) for share in sets["sizes"][1:]]
            name = f"{confidence} %, {EVALUATIONS[split][1]}"
            body.append([name, decimal(sets["mean_size"], 2), *shares, percent(sets["precise"])])
    header = ["Sets", "Mean size", "1 class", *(f"{k} classes" for k in range(2, 6)), "Right, if 1 class"]
    return table("Sizes of the sets", header, body)
