"""Fill README.md's figures from a finished run: the tables of strategies, the picture, and the example's output.

Run after the main job: python tools/readme_results.py runs/cpu
Writes between `<!-- NAME:begin -->` and `<!-- NAME:end -->` for NAME in `results` and `predict`, and
docs/images/strategies.svg. The example's rows are made with the bundle that the package carries, or with the run's own
where it carries none.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PICTURE = ROOT / "docs/images/strategies.svg"
EXAMPLES = "docs/examples"
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


def results_block(results: dict[str, Any]) -> str:
    """Both tables and the sentence that says what they are."""
    timings, preset = results["timings"], results["preset"]
    data = results["dataset"]
    where = "" if data["name"] == "textbook" else f" --data {data['name']}.parquet"
    lines = [
        f"`topofuse run --preset {preset}{where}`: {timings['total_s'] / 60:.0f} min, "
        f"{timings['peak_memory_gib']:.1f} GiB in the main process, {results['machine']['cores']} cores, "
        f"seed {results['seed']}, "
        f"{results['created'][:10]}. Per cent, AUROC as a number; brackets are 95 % bootstrap intervals over formulas. "
        "★ was chosen on out-of-fold rows; nothing was chosen on test.",
        "",
        *strategy_table(results, "oof"),
        "",
        *strategy_table(results, "test"),
    ]
    if data.get("note"):
        lines += ["", data["note"]]
    return "\n".join(lines)


def picture(results: dict[str, Any]) -> str:
    """Accuracy of every strategy as an SVG that stands alone: the report's figure with its colours spelled out."""
    from topofuse.report.figures import strategies_figure

    drawn = strategies_figure([*results["strategies"], results["networks_only"]], results["chosen"]).svg
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    if box is None:
        raise ValueError("the report's figure has no viewBox that starts at 0 0")
    width, height = box.groups()
    drawn = drawn.replace("currentColor", "#222222").replace("var(--faint)", "#888888")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif">'
        '<rect width="100%" height="100%" fill="#ffffff"/>'
    )
    return re.sub(r"<svg [^>]*>", lambda _: head, drawn, count=1) + "\n"


def predict_block(run: Path) -> str:
    """What `topofuse predict docs/examples` prints on a terminal."""
    from topofuse.ensemble.bundle import load_bundle, open_bundle
    from topofuse.screening.predict import predict_paths
    from topofuse.screening.table import aligned_text

    if (ROOT / "src/topofuse/pretrained/full/bundle.json").exists():
        bundle, option = open_bundle(), ""
    else:
        own = (run / "bundle").resolve()
        bundle, option = load_bundle(own), f" --model {own.relative_to(ROOT)}"
    rows = predict_paths([Path(EXAMPLES)], bundle)
    return f"```console\n$ topofuse predict {EXAMPLES}{option}\n{aligned_text(rows)}\n```"


def main() -> None:
    """Read the run and write README.md and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run inside the checkout, with results.json")
    arguments = parser.parse_args()
    results = json.loads((arguments.run / "results.json").read_text())
    text = replace_block(README.read_text(), "results", results_block(results))
    text = replace_block(text, "predict", predict_block(arguments.run))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture(results))
    README.write_text(text)
    print(f"wrote {README} and {PICTURE}")


if __name__ == "__main__":
    main()
