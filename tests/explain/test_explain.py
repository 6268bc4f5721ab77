"""Explanations: contributions add up, what is not read contributes nothing, symmetry facts are as they should be."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from click.testing import CliRunner

from topofuse.cli import main
from topofuse.config import FusionConfig
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.crystals.write_poscar import poscar
from topofuse.ensemble.boosted import fit_boosted
from topofuse.ensemble.bundle import Bundle, open_bundle, save_bundle
from topofuse.explain import explain
from topofuse.explain.figure import FigureError, draw, save_figure
from topofuse.explain.text import as_text
from topofuse.labels import FIVE
from topofuse.modalities.extraction import extract_sample
from topofuse.modalities.material import sketch_facts
from topofuse.modalities.registry import MODALITY_NAMES, modality, table_columns, words
from topofuse.modalities.store import FeatureStore
from topofuse.symmetry.filling import zone_facts
from topofuse.system.files import null_undefined
from topofuse.tightbinding.sketch import NoSketch
from topofuse.training.inference import FusionPredictor
from topofuse.trust.novelty import TrainingMaterials
from topofuse.trust.trust import Trust

WEIGHTS = {"kfold": 0.4, "boosted": 0.6}
SODIUM = Crystal(np.eye(3) * 4.2, np.array([11]), np.zeros((1, 3)))
THIRD = 1 / 3
ZRP = Crystal(  # TiP type
    np.array([[3.684, 0, 0], [-1.842, 3.1904, 0], [0, 0, 12.554]]),
    np.array([40] * 4 + [15] * 4),
    np.array(
        [[THIRD, 2 * THIRD, z] for z in (0.122, 0.378)] + [[2 * THIRD, THIRD, z] for z in (-0.122, 0.622)]
        + [[0, 0, 0], [0, 0, 0.5], [THIRD, 2 * THIRD, 0.75], [2 * THIRD, THIRD, 0.25]]
    ),
)  # fmt: skip


def trees_of(small_world, config, table):
    rows = np.arange(60)
    return fit_boosted(table, small_world.labels, rows[:40], rows[40:], config.boosted, seed=0, threads=1)


@pytest.fixture(scope="module")
def trust(small_world) -> Trust:
    return Trust.fit(small_world.labels, np.random.default_rng(3).dirichlet(np.ones(5), 60), "made up")


@pytest.fixture(scope="module")
def reference(small_world) -> TrainingMaterials:
    described = [f"id-{i}" for i in range(60)], small_world.formulas, small_world.labels
    return TrainingMaterials.fit(
        small_world.store, np.arange(60), ("crystal", "kspace", "scalar", "physics"), described
    )


@pytest.fixture(scope="module")
def bundle(tiny_config, small_world, network, trust, reference) -> Bundle:
    trees = trees_of(small_world, tiny_config, small_world.store.table(tiny_config.modalities))
    return Bundle(
        tiny_config,
        {"kfold": [FusionPredictor(network, FusionConfig())]},
        [trees],
        WEIGHTS,
        trust,
        {},
        "made up",
        reference,
    )


@pytest.fixture(scope="module")
def found(bundle, bi2se3):
    return explain(bi2se3, bundle, strongest=2000)


class TestContributions:
    def test_the_answer_is_that_of_predict(self, found, bundle, bi2se3):
        p = bundle.predict_proba([analyse(bi2se3)])[0]
        np.testing.assert_allclose([found.answer.probabilities[name] for name in FIVE], p, atol=1e-6)
        assert found.answer.p_nontrivial == pytest.approx(p[1:].sum(), abs=1e-6)
        assert found.answer.columns["domain"] == found.domain

    def test_columns_add_up_to_the_log_odds_of_the_trees(self, found, bundle, bi2se3):
        features = bundle.extractor()(analyse(bi2se3))
        table = FeatureStore.from_samples(features[:1]).table(bundle.config.modalities)
        raw = bundle.trees[0].binary[0].raw(table)[0, 0]
        assert 0 < len(found.features) <= len(table_columns(bundle.config.modalities))
        assert found.trees_start + sum(part.log_odds for part in found.features) == pytest.approx(raw, abs=1e-5)

    def test_the_trees_part_of_a_modality_is_the_sum_of_its_columns(self, found):
        for part in found.modalities:
            columns = [f.log_odds for f in found.features if f.modality == part.name]
            assert part.trees_log_odds == pytest.approx(sum(columns), abs=1e-9)

    def test_strongest_come_first(self, found):
        sizes = [abs(part.log_odds) for part in found.features]
        assert sizes == sorted(sizes, reverse=True)
        changes = [abs(part.change) for part in found.modalities]
        assert changes == sorted(changes, reverse=True)
        assert {part.name for part in found.modalities} == set(MODALITY_NAMES)
        for part in found.modalities:
            assert part.p_without + part.change == pytest.approx(found.answer.p_nontrivial, abs=1e-6)

    def test_what_the_model_does_not_read_changes_nothing(self, bundle, small_world, tiny_config, bi2se3):
        table = small_world.store.table(tiny_config.modalities).copy()
        owners = np.array([name.split(":")[0] for name in table_columns(tiny_config.modalities)])
        table[:, owners != "scalar"] = 0.0
        deaf = Bundle(
            tiny_config, {}, [trees_of(small_world, tiny_config, table)], {"boosted": 1.0}, bundle.trust, {}, "", None
        )
        parts = {part.name: part for part in explain(bi2se3, deaf).modalities}
        for name in set(MODALITY_NAMES) - {"scalar"}:
            assert parts[name].change == parts[name].trees_log_odds == 0.0
        assert parts["scalar"].change != 0.0

    def test_attention_is_a_distribution_and_none_is_paid_to_oneself_between_modalities(self, found):
        m = len(MODALITY_NAMES)
        for rows in (found.attention.between, found.attention.over):
            assert np.shape(rows) == (m, m)
            np.testing.assert_allclose(np.sum(rows, axis=1), 1.0, atol=1e-5)
        np.testing.assert_array_equal(np.diag(found.attention.between), 0.0)
        assert found.attention.names == tuple(MODALITY_NAMES)

    def test_a_bundle_of_trees_pays_no_attention(self, bundle, bi2se3, tiny_config):
        alone = Bundle(tiny_config, {}, bundle.trees, {"boosted": 1.0}, bundle.trust, {}, "", bundle.reference)
        found = explain(bi2se3, alone)
        assert found.attention is None
        assert "Attention" not in as_text(found)

    def test_it_does_not_matter_how_the_crystal_is_written_down(self, found, bundle, bi2se3, rewritings):
        other = explain(rewritings["all at once"](bi2se3), bundle, strongest=2000)
        assert (other.formula, other.spacegroup, other.symbol) == ("Bi2Se3", 166, "R-3m")
        for a, b in zip(found.modalities, other.modalities, strict=True):
            assert (a.name, a.change) == (b.name, pytest.approx(b.change, abs=1e-4))


class TestFacts:
    def test_rock_salt_has_the_momenta_of_its_zone_and_a_filling_that_allows_a_gap(self, nacl):
        facts = zone_facts(analyse(nacl))
        assert facts.electrons == 14
        assert {m.label for m in facts.momenta if m.time_reversal_invariant} == {"GAMMA", "L", "X"}
        assert facts.momenta[0].dimensions == {2: 4, 4: 2}
        assert facts.atomic_limit
        assert facts.forced == ()
        assert facts.lines_that_fit == facts.lines

    def test_where_levels_cannot_be_filled_there_is_no_atomic_insulator_either(self, small_world):
        forced = 0
        for crystal in small_world.crystals:
            facts = zone_facts(analyse(crystal))
            if facts.forced:
                forced += 1
                assert not facts.atomic_limit
        assert forced > 0

    def test_the_sketch_of_silicon_is_trivial_and_a_metal_has_none(self, silicon):
        facts = sketch_facts(analyse(silicon))
        assert (facts.nontrivial, facts.z4, facts.verdict) == (False, 0, "trivial")
        assert facts.point_gap > 1.5
        assert sketch_facts(analyse(SODIUM)) is NoSketch.ODD_ELECTRONS

    def test_a_model_that_skips_large_cells_is_the_only_reason_why_zrp_has_no_sketch(self):
        crystal = analyse(ZRP)
        left_out = extract_sample(crystal, ("bands", "indicators"), skip_costly=True)
        assert sketch_facts(crystal, left_out) is NoSketch.SKIPPED
        assert sketch_facts(crystal).orbitals == 4 * 9 + 4 * 4

    @pytest.mark.parametrize("name", MODALITY_NAMES)
    def test_every_column_has_words_of_its_own(self, name):
        described = [words(name).column(column) for column in modality(name).table_names]
        assert len(set(described)) == len(described)
        bare = [column.replace("_", " ") for column in modality(name).table_names]
        assert set(described).isdisjoint(bare)
        assert not any("_" in description for description in described)

    def test_words_say_what_is_meant(self):
        assert words("scalar").column("x_Bi") == "share of Bi"
        assert words("scalar").column("ie1_mean") == "first ionisation energy, mean"
        assert words("physics").column("closed_miss") == "closed-shell ions: charge left over per atom"
        assert words("bands").column("z4_soc") == "sketch: indicator z4, with spin-orbit coupling"
        assert words("bands").column("a_later_column") == "a later column"

    def test_modalities_have_titles_and_colours_of_their_own(self):
        described = [words(name) for name in MODALITY_NAMES]
        assert len({one.title for one in described}) == len({one.colour for one in described}) == len(MODALITY_NAMES)
        assert all(re.fullmatch("#[0-9a-f]{6}", one.colour) for one in described)


class TestOutput:
    def test_text_names_the_answer_its_reasons_and_the_symmetry(self, found):
        text = as_text(found)
        assert text.startswith("Bi2Se3, space group R-3m (166)\n")
        for phrase in (
            "p(non-trivial) = ",
            "novelty: ",
            "Modalities",
            "Strongest columns",
            "Attention",
            "GAMMA",
            "sketch",
        ):
            assert phrase in text

    def test_in_a_notebook_it_is_drawn_whole_and_asks_nothing_of_anybody(self, found):
        page = found._repr_html_()
        assert page.count("<tr>") == page.count("</tr>")
        assert not re.search(r"https?:|<script|<img|<link|@import|url\(|on\w+=", page)
        assert f"{found.answer.label}: p(non-trivial) = {found.answer.p_nontrivial:.3f}" in page
        widths = [float(x) for x in re.findall(r'<span style="width: ([\d.]+)%', page)]
        assert len(widths) == len(FIVE) + len(found.modalities) + len(found.features)
        p = np.array([found.answer.probabilities[name] for name in FIVE])
        np.testing.assert_allclose(widths[: len(FIVE)], 100 * p / p.max(), atol=0.01)

    def test_in_a_notebook_names_are_text_and_a_metal_has_its_reason(self, found):
        strange = replace(found, source="<b>a.cif", answer=None, domain_reason="odd & open")
        page = strange._repr_html_()
        assert "&lt;b&gt;a.cif" in page
        assert "<b>" not in page
        assert "metal: odd &amp; open" in page

    def test_it_is_data_too(self, found):
        again = json.loads(json.dumps(null_undefined(found.to_dict()), allow_nan=False))
        assert set(again) == {field.name for field in fields(found)} | {"no_sketch"}
        assert (again["formula"], again["spacegroup"], again["symbol"]) == ("Bi2Se3", 166, "R-3m")
        assert again["zone"]["momenta"][0]["dimensions"] == {"2": 4}
        assert again["zone"]["forced"] == []
        assert again["sketch"] == asdict(found.sketch)
        assert again["no_sketch"] is None
        assert again["modalities"] == [
            asdict(part) | {"columns": [asdict(c) for c in part.columns]} for part in found.modalities
        ]
        assert again["features"] == [asdict(part) for part in found.features]
        assert again["answer"]["probabilities"] == found.answer.probabilities
        assert again["attention"]["over"] == [list(row) for row in found.attention.over]

    def test_a_metal_has_no_answer_but_facts(self, bundle, tmp_path):
        found = explain(SODIUM, bundle)
        assert (found.answer, found.domain, found.modalities) == (None, "odd_electrons", ())
        assert "Kramers" in as_text(found)
        assert f"none: {NoSketch.ODD_ELECTRONS.sentence}" in as_text(found)
        with pytest.raises(FigureError, match="no figure"):
            save_figure(found, tmp_path / "na.svg")

    def test_an_open_shell_is_said_with_its_reason(self, bundle, nacl):
        oxide = Crystal(nacl.lattice * 0.8, np.where(nacl.numbers == 11, 28, 8), nacl.frac_coords)
        found = explain(oxide, replace(bundle, reference=None))
        reason = "no charge balance closes the d shell of Ni"
        assert (found.domain, found.domain_reason) == ("likely_magnetic", reason)
        assert f"domain: likely_magnetic ({reason})" in as_text(found)

    def test_an_element_that_nobody_was_trained_on_is_said_with_its_reason(self, bundle, nacl):
        assert not bundle.reference.seen[94]
        found = explain(Crystal(nacl.lattice, np.where(nacl.numbers == 11, 94, 8), nacl.frac_coords), bundle)
        assert found.domain == "unseen_element"
        assert "domain: unseen_element (no training material holds the element)" in as_text(found)

    def test_why_there_is_no_sketch_is_said_in_the_text_the_data_and_the_figure(self):
        found = explain(ZRP, open_bundle("fast"))
        sentence = "the fast model leaves it out for cells of this size, to save time"
        assert f"  none: {sentence}\n" in as_text(found) + "\n"
        assert found.to_dict()["sketch"] is None
        assert found.to_dict()["no_sketch"] == {"reason": "skipped", "sentence": sentence}
        title = draw(found).get_suptitle()
        assert sentence in title.replace("\n", " ")
        assert max(map(len, title.splitlines())) <= 110

    def test_an_unusable_file_is_named(self, bundle, tmp_path):
        (tmp_path / "broken.cif").write_text("nonsense")
        with pytest.raises(CrystalError, match=r"broken\.cif: "):
            explain(tmp_path / "broken.cif", bundle)

    @pytest.mark.slow
    @pytest.mark.parametrize("suffix", [".svg", ".png"])
    def test_the_figure_is_written(self, found, tmp_path, suffix, bundle, bi2se3):
        path = tmp_path / f"why{suffix}"
        save_figure(explain(bi2se3, bundle), path)
        start = path.read_bytes()[:200]
        assert start.startswith(b"\x89PNG") if suffix == ".png" else b"<?xml" in start
        with pytest.raises(FigureError, match=r"\.svg or \.png"):
            save_figure(found, tmp_path / "why.bmp")

    def test_the_command_prints_text_or_data(self, tmp_path, tiny_config, bundle, bi2se3):
        (tmp_path / "POSCAR").write_text(poscar(bi2se3, "bismuth selenide"))
        save_bundle(tmp_path / "model", tiny_config, {}, bundle.trees, {"boosted": 1.0}, bundle.trust, {})
        command = ["explain", str(tmp_path / "POSCAR"), "--model", str(tmp_path / "model")]
        drawn = CliRunner().invoke(main, [*command, "--figure", str(tmp_path / "why.svg")])
        assert drawn.exit_code == 0, drawn.output
        assert "Bi2Se3" in drawn.output
        assert (tmp_path / "why.svg").exists()
        told = json.loads(CliRunner().invoke(main, [*command, "--json"]).output)
        assert told["formula"] == "Bi2Se3"
        assert told["features"][0]["words"]
