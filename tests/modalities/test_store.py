"""The feature store: ragged arrays batched rightly, kept on disk unharmed, found again in the cache."""

from __future__ import annotations

import time
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from support.stand_ins import fill_cache
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.fusion.network import FusionNetwork
from topofuse.modalities import extraction
from topofuse.modalities.extraction import extract_all, extract_sample
from topofuse.modalities.registry import MODALITY_NAMES, feature_hash, modality, table_columns
from topofuse.modalities.store import CacheError, FeatureStore, settled
from topofuse.system.workers import warm_up

LONELY = Crystal.validated(100 * np.eye(3), [1], [[0, 0, 0]])  # no crystal: one atom in an empty box


def same(a: FeatureStore, b: FeatureStore) -> bool:
    return a.names == b.names and all(
        np.array_equal(array, b.arrays[name][key], equal_nan=array.dtype.kind == "f")
        and np.array_equal(a.offsets[name][key.split(".")[0]], b.offsets[name][key.split(".")[0]])
        for name, part in a.arrays.items()
        for key, array in part.items()
    )


def _size(part, group: str) -> int:
    return next(len(array) for key, array in part.items() if key.startswith(f"{group}."))


@pytest.fixture(scope="module")
def samples(small_world):
    return [extract_sample(analyse(c)) for c in small_world.crystals[:6]]


@pytest.fixture
def store(samples) -> FeatureStore:
    return FeatureStore.from_samples(samples)


class TestBatches:
    def test_a_batch_holds_the_rows_of_its_crystals_in_their_order(self, samples, store):
        chosen = [4, 0, 4, 2]
        batch = store.batch(np.array(chosen))
        for name in MODALITY_NAMES:
            index_arrays = modality(name).index_arrays
            for key in samples[0][name]:
                if key not in index_arrays:
                    expected = np.concatenate([samples[i][name][key] for i in chosen])
                    expected = settled(expected) if key == "table" else expected
                    np.testing.assert_array_equal(batch[name][key].numpy(), expected)

    def test_indices_point_into_their_own_crystal(self, samples, store):
        chosen = [3, 1, 5]
        for name in ("crystal", "kspace"):
            part = store.batch(np.array(chosen))[name]
            for key, group in modality(name).index_arrays.items():
                target = part[f"{group}.graph"][part[key]]
                torch.testing.assert_close(target, part[f"{key.split('.')[0]}.graph"])
                start = 0
                for i, crystal in enumerate(chosen):
                    own = part[key][part[f"{key.split('.')[0]}.graph"] == i]
                    np.testing.assert_array_equal(own.numpy() - start, samples[crystal][name][key])
                    start += _size(samples[crystal][name], group)

    def test_rows_know_their_crystal(self, samples, store):
        part = store.batch(np.array([2, 0]))["crystal"]
        counts = [len(samples[i]["crystal"]["node.number"]) for i in (2, 0)]
        assert part["node.graph"].tolist() == [0] * counts[0] + [1] * counts[1]

    def test_a_batch_is_a_copy(self, store):
        before = store.table().copy()
        store.batch(np.arange(3))["scalar"]["table"].fill_(7.0)
        np.testing.assert_array_equal(store.table(), before)

    def test_tables_stand_side_by_side_under_their_names(self, store):
        assert store.table().shape == (6, len(table_columns()))
        assert store.table(("scalar",)).shape == (6, len(table_columns(("scalar",))))
        assert len(set(table_columns())) == len(table_columns())

    def test_stores_put_together_are_the_store_of_all(self, samples, store):
        parts = [FeatureStore.from_samples(samples[:1]), FeatureStore.from_samples(samples[1:])]
        assert same(FeatureStore.concatenate(parts), store)
        assert len(store) == 6

    def test_no_samples_are_refused(self):
        with pytest.raises(ValueError, match="at least one"):
            FeatureStore.from_samples([])


