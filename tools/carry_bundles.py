"""Put the bundles of a finished run into the package, each with its model card.

    topofuse run --preset cpu --data ../shared/topomat/topomat.parquet --out runs/cpu
    python tools/carry_bundles.py runs/cpu

Writes src/topofuse/pretrained/full and fast. Every figure of a card comes from the run's results.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CARRIED = ROOT / "src/topofuse/pretrained"
MODELS = {"full": ("bundle", "bundle", 25.0), "fast": ("bundle-fast", "fast", 5.0)}  # folder, strategy, largest MB
LEVELS = {"two": "trivial / non-trivial", "three": "trivial / semimetal / insulator", "five": "five classes"}
CONFIDENCES = ("90", "95")
METRICS = {"accuracy": "accuracy", "auroc": "AUROC", "macro_f1": "macro F1"}

CARD = """# Model card: topofuse `{name}`

{what}

| | |
| --- | --- |
| size | {size:.1f} MB of safetensors and JSON; nothing is unpickled |
| members | {members} |
| modalities | {modalities} |
| trained | {created}, seed {seed}, preset `{preset}`; all settings are in `bundle.json` (`config`) |
| versions | {versions} |
| hash of the data | `{data}` |
| hash of the feature definition | `{features}`; the model loads only if topofuse computes the features in this way |

## Data and protocol
The model was trained on the *pool*: {n_pool} labelled crystals (Materiae labels with spin-orbit coupling, structures of
the Materials Project). Another {n_test} crystals, the test split, were kept apart. No reduced formula is on both sides.
Every choice (settings, blend, weights) was made on out-of-fold predictions: each crystal of the pool was predicted, in
five-fold cross-validation, by models that were trained without its formula. Then the members were trained once more on
the whole pool, for as many epochs and rounds as the folds needed. The test rows were predicted once, after that.

## How good
Brackets are 95 % bootstrap intervals over formulas. Out of fold: {oof_of}. Test: this model itself.

| level | metric | out of fold ({n_pool}) | test ({n_test}) |
| --- | --- | --- | --- |
{metrics}

A second first-principles database (S. Tang et al., Nature 566, 486 (2019)) labels 7,060 of these materials:
docs/how-good.md compares it with the labels and with topofuse on exactly these.

## How far to trust the probabilities
{trust}

## Intended use, and limits
This model is for screening: it says which crystals deserve a first-principles band structure. Its predictions are no
proof of anything.
- The labels come from non-magnetic calculations of materials with less than 0.1 Bohr magneton per cell. These figures
  say nothing about magnets; compounds with open d or f shells are outside.
- A crystal with an odd number of electrons in its primitive cell is a metal by Kramers' theorem, so it gets no class.
- Some labels are wrong: rows of the data with the same formula and space group have different labels (two classes)
  in 4.4 % of the cases.
- `ti` and `tci` are hard to tell apart; look at the macro F1 before you use the five classes.
- Structures are symmetrised (space group at a tolerance of 0.1 Å where possible). Disorder and partial occupancies are
  refused.

## How it was made
```console
$ topofuse run --preset {preset} --data ../shared/topomat/topomat.parquet --out runs/{preset}
$ python tools/carry_bundles.py runs/{preset}
```
`python benchmarks/accuracy.py` writes test crystals as CIF files, predicts them with this model, and compares the
result with this card.

## Citations
{citations}
"""
WHAT = {
    "full": "The most accurate model in the package. `topofuse predict` uses it by default.",
    "fast": "The quick model (`topofuse predict --model fast`). It consists of boosted trees alone, and it uses the "
    "tight-binding sketch of the bands only for cells of up to 40 orbitals: for `full`, the sketches of larger cells "
    "take most of the time.",
}


def shown(value: dict[str, float | None], metric: str) -> str:
    """'95.42 [95.1, 95.7]' for shares, '0.9876 [0.986, 0.989]' for AUROC; a dash where undefined."""
    number, low, high = value["value"], value["low"], value["high"]
    if number is None or low is None or high is None:
        return "–"
    if metric == "auroc":
        return f"{number:.4f} [{low:.4f}, {high:.4f}]"
    return f"{100 * number:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def metric_lines(out_of_fold: dict[str, Any], test: dict[str, Any]) -> str:
    """Rows of the card's table."""
    return "\n".join(
        f"| {title} | {name} | {shown(out_of_fold[level][key], key)} | {shown(test[level][key], key)} |"
        for level, title in LEVELS.items()
        for key, name in METRICS.items()
    )


