"""A seeded, made-up run folder of plausible shape, for the tests of the report and for looking at it.

`python tests/support/report_fixture.py DIR` writes one and renders it.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from topofuse.evaluation.bootstrap import bootstrap_intervals
from topofuse.labels import FIVE, compose

ELEMENTS = [*"HBCNOFPSKVYWU", "Li", "Be", "Na", "Mg", "Al", "Si", "Cl", "Ca", "Ti", "Fe", "Co", "Ni"]
ELEMENTS += ["Cu", "Zn", "Ga", "Ge", "As", "Se", "Sr", "Zr", "Nb", "Te", "Sb", "Bi", "La", "Ce"]
SHARES = [0.68, 0.11, 0.09, 0.07, 0.05]
STRATEGIES = {
    "kfold": ("K-fold networks", "average of the five fold networks", 1.15, True),
    "ensemble": ("Diverse ensemble", "three networks of other width, seed and dropout", 1.2, False),
    "full": ("Full-data network", "one network, trained on the whole pool", 1.1, False),
    "boosted": ("Boosted trees", "LightGBM on the tabular parts of all modalities", 1.5, True),
    "super_mean": ("Super ensemble, plain mean", "mean of the probabilities of all families", 1.6, True),
    "super_weighted": ("Super ensemble, weighted", "weights fitted on out-of-fold rows", 1.65, True),
}


def materials(n_pool, n_test, rng):
    n = n_pool + n_test
    chosen = [rng.choice(ELEMENTS, size=rng.integers(1, 4), replace=False) for _ in range(n)]
    return pd.DataFrame(
        {
            "material_id": [f"mp-{i}" for i in range(1000, 1000 + n)],
            "formula": ["".join(sorted(e)) for e in chosen],
            "split": ["pool"] * n_pool + ["test"] * n_test,
            "fold": [i % 5 for i in range(n_pool)] + [-1] * n_test,
            "label": rng.choice(FIVE, size=n, p=SHARES),
            "spacegroup": rng.choice([2, 14, 15, 62, 63, 123, 139, 164, 166, 194, 216, 221, 225, 227], size=n),
            "n_atoms": rng.geometric(0.12, size=n),
            "elements": [" ".join(e) for e in chosen],
        }
    )


def guesses(labels, strength, rng):
    """Five-class probabilities (n, 5) that are right more often the larger `strength`."""
    codes = np.array([FIVE.index(label) for label in labels])
    nontrivial = 1 / (1 + np.exp(-(strength * np.where(codes > 0, 2.2, -2.6) + 2.0 * rng.standard_normal(len(codes)))))
    kind = rng.standard_normal((len(codes), 4)) * 1.2
    kind[np.arange(len(codes)), np.maximum(codes - 1, 0)] += 1.6 * strength
    kind = np.exp(kind)
    return compose(nontrivial, kind / kind.sum(axis=1, keepdims=True)).astype(np.float32)


def history(jobs, rng):
    rows = []
    for job in jobs:
        for epoch in range(job["epochs_run"]):
            warm = epoch < 3
            c, e = divmod(epoch - 3, 9)
            lr = 1e-5 + 3e-4 * epoch / 3 if warm else 1e-5 + 3e-4 * 0.8**c * 0.5 * (1 + np.cos(np.pi * e / 9))
            train = 0.42 + 0.5 * np.exp(-epoch / 7) + 0.01 * rng.standard_normal()
            val = 0.36 + 0.45 * np.exp(-epoch / 6) + 0.015 * rng.standard_normal()
            row = {"job": job["name"], "epoch": epoch, "lr": lr, "train_loss": train, "seconds": 9.0}
            alone = job["kind"] == "full"
            rows.append(row | {"val_loss": None if alone else val, "val_accuracy": None if alone else 0.97 - val / 8})
    return rows


def ablation(rng):
    expected = {"capacity": 2.0, "cross-attention": 1.0, "cyclic rate": 0.5, "mixup": 0.7}
    expected |= {"test-time augmentation": 0.5, "K-fold": 0.8, "ensemble": 1.0}
    expected |= dict.fromkeys(("crystal graph", "k-space graph", "scalar", "physics"))
    rows = []
    for name, points in expected.items():
        value = float(rng.normal(0.3, 0.4))
        gain = {"value": value, "low": value - 0.35, "high": value + 0.35}
        rows.append(
            {"name": name, "title": name.capitalize(), "expected_points": points, "gain": gain, "note": ""}
            | {"five_gain": gain, "auroc_gain": {k: v / 5 for k, v in gain.items()}}
        )
    rows[0]["gain"] = {"value": -0.9, "low": -1.4, "high": -0.4}
    return {"rows": rows, "protocol": "Each part left out alone, 3 folds, paired bootstrap.", "reference": {}}


def trust_rows(n):
    """Shape of ROWS in `topofuse.evaluation.confidence`, of made-up numbers."""
    p = np.linspace(0.01, 0.98, 15)
    bins = [{"n": n // 15, "p": v, "share": v * 0.97, "low": v * 0.9, "high": min(1.0, v + 0.05)} for v in p]
    ece = {"two": 0.006, "three": 0.009, "five": 0.011}
    loss = {"two": 0.131, "three": 0.211, "five": 0.297}
    figures = {"ece": ece, "ece_floor": 0.003, "log_loss": loss, "reliability": bins}
    before = figures | {"ece": {level: 2 * value for level, value in ece.items()}}
    sets = {}
    for level in ("90", "95"):
        at = int(level) / 100
        classes = {c: {"n": 100, "covered": int(100 * at), "share": at} for c in FIVE}
        classes = {c: of | {"low": at - 0.05, "high": at + 0.04, "kept": True} for c, of in classes.items()}
        classes["tci"] |= {"covered": 71, "share": 0.71, "kept": False}
        classes["ti"] = {"n": 0, "covered": 0, "share": None, "low": None, "high": None, "kept": None}
        sizes = [0.0, 0.82, 0.12, 0.05, 0.01, 0.0]
        sets[level] = {"classes": classes, "labels": classes, "mean_size": 1.23, "sizes": sizes, "precise": 0.95}
    curve = [
        {"coverage": k / 50, "accuracy": 1 - 0.06 * (k / 50) ** 4, "confidence": 1 - 0.4 * k / 50} for k in range(1, 51)
    ]
    rows = {"n": n, "before": before, "after": figures, "sets": sets}
    return rows | {"risk_coverage": curve, "accuracy_at_80": 0.975}


def trust(n_pool, n_test):
    """Shape of the block `trust` of results.json."""
    bundle = {
        "fitted_on": "out-of-fold predictions of made-up rows",
        "temperatures": {"nontrivial": 1.12, "kind": 0.97},
        "oof": trust_rows(n_pool),
        "test": trust_rows(n_test),
    }
    figures = {"n": 90, "share": 0.375, "two": 0.94, "three": 0.9, "five": 0.85}
    domain = {"in": figures, "likely_magnetic": figures | {"two": 0.62}}
    novelty = [figures | {"low": 0.0, "high": 0.5}, figures | {"low": 0.5, "high": 1.0, "two": None}]
    return {
        "main": bundle,
        "fast": bundle,
        "domain": {"oof": domain, "test": None},
        "novelty": {"oof": novelty, "test": None},
    }


def make_run(run_dir: Path, n_pool: int = 900, n_test: int = 240, seed: int = 0, with_ablation: bool = True) -> Path:
    """Write results.json, predictions.parquet and (if asked) ablation.json into `run_dir`; that folder."""
    rng = np.random.default_rng(seed)
    run_dir.mkdir(parents=True, exist_ok=True)
    frame = materials(n_pool, n_test, rng)
    codes = frame["label"].map(FIVE.index).to_numpy()
    strategies = []
    for name, (title, description, strength, has_oof) in STRATEGIES.items():
        p5 = guesses(frame["label"], strength, rng)
        pool = (frame["split"] == "pool").to_numpy()
        if has_oof:
            for i, c in enumerate(FIVE):
                frame[f"{name}:p_{c}"] = p5[:, i]
        scored = {
            split: bootstrap_intervals(codes[mask], p5[mask], frame["formula"][mask], n=60)
            for split, mask in (("oof", pool), ("test", ~pool))
        }
        strategy = {"name": name, "title": title, "description": description, **scored}
        if not has_oof:
            strategy |= {"oof": None, "oof_note": "every pool row was trained on by some member"}
        strategies.append(strategy)
    networks = strategies[0] | {"name": "networks_only", "title": "All networks, no trees", "description": ""}
    names = [*(f"fold-{i}" for i in range(5)), *(f"member-{i}" for i in range(3)), "full"]
    jobs = [
        {"name": n, "kind": n.split("-")[0], "epochs_run": 30, "best_epoch": None if n == "full" else 27}
        | {"seconds": 290.0, "n_parameters": 812_345}
        for n in names
    ]
    features = [
        {"feature": f, "modality": m, "gain": g}
        for f, m, g in (
            ("electrons mod 4", "physics", 900.0),
            ("space group order", "scalar", 500.0),
            ("fraction of O", "scalar", 300.0),
            ("little group dimension at Γ", "kspace", 250.0),
            ("mean coordination", "crystal", 40.0),
        )
    ]
    counts = {s: frame[frame["split"] == s]["label"].value_counts().reindex(FIVE).to_dict() for s in ("pool", "test")}
    results = {
        "title": "Topological class from the crystal structure",
        "created": "2026-01-02T03:04:05Z",
        "preset": "quick",
        "seed": seed,
        "versions": {"topofuse": "0.1.0", "torch": "2.13.0", "lightgbm": "4.6.0"},
        "hashes": {"data": "3f9a" * 16, "features": "b01d" * 16, "config": "77aa" * 16},
        "config": {"training": {"max_lr": 3e-4, "cycle_epochs": 9}, "widths": [64, 64]},
        "timings": {"features_s": 31.0, "networks_s": 4020.5, "trees_s": 61.0, "total_s": 4130.0},
        "machine": {"cpu": "two cores", "memory_gib": 15.6},
        "dataset": {
            "name": "made up",
            "path": "nowhere",
            "n_materials": len(frame) + 12,
            "n_pool": n_pool,
            "n_test": n_test,
            "n_unlabelled": 12,
            "class_counts": counts,
            "note": "Made-up data: these numbers say nothing about any model.",
            "citations": ["A. Author, “On <nothing> & more”, J. Made-up Res. 1, 1 (2026)"],
        },
        "strategies": strategies,
        "chosen": "super_weighted",
        "choice": "The weighted super ensemble has the lowest out-of-fold log loss for five classes.",
        "weights": {"networks": 0.35, "boosted": 0.65},
        "trust": trust(n_pool, n_test),
        "networks_only": networks,
        "jobs": jobs,
        "history": history(jobs, rng),
        "feature_importance": features,
    }
    (run_dir / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    frame.to_parquet(run_dir / "predictions.parquet")
    if with_ablation:
        (run_dir / "ablation.json").write_text(json.dumps(ablation(rng)), encoding="utf-8")
    return run_dir


if __name__ == "__main__":
    from topofuse.report import write_report

    print(write_report(make_run(Path(sys.argv[1]), n_pool=6000, n_test=900)))
