"""Exports: predictions in the layouts of public benchmarks, networks as ONNX that answer as torch does."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.util
import io
import json
import subprocess
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from topofuse.cli import main
from topofuse.config import CommitteeConfig, FusionConfig
from topofuse.export.jarvis import write_jarvis
from topofuse.export.matbench import TASK, write_matbench
from topofuse.export.source import ExportError, read_predictions
from topofuse.fusion.build import build_network
from topofuse.labels import FIVE, coarsen, decide
from topofuse.modalities.extraction import extract_all
from topofuse.modalities.registry import feature_hash, modality
from topofuse.training.inference import predict

N_POOL, N_TEST = 60, 20


@pytest.fixture
def run(tmp_path):
    """A run's folder: `good` predicts pool and test, `late` test alone."""
    rng = np.random.default_rng(0)
    n = N_POOL + N_TEST
    codes = rng.permutation(np.arange(n) % 5)
    table = {
        "material_id": [f"mp-{i}" for i in range(n)],
        "split": ["pool"] * N_POOL + ["test"] * N_TEST,
        "fold": [*(np.arange(N_POOL) % 5), *[-1] * N_TEST],
        "label": [FIVE[code] for code in codes],
    }
    for name in ("good", "late"):
        p = rng.dirichlet(np.ones(5), n) + np.eye(5)[codes]
        p /= p.sum(axis=1, keepdims=True)
        if name == "late":
            p[:N_POOL] = np.nan
        table |= {f"{name}:p_{label}": p[:, code] for code, label in enumerate(FIVE)}
    folder = tmp_path / "run"
    folder.mkdir()
    pd.DataFrame(table).to_parquet(folder / "predictions.parquet")
    results = {"chosen": "good", "preset": "cpu", "seed": 3, "dataset": {"name": "my-data 2"}, "hashes": {"data": "d1"}}
    (folder / "results.json").write_text(json.dumps(results))
    return folder


@pytest.fixture
def invoke():
    return lambda *words: CliRunner().invoke(main, ["export", *map(str, words)])


class TestSource:
    def test_the_chosen_strategy_is_taken_from_folder_or_file(self, run):
        for path in (run, run / "predictions.parquet"):
            predicted = read_predictions(path)
            assert predicted.strategy == "good"
            assert len(predicted.labels) == N_POOL + N_TEST
            assert predicted.rows("test").material_ids.tolist() == [f"mp-{i}" for i in range(N_POOL, N_POOL + N_TEST)]

    def test_rows_that_a_strategy_did_not_predict_are_not_there(self, run):
        late = read_predictions(run, "late")
        assert set(late.split) == {"test"}
        with pytest.raises(ExportError, match="'late' has no out-of-fold predictions"):
            late.rows("pool")

    def test_what_is_no_run_is_refused(self, run, tmp_path):
        with pytest.raises(ExportError, match=r"there is no .*predictions.parquet"):
            read_predictions(tmp_path)
        with pytest.raises(ExportError, match=r"no strategy 'best' .* good, late"):
            read_predictions(run, "best")
        pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
        with pytest.raises(ExportError, match="lacks column material_id"):
            read_predictions(tmp_path / "a.parquet")
        (tmp_path / "b.parquet").write_bytes(b"no table")
        with pytest.raises(ExportError, match="not a readable parquet"):
            read_predictions(tmp_path / "b.parquet")
        (run / "results.json").unlink()
        with pytest.raises(ExportError, match=r"give --strategy good\|late"):
            read_predictions(run)
        assert read_predictions(run, "good").results == {}


