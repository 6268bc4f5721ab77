"""Training: it learns, it stops in time, and a run that was killed gives the same network as one that was not."""

from __future__ import annotations

import ast
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import topofuse
from topofuse.config import load_config
from topofuse.modalities.registry import feature_hash, table_columns
from topofuse.training.checkpoint import CheckpointError, load_tensors, save_tensors
from topofuse.training.inference import predict
from topofuse.training.trainer import NetworkTask, Progress, Trainer

NAMES = ("crystal", "scalar")


class Killed(Exception):
    """Stands for a kill or the end of the machine's time."""


@pytest.fixture(scope="module")
def job(tiny_config, small_world) -> NetworkTask:
    rows = np.arange(len(small_world))
    return NetworkTask("toy", NAMES, tiny_config.network, tiny_config.training, rows[:48], rows[48:], seed=11)


def trained_in(directory: Path, small_world, job: NetworkTask, labels=None, features: str = "f", **hooks):
    labels = small_world.labels if labels is None else labels
    device = torch.device("cpu")
    return Trainer(job, small_world.store, labels, directory, features=features, device=device, **hooks).run()


@pytest.fixture
def train(small_world, tmp_path):
    def _train(job: NetworkTask, directory: str = "a", **options):
        return trained_in(tmp_path / directory, small_world, job, **options)

    return _train


@pytest.fixture(scope="module")
def whole(small_world, job, tmp_path_factory):
    """The job trained once without interruption, and the folder that it left."""
    directory = tmp_path_factory.mktemp("whole")
    return trained_in(directory, small_world, job), directory


@pytest.fixture(scope="module")
def two_epochs(small_world, job, tmp_path_factory):
    """What the job, of two epochs, left behind: killed after the first (False) and finished (True)."""
    directory, short = tmp_path_factory.mktemp("two"), with_training(job, epochs=2)

    def kill(*_):
        raise Killed

    with pytest.raises(Killed):
        trained_in(directory / "killed", small_world, short, on_epoch=kill)
    trained_in(directory / "finished", small_world, short)
    return {False: directory / "killed", True: directory / "finished"}


def with_training(job: NetworkTask, **changes) -> NetworkTask:
    return replace(job, training=job.training.model_copy(update=changes))


def weights_equal(a, b) -> bool:
    left, right = a.network.state_dict(), b.network.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def timeless(progress: Progress) -> list[dict]:
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in progress.history]


class TestLearning:
    @pytest.mark.slow
    def test_a_network_learns_what_can_be_learnt(self, train, job, small_world):
        column = table_columns(("scalar",)).index("scalar:spacegroup")
        labels = np.where(small_world.store.table(("scalar",))[:, column] >= 195, 3, 0)  # cubic or not
        assert 15 < (labels > 0).sum() < 45
        # narrower, the classifier's last layer of width / 4 may take a hundred steps to come to life
        plain = {"width": 64, "dropout": 0.0, "modality_dropout": 0.0, "edge_dropout": 0.0, "distance_noise": 0.0}
        job = replace(
            job, network=job.network.model_copy(update=plain), train=np.arange(44), validation=np.arange(44, 60)
        )
        changes = {"epochs": 20, "batch_size": 8, "max_lr": 2e-3, "cycle_epochs": 20}
        trained = train(with_training(job, **changes, label_smoothing=0.0, mixup_alpha=0.0), labels=labels)
        p = predict(trained.network, small_world.store, np.arange(60))
        right = (p[:, 0] < 0.5) == (labels > 0)
        assert right[job.train].mean() > 0.95
        assert right[job.validation].mean() > 0.8
        assert trained.progress.history[-1]["train_loss"] < 0.5 * trained.progress.history[0]["train_loss"]

    def test_the_history_has_one_entry_per_epoch_with_the_scheduled_rate(self, whole, job):
        history = whole[0].progress.history
        assert [entry["epoch"] for entry in history] == [0, 1, 2, 3]
        low, high = job.training.min_lr, job.training.max_lr
        expected = [low, high, low + (high - low) * 0.75, low + (high - low) * 0.25]
        assert [entry["lr"] for entry in history] == pytest.approx(expected)
        assert all(0 <= entry["val_accuracy"] <= 1 for entry in history)

    def test_a_constant_rate_is_constant(self, train, job):
        history = train(with_training(job, schedule="constant")).progress.history
        assert {entry["lr"] for entry in history} == {job.training.max_lr}

    @pytest.mark.slow
    def test_the_seed_decides_the_network(self, train, job):
        a, b, c = train(job, "a"), train(job, "b"), train(replace(job, seed=12), "c")
        assert weights_equal(a, b)
        assert not weights_equal(a, c)


class TestStopping:
    def test_it_stops_when_patience_ends_and_keeps_the_best_epoch(self, train, job, small_world):
        # the validation rows' classes are turned round, so that learning makes them worse
        labels = np.where(small_world.labels > 0, 1, 0)
        labels[job.validation] = 1 - labels[job.validation]
        stopping = with_training(job, epochs=40, patience=3, label_smoothing=0.0, mixup_alpha=0.0)
        trained = train(stopping, labels=labels)
        losses = [entry["val_loss"] for entry in trained.progress.history]
        assert len(losses) < 40
        assert trained.progress.best_epoch == int(np.argmin(losses)) == len(losses) - 4
        best = predict(trained.network, small_world.store, job.validation)
        likelihood = -np.log(best[np.arange(len(best)), labels[job.validation]]).mean()
        assert likelihood == pytest.approx(min(losses), rel=1e-4)

    def test_without_validation_rows_the_last_epoch_is_kept(self, train, job):
        trained = train(replace(job, validation=np.array([], dtype=np.int64)))
        assert trained.progress.best_epoch == 3
        assert [entry["val_loss"] for entry in trained.progress.history] == [None] * 4