class TestFeatures:
    def test_only_tables_may_be_undefined_and_nothing_is_infinite(self, small_world):
        for view in small_world.views:
            for name, part in view.arrays.items():
                for key, array in part.items():
                    assert not np.isinf(array).any(), (name, key)
                    assert key == "table" or not np.isnan(array).any(), (name, key)

    def test_encoders_answer_finitely_where_all_that_may_be_undefined_is(self, small_world, tiny_config):
        batch = small_world.store.batch(np.arange(8))
        network = FusionNetwork(MODALITY_NAMES, tiny_config.network).eval()
        network.fit_statistics(batch)
        for name, encoder in network.encoders.items():
            table = small_world.store.arrays[name]["table"]
            sometimes = torch.from_numpy(np.isnan(table).any(axis=0))
            blank = {**batch[name], "table": batch[name]["table"].masked_fill(sometimes, torch.nan)}
            assert torch.isfinite(encoder(blank)).all()
            assert encoder(blank).shape == (8, 16)

    def test_the_feature_hash_knows_the_modalities(self):
        assert feature_hash() == feature_hash(MODALITY_NAMES)
        assert feature_hash(("scalar",)) != feature_hash()
        with pytest.raises(KeyError, match="there are crystal, kspace, scalar, physics"):
            modality("magnetism")


