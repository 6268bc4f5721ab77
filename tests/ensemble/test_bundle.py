"""A bundle predicts what was trained, and one that is damaged or foreign is refused with a sentence."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil

import numpy as np
import pytest
import torch

from topofuse.crystals import analyse
from topofuse.ensemble.boosted import BoostedTrees, fit_boosted
from topofuse.ensemble.bundle import Bundle, BundleError, kept_bundle, load_bundle, save_bundle
from topofuse.fusion.network import FusionNetwork
from topofuse.labels import decide
from topofuse.modalities.registry import feature_hash
from topofuse.training.inference import predict_views
from topofuse.trust.novelty import TrainingMaterials

WEIGHTS = {"kfold": 0.3, "full": 0.2, "boosted": 0.5}


@pytest.fixture(scope="module")
def networks(tiny_config, small_world) -> dict[str, FusionNetwork]:
    """Three untrained networks, one of them of another width."""
    built = {}
    for seed, (name, width) in enumerate({"kfold/0": 16, "kfold/1": 16, "full": 24}.items()):
        torch.manual_seed(seed)
        settings = tiny_config.network.model_copy(update={"width": width})
        built[name] = FusionNetwork(tiny_config.modalities, settings)
        built[name].fit_statistics(small_world.store.batch(np.arange(60)))
        built[name].eval()
    return built


@pytest.fixture(scope="module")
def trees(tiny_config, small_world) -> list[BoostedTrees]:
    rows = np.arange(60)
    table = small_world.store.table(tiny_config.modalities)
    return [
        fit_boosted(table, small_world.labels, rows[:40], rows[40:], tiny_config.boosted, seed=s, threads=1)
        for s in (0, 1)
    ]


@pytest.fixture(scope="module")
def reference(small_world) -> TrainingMaterials:
    described = [f"id-{i}" for i in range(60)], small_world.formulas, small_world.labels
    return TrainingMaterials.fit(small_world.store, np.arange(60), ("crystal", "scalar"), described)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, tiny_config, networks, trees, trust, reference):
    directory = tmp_path_factory.mktemp("bundle")

    def settings(name):
        return tiny_config.network.model_copy(update={"width": 24 if name == "full" else 16})

    families = {
        family: {name: (settings(name), network) for name, network in networks.items() if name.startswith(family)}
        for family in ("kfold", "full")
    }
    save_bundle(directory, tiny_config, families, trees, WEIGHTS, trust, {"chosen": "super_weighted"}, reference)
    return directory


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


@pytest.fixture(scope="module")
def bundle(saved) -> Bundle:
    return load_bundle(saved)


@pytest.fixture(scope="module")
def raw(bundle, small_world):
    """What the bundle's parts say of two views, blended, before it is calibrated."""
    return bundle.raw_stores(small_world.views[:2])


def refusal(directory) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(directory)
    message = str(caught.value)
    assert len(message.split()) > 8
    return message