class TestResume:
    @pytest.mark.slow
    @pytest.mark.parametrize("after", [1, 2, 3, 4])
    def test_a_killed_run_that_goes_on_is_the_uninterrupted_one_bit_for_bit(self, train, job, whole, after):
        uninterrupted, epochs = whole[0], []

        def kill(_, entry):
            epochs.append(entry["epoch"])
            if len(epochs) == after:
                raise Killed

        with pytest.raises(Killed):
            train(job, "piecewise", on_epoch=kill)
        resumed = train(job, "piecewise", on_epoch=lambda _, entry: epochs.append(entry["epoch"]))
        assert epochs == [0, 1, 2, 3]  # no epoch twice
        assert weights_equal(uninterrupted, resumed)
        assert timeless(uninterrupted.progress) == timeless(resumed.progress)

    def test_a_kill_within_an_epoch_loses_that_epoch_only(self, train, job, whole):
        batches = []

        def kill():
            batches.append(1)
            if len(batches) == 8:  # three batches an epoch: in the middle of the third
                raise Killed

        with pytest.raises(Killed):
            train(job, "piecewise", on_batch=kill)
        epochs = []
        resumed = train(job, "piecewise", on_epoch=lambda _, entry: epochs.append(entry["epoch"]))
        assert epochs == [2, 3]
        assert weights_equal(whole[0], resumed)

    def test_what_is_finished_is_read_and_not_trained_again(self, train, job, whole, tmp_path):
        first, directory = whole
        assert sorted(p.name for p in directory.iterdir()) == ["network.safetensors"]
        shutil.copytree(directory, tmp_path / "a")

        def never(*_):
            raise AssertionError("trained again")

        again = train(job, on_epoch=never)
        assert weights_equal(first, again)
        assert again.progress == first.progress

    @pytest.mark.parametrize("finished", [False, True])
    @pytest.mark.parametrize("what", ["seed", "settings", "features", "labels", "rows"])
    def test_a_checkpoint_of_something_else_is_refused(
        self, train, job, small_world, two_epochs, tmp_path, finished, what
    ):
        shutil.copytree(two_epochs[finished], tmp_path / "a")
        job = with_training(job, epochs=2)
        other = {
            "seed": (replace(job, seed=1), {}),
            "settings": (with_training(job, weight_decay=0.5, epochs=2), {}),
            "features": (job, {"features": "another definition"}),
            "labels": (job, {"labels": (small_world.labels + 1) % 5}),
            "rows": (replace(job, train=job.train[1:]), {}),
        }
        changed, more = other[what]
        with pytest.raises(CheckpointError, match="other settings, data or features"):
            train(changed, **more)

    def test_a_damaged_checkpoint_is_refused_with_the_way_out(self, train, job, whole, tmp_path):
        shutil.copytree(whole[1], tmp_path / "a")
        path = tmp_path / "a/network.safetensors"
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(CheckpointError, match="delete it"):
            train(job)


class TestCheckpoint:
    def test_tensors_and_their_description_come_back(self, tmp_path):
        tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.ones(2, dtype=torch.bfloat16)}
        save_tensors(tmp_path / "x", tensors, {"n": [1, 2.5, None, "ü"]})
        found, info = load_tensors(tmp_path / "x")
        assert info == {"n": [1, 2.5, None, "ü"]}
        assert all(torch.equal(found[key], tensors[key]) for key in tensors)

    def test_it_says_what_it_is_of_and_how_training_went(self, whole):
        _, info = load_tensors(whole[1] / "network.safetensors")
        assert set(info) == {"identity", "progress"}
        assert info["identity"].endswith(":f")
        assert [entry["epoch"] for entry in info["progress"]["history"]] == [0, 1, 2, 3]
        assert {type(value) for entry in info["progress"]["history"] for value in entry.values()} == {int, float}

    def test_nothing_in_the_package_unpickles(self):
        forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
        for path in Path(topofuse.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    assert not forbidden & {alias.name.split(".")[0] for alias in node.names}, path
                elif isinstance(node, ast.ImportFrom):
                    assert (node.module or "").split(".")[0] not in forbidden, path
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    called = ast.unparse(node.func)
                    assert called not in ("torch.load", "torch.save", "pd.read_pickle"), path
                    assert not any(k.arg == "allow_pickle" for k in node.keywords), path


class TestExtremePreset:
    @pytest.mark.slow
    def test_it_runs_for_a_few_batches_on_a_cpu(self, train, small_world):
        config = load_config("extreme")
        assert config.network.width == 512
        assert config.training.label_smoothing == 0.2
        training = config.training.model_copy(update={"batch_size": 4, "epochs": 1})
        rows = np.arange(12)
        job = NetworkTask("extreme", config.modalities, config.network, training, rows, rows[:0], seed=0)
        batches = []

        def stop():
            batches.append(1)
            if len(batches) == 3:
                raise Killed

        with pytest.raises(Killed):
            train(job, features=feature_hash(), on_batch=stop)
        assert len(batches) == 3
