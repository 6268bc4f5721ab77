"""Does `novelty` tell real crystals from impossible ones, and known structure types from unknown ones?

    python benchmarks/novelty.py ../shared/topomat/topomat.parquet --run runs/cpu [--features STORE]

Real crystals are those of fold 0, which the reference then lacks; scrambled ones are the same with their elements
permuted, with other elements drawn as often as the pool holds them, and with other elements in a cell scaled to their
covalent radii. Test crystals are compared with a reference of the whole pool, at the end. Nothing was chosen on them.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from topofuse.crystals import Crystal
from topofuse.crystals.elements import element_property
from topofuse.ensemble.boosted import BoostedTrees
from topofuse.labels import FIVE, decide
from topofuse.materials import Dataset, load
from topofuse.materials.splits import group_keys
from topofuse.modalities.extraction import extract_all
from topofuse.modalities.registry import MODALITY_NAMES, table_columns
from topofuse.modalities.store import FeatureStore
from topofuse.trust.novelty import TrainingMaterials

NAMES = ("crystal", "kspace", "scalar", "physics")
SAMPLE = 700
BINS = (0.0, 0.5, 0.9, 0.99, 1.0)


def relabelled(crystal: Crystal, old: np.ndarray, new: np.ndarray) -> Crystal:
    return Crystal(crystal.lattice, new[np.searchsorted(old, crystal.numbers)], crystal.frac_coords)


def permuted(crystal: Crystal, rng: np.random.Generator) -> Crystal | None:
    old = np.unique(crystal.numbers)
    if len(old) < 2:
        return None
    new = old
    while (new == old).all():
        new = rng.permutation(old)
    return relabelled(crystal, old, new)


def replaced(crystal: Crystal, rng: np.random.Generator, frequency: np.ndarray, scaled: bool) -> Crystal:
    old = np.unique(crystal.numbers)
    new = relabelled(crystal, old, rng.choice(len(frequency), len(old), replace=False, p=frequency))
    if not scaled:
        return new
    cubes = element_property("r_covalent") ** 3
    factor = float((np.nansum(cubes[new.numbers]) / np.nansum(cubes[crystal.numbers])) ** (1 / 3))
    return Crystal(crystal.lattice * factor, new.numbers, crystal.frac_coords)


def scrambled(data: Dataset, rows: np.ndarray, frequency: np.ndarray) -> dict[str, list[Crystal]]:
    rng = np.random.default_rng(0)
    chosen = [data.crystals[i] for i in rng.permutation(rows)[:SAMPLE]]
    return {
        "elements permuted": [c for c in (permuted(x, rng) for x in chosen) if c is not None],
        "elements replaced": [replaced(x, rng, frequency, scaled=False) for x in chosen],
        "replaced, cell rescaled": [replaced(x, rng, frequency, scaled=True) for x in chosen],
    }


def auroc(ordinary: np.ndarray, strange: np.ndarray) -> float:
    return float(roc_auc_score(np.repeat([0, 1], [len(ordinary), len(strange)]), np.concatenate([ordinary, strange])))


def gain_of(run: Path | None, fold: str) -> np.ndarray | None:
    """Gain of the fast trees that did not see `fold` (or of all, 'full')."""
    if run is None:
        return None
    columns = table_columns(MODALITY_NAMES)
    content = (run / "trees-fast" / fold / "trees.safetensors").read_bytes()
    own = dict(zip(columns, BoostedTrees.restore(content, len(columns)).gain(), strict=True))
    return np.array([own[column] for column in table_columns(NAMES)])


class World:
    """The labelled materials and their features, in the same order."""

    def __init__(self, path: Path, features: Path | None) -> None:
        data = load(path)
        self.data = data.select(np.flatnonzero(data.labels >= 0))
        if features is not None:
            self.store = FeatureStore.load(features)
        else:
            found = extract_all(self.data.crystals, names=NAMES)
            self.data, self.store = self.data.select(found.kept), found.views[0]
        groups = self.store.facts.spacegroup
        self.prototype = group_keys("prototype", [c.numbers for c in self.data.crystals], groups)
        self.pool, self.test = self.data.rows("pool"), self.data.rows("test")
        counts = np.bincount(np.concatenate([np.unique(self.data.crystals[i].numbers) for i in self.pool]))
        self.frequency = counts / counts.sum()

    def reference(self, rows: np.ndarray, gain: np.ndarray | None) -> TrainingMaterials:
        ids, formulas = ([names[i] for i in rows] for names in (self.data.material_ids, self.data.formulas))
        return TrainingMaterials.fit(self.store, rows, NAMES, (ids, formulas, self.data.labels[rows]), gain)


def against_scrambled(world: World, reference: TrainingMaterials, rows: np.ndarray, title: str) -> None:
    real = reference.place(world.store, rows)
    print(f"{title}: novelty of {len(rows):,} real crystals, quartiles {np.quantile(real.novelty, [0.25, 0.5, 0.75])}")
    for kind, crystals in scrambled(world.data, rows, world.frequency).items():
        store = extract_all(crystals, workers=0, names=NAMES).views[0]
        placed = reference.place(store)
        # exchanging Na and Cl in rock salt gives rock salt: no scrambled crystal
        strange = placed.novelty[placed.distance > 1e-2]
        far = [f"{100 * np.mean(x >= 0.95):.0f} %" for x in (strange, real.novelty)]
        print(f"  AUROC against {len(strange)} with {kind}: {auroc(real.novelty, strange):.3f}")
        print(f"    novelty >= 0.95: {far[0]} of them, {far[1]} of the real")


def against_prototypes(world: World, gain: np.ndarray | None) -> None:
    """Structure types that the reference lacks, against new formulas of types that it has."""
    names = np.unique(world.prototype[world.pool])
    held = np.random.default_rng(0).choice(names, len(names) // 10, replace=False)
    strange = world.pool[np.isin(world.prototype[world.pool], held)]
    fold0 = world.pool[world.data.fold[world.pool] == 0]
    kept = np.setdiff1d(world.pool, np.concatenate([strange, fold0]))
    ordinary = fold0[np.isin(world.prototype[fold0], world.prototype[kept])]
    reference = world.reference(kept, gain)
    found = auroc(reference.place(world.store, ordinary).novelty, reference.place(world.store, strange).novelty)
    print(f"held-out prototypes: AUROC {found:.3f} ({len(strange):,} crystals of {len(held):,} prototypes that the "
          f"reference lacks, {len(ordinary):,} of other formulas in prototypes that it has)")  # fmt: skip


def by_novelty(novelty: np.ndarray, right: np.ndarray, title: str) -> None:
    for low, high in pairwise(BINS):
        inside = (novelty >= low) & ((novelty < high) | (high == 1.0))
        print(f"  {title}, novelty {low} to {high}: {inside.sum():,} rows, "
              f"two-class accuracy {100 * right[inside].mean():.1f} %")  # fmt: skip


def accuracy(world: World, run: Path, gain: np.ndarray | None, whole: TrainingMaterials) -> None:
    table = pd.read_parquet(run / "predictions.parquet").set_index("material_id").loc[world.data.material_ids]
    p5 = table[[f"super_weighted:p_{name}" for name in FIVE]].to_numpy(dtype=float)
    right = (decide(p5) > 0) == (world.data.labels > 0)
    fold0 = world.pool[world.data.fold[world.pool] == 0]
    reference = world.reference(np.setdiff1d(world.pool, fold0), gain)
    by_novelty(reference.place(world.store, fold0).novelty, right[fold0], "fold 0 of the pool")
    by_novelty(whole.place(world.store, world.test).novelty, right[world.test], "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", type=Path, help="A finished run: weights of the columns, and predictions.")
    parser.add_argument("--features", type=Path, help="Features of the labelled rows, a file of FeatureStore.save.")
    arguments = parser.parse_args()
    world = World(arguments.data, arguments.features)
    gain = gain_of(arguments.run, "0")
    fold0 = world.pool[world.data.fold[world.pool] == 0]
    reference = world.reference(np.setdiff1d(world.pool, fold0), gain)
    against_scrambled(world, reference, fold0, "fold 0 of the pool, reference of the other folds")
    against_prototypes(world, gain)
    started = time.process_time()
    whole = world.reference(world.pool, gain_of(arguments.run, "full"))
    print(f"reference of {len(world.pool):,} materials: {time.process_time() - started:.1f} s of CPU, "
          f"{sum(a.nbytes for a in whole.tensors().values()) / 2**20:.2f} MiB")  # fmt: skip
    started = time.process_time()
    whole.columns(world.store.select(world.test[:1024]))
    print(f"query: {1e3 * (time.process_time() - started) / 1024:.2f} ms of CPU per crystal")
    if len(world.test):
        against_scrambled(world, whole, world.test, "test, reference of the pool")
    if arguments.run is not None:
        accuracy(world, arguments.run, gain, whole)


if __name__ == "__main__":
    main()