def edited(directory, without=(), **changes):
    """The bundle with another bundle.json, whose own checksum is right: only what it says is wrong."""
    path = directory / "bundle.json"
    described = {key: value for key, value in json.loads(path.read_text()).items() if key != "checksum"} | changes
    described = {key: value for key, value in described.items() if key not in without}
    text = json.dumps(described, indent=1)
    described["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(described, indent=1) + "\n")
    return directory


def flipped(whole: bytes, at: int, bit: int) -> bytes:
    broken = bytearray(whole)
    broken[at] ^= 1 << bit
    return bytes(broken)


class TestPredictions:
    def test_the_blend_is_that_of_its_parts(self, raw, networks, trees, small_world, tiny_config):
        rows, views = np.arange(60), small_world.views[:2]
        each = {name: predict_views(network, views, rows) for name, network in networks.items()}
        table = small_world.store.table(tiny_config.modalities)
        forest = (trees[0].predict(table) + trees[1].predict(table)) / 2
        expected = 0.3 * (each["kfold/0"] + each["kfold/1"]) / 2 + 0.2 * each["full"] + 0.5 * forest
        np.testing.assert_allclose(raw, expected, atol=2e-3)  # matrices in half precision

    def test_loaded_twice_it_says_the_same(self, bundle, raw, saved, small_world):
        again = load_bundle(saved)
        np.testing.assert_array_equal(again.raw_stores(small_world.views[:2]), raw)
        assert again.config == bundle.config
        assert again.info == {"chosen": "super_weighted"}

    def test_crystals_go_in_and_probabilities_come_out(self, bundle, small_world):
        crystals = [analyse(c) for c in small_world.crystals[:2]]
        p = bundle.predict_proba(crystals)
        np.testing.assert_allclose(p, bundle.predict_stores(small_world.views[:2])[:2], atol=1e-6)
        alone = np.concatenate([bundle.predict_proba([c]) for c in crystals])
        np.testing.assert_allclose(alone, p, atol=1e-6)

    @pytest.mark.slow
    def test_the_whole_ensemble_does_not_care_how_a_crystal_is_written_down(self, bundle, compounds, rewritings):
        p = bundle.predict_proba([analyse(c) for c in compounds.values()])
        for way in ("supercell", "all at once"):
            q = bundle.predict_proba([analyse(rewritings[way](c)) for c in compounds.values()])
            np.testing.assert_allclose(q, p, atol=2e-5, err_msg=way)
            np.testing.assert_array_equal(decide(q), decide(p))

    def test_trees_alone_are_a_bundle_too(self, tmp_path, tiny_config, trees, trust, small_world):
        save_bundle(tmp_path, tiny_config, {}, trees, {"boosted": 1.0}, trust, {})
        p = load_bundle(tmp_path).predict_proba([analyse(c) for c in small_world.crystals[:2]])
        table = small_world.store.table(tiny_config.modalities)[:2]
        blended = (trees[0].predict(table) + trees[1].predict(table)) / 2
        np.testing.assert_allclose(p, trust.temperatures.apply(blended))


class TestTrust:
    def test_it_comes_back_as_it_was_saved(self, bundle, raw, trust):
        assert bundle.trust.temperatures == trust.temperatures
        assert bundle.trust.origin == "made up"
        np.testing.assert_array_equal(bundle.trust.sets.p_values(raw), trust.sets.p_values(raw))

    def test_probabilities_are_calibrated_and_the_raw_ones_can_be_had(self, bundle, raw, trust, small_world):
        calibrated = bundle.predict_stores(small_world.views[:2])
        np.testing.assert_array_equal(calibrated, trust.temperatures.apply(raw))
        np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, atol=1e-6)
        assert np.abs(calibrated - raw).max() > 1e-3

    def test_an_answer_does_not_depend_on_the_batch(self, bundle, small_world):
        extract = bundle.extractor()
        features = [extract(analyse(c)) for c in small_world.crystals[:3]]
        together, alone = bundle.assess(features), [bundle.assess([f]) for f in features]
        np.testing.assert_allclose(together.probabilities, [a.probabilities[0] for a in alone], atol=1e-6)
        for name in ("set_90", "set_95", "nearest", "domain"):
            assert together.columns[name] == [a.columns[name][0] for a in alone]
        np.testing.assert_allclose(together.columns["novelty"], [a.columns["novelty"][0] for a in alone], atol=1e-4)
        np.testing.assert_array_equal(together.probabilities, bundle.predict_features(features))


class TestReference:
    def test_it_comes_back_as_it_was_saved(self, bundle, reference, small_world):
        assert bundle.reference.columns(small_world.store) == reference.columns(small_world.store)

    def test_a_bundle_may_lack_it(self, tmp_path, tiny_config, trees, trust, small_world):
        save_bundle(tmp_path, tiny_config, {}, trees, {"boosted": 1.0}, trust, {})
        bundle = load_bundle(tmp_path)
        features = [bundle.extractor()(analyse(small_world.crystals[0]))]
        assert bundle.reference is None
        assert set(bundle.assess(features).columns) == {"set_90", "set_95"}


@pytest.mark.slow
def test_a_named_bundle_stays_in_memory_until_it_changes_on_disk(copy):
    first = kept_bundle(str(copy))
    assert kept_bundle(str(copy)) is first
    described = copy / "bundle.json"
    os.utime(described, ns=(0, described.stat().st_mtime_ns + 10**9))
    again = kept_bundle(str(copy))
    assert again is not first
    assert again.identity == first.identity
    with pytest.raises(BundleError, match="is no model bundle"):
        kept_bundle(str(copy / "networks"))


