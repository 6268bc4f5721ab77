"""The whole strategy from structure files to report, and that an interruption changes nothing."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
import torch

from support.workplace import numbers
from topofuse.config import ConfigError
from topofuse.crystals import analyse
from topofuse.ensemble.bundle import load_bundle
from topofuse.ensemble.strategies import STRATEGIES
from topofuse.labels import FIVE
from topofuse.materials import load
from topofuse.report import keep_structures, source, write, write_report
from topofuse.runs import ablate as ablation
from topofuse.runs import compare
from topofuse.runs import run as pipeline
from topofuse.runs.progress import RunLog

pytestmark = pytest.mark.slow

WITHOUT_OUT_OF_FOLD = ("full", "bundle")
JOBS = ["kfold/0", "kfold/1", "full", "member0/0", "member0/1"]


def interrupt_after(epochs: int, monkeypatch) -> None:
    original = RunLog.epoch
    seen = []

    def epoch(self, job, entry):
        original(self, job, entry)
        seen.append(job)
        if len(seen) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunLog, "epoch", epoch)


def test_a_run_leaves_report_results_predictions_and_bundle(whole):
    names = {p.name for p in whole.iterdir()}
    assert {
        "report.html",
        "results.json",
        "predictions.parquet",
        "choice.json",
        "log.jsonl",
        "bundle",
        "bundle-fast",
    } <= names
    results = json.loads((whole / "results.json").read_text())
    assert [s["name"] for s in results["strategies"]] == list(STRATEGIES)
    again = [job["name"] for job in results["jobs"]][len(JOBS) :]  # the chosen members on the whole pool
    assert [job["name"] for job in results["jobs"]] == [*JOBS, *again]
    assert again == (["full-member0"] if "ensemble" in load_bundle(whole / "bundle").networks else [])
    for strategy in results["strategies"]:
        assert (strategy["oof"] is None) == (strategy["name"] in WITHOUT_OUT_OF_FOLD)
        accuracy = strategy["test"]["two"]["accuracy"]
        assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
    assert results["chosen"] == json.loads((whole / "choice.json").read_text())["chosen"] != "full"
    assert set(results["hashes"]) == {"data", "features", "config"}
    assert results["seed"] == 0
    assert results["dataset"]["n_pool"] + results["dataset"]["n_test"] == 60


def test_the_report_of_a_run_is_the_one_that_its_files_give_again(whole):
    names = ("report.html", "report.md", "report.json")
    before = {name: (whole / name).read_bytes() for name in names}
    assert write_report(whole) == whole / "report.html"
    assert {name: (whole / name).read_bytes() for name in names} == before
    keep_structures(whole, load(whole.parent / "mine.csv"))
    assert write_report(whole).read_bytes() == before["report.html"]


def test_strategies_are_blended_out_of_fold_once_and_no_file_of_results_is_read_back(run, whole, monkeypatch):
    calls = []
    original = compare.out_of_fold_strategies
    monkeypatch.setattr(compare, "out_of_fold_strategies", lambda *given: calls.append(1) or original(*given))
    monkeypatch.setattr(source, "read_run", lambda *_: pytest.fail("read back"))
    monkeypatch.setattr(write, "read_run", lambda *_: pytest.fail("read back"))
    run("whole", resume=True)
    assert len(calls) == 1


def test_networks_trained_side_by_side_are_those_trained_one_by_one(run, whole, workplace):
    text = (workplace / "tiny.toml").read_text()
    (workplace / "two.toml").write_text(text.replace("threads = 1", "threads = 2"))
    torch.set_num_threads(1)
    folder = pipeline.run(
        str(workplace / "two.toml"), data=workplace / "mine.csv", out=workplace / "two", progress=False
    ).parent
    assert numbers(folder)["history"] == numbers(whole)["history"]


def test_every_pool_row_is_predicted_out_of_fold_and_every_test_row_by_all(whole):
    table = pd.read_parquet(whole / "predictions.parquet")
    assert len(table) == 60
    assert set(table["split"]) == {"pool", "test"}
    for name in STRATEGIES:
        p = table[[f"{name}:p_{label}" for label in FIVE]].to_numpy()
        there = np.ones(60, dtype=bool) if name not in WITHOUT_OUT_OF_FOLD else (table["split"] == "test").to_numpy()
        np.testing.assert_allclose(p[there].sum(axis=1), 1.0, atol=1e-5)
        assert np.isnan(p[~there]).all()
    on_test = table[table["split"] == "test"]
    four = [on_test[[f"{name}:p_{label}" for label in FIVE]].to_numpy() for name in
            ("kfold", "ensemble", "boosted", "full")]  # fmt: skip
    mean = on_test[[f"super_mean:p_{label}" for label in FIVE]].to_numpy()
    np.testing.assert_allclose(mean, sum(four) / 4, atol=1e-6)


def test_the_log_has_one_line_per_epoch(whole):
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    planned = [(job, epoch) for job in JOBS if "/" in job for epoch in range(3)]
    assert [(line["job"], line["epoch"]) for line in lines if "/" in line["job"]] == planned
    assert {"lr", "train_loss", "val_loss", "val_accuracy", "seconds", "time"} <= set(lines[0])


@pytest.mark.parametrize(("folder", "name"), [("bundle", "bundle"), ("bundle-fast", "fast")])
def test_a_bundle_says_of_the_test_rows_what_the_report_says(whole, small_world, folder, name):
    table = pd.read_parquet(whole / "predictions.parquet")
    on_test = table[table["split"] == "test"]
    crystals = [analyse(small_world.crystals[int(i.removesuffix(".vasp"))]) for i in on_test["material_id"]]
    reported = on_test[[f"{name}:p_{label}" for label in FIVE]].to_numpy()
    # the files' coordinates are rounded
    np.testing.assert_allclose(load_bundle(whole / folder).predict_proba(crystals), reported, atol=5e-3)


@pytest.mark.parametrize(("folder", "name"), [("bundle", "main"), ("bundle-fast", "fast")])
def test_a_bundle_carries_the_trust_that_the_report_measures(whole, small_world, folder, name):
    table = pd.read_parquet(whole / "predictions.parquet")
    told = json.loads((whole / "results.json").read_text())["trust"][name]
    carried = load_bundle(whole / folder).trust
    assert told["temperatures"] == carried.described()["temperatures"]
    assert told["fitted_on"] == carried.origin
    assert len(carried.sets.classes) == told["oof"]["n"] == (table["split"] == "pool").sum()
    assert told["test"]["n"] == (table["split"] == "test").sum()
    crystals = [analyse(c) for c in small_world.crystals[:3]]
    loaded = load_bundle(whole / folder)
    extract = loaded.extractor()
    answer = loaded.assess([extract(c) for c in crystals])
    assert [len(values) for values in answer.columns.values()] == [3] * 9


@pytest.mark.parametrize("epochs", [1, 5, 12])
def test_a_run_that_was_interrupted_and_resumed_has_the_same_numbers(run, whole, workplace, monkeypatch, epochs):
    out = f"piecewise-{epochs}"
    with monkeypatch.context() as patched:
        interrupt_after(epochs, patched)
        with pytest.raises(KeyboardInterrupt):
            run(out)
    assert not (workplace / out / "report.html").exists()
    run(out, resume=True)
    assert numbers(workplace / out) == numbers(whole)
    lines = [json.loads(line) for line in (workplace / out / "log.jsonl").read_text().splitlines()]
    done = [(line["job"], line["epoch"]) for line in lines]
    assert len(done) == len(set(done))  # no epoch was trained twice
    left, right = (pd.read_parquet(folder / "predictions.parquet") for folder in (workplace / out, whole))
    pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_a_finished_run_may_be_resumed_and_trains_nothing(run, whole, monkeypatch):
    before = numbers(whole)
    monkeypatch.setattr(RunLog, "epoch", lambda *_: pytest.fail("trained again"))
    run("whole", resume=True)
    assert numbers(whole) == before


def test_a_folder_that_holds_a_run_is_refused_without_resume(run, whole):
    with pytest.raises(ConfigError, match=r"already holds a run; continue it with --resume"):
        run("whole")


def test_a_run_of_other_settings_is_not_continued(run, whole):
    with pytest.raises(ConfigError, match="other settings, data or features"):
        run("whole", resume=True, seed=5)


def test_no_model_is_ever_chosen_with_a_look_at_the_test_rows(run, whole, workplace):
    """With the test rows' classes turned round, everything up to the choice stays as it was."""
    rows = list(csv.reader((workplace / "mine.csv").read_text().splitlines()))
    for row in rows[1:]:
        if row[2] == "test":
            row[1] = FIVE[(FIVE.index(row[1]) + 1) % 5]
    with (workplace / "turned.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    run("turned", data=workplace / "turned.csv")
    assert (workplace / "turned/choice.json").read_text() == (whole / "choice.json").read_text()
    left, right = (numbers(folder) for folder in (workplace / "turned", whole))
    assert [s["oof"] for s in left["strategies"]] == [s["oof"] for s in right["strategies"]]
    assert [s["test"] for s in left["strategies"]] != [s["test"] for s in right["strategies"]]
    for name in ("main", "fast"):
        ours, theirs = left["trust"][name], right["trust"][name]
        assert (ours["temperatures"], ours["oof"]) == (theirs["temperatures"], theirs["oof"])
        assert ours["test"] != theirs["test"]


def test_an_ablation_measures_what_was_asked_for(workplace, monkeypatch):
    monkeypatch.setenv("TOPOFUSE_CACHE", str(workplace / "cache"))
    text = (workplace / "tiny.toml").read_text()
    (workplace / "committee.toml").write_text(
        text.replace("{ dropout = 0.1 }", '{ kind = "committee", committee = 2 }')
    )
    given = {"data": workplace / "mine.csv", "folds": 1, "progress": False}
    only = ("committee", "tta", "trees_no_physics")
    page = ablation.run(str(workplace / "committee.toml"), out=workplace / "ablated", only=only, **given)
    assert page.exists()
    found = json.loads((workplace / "ablated/ablation.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["tta", "committee", "trees_no_physics"]
    for row in found["rows"]:
        assert row["gain"]["low"] <= row["gain"]["value"] <= row["gain"]["high"]
    trained = {path.name for path in (workplace / "ablated/networks").iterdir()}
    assert trained == {"reference", "committee"}
    ablation.run(str(workplace / "committee.toml"), out=workplace / "trees", only=("trees_no_bands",), **given)
    assert not any((workplace / "trees/networks").glob("*"))  # no network is trained for what concerns the trees
    with pytest.raises(ConfigError, match="no part 'magic'; there are capacity"):
        ablation.run(str(workplace / "committee.toml"), out=workplace / "none", only=("magic",), **given)
