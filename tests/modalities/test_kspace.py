"""The Brillouin-zone modality: forced degeneracies, fillings, empty-lattice levels, and its invariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import spglib

from support.topomat import TOPOMAT
from topofuse.crystals import Crystal, SymmetricCrystal, analyse, thermal_view
from topofuse.crystals.elements import valence_electrons
from topofuse.crystals.operations import primitive_basis
from topofuse.modalities.kspace.graph import EDGE_FEATURES, KSPACE, NODE_FEATURES
from topofuse.modalities.kspace.levels import empty_lattice
from topofuse.symmetry.zones import extended_bravais, group_facts, momenta, zone, zone_symbols


def settings() -> dict[int, tuple[int, str]]:
    found: dict[int, tuple[int, str]] = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        found.setdefault(kind.number, (hall, kind.international_short[0]))
    return found


def random_crystal(number: int, hall: int, rng: np.random.Generator) -> Crystal:
    """One generic orbit of copper in a random cell of the space group, with little overlap."""
    operations = spglib.get_symmetry_from_database(hall)
    # neither too crowded nor a single atom in an empty box
    a, b, c = rng.uniform(12.0, 20.0, 3) * (len(operations["rotations"]) / 192) ** (1 / 6)
    b = a if number > 74 else b
    c = a if number > 194 else c
    lattice = np.diag([a, b, c])
    if 142 < number < 195:
        lattice[1] = [-a / 2, a * np.sqrt(3) / 2, 0.0]
    if number < 16:
        lattice[2] = [-0.31 * c, 0.0, 0.9 * c]
    if number < 3:
        lattice[2, 1] = 0.13 * c
    while True:
        orbit = (operations["rotations"] @ rng.random(3) + operations["translations"]) % 1.0
        crystal = Crystal(lattice, np.full(len(orbit), 29), orbit)
        if crystal.smallest_distance() > 1.4:
            return crystal


def build(lattice: object, numbers: list[int], coords: object) -> SymmetricCrystal:
    return analyse(Crystal.validated(lattice, numbers, coords))


def table(crystal: SymmetricCrystal) -> dict[str, float]:
    return dict(zip(KSPACE.table_names, KSPACE.extract(crystal)["table"][0].tolist(), strict=True))


@pytest.fixture(scope="module")
def silicon() -> SymmetricCrystal:
    return build(2.715 * (1 - np.eye(3)), [14, 14], [[0, 0, 0], [0.25] * 3])


@pytest.fixture(scope="module")
def bismuth_telluride() -> SymmetricCrystal:
    a, c = 4.38, 30.49
    cell = [[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]]
    z = [0.0, 0.2095, -0.2095, 0.4001, -0.4001]
    shifts = [[0, 0, 0], [2 / 3, 1 / 3, 1 / 3], [1 / 3, 2 / 3, 2 / 3]]
    coords = [[s[0], s[1], s[2] + x] for x in z for s in shifts]
    return build(cell, [52] * 9 + [83] * 6, np.array(coords))


@pytest.fixture(scope="module")
def real_crystals() -> list[SymmetricCrystal]:
    if not TOPOMAT.exists():
        pytest.skip(f"{TOPOMAT} is absent")
    import pyarrow.parquet as pq

    rows = pq.read_table(TOPOMAT, columns=["lattice", "numbers", "frac_coords", "split", "spacegroup"]).to_pandas()
    pool = rows[rows.split == "pool"]
    some = pool.groupby("spacegroup", group_keys=False).head(2).sample(200, random_state=0)
    return [analyse(Crystal.validated(r.lattice, r.numbers, r.frac_coords)) for r in some.itertuples()]


def test_degeneracies_of_silicon_are_those_of_the_double_group_of_diamond():
    found = zone(227, "cF2")
    at = dict(zip(found.labels, found.nodes, strict=True))
    assert at["GAMMA"].double == {2: 4, 4: 2}  # Γ6±, Γ7±, Γ8±
    assert at["GAMMA"].single == {1: 4, 2: 2, 3: 4}
    assert at["X"].double == {4: 1}  # the glide sticks all bands together in fours
    assert at["X"].single == {2: 4}
    assert at["L"].double == {2: 4}  # L6±, and the conjugate pairs L4 + L5
    assert at["L"].order == 12


def test_zinc_blende_splits_bands_off_the_symmetric_momenta():
    found = zone(216, "cF2")
    at = dict(zip(found.labels, found.nodes, strict=True))
    assert at["GAMMA"].double == {2: 2, 4: 1}
    assert at["W"].double == {1: 4}  # S4 double group; nothing protects a Kramers pair here
    assert not found.trim[found.labels.index("W")]


def test_kramers_pairs_at_every_time_reversal_invariant_momentum():
    for number, symbol in zone_symbols():
        found = zone(number, symbol)
        for trim, little in zip(found.trim, found.nodes, strict=True):
            if trim or (little.reversal and little.inversion):
                assert min(little.double) >= 2, (number, symbol)


def test_dimensions_satisfy_the_sum_rule_of_the_little_group():
    for number, symbol in zone_symbols():
        for little in (*zone(number, symbol).nodes, *(line[4] for line in zone(number, symbol).lines)):
            for dims in (little.double, little.single):
                # time reversal at most doubles a dimension and halves a count, so Σ d² grows at most fourfold
                assert little.order <= sum(n * d * d for d, n in dims.items()) <= 4 * little.order


def test_symmetry_indicators_are_those_of_po_vishwanath_watanabe():
    expected = {
        1: (), 2: (2, 2, 2, 4), 11: (2, 2, 4), 14: (2, 4), 47: (2, 2, 2, 4), 83: (2, 4, 8), 123: (2, 4, 8), 127: (4, 8),
        129: (2, 4), 139: (2, 8), 166: (2, 4), 174: (3, 3), 175: (6, 12), 188: (3,), 191: (6, 12), 194: (12,),
        216: (2,), 221: (4, 8), 225: (8,), 227: (4,), 229: (2, 8), 230: (4,),
    }  # fmt: skip
    assert {number: group_facts(number).indicators for number in expected} == expected


def test_atomic_limits_need_multiples_of_the_smallest_orbit_but_in_four_groups():
    odd_ones = {n for n in range(1, 231) if group_facts(n).atomic_filling != 2 * group_facts(n).orbit_sizes[0]}
    assert odd_ones == {199, 214, 220, 230}  # orbits of 4 and 6 sites, or 6 and 8: their sums have a smaller divisor


@pytest.mark.slow
def test_no_space_group_fails():
    rng = np.random.default_rng(7)
    for number, (hall, _) in settings().items():
        crystal = analyse(random_crystal(number, hall, rng))
        part = KSPACE.extract(crystal)
        assert part["table"].shape == (1, len(KSPACE.table_names))
        assert part["node.features"].shape[1] == len(NODE_FEATURES)
        assert part["edge.features"].shape == (len(part["edge.source"]), len(EDGE_FEATURES))
        assert all(np.isfinite(values).all() for values in part.values())
        assert max(part["edge.source"].max(), part["edge.target"].max()) < len(part["node.features"])


@pytest.mark.slow
def test_every_zone_shape_of_a_space_group_is_tabulated():
    rng = np.random.default_rng(3)
    pairs = set(zone_symbols())
    for number, (_, centering) in settings().items():
        for _ in range(40):
            a, b, c = np.exp(rng.uniform(0.0, 2.5, 3))
            b = a if number > 74 else b
            c = a if number > 194 else c
            lattice = np.diag([a, b, c])
            if number < 16:
                beta = np.radians(rng.uniform(90.0, 150.0))
                lattice[2] = [c * np.cos(beta), 0, c * np.sin(beta)]
            symbol = extended_bravais(number, centering, lattice)
            assert (number, symbol) in pairs
            assert all(np.isfinite(k).all() for k in momenta(symbol, centering, lattice).values())


def test_little_groups_of_real_crystals_are_as_tabulated(real_crystals):
    compared = 0
    for crystal in real_crystals:
        cell = (crystal.primitive.lattice, crystal.primitive.frac_coords, crystal.primitive.numbers)
        found = spglib.get_symmetry(cell, symprec=1e-3)
        if spglib.get_spacegroup_type(crystal.hall_number).number != spglib.get_symmetry_dataset(cell, 1e-3).number:
            continue  # found at a loose tolerance, and not quite met by the atoms
        symbol = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
        expected = zone(crystal.spacegroup, symbol)
        points = momenta(symbol, crystal.centering, crystal.conventional_lattice)
        for label, little in zip(expected.labels, expected.nodes, strict=True):
            k = points[label]
            rotations = np.unique(found["rotations"], axis=0)
            moved = k @ rotations - k
            assert np.sum(np.all(np.abs(moved - np.rint(moved)) < 1e-4, axis=1)) == little.order, (symbol, label)
        compared += 1
    assert compared > 0.8 * len(real_crystals)


def test_momenta_are_those_of_seekpath_in_cartesian_coordinates(real_crystals):
    import warnings

    import seekpath

    compared = 0
    for crystal in real_crystals[:60]:
        if crystal.spacegroup <= 2:
            continue
        cell = (crystal.primitive.lattice, crystal.primitive.frac_coords, crystal.primitive.numbers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = seekpath.get_path(cell, symprec=1e-3)
        if theirs["spacegroup_number"] != crystal.spacegroup:
            continue
        symbol = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
        assert symbol == theirs["bravais_lattice_extended"]
        ours = momenta(symbol, crystal.centering, crystal.conventional_lattice)
        basis = 2 * np.pi * np.linalg.inv(crystal.primitive.lattice).T
        for label, k in theirs["point_coords"].items():
            length = np.linalg.norm(np.array(k) @ theirs["reciprocal_primitive_lattice"])
            assert np.linalg.norm(ours[label] @ basis) == pytest.approx(length, abs=1e-3)
        compared += 1
    assert compared > 45


def test_empty_lattice_of_a_simple_cubic_crystal():
    found = empty_lattice(np.eye(3), np.array([[0.0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0.5]]), 4)
    unit = (2 * np.pi) ** 2 / (3 * np.pi**2 * 4) ** (2 / 3)  # (2π/a)² in Fermi energies
    assert found.lowest == pytest.approx([0, unit / 4, 3 * unit / 4])
    assert found.level == pytest.approx([unit, unit / 4, 3 * unit / 4])  # the second orbital level
    assert found.shell.tolist() == [6, 2, 8]
    assert found.filled == pytest.approx([1 / 6, 1.0, 2 / 8])
    assert found.gap_above == pytest.approx([unit, unit, 2 * unit])
    assert found.inside.tolist() == [True, False, True]


def test_levels_do_not_depend_on_the_size_of_the_cell():
    cell, k = np.array([[3.0, 0, 0], [0.4, 4, 0], [0.2, 0.7, 9]]), np.array([[0.0, 0.5, 0.5], [0.2, 0, 0.4]])
    small, large = empty_lattice(cell, k, 37), empty_lattice(2 * cell, k, 37)
    assert small.level == pytest.approx(large.level)
    assert small.gap_above == pytest.approx(large.gap_above)


def test_silicon_fills_whole_multiplets(silicon):
    values = table(silicon)
    assert values["violates_atomic_limit"] == 0
    assert values["double_unfilled"] == values["single_unfilled"] == 0
    assert values["smallest_orbit"] == 2
    assert values["indicator_largest"] == 4


def test_a_filling_that_no_atomic_limit_has_is_told():
    # spinel-like: eight-electron unit in a group whose smallest orbit has two sites, plus two electrons
    a = 5.0
    fcc = a / 2 * (1 - np.eye(3))
    diamond = build(fcc, [14, 14], [[0, 0, 0], [0.25] * 3])
    metal = replace(diamond, primitive=Crystal(fcc, np.array([1, 1]), diamond.primitive.frac_coords))
    assert table(metal)["electrons_over_atomic"] == pytest.approx(0.5)  # two electrons; diamond needs fours
    assert table(metal)["violates_atomic_limit"] == 1
    assert table(metal)["double_unfilled"] >= 1  # X takes four electrons or none


def same(one: SymmetricCrystal, other: SymmetricCrystal) -> bool:
    a, b = KSPACE.extract(one), KSPACE.extract(other)
    return all(a[key].shape == b[key].shape and np.allclose(a[key], b[key], atol=2e-3) for key in a)


def test_supercell_rotation_shift_and_order_change_nothing(silicon, bismuth_telluride):
    rng = np.random.default_rng(5)
    triclinic = build([[4, 0, 0], [0.7, 5, 0], [0.9, 1.3, 6]], [14, 8, 3], rng.random((3, 3)))
    for crystal in (silicon, bismuth_telluride, triclinic):
        p = crystal.primitive
        grid = np.array([[0, 0, 0], [1, 0, 0]])
        coords = np.concatenate([(p.frac_coords + g) / [2, 1, 1] for g in grid])
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        rotation *= np.sign(np.linalg.det(rotation))
        order = rng.permutation(len(coords))
        lattice = (p.lattice * np.array([[2.0], [1], [1]])) @ rotation
        other = build(lattice, np.tile(p.numbers, 2)[order].tolist(), (coords + rng.random(3))[order])
        assert same(crystal, other)


def test_real_crystals_look_the_same_in_another_setting(real_crystals):
    rng = np.random.default_rng(2)
    compared = 0
    for crystal in real_crystals[::3]:
        p = crystal.primitive
        skew = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
        order = rng.permutation(len(p))
        coords = (p.frac_coords @ np.linalg.inv(skew) + rng.random(3))[order]
        other = analyse(Crystal.validated(skew @ p.lattice, p.numbers[order], coords))
        if other.spacegroup == crystal.spacegroup:
            assert same(crystal, other), crystal.spacegroup
            compared += 1
    assert compared > 60


def test_a_thermal_view_keeps_the_symmetry_and_moves_the_levels(bismuth_telluride):
    # small enough a strain, and far enough from a change of the zone's shape, to keep every label
    view = thermal_view(bismuth_telluride, view=1)
    before, after = KSPACE.extract(bismuth_telluride), KSPACE.extract(view)
    still = [NODE_FEATURES.index(name) for name in ("trim", "order", "double_max", "double_rest")]
    level = NODE_FEATURES.index("level")
    assert np.array_equal(before["node.features"][:, still], after["node.features"][:, still])
    assert not np.allclose(before["node.features"][:, level], after["node.features"][:, level], atol=1e-4)


@pytest.mark.slow
def test_views_of_real_crystals_are_always_usable(real_crystals):
    for crystal in real_crystals:
        part = KSPACE.extract(thermal_view(crystal, view=1))
        assert all(np.isfinite(values).all() for values in part.values())


def test_lines_run_both_ways(silicon):
    part = KSPACE.extract(silicon)
    half = len(part["edge.source"]) // 2
    assert np.array_equal(part["edge.source"][:half], part["edge.target"][half:])
    assert np.array_equal(part["edge.features"][:half], part["edge.features"][half:])


def test_electron_counts_follow_the_composition(silicon):
    assert (
        table(silicon)["electrons_over_atomic"] * group_facts(227).atomic_filling == valence_electrons([14, 14]).sum()
    )


def test_our_primitive_basis_is_where_the_momenta_live():
    # T of a rhombohedral zone is (0, 0, 3/2) of the conventional cell, that is (½, ½, ½) of the primitive one
    lattice = np.array([[4.38, 0, 0], [-2.19, 3.793, 0], [0, 0, 30.49]])
    k = momenta(extended_bravais(166, "R", lattice), "R", lattice)["T"]
    conventional = np.linalg.inv(primitive_basis("R")).T @ k
    assert np.abs(conventional) == pytest.approx([0, 0, 1.5])
