"""Splits that ask for more than new formulas, the learning curve, and the command that measures both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition

from support.report_fixture import make_run
from topofuse.config import ConfigError
from topofuse.crystals import analyse
from topofuse.crystals.formula import SYMBOLS, anonymous_formula
from topofuse.ensemble import boosted
from topofuse.labels import FIVE
from topofuse.materials import load
from topofuse.materials.prototypes import PROTOTYPES
from topofuse.materials.splits import GROUPINGS, group_keys, grouped_folds, grouped_holdout
from topofuse.report import ReportError, write_generalisation_report, write_report
from topofuse.runs import generalise as generalisation
from topofuse.runs.folder import RunFolder
from topofuse.runs.jobs import kfold_jobs, trees_jobs
from topofuse.runs.prepare import Labelled, Prepared
from topofuse.runs.progress import RunLog, Timings

pytestmark = pytest.mark.slow

PRESET = """
tta_views = 1
bootstrap = 100
threads = 1
[network]
width = 16
heads = 2
[training]
epochs = 1
[[members]]
[boosted]
rounds = 4
leaves = 4
min_leaf = 2
feature_share = 0.2
"""
EVERY = 5  # of the textbook's materials, every fifth


def sides_of(groups, fold) -> dict[str, set[int]]:
    sides: dict[str, set[int]] = {}
    for group, k in zip(groups, fold, strict=True):
        sides.setdefault(str(group), set()).add(int(k))
    return sides


@pytest.fixture(scope="module")
def materials(textbook):
    return list(textbook.values())


@pytest.fixture(scope="module")
def keys(materials):
    """Groups of the textbook's materials by every kind; space groups as the textbook builds them."""
    numbers = [m.crystal.numbers for m in materials]
    spacegroups = np.array([PROTOTYPES[m.prototype].spacegroup for m in materials])
    return {kind: group_keys(kind, numbers, spacegroups) for kind in GROUPINGS}


@pytest.fixture(scope="module")
def labels(materials):
    return np.array([FIVE.index(m.label) for m in materials])


def test_anonymous_formulas_are_those_of_pymatgen(materials):
    for m in materials[::10]:
        named = Composition({SYMBOLS[z]: int((m.crystal.numbers == z).sum()) for z in np.unique(m.crystal.numbers)})
        assert anonymous_formula(m.crystal.numbers) == named.anonymized_formula
    assert anonymous_formula([83, 83, 34, 34, 34]) == anonymous_formula([8] * 6 + [13] * 4) == "A2B3"
    assert anonymous_formula(range(1, 29)).endswith("YZA'B'")


def test_what_belongs_together_has_one_key():
    salt, kcl, spinel, swapped = ([11, 17], [19, 17, 19, 17], [12, 13, 13, 8, 8, 8, 8], [13, 12, 12, 8, 8, 8, 8])
    crystals = [np.array(z) for z in (salt, kcl, spinel, swapped)]
    assert group_keys("formula", crystals).tolist()[:2] == ["NaCl", "KCl"]
    assert group_keys("chemsys", crystals).tolist() == ["Cl-Na", "Cl-K", "Al-Mg-O", "Al-Mg-O"]
    assert group_keys("prototype", crystals, np.array([225, 221, 227, 227])).tolist() == [
        "AB:225",
        "AB:221",
        "AB2C4:227",
        "AB2C4:227",
    ]
    assert len(set(group_keys("random", [crystals[0]] * 5))) == 5
    with pytest.raises(ValueError, match="formula, chemsys, prototype, random"):
        group_keys("by_hand", crystals)
    with pytest.raises(ValueError, match="space groups"):
        group_keys("prototype", crystals)


@pytest.mark.parametrize("kind", ["formula", "chemsys", "prototype"])
def test_no_group_is_on_both_sides_of_a_fold_or_of_the_validation_rows(keys, labels, kind):
    fold = grouped_folds(keys[kind].tolist(), labels, 5)
    assert set(fold.tolist()) == set(range(5))
    assert all(len(where) == 1 for where in sides_of(keys[kind], fold).values())
    held = grouped_holdout(keys[kind].tolist(), labels, 0.1)
    assert all(len(where) == 1 for where in sides_of(keys[kind], held).values())
    assert 0.03 < held.mean() < 0.15