class TestRefusals:
    @pytest.mark.slow
    def test_a_flipped_bit_anywhere_in_any_file(self, copy):
        files = [p for p in copy.rglob("*") if p.is_file()]
        assert len(files) == 3 + 2 + 2 + 1
        rng = np.random.default_rng(0)
        for path in files:
            whole = path.read_bytes()
            tried = 150 if path.suffix == ".json" else 6
            for at in {0, len(whole) - 1, *rng.integers(len(whole), size=tried).tolist()}:
                path.write_bytes(flipped(whole, at, int(rng.integers(8))))
                assert any(words in refusal(copy) for words in ("copy it again", "make the bundle again")), at
            path.write_bytes(whole)
        load_bundle(copy)

    def test_a_change_of_the_description_that_json_does_not_notice(self, copy):
        path = copy / "bundle.json"
        path.write_text(json.dumps(json.loads(path.read_text())))
        assert "does not match its checksum" in refusal(copy)

    def test_a_description_without_a_checksum_of_its_own(self, copy):
        path = copy / "bundle.json"
        described = json.loads(path.read_text())
        del described["checksum"]
        path.write_text(json.dumps(described, indent=1))
        assert "no checksum of its own" in refusal(copy)

    @pytest.mark.parametrize("length", [0, 1, 100, -1])
    def test_a_cut_file(self, copy, length):
        for path in (copy / "bundle.json", copy / "networks/full.safetensors", copy / "trees/0.safetensors"):
            whole = path.read_bytes()
            path.write_bytes(whole[:length])
            refusal(copy)
            path.write_bytes(whole)

    def test_a_missing_file(self, copy):
        (copy / "networks/full.safetensors").unlink()
        assert "the bundle lacks" in refusal(copy)

    def test_a_folder_that_is_no_bundle(self, tmp_path):
        assert "holds no bundle.json" in refusal(tmp_path)

    def test_another_feature_definition(self, copy):
        message = refusal(edited(copy, features="0123456789abcdef"))
        assert "0123456789abcdef" in message
        assert feature_hash() in message
        assert "train again" in message

    def test_another_format(self, copy):
        assert "has format 99, this version reads 4" in refusal(edited(copy, format=99))

    @pytest.mark.parametrize("old", [1, 2, 3])
    def test_a_bundle_of_an_earlier_version_says_what_to_do(self, copy, old):
        assert "make the bundle again with `topofuse run`" in refusal(edited(copy, format=old))

    def test_a_fusion_network_where_torch_is_not_installed(self, copy, monkeypatch):
        found = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
        message = refusal(copy)
        assert "fusion network" in message
        assert message.endswith("torch, which is not installed: pip install 'topofuse[train]'")

    def test_trees_that_read_columns_which_the_features_have_not(self, copy, tiny_config):
        described = json.loads((copy / "bundle.json").read_text())
        narrower = {**described["config"], "modalities": ["crystal"]}
        message = refusal(edited(copy, config=narrower, networks=[], features=feature_hash(("crystal",))))
        assert "of a table of" in message

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', "null", '{"format": 1, "features": "x"}'])
    def test_a_damaged_description(self, copy, text):
        (copy / "bundle.json").write_text(text)
        assert "damaged" in refusal(copy)

    def test_a_description_of_other_networks_than_the_files(self, copy):
        described = json.loads((copy / "bundle.json").read_text())["networks"]
        described[0]["network"]["width"] = 32
        refusal(edited(copy, networks=described))

    @pytest.mark.parametrize("lacking", ["networks", "trees", "weights", "trust", "checksums", "info"])
    def test_a_description_that_lacks_a_part(self, copy, lacking):
        assert "damaged" in refusal(edited(copy, without=(lacking,)))

    def test_a_file_outside_the_bundle_is_not_read(self, copy):
        described = json.loads((copy / "bundle.json").read_text())["networks"]
        described[0]["file"] = "../../etc/passwd"
        refusal(edited(copy, networks=described))