class TestMatbench:
    def test_every_pool_row_is_in_its_fold_once_and_no_test_row_in_any(self, run, tmp_path):
        predicted = read_predictions(run)
        assert write_matbench(predicted, tmp_path / "results.json") == N_POOL
        record = json.loads((tmp_path / "results.json").read_text())
        folds = record["tasks"][TASK]["results"]
        assert list(folds) == [f"fold_{k}" for k in range(5)]
        assert all(set(fold) == {"data", "parameters", "scores"} for fold in folds.values())
        found = {name: p for fold in folds.values() for name, p in fold["data"].items()}
        assert sum(len(fold["data"]) for fold in folds.values()) == len(found) == N_POOL
        for name, fold, p in zip(predicted.material_ids, predicted.fold, predicted.p5, strict=True):
            if fold >= 0:
                assert folds[f"fold_{fold}"]["data"][name] == pytest.approx(1 - p[0])
            else:
                assert name not in found

    def test_scores_are_those_of_the_fold(self, run, tmp_path):
        predicted = read_predictions(run).rows("pool")
        write_matbench(predicted, tmp_path / "r.json")
        folds = json.loads((tmp_path / "r.json").read_text())["tasks"][TASK]["results"]
        of_two = predicted.fold == 2
        right = (predicted.p5[of_two, 0] < 0.5) == (predicted.labels[of_two] > 0)
        assert folds["fold_2"]["scores"]["accuracy"] == pytest.approx(right.mean())
        assert set(folds["fold_2"]["scores"]) == {"accuracy", "balanced_accuracy", "f1", "rocauc"}
        assert all(type(score) is float for score in folds["fold_2"]["scores"].values())

    def test_the_record_has_matbenchs_keys_and_its_hash(self, run, tmp_path):
        write_matbench(read_predictions(run), tmp_path / "r.json.gz")
        record = json.loads(gzip.decompress((tmp_path / "r.json.gz").read_bytes()))
        keys = {"@module", "@class", "version", "benchmark_name", "tasks", "user_metadata", "datestamp", "hash"}
        assert set(record) == keys
        assert set(record["tasks"][TASK]) == {"@module", "@class", "benchmark_name", "dataset_name", "results"}

        def immutable(value):  # as matbench.util.immutify_dictionary has it
            return {k: immutable(v) for k, v in sorted(value.items())} if isinstance(value, dict) else value

        stated = record.pop("hash")
        assert hashlib.sha256(json.dumps(immutable(record)).encode()).hexdigest() == stated

    def test_another_suffix_and_a_strategy_without_folds_are_refused(self, run, tmp_path):
        with pytest.raises(ExportError, match=r"\.json or \.json\.gz"):
            write_matbench(read_predictions(run), tmp_path / "r.csv")
        with pytest.raises(ExportError, match="no out-of-fold predictions"):
            write_matbench(read_predictions(run, "late"), tmp_path / "r.json")
        assert not (tmp_path / "r.json").exists()


class TestJarvis:
    @pytest.mark.parametrize(
        ("level", "prop"),
        [("two", "topological_nontrivial"), ("three", "topological_type"), ("five", "topological_class")],
    )
    def test_the_leaderboards_scoring_gives_the_accuracy_on_test(self, run, tmp_path, level, prop):
        predicted = read_predictions(run)
        assert write_jarvis(predicted, tmp_path / "out", level) == N_TEST
        (archive,) = (tmp_path / "out/contributions/topofuse").glob("*.csv.zip")
        # how jarvis_leaderboard/rebuild.py reads a contribution: everything is in the name
        method, category, name, dataset, split, metric = archive.name.removesuffix(".csv.zip").split("-")
        assert (method, category, split, metric) == ("AI", "SinglePropertyClass", "test", "acc")
        assert (name, dataset) == (prop, "my_data_2")
        with zipfile.ZipFile(archive) as content:
            assert content.namelist() == [archive.name.removesuffix(".zip")]
            rows = list(csv.DictReader(io.StringIO(content.read(content.namelist()[0]).decode())))
        assert list(rows[0]) == ["id", "prediction"]
        benchmark = tmp_path / "out/benchmarks" / method / category / f"{dataset}_{name}.json.zip"
        with zipfile.ZipFile(benchmark) as content:
            truth = json.loads(content.read(f"{dataset}_{name}.json"))
        assert {key: len(part) for key, part in truth.items()} == {"train": N_POOL, "val": 0, "test": N_TEST}
        assert not set(truth["train"]) & set(truth["test"])
        right = [int(row["prediction"]) == truth["test"][row["id"]] for row in rows]
        test = predicted.rows("test")
        expected = (coarsen(decide(test.p5), level) == coarsen(test.labels, level)).mean()
        assert len(right) == N_TEST
        assert np.mean(right) == pytest.approx(expected)

    def test_metadata_and_script_say_how_it_was_made(self, run, tmp_path):
        write_jarvis(read_predictions(run), tmp_path)
        folder = tmp_path / "contributions/topofuse"
        metadata = json.loads((folder / "metadata.json").read_text())
        assert {"model_name", "project_url", "date_submitted", "team_name", "author_email"} <= set(metadata)
        assert metadata["database_version"] == "d1"
        assert metadata["classes"] == ["trivial", "nontrivial"]
        assert subprocess.run(["sh", "-n", folder / "run.sh"], check=False).returncode == 0
        assert '--preset cpu --seed 3 --data "$1"' in (folder / "run.sh").read_text()

    def test_the_same_predictions_give_the_same_archive(self, run, tmp_path):
        written = []
        for name in ("a", "b"):
            write_jarvis(read_predictions(run), tmp_path / name)
            written.append([file.read_bytes() for file in sorted((tmp_path / name).rglob("*.zip"))])
        assert written[0] == written[1]

    def test_a_file_is_no_folder(self, run):
        with pytest.raises(ExportError, match="is a file"):
            write_jarvis(read_predictions(run), run / "results.json")