def test_a_split_by_elements_splits_no_formula_and_one_by_formula_splits_elements(keys, labels):
    by = {kind: grouped_folds(keys[kind].tolist(), labels, 5) for kind in ("formula", "chemsys", "prototype")}
    assert all(len(where) == 1 for where in sides_of(keys["formula"], by["chemsys"]).values())
    assert any(len(where) > 1 for where in sides_of(keys["chemsys"], by["formula"]).values())
    assert any(len(where) > 1 for where in sides_of(keys["prototype"], by["formula"]).values())


def test_a_random_split_has_prototypes_and_formulas_on_both_sides(keys, labels):
    fold = grouped_folds(keys["random"].tolist(), labels, 5)
    assert np.bincount(fold).min() > 0.9 * len(labels) / 5
    for kind in ("formula", "chemsys", "prototype"):
        assert any(len(where) > 1 for where in sides_of(keys[kind], fold).values())


def test_the_learning_curve_has_the_right_sizes_nested_whole_formulas_and_nothing_of_the_fold(keys, labels):
    fold = grouped_folds(keys["formula"].tolist(), labels, 5).astype(np.int64)
    fold[:100] = -1  # rows for testing
    rows = Labelled(labels, keys["formula"], fold)
    outside = rows.outside(3)
    parts = [generalisation.learning_rows(rows, 3, share, seed=7) for share in generalisation.SHARES]
    for share, part in zip(generalisation.SHARES, parts, strict=True):
        assert len(part) == pytest.approx(share * len(outside), rel=0.05)
        assert set(part) <= set(outside)
        inside = np.isin(outside, part)
        assert all(len(where) == 1 for where in sides_of(rows.formulas[outside], inside).values())
        for code in range(5):
            assert np.mean(labels[part] == code) == pytest.approx(np.mean(labels[outside] == code), abs=0.03)
    assert set(parts[0]) < set(parts[1]) < set(parts[2])


def test_the_formula_split_is_that_of_the_run_and_a_share_sees_nothing_of_the_fold(tiny_config, small_world):
    fold = np.arange(60) % 5 - 1
    rows = Labelled(small_world.labels, np.array(small_world.formulas), fold)
    assert [job.fold for job in trees_jobs("formula", tiny_config, rows)] == [
        job.fold for job in kfold_jobs(tiny_config, rows)
    ]
    for job in generalisation.curve_jobs(tiny_config, rows, 0.5):
        assert not set(rows.inside(job.fold)) & {*job.train, *job.validation}
        assert not set(rows.test) & {*job.train, *job.validation}


def test_prototypes_need_no_modality_that_holds_the_space_group(tiny_config, small_world, tmp_path):
    rows = Labelled(small_world.labels, np.array(small_world.formulas), np.arange(60) % 5)
    config = tiny_config.model_copy(update={"modalities": ("crystal",)})
    data = load().select(range(60))
    folder = RunFolder(tmp_path, RunLog(tmp_path, show=False), Timings(tmp_path))
    prepared = Prepared(config, data, rows, small_world.views, [], folder)
    kinds = generalisation.split_rows(prepared, ["prototype", "random"])
    assert list(kinds) == ["formula", "prototype", "random"]
    spacegroups = [analyse(crystal).spacegroup for crystal in small_world.crystals]
    alike = group_keys("prototype", [crystal.numbers for crystal in data.crystals], np.array(spacegroups))
    assert kinds["prototype"].formulas.tolist() == alike.tolist()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, materials) -> Path:
    """A folder with a preset and a small table of materials without splits, which are made then."""
    folder = tmp_path_factory.mktemp("generalise")
    (folder / "tiny.toml").write_text(PRESET)
    some = materials[::EVERY]
    frame = pd.DataFrame(
        {
            "material_id": [m.material_id for m in some],
            "class_soc": [m.label for m in some],
            "lattice": [m.crystal.lattice.ravel().tolist() for m in some],
            "numbers": [m.crystal.numbers.tolist() for m in some],
            "frac_coords": [m.crystal.frac_coords.ravel().tolist() for m in some],
        }
    )
    frame.to_parquet(folder / "mine.parquet")
    return folder


@pytest.fixture
def run(workplace, monkeypatch):
    monkeypatch.setenv("TOPOFUSE_CACHE", str(workplace / "cache"))

    def _run(out: str, **options) -> Path:
        given = {"data": workplace / "mine.parquet", "progress": False} | options
        return generalisation.run(str(workplace / "tiny.toml"), out=workplace / out, **given)

    return _run


