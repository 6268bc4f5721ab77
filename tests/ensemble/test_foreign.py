"""A bundle from a stranger, whose checksums are all right, is refused with a sentence, or it answers.

The bundle is made by hand, so that nothing has to be trained: one column decides.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save, save_file

from topofuse.config import CommitteeConfig, parse_config
from topofuse.crystals import analyse
from topofuse.crystals.fingerprint import LENGTH
from topofuse.ensemble.boosted import BoostedTrees
from topofuse.ensemble.bundle import BundleError, load_bundle, save_bundle
from topofuse.ensemble.foreign import MAX_DEPTH, check_described, check_forest, read_file
from topofuse.ensemble.forest import Forest
from topofuse.fusion.build import build_network
from topofuse.modalities.ranks import N_QUANTILES
from topofuse.modalities.registry import table_columns
from topofuse.trust.known import KnownMaterials
from topofuse.trust.novelty import TrainingMaterials
from topofuse.trust.trust import Trust

NAMES = ("crystal",)
COMMITTEE = CommitteeConfig(committee=2, width=8, stages=1)


def chain(columns: int, outputs: int, depth: int) -> Forest:
    """A tree per output, each a chain of so many splits."""
    splits, leaves = outputs * depth, outputs * (depth + 1)
    last = np.arange(1, splits + 1) % depth == 0
    left, right = (
        -1 - np.arange(splits),
        np.where(last, -1 - splits - np.arange(splits) // depth, np.arange(1, splits + 1)),
    )
    value = np.linspace(-1, 1, leaves)
    return Forest(
        columns, (depth * np.arange(outputs, dtype=np.int32))[None], np.zeros(splits, dtype=np.uint16),
        np.zeros(splits, dtype=np.float32), np.ones(splits, dtype=np.bool_), left.astype(np.int32),
        right.astype(np.int32), np.ones(splits, dtype=np.float32), value.astype(np.float32),
        np.ones(leaves, dtype=np.int32),
    )  # fmt: skip


def reference(columns: int) -> TrainingMaterials:
    rng = np.random.default_rng(0)
    return TrainingMaterials(
        names=NAMES, quantiles=np.sort(rng.normal(size=(columns, N_QUANTILES))).astype(np.float32),
        projection=rng.normal(size=(columns, 2)).astype(np.float16), centre=np.zeros(2, dtype=np.float32),
        step=np.ones(2, dtype=np.float32), codes=rng.integers(-9, 9, (5, 2)).astype(np.int8),
        distances=np.linspace(0, 9, 513, dtype=np.float32), seen=np.ones(104, dtype=bool), largest=9,
        ids=[f"mp-{i}" for i in range(5)], formulas=["Si"] * 5, classes=np.arange(5, dtype=np.int8),
        known=KnownMaterials(
            np.full(5, 227, dtype=np.uint8), np.full(5, 2, dtype=np.uint16), np.full(5, 20, dtype=np.float32),
            np.full((5, LENGTH), 10_000, dtype=np.uint16), ["Materiae MAT1"] * 5,
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder, columns = tmp_path_factory.mktemp("bundle"), len(table_columns(NAMES))
    config = parse_config(
        {
            "preset": "hand",
            "modalities": NAMES,
            "fast_modalities": NAMES,
            "network": COMMITTEE.model_dump(),
            "tta_views": 1,
        }
        | {"training": {"epochs": 1}, "boosted": {}, "members": [{}]}
    )
    torch.manual_seed(0)
    network = build_network(NAMES, COMMITTEE)
    p = np.random.default_rng(1).dirichlet(np.ones(5), 40)
    trust = Trust.fit(np.arange(40) % 5, p, "made up")
    trees = [BoostedTrees((chain(columns, 1, 3),), (chain(columns, 4, 2),))]
    weights = {"full": 0.5, "boosted": 0.5}
    save_bundle(folder, config, {"full": {"full": (COMMITTEE, network)}}, trees, weights, trust, {}, reference(columns))
    return folder


@pytest.fixture
def stranger(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "bundle")


@pytest.fixture(scope="module")
def features(saved, silicon):
    return [load_bundle(saved).extractor()(analyse(silicon))]


def sealed(folder: Path, described: dict) -> Path:
    """The folder with this description; every checksum is right."""
    described = {key: value for key, value in described.items() if key != "checksum"}
    if isinstance(described.get("checksums"), dict):
        files = [path for path in folder.rglob("*.safetensors") if path.is_file()]
        sums = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        described["checksums"] = described["checksums"] | sums
    text = json.dumps(described, indent=1)
    described["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(described, indent=1) + "\n")
    return folder


def description(folder: Path) -> dict:
    return json.loads((folder / "bundle.json").read_text())


def outcome(folder: Path, features) -> str:
    """'refused' or 'answered'; whatever else happens is a fault of this package."""
    found, reason = None, ""
    try:
        found = load_bundle(folder)
    except BundleError as error:
        reason = str(error)
    if found is None:
        assert len(reason.split()) > 6
        return "refused"
    assessment = found.assess(features)
    assert np.isfinite(assessment.probabilities).all()
    np.testing.assert_allclose(assessment.probabilities.sum(axis=1), 1)
    return "answered"


def test_as_it_was_made_it_answers(saved, features):
    assert outcome(saved, features) == "answered"


class TestFiles:
    @pytest.mark.parametrize(
        "name",
        [
            "../x",
            "/etc/passwd",
            "a/../../x",
            ".hidden",
            "a//b",
            "a/",
            "",
            "a\n",
            "a\x00b",
            "~/x",
            "C:\\x",
            "a/b/c/d/e",
            7,
        ],
    )
    def test_a_name_that_leads_outside_is_none(self, tmp_path, name):
        with pytest.raises(ValueError, match="no name of a file in a bundle"):
            read_file(tmp_path, name)

    def test_links_are_not_followed(self, stranger, features, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        for path in ("trust.safetensors", "trees/0.safetensors", "trees", "bundle.json"):
            target = tmp_path / "elsewhere" / Path(path).name
            (stranger / path).rename(target)
            (stranger / path).symlink_to(target)
            with pytest.raises(BundleError):
                load_bundle(stranger)
            (stranger / path).unlink()
            target.rename(stranger / path)
        assert outcome(stranger, features) == "answered"

    def test_a_pipe_does_not_keep_the_reader_waiting(self, stranger, features):
        (stranger / "trust.safetensors").unlink()
        os.mkfifo(stranger / "trust.safetensors")
        assert outcome(stranger, features) == "refused"

    def test_a_file_is_not_read_when_it_is_too_long(self, tmp_path, stranger, features):
        with (tmp_path / "long").open("wb") as file:
            file.truncate(2**40)  # takes no room
        with pytest.raises(ValueError, match="at most"):
            read_file(tmp_path, "long")
        os.truncate(stranger / "bundle.json", 2**40)
        assert outcome(stranger, features) == "refused"

    def test_a_description_of_any_depth_is_refused(self, stranger, features):
        (stranger / "bundle.json").write_text('{"format": 4, "config": ' + "[" * 10**6)
        assert outcome(stranger, features) == "refused"


def places(value, way=()):
    """Ways to every value of nested dicts and lists."""
    yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, own in inner:
        yield from places(own, (*way, key))


ODD = [
    None,
    True,
    -1,
    0,
    10**9,
    10**400,
    1.5,
    -0.5,
    "",
    "x",
    "../x",
    [],
    ["x"] * 3,
    [[]],
    {},
    {"x": 1},
    {"full": 1e308},
]


@pytest.mark.slow
def test_whatever_a_description_says_it_is_refused_or_answers(stranger, features):
    whole = description(stranger)
    seen = {"refused": 0, "answered": 0}
    for way in places({key: value for key, value in whole.items() if key not in ("checksums", "checksum")}):
        for odd in ODD if way else ():
            changed = copy.deepcopy(whole)
            holder = changed
            for key in way[:-1]:
                holder = holder[key]
            if holder[way[-1]] == odd or (way[-1], odd) == ("tta_views", 10**9):
                continue
            holder[way[-1]] = odd
            seen[outcome(sealed(stranger, changed), features)] += 1
    assert seen["refused"] > 1000
    assert seen["answered"] > 10  # info, seed and the like mean nothing to an answer


def spoilt(array, rng):
    """The array with other numbers, another type, another shape."""
    for value in (0, -1, 127, math.nan, math.inf):
        changed = array.copy()
        if changed.size:
            with np.errstate(all="ignore"):
                changed.reshape(-1)[rng.integers(changed.size)] = np.array(value).astype(changed.dtype)
        yield changed
    yield np.full_like(array, 1)
    yield array[:0]
    yield array[:1]
    yield np.concatenate([array, array])
    yield array.reshape(-1)
    yield array[None]
    yield array.astype(np.float64)
    yield array.astype(np.int64)
    yield array.astype(np.uint8)
    yield rng.integers(-(2**31), 2**31, array.shape).astype(array.dtype)


@pytest.mark.slow
def test_whatever_the_arrays_are_it_is_refused_or_answers(stranger, features):
    rng = np.random.default_rng(0)
    described, tried = description(stranger), 0
    for path in sorted(stranger.rglob("*.safetensors")):
        whole, content = load_file(path), path.read_bytes()
        for name, array in whole.items():
            with np.errstate(all="ignore"):
                others = list(spoilt(array, rng))
            for other in others:
                save_file(whole | {name: np.ascontiguousarray(other)}, path)
                outcome(sealed(stranger, described), features)
                tried += 1
            save_file({key: value for key, value in whole.items() if key != name} or {"x": array}, path)
            # a bundle may do without known materials
            expected = "answered" if name == "known.sources" else "refused"
            assert outcome(sealed(stranger, described), features) == expected, name
        path.write_bytes(content)
    assert tried > 300


@pytest.mark.slow
def test_whatever_the_bytes_are_it_is_refused_or_answers(stranger, features):
    rng = np.random.default_rng(1)
    described = description(stranger)
    for path in sorted(stranger.rglob("*.safetensors")):
        content = path.read_bytes()
        header = 8 + int.from_bytes(content[:8], "little")
        for _ in range(50):
            broken = bytearray(content)
            for at in rng.integers(header, size=rng.integers(1, 4)):
                broken[at] = rng.integers(256)
            path.write_bytes(bytes(broken)[: rng.choice([len(content), rng.integers(len(content))])])
            outcome(sealed(stranger, described), features)
        path.write_bytes(content)


class TestBombs:
    def test_a_type_that_numpy_has_not(self, stranger, features):
        header = json.dumps({"x": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
        (stranger / "trust.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
        assert outcome(sealed(stranger, description(stranger)), features) == "refused"

    @pytest.mark.slow
    def test_names_that_unpack_to_gigabytes(self, stranger, features):
        packer = zlib.compressobj(9)
        packed = b"".join(packer.compress(bytes(2**24)) for _ in range(64)) + packer.flush()
        assert len(packed) < 2**21
        path = stranger / "reference.safetensors"
        path.write_bytes(save(load_file(path) | {"ids": np.frombuffer(packed, dtype=np.uint8)}))
        assert outcome(sealed(stranger, description(stranger)), features) == "refused"

    @pytest.mark.parametrize("key", ["width", "stages", "committee"])
    @pytest.mark.parametrize("value", [64, 8000, 10**9])
    def test_settings_of_a_network_that_its_file_is_not(self, stranger, features, key, value):
        described = description(stranger)
        described["networks"][0]["network"][key] = value
        assert outcome(sealed(stranger, described), features) == "refused"

    @pytest.mark.parametrize("width", [64, 8192, 2**20])
    def test_a_fusion_network_is_not_made_larger_than_its_file(self, stranger, features, width):
        described = description(stranger)
        described["networks"][0]["network"] = {"width": width, "stages": 64, "table_layers": 64, "heads": 8}
        assert outcome(sealed(stranger, described), features) == "refused"

    def test_trees_of_any_depth(self):
        check_forest(chain(3, 1, MAX_DEPTH - 1))
        with pytest.raises(ValueError, match="deeper than"):
            check_forest(chain(3, 1, MAX_DEPTH + 1))

    def test_a_file_that_is_named_again_and_again(self, stranger):
        described = description(stranger)
        for trees in (described["trees"] * 2, [f"trees/{i}.safetensors" for i in range(1000)]):
            with pytest.raises(ValueError, match=r"twice|at most"):
                check_described(described | {"trees": trees})
