"""Fill the figures of README.md and docs/how-good.md from a finished run: python tools/readme_results.py runs/cpu

Writes between `<!-- NAME:begin -->` and `<!-- NAME:end -->`: `results` in README.md; in docs/how-good.md `strategies`
and, from the chosen strategy's out-of-fold predictions, `confidence`, `classes`, `systems`, `sizes`, `elements` and
`mistakes`; and pictures in docs/images. With `--second FILE`, also `second` in both pages: agreement with a second
database. What commands print is written by tools/doc_examples.py.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from topofuse.report.breakdown import Share
    from topofuse.report.source import Rows, Run

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
HOW_GOOD = ROOT / "docs/how-good.md"
IMAGES = ROOT / "docs/images"
LEVELS = {"two": "2 classes", "three": "3 classes", "five": "5 classes"}
CONFIDENT = (0.5, 0.8, 0.9, 1.0)  # shares of the materials, surest first
COMMON = 100  # materials; elements in fewer are not listed
WORST = 12  # elements, and confident mistakes, that are listed
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("two", "accuracy", "2 classes: accuracy"),
    ("two", "auroc", "AUROC"),
    ("three", "accuracy", "3: accuracy"),
    ("three", "auroc", "AUROC"),
    ("five", "accuracy", "5: accuracy"),
    ("five", "auroc", "AUROC"),
    ("five", "macro_f1", "macro F1"),
)
SPLITS = {"oof": "Out of fold", "test": "Test"}


def replace_block(text: str, name: str, content: str) -> str:
    """`text` with what stands between the markers of `name` replaced; ValueError where there are no markers."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"the text must hold {begin} … {end} once")
    return pattern.sub(lambda _: f"{begin}\n{content.strip()}\n{end}", text)


def cell(metrics: dict[str, Any] | None, level: str, metric: str) -> str:
    """'94.3 [93.9, 94.6]', AUROC as '0.982 [0.980, 0.984]'; a dash where it is not defined."""
    values = None if metrics is None else metrics[level][metric]
    if values is None or values["value"] is None:
        return "–"

    def shown(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:.3f}" if metric == "auroc" else f"{100 * value:.1f}"

    return f"{shown(values['value'])} [{shown(values['low'])}, {shown(values['high'])}]"


def strategy_table(results: dict[str, Any], split: str) -> list[str]:
    """Markdown lines: a row per strategy, the chosen one in bold, the networks without the trees last."""
    data = results["dataset"]
    n = data["n_pool" if split == "oof" else "n_test"]
    lines = [
        f"| {SPLITS[split]}, {n:,} materials | " + " | ".join(title for *_, title in COLUMNS) + " |",
        "| --- |" + " --- |" * len(COLUMNS),
    ]
    for strategy in [*results["strategies"], results["networks_only"]]:
        chosen = strategy["name"] == results["chosen"]
        title = f"**{strategy['title']}** ★" if chosen else strategy["title"]
        cells = [cell(strategy[split], level, metric) for level, metric, _ in COLUMNS]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def _made_by(results: dict[str, Any]) -> str:
    """The command of the run, and what it took."""
    timings, data = results["timings"], results["dataset"]
    where = "" if data["name"] == "textbook" else f" --data {data['name']}.parquet"
    return (
        f"`topofuse run --preset {results['preset']}{where}`: {timings['total_s'] / 60:.0f} min, "
        f"{timings['peak_memory_gib']:.1f} GiB in the main process, {results['machine']['cores']} cores, "
        f"seed {results['seed']}, {results['created'][:10]}."
    )


def strategies_block(results: dict[str, Any]) -> str:
    """Both tables of all strategies and the sentence that says what they are."""
    lines = [
        f"{_made_by(results)} All figures are in per cent, except AUROC; brackets are 95 % bootstrap intervals over "
        "formulas. ★: the strategy that was chosen, on out-of-fold rows. No choice was made on test rows.",
        "",
        *strategy_table(results, "oof"),
        "",
        *strategy_table(results, "test"),
    ]
    if results["dataset"].get("note"):
        lines += ["", results["dataset"]["note"]]
    return "\n".join(lines)


