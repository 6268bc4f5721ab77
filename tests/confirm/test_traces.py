"""Traces of operations over plane waves with spin: free electrons are representations at every momentum."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.confirm.traces import state_traces
from topofuse.crystals import analyse
from topofuse.symmetry import identify, symmetry_table


def free_electrons(lattice: np.ndarray, k: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Plane waves (q, 3) in reciprocal lattice units and their kinetic energies, ascending, up to a whole shell."""
    steps = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    waves = k + steps
    energy = ((waves @ np.linalg.inv(lattice).T) ** 2).sum(1)
    order = np.argsort(energy)
    waves, energy = waves[order], energy[order]
    inside = energy < most * abs(np.linalg.det(lattice)) ** (-2 / 3)
    return waves[inside], energy[inside]


# symmorphic and not, with and without inversion, all lattice systems but the triclinic
NAMES = [
    "NaCl-rock_salt",
    "Si-diamond",
    "GaAs-zinc_blende",
    "Sb-arsenic_a7",
    "SiRu-fesi_b20",
    "SiC-wurtzite",
    "SiNi-mnp",
]


@pytest.mark.parametrize("name", NAMES)
def test_free_electrons_are_whole_numbers_of_coirreps(textbook, name):
    crystal = analyse(textbook[name].crystal)
    table = symmetry_table(crystal.spacegroup)
    for momentum in table.momenta:
        waves, energy = free_electrons(crystal.primitive.lattice, momentum.k, 3.0)
        q = len(waves)
        states = np.eye(q, dtype=complex)
        spinors = np.eye(2 * q).reshape(2 * q, q, 2)
        traces = state_traces(table, momentum, waves, states, states, spinors)
        shells = np.round(np.repeat(energy, 2), 9)
        levels = identify(table, momentum, shells, traces, electrons=2 * q)
        held = table.stars[momentum.star].dimensions[levels.coirrep].sum()
        assert held == 2 * q


def test_a_scaled_state_has_the_same_traces(silicon):
    """GPAW's pseudo wave functions are normalised with an overlap operator, not among themselves."""
    crystal = analyse(silicon)
    table = symmetry_table(crystal.spacegroup)
    momentum = table.momenta[0]
    waves, _ = free_electrons(crystal.primitive.lattice, momentum.k, 3.0)
    states = np.eye(len(waves), dtype=complex)
    spinors = np.eye(2 * len(waves)).reshape(-1, len(waves), 2)
    plain = state_traces(table, momentum, waves, states, states, spinors)
    scaled = state_traces(table, momentum, waves, states * 3, states * 0.5, spinors)
    assert np.allclose(plain, scaled)
    assert np.abs(plain).max() > 0.5


def test_an_operation_that_moves_the_momentum_is_refused(silicon):
    crystal = analyse(silicon)
    table = symmetry_table(crystal.spacegroup)
    waves, _ = free_electrons(crystal.primitive.lattice, np.array([0.1, 0.2, 0.3]), 3.0)
    states = np.eye(len(waves), dtype=complex)
    spinors = np.eye(2 * len(waves)).reshape(-1, len(waves), 2)
    with pytest.raises(ValueError, match="does not leave the momentum"):
        state_traces(table, table.momenta[0], waves, states, states, spinors)
