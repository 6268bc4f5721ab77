"""Calibration, prediction sets and abstention of a finished run, against what is asked of them.

python benchmarks/trust.py runs/cpu
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ECE = {"oof": 0.008, "test": 0.015}  # of p_nontrivial, after calibration
COVERAGE = 0.015  # out of fold, of every class
AT_80 = 0.988
SPLITS = {"oof": "out of fold", "test": "test"}


def verdict(kept: bool) -> str:
    return "kept" if kept else "MISSED"


def calibration(rows: dict[str, Any], split: str) -> tuple[list[str], bool]:
    before, after = rows["before"], rows["after"]
    ece = after["ece"]["two"]
    kept = ece <= ECE[split]
    out = [
        f"  ECE of p_nontrivial   {before['ece']['two']:.4f} -> {ece:.4f}   asked {ECE[split]}, exact probabilities "
        f"would show {after['ece_floor']:.4f}: {verdict(kept)}"
    ]
    for level, value in after["log_loss"].items():
        better = value <= before["log_loss"][level]
        out.append(f"  log loss, {level:<12}{before['log_loss'][level]:.4f} -> {value:.4f}   {verdict(better)}")
        kept &= better
    return out, kept


def sets(rows: dict[str, Any], split: str, confidence: str) -> tuple[list[str], bool]:
    found, asked = rows["sets"][confidence], int(confidence) / 100
    out, kept = (
        [f"  sets at {confidence} %, {found['mean_size']:.2f} classes on average, one class {found['sizes'][1]:.1%}"],
        True,
    )
    for group in ("classes", "labels"):
        for name, of in found[group].items():
            least = of["low"] if split == "test" else asked - COVERAGE
            fine = of["share"] >= least
            out.append(
                f"    {group:<8}{name:<14}{of['covered']:>6} of {of['n']:<6} {of['share']:.3f}  least {least:.3f}  "
                f"{verdict(fine)}"
            )
            kept &= fine
    return out, kept


def lines(trust: dict[str, Any]) -> tuple[list[str], bool]:
    """The figures, and whether all that is asked was reached."""
    out, kept = [], True
    for name in ("main", "fast"):
        bundle = trust[name]
        temperatures = ", ".join(f"{of} {value:.3f}" for of, value in bundle["temperatures"].items())
        out += [f"{name} bundle, fitted on {bundle['fitted_on']}; temperatures {temperatures}"]
        for split, title in SPLITS.items():
            rows = bundle[split]
            if rows is None:
                continue
            sure = rows["accuracy_at_80"]
            parts = [calibration(rows, split), *(sets(rows, split, c) for c in rows["sets"])]
            parts.append(
                ([f"  accuracy on the surest 80 %: {sure:.4f}, asked {AT_80}: {verdict(sure >= AT_80)}"], sure >= AT_80)
            )
            out += [f" {title}, {rows['n']:,} materials", *(line for text, _ in parts for line in text)]
            kept &= all(fine for _, fine in parts)
    return out, kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder with results.json")
    text, kept = lines(json.loads((parser.parse_args().run / "results.json").read_text())["trust"])
    print("\n".join(text))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