class TestCommand:
    def test_it_writes_and_says_so(self, run, invoke, tmp_path):
        done = invoke(run, "--format", "matbench", "-o", tmp_path / "r.json")
        assert done.exit_code == 0
        assert f"{N_POOL} predictions of strategy good in {tmp_path / 'r.json'}" in done.stderr
        done = invoke(run, "--format", "jarvis", "--strategy", "late", "--level", "five", "-o", tmp_path / "j")
        assert f"{N_TEST} predictions of strategy late" in done.stderr
        assert "fill in project_url" in done.stderr

    def test_an_error_is_one_line(self, invoke, tmp_path):
        done = invoke(tmp_path, "--format", "jarvis", "-o", tmp_path / "j")
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith("error: there is no ")

    def test_options_of_another_format_are_refused(self, run, invoke, tmp_path):
        done = invoke(run, "--format", "matbench", "--level", "five", "-o", tmp_path / "r.json")
        assert done.exit_code == 2
        assert "--level does not apply to --format matbench" in done.stderr

    def test_without_the_extra_onnx_is_one_line_with_the_way_out(self, invoke, monkeypatch, tmp_path):
        found = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else found(name))
        done = invoke("full", "--format", "onnx", "-o", tmp_path / "m.onnx")
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert "pip install 'topofuse[onnx]'" in done.stderr


@pytest.fixture(scope="module")
def store(textbook):
    """Features of crystals with undefined values among them."""
    return extract_all([m.crystal for m in list(textbook.values())[::110]], workers=0, names=NAMES).views[0]


NAMES = ("crystal", "kspace")
SETTINGS = {
    "committee": CommitteeConfig(committee=2, width=16, stages=1),
    "fusion": FusionConfig(width=16, channels=8, graph_layers=1, table_layers=0, heads=2, attention_layers=1, stages=1),
}


def trained(store, kind):
    torch.manual_seed(1)
    network = build_network(NAMES, SETTINGS[kind])
    network.fit_statistics(store.batch(np.arange(len(store))))
    with torch.no_grad():
        for parameter in network.parameters():  # large enough for the answers to differ from crystal to crystal
            parameter.mul_(2.0)
    return network.eval()


@pytest.fixture(scope="module")
def exported(store):
    """A network of each kind, and its ONNX file."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    from topofuse.export.network import onnx_bytes

    networks = {kind: trained(store, kind) for kind in ("committee", "fusion")}
    return {kind: (network, onnx_bytes(network, store, {"member": "ensemble/0"})) for kind, network in networks.items()}


@pytest.mark.slow
class TestOnnx:
    @pytest.mark.parametrize("kind", ["committee", "fusion"])
    def test_it_answers_as_torch_does_for_any_number_of_crystals(self, store, exported, kind):
        import onnx

        from topofuse.export.network import OPSET, run_onnx

        network, content = exported[kind]
        expected = predict(network, store, np.arange(len(store)))
        assert np.ptp(expected[:, 0]) > 0.01
        for rows in (np.arange(len(store)), np.array([3]), np.array([5, 0, 5])):
            some = store.select(rows)
            np.testing.assert_allclose(run_onnx(content, some, network), expected[rows], atol=1e-4)
        model = onnx.load_from_string(content)
        assert {opset.version for opset in model.opset_import if opset.domain == ""} == {OPSET}
        told = {entry.key: entry.value for entry in model.metadata_props}
        assert told["member"] == "ensemble/0"
        assert told["features"] == feature_hash(NAMES)
        assert json.loads(told["classes"]) == list(FIVE)
        assert json.loads(told["columns"]) == {f"{name}.table": list(modality(name).table_names) for name in NAMES}
        names = [entry.name for entry in model.graph.input]
        assert names[:2] == ["crystal.table", "kspace.table"] if kind == "committee" else "kspace.edge.source" in names

    def test_undefined_and_infinite_values_are_answered_alike(self, store, exported):
        from topofuse.export.network import run_onnx

        network, content = exported["committee"]
        strange = store.select(np.arange(4))
        strange.arrays["crystal"]["table"][0] = np.nan
        strange.arrays["crystal"]["table"][1] = 1e30
        strange.arrays["crystal"]["table"][2] = -1e30
        strange.arrays["crystal"]["table"][3] = np.inf
        np.testing.assert_allclose(
            run_onnx(content, strange, network), predict(network, strange, np.arange(4)), atol=1e-4
        )

    def test_a_bundle_of_trees_and_an_unknown_member_are_refused(self, invoke, tmp_path, monkeypatch):
        from topofuse.ensemble import bundle

        done = invoke("fast", "--format", "onnx", "-o", tmp_path / "m.onnx")
        assert "holds trees alone" in done.stderr
        done = invoke("full", "--format", "onnx", "--member", "kfold/7", "-o", tmp_path / "m.onnx")
        assert "no network 'kfold/7' in the bundle full; there are ensemble/0" in done.stderr
        monkeypatch.setattr(bundle, "load_bundle", None)
        assert "ends in .onnx" in invoke("full", "--format", "onnx", "-o", tmp_path / "m.pt").stderr