def members(manifest: dict[str, Any]) -> str:
    """What the bundle holds, in words, with the weights of the blend."""
    networks: dict[str, int] = {}
    for entry in manifest["networks"]:
        networks[entry["family"]] = networks.get(entry["family"], 0) + 1
    counted = {family: f"{count} network(s) of the family `{family}`" for family, count in networks.items()}
    if manifest["trees"]:
        models = sum(2 * manifest["config"]["boosted"]["seeds"] for _ in manifest["trees"])
        counted["boosted"] = f"boosted trees ({models} models trained by LightGBM)"
    return "; ".join(f"{text}, weight {manifest['weights'][family]:.2f}" for family, text in counted.items())


def trust_lines(trust: dict[str, Any]) -> str:
    """What calibration and prediction sets do, out of fold and on test."""
    columns = [trust[split] for split in ("oof", "test") if trust[split] is not None]

    def row(title: str, value: Callable[[dict[str, Any]], str]) -> str:
        return f"| {title} | " + " | ".join(value(rows) for rows in columns) + " |"

    head = ["| | out of fold, cross-fitted | test |", "| --- | --- | --- |"]
    body = [
        row(
            "calibration error of `p_nontrivial`, 15 bins of equal size (in brackets: error of exact probabilities)",
            lambda rows: f"{rows['after']['ece']['two']:.4f} ({rows['after']['ece_floor']:.4f})",
        ),
        row("before calibration", lambda rows: f"{rows['before']['ece']['two']:.4f}"),
        row("accuracy, two classes, on the most confident 80 %", lambda rows: f"{100 * rows['accuracy_at_80']:.2f} %"),
    ]
    for confidence in CONFIDENCES:
        found = [rows["sets"][confidence] for rows in columns]
        shares = [[100 * of["share"] for of in sets["classes"].values() if of["share"] is not None] for sets in found]
        told = [
            f"{min(s):.1f} to {max(s):.1f} %, {sets['mean_size']:.2f}" for s, sets in zip(shares, found, strict=True)
        ]
        coverage = "coverage (share of materials whose set holds their class), lowest to highest class; mean size"
        body.append(f"| `set_{confidence}`: {coverage} | {' | '.join(told)} |")
    temperatures = trust["temperatures"]
    return (
        f"Probabilities are calibrated by two temperatures: {temperatures['nontrivial']:.3f} for non-trivial, and "
        f"{temperatures['kind']:.3f} for the kind.\n"
        f"They and the prediction sets were fitted on {trust['fitted_on']}.\n\n"
        + "\n".join([*head[: 1 + len(columns)], *body])
    )


def card(name: str, run: Path, folder: Path) -> str:
    """The Markdown text of a bundle's card."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    manifest = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    strategies = {entry["name"]: entry for entry in results["strategies"]}
    strategy = MODELS[name][1]
    estimate = strategies[results["chosen"] if name == "full" else strategy]
    kind = f"the chosen strategy, “{estimate['title']}”" if name == "full" else "trees with the same settings"
    info, dataset = manifest["info"], results["dataset"]
    return CARD.format(
        name=name,
        what=WHAT[name],
        size=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6,
        members=members(manifest),
        modalities=", ".join(manifest["config"]["modalities"]),
        created=info["created"][:10],
        seed=manifest["config"]["seed"],
        preset=manifest["config"]["preset"],
        versions=", ".join(f"{package} {version}" for package, version in info["versions"].items()),
        data=info["hashes"]["data"][:16],
        features=manifest["features"],
        n_pool=dataset["n_pool"],
        n_test=dataset["n_test"],
        oof_of=f"{kind}; each crystal was predicted by models that were trained without its formula",
        metrics=metric_lines(estimate["oof"], strategies[strategy]["test"]),
        trust=trust_lines(results["trust"]["main" if name == "full" else "fast"]),
        citations="\n".join(f"- {line}" for line in dataset["citations"]),
    )


def main() -> None:
    """Copy both bundles and write their cards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    run = parser.parse_args().run
    for name, (source, _, largest) in MODELS.items():
        target = CARRIED / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(run / source, target)
        (target / "MODEL_CARD.md").write_text(card(name, run, target), encoding="utf-8")
        size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file()) / 1e6
        if size > largest:
            raise SystemExit(f"{target} has {size:.1f} MB, more than {largest} MB")
        print(f"{target}: {size:.1f} MB")


if __name__ == "__main__":
    main()
