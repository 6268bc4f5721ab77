"""The band sketch: free atoms, integrals, symmetry of the model, and crystals whose bands everybody knows."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from topofuse.crystals import Crystal, SymmetricCrystal, analyse
from topofuse.crystals.elements import valence_electrons
from topofuse.labels import FIVE
from topofuse.modalities.bands import MODALITY, features
from topofuse.modalities.indicators import MODALITY as ANALYSIS
from topofuse.symmetry.spin import PAULI, spinor
from topofuse.tightbinding import sketch
from topofuse.tightbinding.atoms import BOHR, MOMENTA, MOMENTUM_STEP, free_atom
from topofuse.tightbinding.hamiltonian import TightBinding, basis_of
from topofuse.tightbinding.indicators import parity_exchange
from topofuse.tightbinding.integrals import gaunt, pair_table, real_harmonics, sphere_quadrature
from topofuse.tightbinding.operators import Operators, angular_momentum, rotated_harmonics
from topofuse.tightbinding.sampling import TRIMS, same_momentum
from topofuse.tightbinding.sketch import MAX_ORBITALS, NoSketch, sketch_of, why_no_sketch

SOMEWHERE = np.array([[0.13, 0.29, 0.41], [0.5, 0.1, 0.2]])
EVERYWHERE = np.concatenate([SOMEWHERE, TRIMS])
FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def fcc(number: int, a: float) -> Crystal:
    return Crystal.validated(a * FCC, [number], [[0, 0, 0]])


def row(crystal: Crystal) -> dict[str, float]:
    table = MODALITY.extract(analyse(crystal))["table"]
    assert table.shape == (1, len(MODALITY.table_names))
    return dict(zip(MODALITY.table_names, table[0].tolist(), strict=True))


def verdict(crystal: Crystal) -> str:
    table = ANALYSIS.extract(analyse(crystal))["table"]
    return FIVE[int(table[0, ANALYSIS.table_names.index("verdict")])]


def model_of(crystal: Crystal, real: bool = False) -> tuple[TightBinding, Operators]:
    """The model of a crystal in the basis of orbitals, or in the basis that inversion makes real."""
    symmetric = analyse(crystal)
    basis = basis_of(tuple(free_atom(int(z)) for z in symmetric.primitive.numbers))
    operators = Operators(symmetric, basis)
    return TightBinding(symmetric.primitive, basis, operators.inversion if real else None), operators


class TestFreeAtoms:
    def test_every_element_has_one(self):
        for z in range(1, 104):
            atom = free_atom(z)
            assert 0 < atom.electrons <= 2 * atom.n_orbitals
            assert atom.ell[0] == 0
            assert np.isfinite(atom.radial).all()
        assert free_atom(0) is free_atom(104) is None

    def test_levels_are_those_of_the_textbooks(self):
        silicon, tellurium = free_atom(14), free_atom(52)
        np.testing.assert_allclose(silicon.energy, [-10.9, -4.2], atol=0.5)  # LDA, NIST: -10.88 and -4.16 eV
        assert tellurium.energy[0] < silicon.energy[0] < silicon.energy[1]
        np.testing.assert_allclose(free_atom(1).energy, [-6.35], atol=0.3)

    def test_levels_sink_along_a_period(self):
        assert (np.diff([free_atom(z).energy[1] for z in range(5, 10)]) < 0).all()
        assert (np.diff([free_atom(z).energy[2] for z in range(22, 30)]) < 0.3).all()

    def test_spin_orbit_coupling_grows_with_the_charge_of_the_nucleus(self):
        p = [free_atom(z).spin_orbit[1] for z in (7, 15, 33, 51, 83)]
        assert (np.diff(p) > 0).all()
        assert p[-1] == pytest.approx(1.25, rel=0.3)  # Bi 6p, eV

    def test_confined_orbitals_are_normalised(self):
        weight = MOMENTUM_STEP * MOMENTA**2
        for z in (1, 6, 14, 31, 52, 83):
            norm = (free_atom(z).radial[:, 0] ** 2) @ weight
            np.testing.assert_allclose(norm, 1, atol=0.02)


class TestIntegrals:
    def test_harmonics_are_orthonormal(self):
        directions, weights = sphere_quadrature()
        values = real_harmonics(directions, 4)
        np.testing.assert_allclose(values.T @ (values * weights[:, None]), np.eye(25), atol=1e-12)

    def test_gaunt_coefficients_are_symmetric(self):
        np.testing.assert_allclose(gaunt(1, 2, 3), gaunt(2, 1, 3).transpose(1, 0, 2), atol=1e-12)
        np.testing.assert_allclose(gaunt(1, 1, 0)[:, :, 0], np.eye(3) / np.sqrt(4 * np.pi), atol=1e-12)

    @pytest.mark.parametrize(("first", "second"), [(14, 14), (22, 8), (58, 83)])
    def test_seen_from_the_other_atom_they_are_the_same(self, first, second):
        direction = np.array([[1.0, 2.0, -0.5]]) / np.sqrt(5.25)
        a, b = free_atom(first), free_atom(second)
        distance = np.array([2.6 / BOHR])
        there = pair_table(first, second).blocks(distance, real_harmonics(direction, 6))
        back = pair_table(second, first).blocks(distance, real_harmonics(-direction, 6))
        there = there.reshape(2, a.n_orbitals, b.n_orbitals)
        back = back.reshape(2, b.n_orbitals, a.n_orbitals)
        np.testing.assert_allclose(there, back.transpose(0, 2, 1), atol=1e-12)

    def test_the_bond_of_silicon(self):
        along = pair_table(14, 14).blocks(np.array([2.35 / BOHR]), real_harmonics(np.array([[0.0, 0, 1]]), 4))
        overlap, energy = along.reshape(2, 4, 4)  # orbitals s, y, z, x
        assert 0.1 < overlap[0, 0] < 0.5
        assert energy[0, 0] < 0 < energy[2, 2]  # ss σ binds; pp σ is positive for p orbitals that point the same way
        assert energy[1, 1] == pytest.approx(energy[3, 3])
        assert energy[1, 1] < 0  # pp π
        np.testing.assert_allclose(overlap[[0, 0, 2], [1, 3, 1]], 0, atol=1e-12)


class TestRotations:
    TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])

    def test_harmonics_turn_like_a_representation(self):
        other = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
        for ell in range(4):
            a, b, both = (rotated_harmonics(r)[ell] for r in (self.TURN, other, self.TURN @ other))
            np.testing.assert_allclose(a @ b, both, atol=1e-12)
            np.testing.assert_allclose(
                rotated_harmonics(-np.eye(3))[ell], (-1) ** ell * np.eye(2 * ell + 1), atol=1e-12
            )

    def test_a_full_turn_changes_the_sign_of_a_spinor(self):
        np.testing.assert_allclose(np.linalg.matrix_power(spinor(self.TURN), 4), -np.eye(2), atol=1e-12)
        np.testing.assert_allclose(spinor(-np.eye(3)), np.eye(2), atol=1e-12)

    def test_a_spinor_turns_its_spin(self):
        u = spinor(self.TURN)
        turned = np.array([u @ sigma @ u.conj().T for sigma in PAULI])
        np.testing.assert_allclose(turned, np.einsum("ab,axy->bxy", self.TURN, PAULI), atol=1e-12)

    @pytest.mark.parametrize("ell", [1, 2, 3])
    def test_the_level_with_the_smaller_total_momentum_lies_lower(self, ell):
        x, y, z = 1j * angular_momentum()[ell]
        np.testing.assert_allclose(x @ y - y @ x, 1j * z, atol=1e-5)
        coupling = sum(np.kron(axis, sigma / 2) for axis, sigma in zip((x, y, z), PAULI, strict=True))
        levels = np.linalg.eigvalsh(coupling)
        np.testing.assert_allclose(levels[: 2 * ell], -(ell + 1) / 2, atol=1e-5)  # j = l - 1/2
        np.testing.assert_allclose(levels[2 * ell :], ell / 2, atol=1e-5)


class TestModel:
    def test_overlap_is_hermitian_and_positive(self, silicon):
        overlap, hamiltonian = model_of(silicon)[0].matrices(SOMEWHERE)
        for matrix in (overlap, hamiltonian):
            np.testing.assert_allclose(matrix, matrix.conj().transpose(0, 2, 1), atol=1e-12)
        assert np.linalg.eigvalsh(overlap).min() > 0

    @pytest.mark.parametrize("name", ["ZnO-wurtzite", "SiO2-quartz", "Bi2Se3-tetradymite"])
    def test_time_reversal(self, textbook, name):
        model, _ = model_of(textbook[name].crystal)
        there, back = (model.bands(momenta).energy for momenta in (SOMEWHERE, -SOMEWHERE))
        np.testing.assert_allclose(there, back, atol=1e-8)

    @pytest.mark.parametrize("name", ["Bi2Se3-tetradymite", "FeS2-pyrite", "P-black_phosphorus"])
    def test_with_inversion_real_matrices_give_the_same_bands(self, textbook, name):
        crystal = textbook[name].crystal
        plain, real = (model_of(crystal, real)[0].bands(EVERYWHERE) for real in (False, True))
        np.testing.assert_allclose(real.energy, plain.energy, atol=1e-8)
        for bands in (plain, real):
            for states, dual in zip(bands.states, bands.dual, strict=True):
                np.testing.assert_allclose(states.conj().T @ dual, np.eye(len(states)), atol=1e-8)

    @pytest.mark.parametrize("name", ["ZnO-wurtzite", "FeS2-pyrite"])
    def test_states_solve_the_problem_that_the_matrices_pose(self, textbook, name):
        model, _ = model_of(textbook[name].crystal, real=True)
        overlap, hamiltonian = model.matrices(EVERYWHERE)
        bands = model.bands(EVERYWHERE)
        for k in range(len(EVERYWHERE)):
            np.testing.assert_allclose(overlap[k] @ bands.states[k], bands.dual[k], atol=1e-8)
            moved = hamiltonian[k] @ bands.states[k]
            np.testing.assert_allclose(moved, bands.dual[k] * bands.energy[k], atol=1e-6)

    def test_states_where_inversion_and_time_reversal_leave_the_momentum_in_place_have_a_parity(self, textbook):
        model, operators = model_of(textbook["FeS2-pyrite"].crystal, real=True)
        bands = model.bands(EVERYWHERE)
        inversion = np.flatnonzero(operators.characters == -3)
        for k, states, parity in zip(EVERYWHERE, bands.states, bands.parity, strict=True):
            if parity is None:
                assert np.iscomplexobj(states)
            else:
                np.testing.assert_allclose(operators.matrices(inversion, k)[0] @ states, states * parity, atol=1e-6)
        assert [parity is None for parity in bands.parity] == [True] * len(SOMEWHERE) + [False] * len(TRIMS)

    @pytest.mark.parametrize("name", ["ZnO-wurtzite", "Bi2Se3-tetradymite", "FeS2-pyrite", "Sn-beta_tin"])
    def test_operators_commute_with_the_model(self, textbook, name):
        model, operators = model_of(textbook[name].crystal)
        for momentum in TRIMS[[0, 1, 7]]:
            matrices = model.matrices(momentum[None])[:, 0]
            fixing = np.flatnonzero(same_momentum(operators.momentum_rotations @ momentum, momentum))
            assert len(fixing) > 1
            for u in operators.matrices(fixing, momentum):
                np.testing.assert_allclose(u.conj().T @ u, np.eye(len(u)), atol=1e-9)
                for matrix in matrices:
                    np.testing.assert_allclose(u @ matrix, matrix @ u, atol=1e-4 * np.abs(matrix).max())

    @pytest.mark.parametrize("name", ["ZnO-wurtzite", "Si-diamond"])
    def test_an_operation_repeated_is_one_or_minus_one_with_spin(self, textbook, name):
        _, operators = model_of(textbook[name].crystal)
        for operation, rotation in enumerate(operators.rotations):
            order = next(n for n in range(1, 7) if (np.linalg.matrix_power(rotation, n) == np.eye(3)).all())
            u = operators.matrices(np.array([operation]), np.zeros(3))[0]
            np.testing.assert_allclose(np.linalg.matrix_power(u, order), np.eye(len(u)), atol=1e-7)
            spin = np.linalg.matrix_power(operators.spinors[operation], order)
            np.testing.assert_allclose(spin, spin[0, 0] * np.eye(2), atol=1e-9)
            assert abs(spin[0, 0]) == pytest.approx(1)
            if np.linalg.det(rotation) > 0 and order > 1:
                assert spin[0, 0] == pytest.approx(-1)

    def test_an_indefinite_overlap_is_no_accident(self):
        squeezed = Crystal(3.0 * FCC, np.array([55]), np.zeros((1, 3)))  # closer than a file may have them
        model, _ = model_of(squeezed)
        assert np.linalg.eigvalsh(model.matrices(TRIMS)[0]).min() < 0
        bands = model.bands(EVERYWHERE)
        assert np.isfinite(bands.energy).all()
        assert np.isfinite(np.array(bands.states)).all()
        assert row(Crystal(squeezed.lattice, np.array([56]), squeezed.frac_coords))["orbitals"] == 9


class TestCrystals:
    def test_insulators_have_a_gap_and_metals_have_none(self, silicon, nacl):
        for insulator in (silicon, nacl):
            assert row(insulator)["indirect_gap"] > 1
            assert verdict(insulator) == "trivial"
            assert row(insulator)["fermi_bands"] == 0
        for metal in (fcc(20, 5.58), fcc(78, 3.92)):  # Ca, Pt
            assert row(metal)["indirect_gap"] < 0
            assert row(metal)["fermi_bands"] > 0

    def test_the_top_of_the_bands_of_silicon_is_threefold_and_of_p_orbitals(self, silicon):
        found = row(silicon)
        assert found["gamma_top_p"] > 0.95
        energy = sketch_of(analyse(silicon)).bands.energy[0]
        np.testing.assert_allclose(energy[1:4], energy[3], atol=1e-6)
        assert energy[0] < energy[3] - 5

    def test_graphene_touches_at_one_point_without_spin_orbit_coupling(self):
        lattice = 2.46 * np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, 8]])
        graphene = Crystal.validated(lattice, [6, 6], [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]])
        found = row(graphene)
        assert found["point_gap_min"] < 1e-6
        assert found["degenerate_points"] == 2  # the stars of K and H
        assert found["gamma_gap"] > 2
        assert found["gamma_top_p"] == pytest.approx(1, abs=0.02)

    @pytest.mark.parametrize("name", ["Bi2Se3-tetradymite", "Sn-beta_tin", "SnTe-rock_salt"])
    def test_with_inversion_every_level_with_spin_is_double(self, textbook, name):
        for spin in sketch_of(analyse(textbook[name].crystal)).spin:
            np.testing.assert_allclose(spin.energy[::2], spin.energy[1::2], atol=1e-6)

    def test_without_inversion_levels_split_except_where_time_reversal_forbids_it(self, textbook):
        found = sketch_of(analyse(textbook["BiTeI-bitei"].crystal))
        splitting = np.array([np.abs(s.energy[::2] - s.energy[1::2]).max() for s in found.spin])
        trims = np.unique(found.sampling.trims)
        np.testing.assert_allclose(splitting[trims], 0, atol=1e-6)
        assert np.delete(splitting, trims).max() > 0.05

    def test_spin_orbit_coupling_brings_the_bands_of_bismuth_selenide_together(self, bi2se3):
        found = row(bi2se3)
        assert found["exchange_gamma"] == pytest.approx(found["gamma_gap_soc"], abs=1e-4)
        assert found["gamma_gap_soc"] < found["gamma_gap"] - 0.5
        assert found["gamma_bottom_a"] < 0.5 < found["gamma_top_a"]

    def test_spin_orbit_coupling_of_a_tenth_of_a_millielectronvolt_lifts_a_degeneracy(self, textbook):
        found = row(textbook["VP-nickel_arsenide"].crystal)
        assert found["point_gap_min"] < 1e-5
        assert 1e-5 < found["point_gap_min_soc"] < 1e-3
        assert verdict(textbook["VP-nickel_arsenide"].crystal) == "tci"

    def test_a_weak_index_alone_is_that_of_a_crystalline_insulator(self, textbook):
        found = row(textbook["ZrSiS-zrsis"].crystal)
        assert (found["z4_soc"], found["weak_soc"]) == (0, 1)
        assert verdict(textbook["ZrSiS-zrsis"].crystal) == "tci"

    def test_parities_at_gamma_are_whole_and_those_of_the_orbitals(self, textbook):
        found = sketch_of(analyse(textbook["NaCl-rock_salt"].crystal))
        inversion = np.flatnonzero(found.operators.characters == -3)
        spinless, spinful = found.traces(0, inversion)[:, 0].real
        assert found.filled == 4  # Cl s, which is even, and p, which is odd
        assert spinless == pytest.approx(1 - 3, abs=1e-6)
        assert spinful == pytest.approx(2 * spinless, abs=1e-6)

    @pytest.mark.parametrize("name", ["C-diamond", "Sn-beta_tin", "PtS-cooperite_pts", "P-black_phosphorus"])
    def test_a_trim_has_the_parities_of_its_image_up_to_the_sign(self, textbook, name):
        found = sketch_of(analyse(textbook[name].crystal))
        inversion = int(np.flatnonzero(found.operators.characters == -3)[0])
        direct, filled = found.model.bands(TRIMS), found.filled
        seen = set()
        for trim, (image, sign) in enumerate(zip(found.sampling.trims, found.sampling.trim_signs, strict=True)):
            np.testing.assert_allclose(direct.energy[trim], found.bands.energy[image], atol=1e-3)
            operator = found.operators.matrices(np.array([inversion]), TRIMS[trim])[0]
            turned = operator @ direct.states[trim][:, :filled]
            here = (direct.dual[trim][:, :filled].conj() * turned).sum().real
            there = found.traces(int(image), np.array([inversion]))[0, 0].real
            assert here == pytest.approx(sign * there, abs=1e-4)
            seen.add(sign * np.sign(round(there)))
        assert len(seen) > 1

    def test_an_exchange_of_parities_needs_inversion(self, silicon, zno):
        assert len(parity_exchange(sketch_of(analyse(zno)))) == 0
        assert parity_exchange(sketch_of(analyse(silicon))).min() > 0

    def test_charges_add_up_to_nothing(self, nacl, bi2se3):
        found = row(nacl)
        assert found["charge_max"] == pytest.approx(-found["charge_min"])
        assert found["charge_max"] > 0.1
        assert row(bi2se3)["charge_min"] < -0.5 < 0.5 < row(bi2se3)["charge_max"]


class TestWaysOfWriting:
    @pytest.mark.parametrize("name", ["Si-diamond", "Sn-beta_tin", "NaCl-rock_salt", "BiTeI-bitei"])
    def test_zeros_are_zeros_however_the_crystal_is_written_down(self, textbook, rewritings, name):
        """A tree that splits between two rounding errors would tell the ways of writing apart."""
        crystal = textbook[name].crystal
        ours = np.array(list(row(crystal).values()))
        for rewrite in rewritings.values():
            theirs = np.array(list(row(rewrite(crystal)).values()))
            np.testing.assert_array_equal(theirs == 0, ours == 0)
            np.testing.assert_allclose(theirs, ours, atol=2e-6)


class TestUndefined:
    @pytest.mark.parametrize(
        ("number", "a", "reason"),
        [
            (11, 5.3, NoSketch.ODD_ELECTRONS),
            (1, 3.0, NoSketch.ODD_ELECTRONS),
            (2, 4.2, NoSketch.ALL_FILLED),
            (18, 5.3, NoSketch.ALL_FILLED),
        ],
    )
    def test_a_crystal_without_a_sketch_says_why_and_has_an_undefined_row(self, number, a, reason):
        assert why_no_sketch(analyse(fcc(number, a))) is sketch_of(analyse(fcc(number, a))) is reason
        assert np.isnan(list(row(fcc(number, a)).values())).all()

    def test_so_does_one_with_too_many_orbitals(self):
        lattice = np.diag([25.0, 26.0, 27.0])
        spots = np.random.default_rng(0).permutation(64)[:28]
        coords = np.stack([spots % 4, spots // 4 % 4, spots // 16], axis=1) / 4
        crystal = Crystal.validated(lattice, [42] * 28, coords + np.random.default_rng(1).normal(0, 0.01, (28, 3)))
        assert sketch_of(analyse(crystal)) is NoSketch.TOO_LARGE
        assert np.isnan(row(crystal)["orbitals"])
        assert f"more than {MAX_ORBITALS} orbitals" in NoSketch.TOO_LARGE.sentence
        assert MAX_ORBITALS == 250

    def test_so_does_one_with_an_element_that_the_table_lacks(self, silicon, monkeypatch):
        monkeypatch.setattr(sketch, "free_atom", lambda number: None)
        assert sketch_of(analyse(silicon)) is NoSketch.UNKNOWN_ELEMENT

    def test_every_reason_has_a_sentence_of_its_own(self):
        sentences = [reason.sentence for reason in NoSketch]
        assert len(set(sentences)) == len(sentences) == 5
        assert all(len(sentence) > 20 for sentence in sentences)

    def test_the_sketch_and_the_labels_calculations_agree_on_which_elements_have_odd_electrons(self):
        electrons = np.array([free_atom(z).electrons for z in range(1, 104)])
        np.testing.assert_array_equal(electrons % 2, valence_electrons(np.arange(1, 104)) % 2)

    @pytest.mark.slow
    def test_every_element_has_a_sketch_or_a_reason(self):
        sketched = 0
        for number in range(1, 104):
            found, reason = row(fcc(number, 5.0)), why_no_sketch(analyse(fcc(number, 5.0)))
            assert np.isfinite(found["orbitals"]) == np.isfinite(found["indirect_gap"]) == (reason is None)
            sketched += reason is None
        assert sketched > 40


def test_linear_algebra_has_one_thread_inside_a_sketch_and_its_own_number_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def spy(crystal: SymmetricCrystal) -> NoSketch:
        seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return NoSketch.ODD_ELECTRONS

    monkeypatch.setattr(features, "shared_sketch_of", spy)
    with threadpool_limits(2, user_api="blas"):
        features.extract(analyse(fcc(29, 3.61)))
        after = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
    assert seen
    assert set(seen) == {1}
    assert after == {2}
