"""What do the errors of a run have in common? The table of docs/how-good.md, from out-of-fold predictions of the pool.

    python benchmarks/errors.py ../shared/topomat/topomat.parquet runs/cpu ../shared/topomat/second_database.parquet

Columns of the band sketch come from the feature cache, where it has them. Nothing is chosen here, and no test row is
looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import element_property
from topofuse.labels import FIVE, decide
from topofuse.materials import load
from topofuse.modalities.extraction import default_cache, extract_all
from topofuse.modalities.indicators.features import CLASSES
from topofuse.modalities.registry import modality
from topofuse.report.second import beside, read_second
from topofuse.report.source import Rows, read_run

Mask = NDArray[np.bool_]
ANIONS = {8, 16, 7, 9, 17, 35, 53}
GROUPS = {  # of classes, by code
    "trivial and the two insulators": [{0, 3}, {0, 4}],
    "line semimetals and the insulators": [{2, 3}, {2, 4}],
    "ti and tci": [{3, 4}],
    "trivial and semimetals": [{0, 1}, {0, 2}],
    "the two kinds of semimetals": [{1, 2}],
    "point semimetals and the insulators": [{1, 3}, {1, 4}],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path, help="folder of a finished `topofuse run`")
    parser.add_argument("second", type=Path, help="parquet file with material_id and class_second")
    arguments = parser.parse_args()
    run, data = read_run(arguments.run), load(arguments.data)
    rows = run.rows(run.results["chosen"], "oof")
    if rows is None:
        raise SystemExit("the chosen strategy has no out-of-fold predictions")
    # all that the run computed features of, in its order: so they are in the cache
    labelled = data.select(np.flatnonzero(data.labels >= 0))
    extraction = extract_all(labelled.crystals, cache_dir=default_cache(), names=("indicators",), progress=True)
    place = {labelled.material_ids[i]: at for at, i in enumerate(extraction.kept)}
    at = np.array([place[name] for name in rows.table["material_id"]])
    table = extraction.views[0].table(["indicators"])[at]
    analysis = dict(zip(modality("indicators").table_names, table.T, strict=True))
    elements = [set(labelled.crystals[extraction.kept[i]].numbers.tolist()) for i in at]
    decided = decide(rows.p5)
    wrong, wrong_two = decided != rows.labels, (decided > 0) != (rows.labels > 0)
    print(f"{wrong.sum():,} of {len(wrong):,} wrong at five classes, {wrong_two.sum()} at two\n")
    print("| Materials | share of all | wrong, 5 classes | share of these errors | share of the errors at 2 classes |")
    print("| --- | --- | --- | --- | --- |")
    for title, mask in kinds(rows, elements, analysis).items():
        shares = (mask.mean(), wrong[mask].mean(), mask[wrong].mean(), mask[wrong_two].mean())
        print(f"| {title} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")
    between(rows.labels[wrong], decided[wrong])
    sketched = wrong & np.isfinite(analysis["p_trivial_30"])
    likeliest = np.stack([analysis[f"{name}_30"] for name in CLASSES]).argmax(0)
    right = (likeliest == rows.labels)[sketched].mean()
    print(f"\nwrong, with an analysed sketch: its most probable class (0.3 eV) is the label in {100 * right:.0f} %")
    beside_second(rows, arguments.second)


def kinds(rows: Rows, elements: list[set[int]], analysis: dict[str, NDArray[np.float32]]) -> dict[str, Mask]:
    """The kinds of materials of the table, and which rows they are."""
    group, period = element_property("group"), element_property("period")
    transition = {z for z in range(1, 90) if 3 <= group[z] <= 11 and not 57 <= z <= 71 and period[z] < 7}
    f_block = set(range(57, 72)) | set(range(89, 104))
    sure, sketch, entropy = rows.p5.max(1), np.isfinite(analysis["orbitals"]), analysis["entropy_30"]

    def some(chosen: set[int]) -> Mask:
        return np.array([bool(own & chosen) for own in elements])

    return {
        "most probable class below 0.7": sure < 0.7,
        "most probable class above 0.97": sure > 0.97,
        "no band sketch (nearly all: more than 250 orbitals)": ~sketch,
        "with a sketch, probabilities of its blurred levels nearly one class (entropy below 0.05)": entropy < 0.05,
        "with a sketch, blurred levels undecided (entropy above 0.7)": entropy > 0.7,
        "no O, S, N or halogen": ~some(ANIONS),
        "transition metals (Sc to Cu, Y to Ag, Hf to Au)": some(transition),
        "lanthanides, actinides": some(f_block),
        "up to 8 atoms in the primitive cell": rows.table["n_atoms"].to_numpy() <= 8,
    }


def between(labels: NDArray[np.int64], decided: NDArray[np.int64]) -> None:
    """Prints which classes are taken for which."""
    pairs = [{int(a), int(b)} for a, b in zip(labels, decided, strict=True)]
    shares = {title: np.mean([pair in group for pair in pairs]) for title, group in GROUPS.items()}
    print("\nbetween " + "; ".join(f"{title} {100 * share:.0f} %" for title, share in shares.items()))
    print("classes: " + ", ".join(FIVE))


def beside_second(rows: Rows, path: Path) -> None:
    """Prints how many errors are on crystals on which a second database disagrees with the label."""
    _, labels, second, model = beside(rows, read_second(path))
    for title, a, b, c in (("four", labels, second, model), ("two", labels > 0, second > 0, model > 0)):
        apart, wrong = a != b, a != c
        figures = (apart.mean(), apart[wrong].mean(), (c == b)[wrong & apart].mean(), wrong[~apart].mean())
        disagrees, held, sided, left = (f"{100 * figure:.1f} %" for figure in figures)
        print(f"{title} classes, {len(a):,} shared: the second database disagrees with the label on {disagrees};")
        print(f"  these hold {held} of the errors, {sided} of them the second database's class;")
        print(f"  where both agree {left} are wrong")


if __name__ == "__main__":
    main()
