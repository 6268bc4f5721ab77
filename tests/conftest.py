"""What many tests share: compounds by name, the same crystal written down in other ways, a small feature store."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from topofuse.config import Config, FusionConfig, parse_config
from topofuse.crystals import Crystal
from topofuse.fusion.network import FusionNetwork
from topofuse.labels import FIVE
from topofuse.materials.textbook import TextbookMaterial, iter_textbook
from topofuse.modalities.extraction import extract_all
from topofuse.modalities.registry import MODALITY_NAMES
from topofuse.modalities.store import FeatureStore
from topofuse.trust.trust import Trust

torch.set_num_threads(1)  # the networks of the tests are tiny; more threads would only wait for each other

pytest_plugins = ["support.workplace"]  # fixtures that tests of several rooms use


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk():
    """No test cuts the power, so that none need wait until a file has reached the disk: that took 7 s in all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


PER_CLASS = 12
N_VIEWS = 3


@pytest.fixture(scope="session")
def textbook() -> dict[str, TextbookMaterial]:
    """The embedded data set by 'formula-prototype'."""
    return {m.material_id.removeprefix("textbook/"): m for m in iter_textbook()}


@pytest.fixture(scope="session")
def nacl(textbook) -> Crystal:
    return textbook["NaCl-rock_salt"].crystal


@pytest.fixture(scope="session")
def silicon(textbook) -> Crystal:
    return textbook["Si-diamond"].crystal


@pytest.fixture(scope="session")
def bi2se3(textbook) -> Crystal:
    return textbook["Bi2Se3-tetradymite"].crystal


@pytest.fixture(scope="session")
def zno(textbook) -> Crystal:
    return textbook["ZnO-wurtzite"].crystal


@pytest.fixture(scope="session")
def phosphorus(textbook) -> Crystal:
    return textbook["P-black_phosphorus"].crystal


@pytest.fixture(scope="session")
def compounds(textbook) -> dict[str, Crystal]:
    """One compound of each crystal family that the textbook holds, with and without inversion, chiral, polar."""
    ids = (
        "NaCl-rock_salt",
        "Si-diamond",
        "Bi2Se3-tetradymite",
        "ZnO-wurtzite",
        "P-black_phosphorus",
        "FeSi-fesi_b20",
        "SiO2-quartz",
        "FeS2-pyrite",
        "BiTeI-bitei",
        "Sn-beta_tin",
    )
    return {name: textbook[name].crystal for name in ids}


Rewriting = Callable[[Crystal], Crystal]


@pytest.fixture(scope="session")
def rewritings() -> dict[str, Rewriting]:
    """Ways to write the same crystal down differently."""
    return {
        "rotation": _rotated,
        "translation": _shifted,
        "atom order": _shuffled,
        "supercell": lambda c: _repeated(c, (2, 1, 1)),
        "primitive cell": _primitive,
        "skewed cell": _skewed,
        "all at once": lambda c: _shuffled(_rotated(_skewed(_repeated(_primitive(c), (1, 2, 1))))),
    }


def _rotated(c: Crystal) -> Crystal:
    turn = Rotation.from_euler("xyz", [0.3, 1.1, 2.2]).as_matrix()
    return Crystal.validated(c.lattice @ turn.T, c.numbers, c.frac_coords)


def _shifted(c: Crystal) -> Crystal:
    return Crystal.validated(c.lattice, c.numbers, c.frac_coords + np.array([0.137, 0.291, 0.733]))


def _shuffled(c: Crystal) -> Crystal:
    order = np.random.default_rng(5).permutation(len(c))
    return Crystal.validated(c.lattice, c.numbers[order], c.frac_coords[order])


def _repeated(c: Crystal, times: tuple[int, int, int]) -> Crystal:
    shifts = np.stack(np.meshgrid(*map(np.arange, times), indexing="ij"), axis=-1).reshape(-1, 3)
    coords = (c.frac_coords[None] + shifts[:, None]).reshape(-1, 3) / times
    return Crystal.validated(c.lattice * np.array(times)[:, None], np.tile(c.numbers, len(shifts)), coords)


def _primitive(c: Crystal) -> Crystal:
    """pymatgen's primitive cell, which owes nothing to spglib's."""
    from pymatgen.core import Structure

    small = Structure(c.lattice, c.numbers.tolist(), c.frac_coords).get_primitive_structure(tolerance=0.01)
    return Crystal.validated(small.lattice.matrix, [int(site.specie.Z) for site in small], small.frac_coords)


def _skewed(c: Crystal) -> Crystal:
    """Another basis of the same lattice."""
    basis = np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]])
    return Crystal.validated(basis @ c.lattice, c.numbers, c.frac_coords @ np.linalg.inv(basis))


@dataclass(frozen=True, eq=False)
class SmallWorld:
    """60 textbook crystals, 12 of each class, with the features of three views."""

    crystals: list[Crystal]
    formulas: list[str]
    labels: NDArray[np.int64]
    views: list[FeatureStore]

    @property
    def store(self) -> FeatureStore:
        return self.views[0]

    def __len__(self) -> int:
        return len(self.labels)


@pytest.fixture(scope="session")
def small_world(textbook) -> SmallWorld:
    materials = list(textbook.values())
    chosen: list[TextbookMaterial] = []
    for label in FIVE:
        of_class = [m for m in materials if m.label == label]
        chosen += of_class[:: len(of_class) // PER_CLASS][:PER_CLASS]
    chosen = [chosen[i] for i in np.random.default_rng(0).permutation(len(chosen))]
    extraction = extract_all([m.crystal for m in chosen], n_views=N_VIEWS, workers=0)
    assert extraction.rejected == []
    labels = np.array([FIVE.index(m.label) for m in chosen], dtype=np.int64)
    return SmallWorld([m.crystal for m in chosen], [m.reduced_formula for m in chosen], labels, extraction.views)


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    """Settings of a network that trains in a second."""
    return parse_config(
        {
            "preset": "tiny",
            "network": {"width": 16, "channels": 8, "graph_layers": 1, "table_layers": 1, "heads": 2}
            | {"attention_layers": 1, "stages": 1, "dropout": 0.1, "modality_dropout": 0.1},
            "training": {"epochs": 4, "batch_size": 16, "max_lr": 5e-3, "warmup_epochs": 1, "cycle_epochs": 3},
            "members": [{"network": {"dropout": 0.3}, "training": {"mixup_alpha": 0.5}}],
            "boosted": {"rounds": 20, "leaves": 4, "min_leaf": 2, "patience": 10},
            "tta_views": 2,
            "bootstrap": 100,
            "threads": 1,
        }
    )


@pytest.fixture(scope="session")
def trust(small_world) -> Trust:
    """Of a model that is right in seven cases of ten, and says so but for being a little too sure."""
    rng = np.random.default_rng(3)
    said = np.where(rng.random(60) < 0.7, small_world.labels, rng.integers(5, size=60))
    return Trust.fit(small_world.labels, 0.2 * rng.dirichlet(np.ones(5), 60) + 0.8 * np.eye(5)[said], "made up")


@pytest.fixture(scope="session")
def network(small_world) -> FusionNetwork:
    """An untrained network with seeded weights, fitted to the small world's statistics, in evaluation mode."""
    import torch

    torch.manual_seed(7)
    settings = FusionConfig(width=32, channels=16, graph_layers=2, table_layers=1, heads=4, attention_layers=1)
    built = FusionNetwork(MODALITY_NAMES, settings)
    built.fit_statistics(small_world.store.batch(np.arange(len(small_world))))
    return built.eval()