def short_block(results: dict[str, Any]) -> str:
    """README's table: the chosen strategy and the two carried models."""
    data = results["dataset"]
    named = {strategy["name"]: strategy for strategy in results["strategies"]}
    columns = [(level, "accuracy", title) for level, title in LEVELS.items()] + [("two", "auroc", "AUROC, 2 classes")]
    lines = [
        "| Accuracy, % | materials | " + " | ".join(title for *_, title in columns) + " |",
        "| --- |" + " --- |" * (len(columns) + 1),
    ]
    rows = [(results["chosen"], "chosen strategy", split) for split in SPLITS]
    rows += [("bundle", "`full`", "test"), *(("fast", "`fast`", split) for split in SPLITS)]
    for name, title, split in rows:
        n = data["n_pool" if split == "oof" else "n_test"]
        cells = [cell(named[name][split], level, metric) for level, metric, _ in columns]
        lines.append(f"| {title}, {SPLITS[split].lower()} | {n:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _percent(share: Share) -> str:
    """'94.8 [94.4, 95.2]'; a dash for no materials."""
    if not share.n:
        return "–"
    low, high = share.interval
    return f"{100 * share.value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def confidence_block(rows: Rows) -> str:
    """Accuracy of the surest shares of the materials, two classes."""
    from topofuse.labels import level_probabilities
    from topofuse.report.breakdown import Share, right

    sure = level_probabilities(rows.p5, "two").max(axis=1)
    order, ok = np.argsort(-sure, kind="stable"), right(rows)
    body = []
    for share in CONFIDENT:
        first = order[: round(share * len(order))]
        decided = Share("", int(ok[first].sum()), len(first))
        body.append([f"{100 * share:.0f} %", f"{sure[first[-1]]:.3f}", _percent(decided)])
    return _table(("Most confident", "probability at least", "accuracy, 2 classes"), body)


def classes_block(rows: Rows) -> str:
    """Share of each class's materials that is decided rightly at the three levels."""
    from topofuse.report.breakdown import by_class

    found = {level: by_class(rows, level) for level in LEVELS}
    body = [
        [f"`{name}`", f"{share.n:,}", *(_percent(found[level][name]) for level in LEVELS)]
        for name, share in found["two"].items()
    ]
    return _table(("Label", "materials", *LEVELS.values()), body)


def shares_block(what: str, shares: Sequence[Share]) -> str:
    """Two-class accuracy by groups of materials."""
    return _table((what, "materials", "accuracy, 2 classes"), [[s.name, f"{s.n:,}", _percent(s)] for s in shares])


def elements_block(rows: Rows) -> str:
    """The elements on which the model is worst, of those in `COMMON` materials or more."""
    from topofuse.report.breakdown import by_element

    common = [share for share in by_element(rows).values() if share.n >= COMMON]
    return shares_block("Element", sorted(common, key=lambda s: (s.value, s.name))[:WORST])


def mistakes_block(rows: Rows) -> str:
    """The wrong two-class decisions that were surest."""
    from topofuse.report.breakdown import confident_mistakes

    body = [
        [m.material_id, m.formula, str(m.spacegroup), f"`{m.label}`", f"`{m.decision}`", f"{m.confidence:.3f}"]
        for m in confident_mistakes([rows], WORST)
    ]
    return _table(("Material", "formula", "space group", "label", "predicted", "probability"), body)


SECOND = (
    ("second_labels", "second database and labels"),
    ("model_labels", "topofuse and labels"),
    ("difference", "difference of the two, in points"),
    ("model_second", "topofuse and second database"),
    ("model_agreed", "topofuse and labels, where the two databases agree"),
)


def second_block(run: Run, path: Path) -> str:
    """Who agrees with whom, on the materials that both databases label."""
    from topofuse.evaluation.agreement import AGREEMENT_LEVELS
    from topofuse.report.second import LEVEL_TITLES, second_database

    tables = []
    for split, (n, figures) in second_database(run, path).items():
        header = (f"Agreement, % ({split}, {n:,} materials)", *(LEVEL_TITLES[level] for level in AGREEMENT_LEVELS))
        body = []
        for key, title in SECOND:
            sign = "+" if key == "difference" else ""
            cells = [figures[level][key] for level in AGREEMENT_LEVELS]
            shown = [[f"{100 * c[part]:{sign}.1f}" for part in ("value", "low", "high")] for c in cells]
            body.append([title, *(f"{value} [{low}, {high}]" for value, low, high in shown)])
        tables.append(_table(header, body))
    return "\n\n".join(tables)


def how_good_blocks(run: Run) -> dict[str, str]:
    """The blocks of docs/how-good.md; those of the chosen strategy are of its out-of-fold rows."""
    from topofuse.report.breakdown import by_cell_size, by_crystal_system

    rows = run.rows(run.results["chosen"], "oof")
    if rows is None:
        raise ValueError(f"the chosen strategy {run.results['chosen']!r} has no out-of-fold rows")
    return {
        "strategies": strategies_block(run.results),
        "confidence": confidence_block(rows),
        "classes": classes_block(rows),
        "systems": shares_block("Crystal system", by_crystal_system(rows)),
        "sizes": shares_block("Atoms in the primitive cell", by_cell_size(rows)),
        "elements": elements_block(rows),
        "mistakes": mistakes_block(rows),
    }


def pictures(run: Run) -> dict[str, str]:
    """Name → SVG file: figures of the report, standing alone."""
    from standing_svg import standing_svg
    from topofuse.evaluation.metrics import confusion
    from topofuse.report import curves, figures, grids
    from topofuse.report.breakdown import by_element

    results = run.results
    listed = [*results["strategies"], results["networks_only"]]
    drawn = {"strategies": figures.strategies_figure(listed, results["chosen"])}
    rows = run.rows(results["chosen"], "oof")
    if rows is not None:
        drawn["confusion"] = grids.confusion_figure(confusion(rows.labels, rows.p5, "five"), "five", "oof")
        drawn["elements"] = grids.periodic_figure(by_element(rows))
        drawn["reliability"] = curves.own_reliability_figure([rows])
    return {name: standing_svg(picture.svg, picture.alt) for name, picture in drawn.items()}


def main() -> None:
    """Read the run, write both pages and the pictures."""
    from topofuse.report.source import read_run

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--second", type=Path, help="second_database.parquet, for the table of agreement")
    arguments = parser.parse_args()
    run = read_run(arguments.run)
    readme, text = README.read_text(), HOW_GOOD.read_text()
    readme = replace_block(readme, "results", short_block(run.results))
    for name, block in how_good_blocks(run).items():
        text = replace_block(text, name, block)
    if arguments.second:
        agreed = second_block(run, arguments.second)
        readme, text = replace_block(readme, "second", agreed), replace_block(text, "second", agreed)
    README.write_text(readme)
    HOW_GOOD.write_text(text)
    for name, drawing in pictures(run).items():
        (IMAGES / f"{name}.svg").write_text(drawing)
    print(f"wrote {README}, {HOW_GOOD} and pictures; now run tools/doc_examples.py --write and tools/docs_figures.py")


if __name__ == "__main__":
    main()