@pytest.fixture
def whole(run, workplace) -> Path:
    """The folder of an uninterrupted measurement, made once."""
    if not (workplace / "whole/report.html").exists():
        assert run("whole") == workplace / "whole/report.html"
    return workplace / "whole"


def numbers(folder: Path) -> dict:
    content = json.loads((folder / "generalisation.json").read_text())
    return {key: content[key] for key in ("kinds", "curve", "skipped_shares", "n_pool", "hashes")}


def test_the_command_measures_every_kind_and_the_curve(whole):
    found = numbers(whole)
    assert [kind["name"] for kind in found["kinds"]] == list(GROUPINGS)
    formula, chemsys, prototype, random = found["kinds"]
    assert formula["difference"] is None
    assert prototype["n_groups"] < chemsys["n_groups"] <= formula["n_groups"] < random["n_groups"] == found["n_pool"]
    for kind in (chemsys, prototype, random):
        apart = kind["metrics"]["five"]["accuracy"]["value"] - formula["metrics"]["five"]["accuracy"]["value"]
        assert kind["difference"]["five"]["accuracy"]["value"] == pytest.approx(100 * apart)
    assert found["skipped_shares"] == [0.1]  # 15 of 150 materials are too few
    assert [point["share"] for point in found["curve"]] == [0.25, 0.5, 1.0]
    assert found["curve"][-1]["metrics"] == formula["metrics"]
    assert found["curve"][0]["n_rows"] == pytest.approx(0.25 * found["curve"][-1]["n_rows"], rel=0.15)


def test_the_page_says_it_in_words(whole):
    text = (whole / "report.md").read_text()
    assert (
        "For materials whose formula is not in the training rows, the boosted trees predict trivial or non-trivial"
        in text
    )
    assert "on sets of elements that are not in the training rows" in text
    assert "Not measured, because of too few training materials: 10 %." in text
    assert "the test split is not touched" in text
    page = (whole / "report.html").read_text()
    assert "The numbers are in generalisation.json beside this file." in page
    assert page.count('role="img"') == 2


def test_an_interrupted_measurement_resumes_to_the_same_numbers(run, whole, workplace, monkeypatch):
    original, fitted = boosted.fit_boosted, []

    def interrupted(*args, **options):
        if len(fitted) == 8:
            raise KeyboardInterrupt
        fitted.append(options["seed"])
        return original(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(boosted, "fit_boosted", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("piecewise")
    assert not (workplace / "piecewise/report.html").exists()
    run("piecewise", resume=True)
    assert numbers(workplace / "piecewise") == numbers(whole)


def test_a_finished_measurement_is_read_back_and_may_show_fewer_kinds(run, whole, workplace, monkeypatch):
    monkeypatch.setattr(boosted, "fit_boosted", lambda *_, **__: pytest.fail("fitted again"))
    with pytest.raises(ConfigError, match="already holds a run"):
        run("whole")
    before = numbers(whole)
    run("whole", resume=True, kinds=["random"])
    assert [kind["name"] for kind in numbers(whole)["kinds"]] == ["formula", "random"]
    run("whole", resume=True)
    assert numbers(whole) == before


def test_no_test_row_is_ever_looked_at(run, whole, workplace):
    """With other classes on the test rows, every number stays as it was."""
    data = load(workplace / "mine.parquet")
    frame = pd.read_parquet(workplace / "mine.parquet").assign(split=data.split, fold=data.fold)
    test = frame["split"] == "test"
    assert test.any()
    frame.loc[test, "class_soc"] = "tci"
    frame.to_parquet(workplace / "turned.parquet")
    run("turned", data=workplace / "turned.parquet")
    left, right = numbers(workplace / "turned"), numbers(whole)
    assert left.pop("hashes")["data"] != right.pop("hashes")["data"]
    assert left == right


def test_beside_a_run_it_is_a_part_of_the_report(whole, tmp_path):
    folder = make_run(tmp_path / "run", n_pool=100, n_test=40, with_ablation=False)
    (folder / "generalisation.json").write_bytes((whole / "generalisation.json").read_bytes())
    page = write_report(folder).read_text()
    assert '<section id="splits"' in page
    assert '<section id="data-size"' in page
    (folder / "generalisation.json").write_text("{}")
    with pytest.raises(ReportError, match="missing title"):
        write_generalisation_report(folder)
