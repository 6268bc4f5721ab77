"""Does `topofuse predict`, from CIF files with the model that comes along, reach what the model card states?

    python benchmarks/accuracy.py ../shared/topomat/topomat.parquet --model full -n 2000

Writes test crystals as CIF files, runs the command as a user would, and compares labels with the data's. The card's
figure is that of all test crystals; `n` of them and the rounding of CIF files move it a little: the script prints the
binomial 95 % interval of what it found, and fails where the card's figure is outside.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

import measure
from topofuse.labels import FIVE, LEVELS, coarsen
from topofuse.materials import load

TITLES = {
    "two": "trivial / non-trivial",
    "three": "trivial / semimetal / insulator",
    "five": "five classes",
}


def stated(model: str) -> dict[str, float]:
    """Accuracy on test per level, from the card."""
    card = resources.files("topofuse").joinpath("pretrained", model, "MODEL_CARD.md").read_text(encoding="utf-8")
    found = {}
    for level, title in TITLES.items():
        row = re.search(rf"^\| {re.escape(title)} \| accuracy \|[^|]*\| ([\d.]+) ", card, re.MULTILINE)
        if row is None:
            raise SystemExit(f"the card of {model!r} states no accuracy for {title!r}")
        found[level] = float(row[1]) / 100
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="full", choices=["full", "fast"])
    parser.add_argument("-n", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = load(arguments.data)
        rows = measure.draw(dataset, "test", arguments.n)
        cifs = Path(folder) / "cifs"
        files = measure.write_cifs(dataset, rows, cifs)
        labels = {file.name: int(label) for file, label in zip(files, dataset.labels[rows], strict=True)}
        table = Path(folder) / "table.csv"
        command = [sys.executable, "-m", "topofuse.cli", "predict", str(cifs), "--model", arguments.model]
        started = time.perf_counter()
        subprocess.run([*command, "-o", str(table)], check=True)
        seconds = time.perf_counter() - started
        predicted = pd.read_csv(table)
    predicted["true"] = [labels[Path(name).name] for name in predicted["input"]]
    classified = predicted[predicted["status"] == "ok"]
    n = len(predicted)
    print(f"{n} files in {seconds:.0f} s ({n / seconds:.0f} per second), {len(classified)} classified")
    codes = np.array([FIVE.index(label) for label in classified["label"]])
    failed = False
    for level in LEVELS:
        right = coarsen(codes, level) == coarsen(classified["true"].to_numpy(), level)
        interval = binomtest(int(right.sum()), len(right)).proportion_ci()
        card = stated(arguments.model)[level]
        agrees = interval.low <= card <= interval.high
        failed |= not agrees
        print(
            f"{TITLES[level]}: {100 * right.mean():.2f} % [{100 * interval.low:.2f}, {100 * interval.high:.2f}], "
            f"card {100 * card:.2f} %{'' if agrees else '  <- outside'}"
        )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
