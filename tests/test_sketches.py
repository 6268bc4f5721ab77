"""topofuse.sketch: bands along the path, levels at special momenta, and what decides the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import topofuse
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.modalities.bands.features import TABLE_NAMES, extract
from topofuse.sketches import NoSketchError, sketch
from topofuse.tightbinding.indicators import parity_exchange
from topofuse.tightbinding.sketch import sketch_of


@pytest.fixture(scope="module")
def bismuth_selenide(textbook):
    return textbook["Bi2Se3-tetradymite"].crystal


def test_gaps_at_special_momenta_are_those_that_the_model_reads(bismuth_selenide):
    symmetric = analyse(bismuth_selenide)
    lines, model = sketch(symmetric).lines, sketch_of(symmetric)
    below, above = model.spin_edges()
    read = {tuple(k): gap for k, gap in zip(np.round(model.sampling.points, 6).tolist(), above - below, strict=True)}
    compared = 0
    for k, energy in zip(np.round(lines.momenta, 6).tolist(), lines.energy_soc, strict=True):
        if tuple(k) in read:
            compared += 1
            assert energy[lines.filled_soc] - energy[lines.filled_soc - 1] == pytest.approx(read[tuple(k)], abs=1e-6)
    assert compared >= 4  # Γ comes more than once, other ends of lines are on other momenta of the same stars


def test_arrays_agree_with_one_another(bismuth_selenide):
    found = sketch(bismuth_selenide, per_line=5)
    lines = found.lines
    p = 5 * (int(lines.line.max()) + 1)
    assert lines.energy.shape == lines.weights.shape[:2]
    assert lines.energy_soc.shape == lines.weights_soc.shape[:2]
    assert len(lines.energy) == len(lines.energy_soc) == len(lines.momenta) == len(lines.distance) == p
    assert (np.diff(lines.distance) >= 0).all()
    assert (np.diff(lines.energy) >= -1e-9).all()
    assert (np.diff(lines.energy_soc) >= -1e-9).all()
    np.testing.assert_allclose(lines.weights.sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(lines.weights_soc.sum(-1), 1, atol=1e-6)
    assert (found.electrons, lines.filled) == (28, 14)
    top, bottom = lines.energy_soc[:, lines.filled_soc - 1].max(), lines.energy_soc[:, lines.filled_soc].min()
    assert top == pytest.approx(-bottom)  # zero is the middle of the gap
    assert [label for _, label in found.ticks] == ["Γ", "T", "H₂|H₀", "L", "Γ", "S₀|S₂", "F", "Γ"]
    assert found.ticks[-1][0] == lines.distance[-1]


def test_the_band_edges_of_bismuth_selenide_are_p_orbitals_and_those_of_a_metal_oxide_are_p_and_s(
    bismuth_selenide, textbook
):
    edges = sketch(bismuth_selenide).lines
    assert edges.weights_soc[0, edges.filled_soc - 1, 1] > 0.9
    oxide = sketch(textbook["ZnO-wurtzite"].crystal).lines
    assert oxide.weights_soc[0, oxide.filled_soc - 1, 1] > 0.6
    assert oxide.weights_soc[0, oxide.filled_soc, 0] > 0.6


def test_spin_orbit_coupling_splits_the_top_of_the_valence_band_of_indium_phosphide(textbook):
    found = sketch(textbook["InP-zinc_blende"].crystal)
    lines = found.lines
    gamma = lines.energy_soc[0, lines.filled_soc - 6 : lines.filled_soc]
    assert gamma[2:] == pytest.approx([gamma[-1]] * 4, abs=1e-6)  # heavy and light holes
    assert 0.05 < gamma[-1] - gamma[0] < 0.25  # the split-off band; measured: 0.11 eV
    without = lines.energy[0, lines.filled - 3 : lines.filled]
    assert np.ptp(without) < 1e-6
    assert not found.marks


def test_sodium_bismuthide_is_the_dirac_semimetal_of_the_textbooks(textbook):
    found = sketch(textbook["Na3Bi-na3as"].crystal)
    assert found.verdict == "hsl_semimetal"
    assert found.indicator is None
    marks = {(mark.kind, mark.label) for mark in found.marks if mark.spin_orbit}
    assert marks == {("inversion", "Γ"), ("crossing", "Γ–A")}
    gamma = found.points[0]
    assert (gamma.label, gamma.inverted, gamma.odd_pairs) == ("Γ", True, (4, 3))
    assert not any(point.inverted for point in found.points[1:])


def test_mercury_telluride_has_a_level_that_the_filling_cuts(textbook):
    found = sketch(textbook["HgTe-zinc_blende"].crystal)
    assert found.verdict == "hsp_semimetal"
    assert {(mark.kind, mark.label) for mark in found.marks} == {("degenerate", "Γ")}
    gamma = found.points[0]
    cut = (gamma.filled > 0) & (gamma.filled < 1)
    assert gamma.dimension[cut].tolist() == [4]
    assert gamma.filled[cut].tolist() == [0.5]


def test_levels_at_momenta_hold_all_electrons_and_have_parities_where_there_is_inversion(textbook):
    for name, parities in (("Bi2Se3-tetradymite", True), ("ZnO-wurtzite", False)):
        found = sketch(textbook[name].crystal)
        for point in found.points:
            assert (np.diff(point.energy) >= 0).all()
            assert ((point.filled == 1) | (point.filled == 0)).all()
            assert (np.abs(point.parity) == 1).all() == (parities and point.time_reversal_invariant)
    symmetric = analyse(textbook["Bi2Se3-tetradymite"].crystal)
    exchange = parity_exchange(sketch_of(symmetric))
    assert sketch(symmetric).nearest_exchange.exchange == pytest.approx(exchange.min())
    assert found.nearest_exchange is None  # zinc oxide


def test_indices_are_those_of_the_features(textbook):
    for name in ("Sb-arsenic_a7", "Si-diamond", "KHgSb-zrbesi"):
        symmetric = analyse(textbook[name].crystal)
        row = dict(zip(TABLE_NAMES, extract(symmetric)["table"][0].tolist(), strict=True))
        assert sketch(symmetric).z4 == row["z4_soc"]


def test_the_figure_is_drawn_and_a_notebook_shows_it(bismuth_selenide):
    found = sketch(bismuth_selenide, per_line=3)
    figure = found.plot(spin_orbit=False)
    assert isinstance(figure, Figure)
    assert "without spin-orbit coupling" in figure.axes[0].get_title(loc="left")
    assert len(figure.axes[0].collections) > 20
    shown = found._repr_svg_()
    assert "<svg" in shown
    assert "with spin-orbit coupling" in shown


def test_it_takes_files_and_says_what_it_cannot_do(tmp_path, nacl):
    assert topofuse.sketch(Path(__file__).parents[1] / "docs/examples/Bi2Se3.vasp").formula == "Bi2Se3"
    with pytest.raises(NoSketchError, match="odd number of electrons"):
        topofuse.sketch(Crystal.validated(3.3 * np.eye(3), [11], [[0, 0, 0]]))
    with pytest.raises(CrystalError):
        topofuse.sketch(tmp_path / "absent.cif")
    with pytest.raises(ValueError, match="at least 2; not 1"):
        topofuse.sketch(nacl, per_line=1)