class TestFile:
    def test_saved_and_loaded_is_the_same(self, store, tmp_path):
        store.save(tmp_path / "s.safetensors")
        assert same(FeatureStore.load(tmp_path / "s.safetensors"), store)
        assert [p.name for p in tmp_path.iterdir()] == ["s.safetensors"]

    def test_a_flipped_byte_is_refused_wherever_it_is(self, store, tmp_path):
        path = tmp_path / "s.safetensors"
        store.save(path)
        whole = path.read_bytes()
        for place in (12, len(whole) // 2, len(whole) - 3):
            broken = bytearray(whole)
            broken[place] ^= 0x10
            path.write_bytes(bytes(broken))
            with pytest.raises(CacheError, match="delete it"):
                FeatureStore.load(path)

    def test_a_file_cut_short_is_refused(self, store, tmp_path):
        path = tmp_path / "s.safetensors"
        store.save(path)
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(CacheError, match="damaged"):
            FeatureStore.load(path)


NAMES = ("crystal", "scalar")  # two that cost little: a band sketch takes twenty times as long


class TestExtraction:
    @pytest.fixture
    def extracted(self, monkeypatch):
        """Counts the crystals whose features are computed; chunks of three."""
        seen = []

        def counting(crystal, *args, **kwargs):
            seen.append(crystal)
            return original(crystal, *args, **kwargs)

        original = extraction.analyse
        monkeypatch.setattr(extraction, "analyse", counting)
        monkeypatch.setattr(extraction, "CHUNK", 3)
        return seen

    def test_what_is_in_the_cache_is_not_computed_again(self, small_world, tmp_path, extracted):
        crystals = small_world.crystals[:7]
        first = extract_all(crystals, names=NAMES, n_views=2, cache_dir=tmp_path, workers=0)
        assert len(extracted) == 7
        second = extract_all(crystals, names=NAMES, n_views=2, cache_dir=tmp_path, workers=0)
        assert len(extracted) == 7
        assert all(same(a, b) for a, b in zip(first.views, second.views, strict=True))
        plain = extract_all(crystals, names=NAMES, n_views=2, workers=0)
        assert all(same(a, b) for a, b in zip(first.views, plain.views, strict=True))

    def test_an_interrupted_extraction_goes_on_where_it_was(self, small_world, tmp_path, extracted, monkeypatch):
        crystals = small_world.crystals[:7]
        counting = extraction.analyse

        def interrupted(*args, **kwargs):
            if len(extracted) == 5:
                raise KeyboardInterrupt
            return counting(*args, **kwargs)

        monkeypatch.setattr(extraction, "analyse", interrupted)
        with pytest.raises(KeyboardInterrupt):
            extract_all(crystals, names=NAMES, cache_dir=tmp_path, workers=0)
        extracted.clear()
        monkeypatch.setattr(extraction, "analyse", counting)
        extract_all(crystals, names=NAMES, cache_dir=tmp_path, workers=0)
        assert len(extracted) == 4  # the first chunk of three is there

    def test_another_seed_or_another_crystal_is_no_hit(self, small_world, tmp_path, extracted):
        crystals = small_world.crystals[:3]
        extract_all(crystals, names=NAMES, cache_dir=tmp_path, workers=0)
        extract_all(crystals, names=NAMES, cache_dir=tmp_path, workers=0, seed=1)
        extract_all(crystals[::-1], names=NAMES, cache_dir=tmp_path, workers=0)
        assert len(extracted) == 9

    def test_modalities_are_kept_one_by_one_so_that_a_new_one_is_all_that_is_computed(
        self, small_world, tmp_path, extracted, monkeypatch
    ):
        crystals, computed = small_world.crystals[:3], []
        extract = extraction.extract_sample

        def recorded(crystal, names, *args, **kwargs):
            computed.extend(names)
            return extract(crystal, names, *args, **kwargs)

        monkeypatch.setattr(extraction, "extract_sample", recorded)
        first = extract_all(crystals, cache_dir=tmp_path, workers=0, names=("scalar", "kspace"))
        assert sorted(set(computed)) == ["kspace", "scalar"]
        computed.clear()
        more = extract_all(crystals, cache_dir=tmp_path, workers=0, names=("kspace", "crystal", "scalar"))
        assert computed == ["crystal"] * 3
        assert more.views[0].names == ("kspace", "crystal", "scalar")
        np.testing.assert_array_equal(first.views[0].table(("scalar",)), more.views[0].table(("scalar",)))
        extracted.clear()
        extract_all(crystals, cache_dir=tmp_path, workers=0, names=("crystal",))
        assert extracted == []

    def test_what_one_modality_refuses_is_missing_from_all_with_its_reason(self, small_world, tmp_path, monkeypatch):
        crystals, extract = small_world.crystals[:4], extraction.extract_sample

        def choosy(crystal, names, *args, **kwargs):
            if names == ("physics",) and crystal is analysed[2]:
                raise CrystalError("no bonds")
            return extract(crystal, names, *args, **kwargs)

        analysed = [analyse(crystal) for crystal in crystals]
        monkeypatch.setattr(extraction, "analyse", lambda crystal: analysed[crystals.index(crystal)])
        monkeypatch.setattr(extraction, "extract_sample", choosy)
        for _ in range(2):  # the second time from the cache
            found = extract_all(crystals, cache_dir=tmp_path, workers=0, names=("scalar", "physics"))
            assert (found.kept, found.rejected) == ([0, 1, 3], [(2, "no bonds")])
            whole = FeatureStore.from_samples([extract(analysed[i], ("scalar", "physics")) for i in (0, 1, 3)])
            assert same(found.views[0], whole)
        assert extract_all(crystals, cache_dir=tmp_path, workers=0, names=("scalar",)).rejected == []

    def test_a_damaged_cache_file_is_made_again(self, small_world, tmp_path, extracted):
        crystals, names = small_world.crystals[:3], ("scalar",)
        good = extract_all(crystals, cache_dir=tmp_path, workers=0, names=names)
        (path,) = tmp_path.rglob("*.safetensors")
        path.write_bytes(path.read_bytes()[:-9] + b"123456789")
        again = extract_all(crystals, cache_dir=tmp_path, workers=0, names=names)
        assert len(extracted) == 6
        assert same(again.views[0], good.views[0])
        assert same(FeatureStore.load(path), good.views[0])

    @pytest.mark.parametrize("bad", [[0], [3], [6], [1, 3, 4, 5]])
    def test_what_cannot_be_used_is_named_and_the_rest_keeps_its_order(self, small_world, tmp_path, bad, extracted):
        crystals = list(small_world.crystals[:7])
        for place in bad:
            crystals[place] = LONELY
        for _ in range(2):  # the second time from the cache, as far as it goes
            found = extract_all(crystals, names=NAMES, n_views=2, cache_dir=tmp_path, workers=0)
            assert found.kept == [i for i in range(7) if i not in bad]
            assert [i for i, _ in found.rejected] == bad
            assert all("empty box" in reason for _, reason in found.rejected)
            whole = FeatureStore.from_samples([extract_sample(analyse(crystals[i]), NAMES) for i in found.kept])
            assert same(found.views[0], whole)
            assert len(found.views[1]) == len(found.kept)

    def test_if_nothing_can_be_used_the_reason_is_given(self):
        with pytest.raises(ValueError, match=r"none of the 2 crystals can be used.*empty box"):
            extract_all([LONELY, LONELY], workers=0)

    @pytest.mark.slow
    def test_several_processes_share_it_even_when_some_are_killed(self, small_world, tmp_path, monkeypatch):
        crystals, names = small_world.crystals[:16], ("scalar", "physics")
        warm_up()  # processes forked from its server begin at once
        for delay in (0.05, 0.1, 0.2):
            arguments = (crystals, tmp_path, 1)
            crew = [get_context("forkserver").Process(target=fill_cache, args=arguments) for _ in range(4)]
            for process in crew:
                process.start()
            time.sleep(delay)
            for process in crew[:2]:
                process.kill()
            for process in crew:
                process.join()
            assert [process.exitcode for process in crew[2:]] == [0, 0]
            for file in tmp_path.rglob("[!.]*.safetensors"):
                FeatureStore.load(file)
            assert sum(1 for _ in tmp_path.rglob("[!.]*.json")) == 16
            if delay < 0.2:
                for file in tmp_path.rglob("*.json"):
                    file.unlink()
        monkeypatch.setattr(extraction, "CHUNK", 2)
        fresh = extract_all(crystals, workers=0, names=names)
        monkeypatch.setattr(extraction, "analyse", None)  # nothing is left to compute
        found = extract_all(crystals, cache_dir=tmp_path, workers=0, names=names)
        assert same(found.views[0], fresh.views[0])
        assert found.kept == fresh.kept == list(range(16))


def test_thrifty_features_are_the_same_but_for_crystals_that_take_long(textbook):
    bands = modality("bands")
    crystals = [analyse(textbook[name].crystal) for name in ("Si-diamond", "FeS2-pyrite")]
    cheap = [extract_sample(crystal, ("scalar", "bands"), skip_costly=True) for crystal in crystals]
    whole = [extract_sample(crystal, ("scalar", "bands")) for crystal in crystals]
    assert bands.costly is not None
    assert [bands.costly.crystal(crystal) for crystal in crystals] == [False, True]
    masked = FeatureStore.from_samples(whole).without_costly()
    np.testing.assert_array_equal(FeatureStore.from_samples(cheap).table(), masked.table())
    assert np.isnan(masked.arrays["bands"]["table"][1]).all()
    np.testing.assert_array_equal(
        masked.arrays["scalar"]["table"], settled(np.concatenate([s["scalar"]["table"] for s in whole]))
    )


def test_the_last_digits_of_a_table_are_dropped():
    third = np.float32(1) / 3
    alike = np.array([third, np.nextafter(third, 1), np.nextafter(third, 0), 0.0, 1e-17, -3e-8, np.nan, np.inf, 70001])
    rounded = settled(alike[None])[0]
    assert len(set(rounded[:3].tolist())) == 1
    assert rounded[0] == pytest.approx(third, rel=1e-5)
    np.testing.assert_array_equal(rounded[3:], [0, 0, 0, np.nan, np.inf, 70001])
    assert settled(np.array([1.0001, 1.0002])).tolist() == pytest.approx([1.0001, 1.0002], rel=1e-5)
