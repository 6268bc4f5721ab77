"""How well `known_id` finds training materials: false matches among them, and what is found of the textbook.

python benchmarks/known.py [full|fast|DIR]

False matches: each training material is looked for among the others. Where the Materials Project is the source, all of
its ids are different structures, so each one that is found is a false match.
Misses: the textbook's geometries are experimental, those of the training materials were relaxed in calculations; the
class of a textbook material was looked up under an id of Materiae, which its training material should have.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

from topofuse.crystals import CrystalFacts, analyse
from topofuse.ensemble.bundle import open_bundle
from topofuse.materials import load
from topofuse.trust.known import Finder, KnownMaterials


def facts_of(known: KnownMaterials, row: int, numbers: np.ndarray) -> CrystalFacts:
    """What is stored of a training material, as the facts of a crystal of these atoms."""
    return CrystalFacts(
        spacegroup=known.spacegroups[row : row + 1].astype(np.int64),
        numbers=numbers,
        offsets=np.array([0, int(known.sizes[row])]),
        volume_per_atom=known.volumes[row : row + 1].astype(np.float64),
        fingerprint=(known.fingerprints[row : row + 1] * 1e-4).astype(np.float32),
    )


def false_matches(finder: Finder) -> None:
    """Print how many training materials would be taken for another one if they were not among them."""
    rows = defaultdict(list)
    for row, formula in enumerate(finder.formulas):
        rows[formula].append(row)
    taken = differ = 0
    for group in rows.values():
        for row in group:
            others = [other for other in group if other != row]
            if not others:
                continue
            facts = facts_of(finder.known, row, np.zeros(int(finder.known.sizes[row]), dtype=np.int64))
            unlike = finder.known.difference(facts, 0, others)
            if np.isfinite(unlike).any():
                taken += 1
                differ += finder.classes[others[int(unlike.argmin())]] != finder.classes[row]
    n = len(finder.formulas)
    print(f"{n:,} training materials; without itself, {taken} would be taken for another, {differ} of another class")


def misses(finder: Finder) -> None:
    """Print what is found of the textbook's materials whose entry of Materiae is among the training materials."""
    row_of = {source: row for row, source in enumerate(finder.known.sources)}
    data = load(None)
    asked = [i for i, source in enumerate(data.sources) if source in row_of]
    facts = CrystalFacts.concatenate([CrystalFacts.from_crystal(analyse(data.crystals[i])) for i in asked])
    found = [finder.find(facts, k) for k in range(len(asked))]
    right = sum(row == row_of[data.sources[i]] for row, i in zip(found, asked, strict=True))
    missed = [data.material_ids[i] for row, i in zip(found, asked, strict=True) if row is None]
    other = len(asked) - right - len(missed)
    print(f"{len(asked)} textbook materials: {right} found, {len(missed)} missed, {other} taken for another")
    print("missed: " + ", ".join(missed))


if __name__ == "__main__":
    reference = open_bundle(sys.argv[1] if len(sys.argv) > 1 else "full").reference
    if reference is None or reference.finder is None:
        sys.exit("this bundle does not say which its training materials are")
    false_matches(reference.finder)
    misses(reference.finder)
