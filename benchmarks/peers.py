"""topofuse's features beside what a person would otherwise take: matminer, CHGNet, matgl, ALIGNN, pymatgen.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install . -r benchmarks/requirements.txt
    /tmp/peers/bin/python benchmarks/peers.py [--repeats 5] [--cheap 40] [--dear 8]

Every repeat takes crystals that no other repeat had, of the pool, and gives them to each in turns; a peer's time is
divided by topofuse's on the same crystals, and the median of these ratios is printed. Times are CPU times of this one
process with one thread, which other work on the machine disturbs little. What takes a second per structure gets the
first few crystals of each repeat. A peer that is not installed is named, and left out. Exit code 1 where a limit is
missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are imported

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import measure
from topofuse.crystals import Crystal, analyse
from topofuse.crystals.read import read_structure
from topofuse.ensemble.bundle import open_bundle
from topofuse.materials import load
from topofuse.modalities.extraction import extract_sample

FAST = ("crystal", "kspace", "scalar", "physics")
FULL = (*FAST, "bands")
OURS = ("topofuse: features of `fast`", "topofuse: features of `full`")
SUMS = {  # rows that are sums of others
    "matminer: Magpie, symmetry, density": (
        "matminer: Magpie composition",
        "matminer: global symmetry",
        "matminer: density",
    ),
    "the same, and pymatgen's reading": (
        "pymatgen: read CIF",
        "matminer: Magpie composition",
        "matminer: global symmetry",
        "matminer: density",
    ),
    "matminer: packing and CrystalNN": (
        "matminer: MaximumPackingEfficiency",
        "matminer: CrystalNN site statistics",
    ),
}
WARM_UP = 150, 5  # crystals that topofuse and its peers see before the first repeat: tables are read then
LIMITS = {"matminer: packing and CrystalNN": 100, "matminer: Magpie, symmetry, density": 5}

Times = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Task:
    """Something that is done to one structure.

    work: of a Crystal for topofuse, of a pymatgen Structure for peers, of a path where `of_file`
    dear: takes so long that few structures must do
    """

    name: str
    work: Callable[[Any], object]
    ours: bool = False
    of_file: bool = False
    dear: bool = False


def our_tasks() -> list[Task]:
    def features(names: tuple[str, ...]) -> Callable[[Crystal], object]:
        return lambda crystal: extract_sample(analyse(crystal), names)

    def predict(model: str) -> Callable[[Path], object]:
        bundle = open_bundle(model)
        extract = bundle.extractor()
        return lambda path: bundle.predict_features([extract(analyse(read_structure(path)))])

    return [
        Task(OURS[0], features(FAST), ours=True),
        Task(OURS[1], features(FULL), ours=True),
        Task("topofuse: read CIF", read_structure, ours=True, of_file=True),
        Task("topofuse: CIF to `fast` classes", predict("fast"), ours=True, of_file=True),
        Task("topofuse: CIF to `full` classes", predict("full"), ours=True, of_file=True),
    ]


def pymatgen_tasks() -> list[Task]:
    def symmetry(structure: Structure) -> None:
        analyser = SpacegroupAnalyzer(structure, symprec=0.1)
        analyser.get_symmetrized_structure()
        analyser.get_primitive_standard_structure()

    def cgcnn(structure: Structure) -> object:
        """The graph of T. Xie and J. C. Grossman, PRL 120, 145301 (2018): 12 neighbours in 8 Å, 41 Gaussians."""
        rows = [sorted(near, key=lambda n: n.nn_distance)[:12] for near in structure.get_all_neighbors(8.0)]
        distances = np.array([[n.nn_distance for n in row] + [9.0] * (12 - len(row)) for row in rows])
        index = [[n.index for n in row] for row in rows]
        return index, np.exp(-(((distances[..., None] - np.arange(0, 8.2, 0.2)) / 0.2) ** 2))

    return [
        Task("pymatgen: read CIF", Structure.from_file, of_file=True),
        Task("pymatgen: symmetry", symmetry),
        Task("pymatgen: CGCNN's graph", cgcnn),
        Task("pymatgen: neighbour list, 8 Å", lambda structure: structure.get_neighbor_list(8.0)),
    ]


def matminer_tasks() -> list[Task]:
    from matminer.featurizers import structure as featurizers
    from matminer.featurizers.composition import ElementProperty

    magpie = ElementProperty.from_preset("magpie", impute_nan=True)
    sites = featurizers.SiteStatsFingerprint.from_preset("CrystalNNFingerprint_ops")
    return [
        Task("matminer: Magpie composition", lambda structure: magpie.featurize(structure.composition)),
        Task("matminer: global symmetry", featurizers.GlobalSymmetryFeatures().featurize),
        Task("matminer: density", featurizers.DensityFeatures().featurize),
        Task("matminer: MaximumPackingEfficiency", featurizers.MaximumPackingEfficiency().featurize, dear=True),
        Task("matminer: CrystalNN site statistics", sites.featurize, dear=True),
    ]


def chgnet_tasks() -> list[Task]:
    from chgnet.model import CHGNet

    model = CHGNet.load(use_device="cpu", verbose=False)
    return [Task("CHGNet: embedding", lambda s: model.predict_structure(s, task="e", return_crystal_feas=True))]


def matgl_tasks() -> list[Task]:
    """M3GNet's graph and network; with fresh weights, since trained ones would have to be downloaded."""
    from matgl.config import DEFAULT_ELEMENTS
    from matgl.ext.pymatgen import Structure2Graph
    from matgl.models import M3GNet

    converter = Structure2Graph(DEFAULT_ELEMENTS, cutoff=5.0)
    model = M3GNet(element_types=DEFAULT_ELEMENTS).eval()
    return [
        Task("matgl: M3GNet's graph", converter.get_graph),
        Task("matgl: M3GNet's embedding", lambda structure: model.predict_structure(structure)),
    ]


def alignn_tasks() -> list[Task]:
    from alignn.torch_graph_builder import build_pure_torch_graph
    from jarvis.core.atoms import Atoms

    def graph(structure: Structure) -> object:
        symbols = [site.specie.symbol for site in structure]
        atoms = Atoms(lattice_mat=structure.lattice.matrix, coords=structure.frac_coords, elements=symbols)
        return build_pure_torch_graph(atoms=atoms, two_body_cutoff=5.0, three_body_cutoff=4.0, max_neighbors=12)

    return [Task("ALIGNN: graph and line graph", graph)]


PEERS = {"pymatgen": pymatgen_tasks, "matminer": matminer_tasks, "chgnet": chgnet_tasks, "matgl": matgl_tasks}
PEERS["alignn"] = alignn_tasks


def available() -> list[Task]:
    """Ours and those of the peers that are installed."""
    tasks = our_tasks()
    for name, make in PEERS.items():
        try:
            tasks += make()
        except ImportError as error:
            print(f"left out: {name} ({error})")
    return tasks


def one_round(tasks: Sequence[Task], crystals: Sequence[Crystal], files: Sequence[Path], dear: int) -> Times:
    """Seconds of CPU of each task on each crystal; NaN where a peer failed or was not asked."""
    structures = [measure.structure(crystal) for crystal in crystals]
    found = {}
    for task in tasks:
        given = files if task.of_file else crystals if task.ours else structures
        took = np.full(len(crystals), np.nan)
        for i, item in enumerate(given[:dear] if task.dear else given):
            began = time.process_time()
            try:
                task.work(item)
            except Exception:
                if task.ours:
                    raise
                continue  # a peer that cannot do a structure (an element without a radius) is not timed on it
            took[i] = time.process_time() - began
        found[task.name] = took
    return found | {name: sum(found[part] for part in parts) for name, parts in SUMS.items() if parts[-1] in found}


def ratio(rounds: Sequence[Times], name: str, ours: str) -> float:
    """Median over the rounds of a peer's time over ours, on the crystals on which it was timed."""
    timed = [~np.isnan(times[name]) for times in rounds]
    return statistics.median(
        times[name][mask].sum() / times[ours][mask].sum() for times, mask in zip(rounds, timed, strict=True)
    )


def report(rounds: Sequence[Times]) -> bool:
    """Print milliseconds and ratios; whether the limits are kept."""
    print(f"{'':<40}{'crystals':>9}{'ms each':>9}{'min … max':>18}{'/ fast':>8}{'/ full':>8}")
    for name in rounds[0]:
        means = [1000 * float(np.nanmean(times[name])) for times in rounds]
        timed = sum(int((~np.isnan(times[name])).sum()) for times in rounds)
        last = "".join(f"{x:>8.2f}" if x < 10 else f"{x:>8.0f}" for x in (ratio(rounds, name, ours) for ours in OURS))
        span = f"{min(means):.2f} … {max(means):.2f}"
        print(f"{name:<40}{timed:>9}{statistics.median(means):>9.2f}{span:>18}{last}")
    print("\nthe last columns: time over that of topofuse's features, on the same crystals; asked:")
    kept = True
    for name, limit in LIMITS.items():
        if name in rounds[0]:
            found = ratio(rounds, name, OURS[0])
            kept &= found >= limit
            print(f"{name}: {found:.1f} times `fast`, asked {limit}: {'kept' if found >= limit else 'MISSED'}")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=measure.TOPOMAT if measure.TOPOMAT.exists() else None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cheap", type=int, default=40, help="crystals per repeat")
    parser.add_argument("--dear", type=int, default=8, help="crystals per repeat for what takes seconds")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers' own, at every call
    import torch

    torch.set_num_threads(1)
    data = load(arguments.data)
    rows = measure.draw(data, "pool", arguments.repeats * arguments.cheap + WARM_UP[0])
    tasks = available()
    with tempfile.TemporaryDirectory() as scratch:
        files = measure.write_cifs(data, rows, Path(scratch))
        crystals = [data.crystals[row] for row in rows]
        ours, peers = [task for task in tasks if task.ours], [task for task in tasks if not task.ours]
        for group, n in zip((ours, peers), WARM_UP, strict=True):
            one_round(group, crystals[-n:], files[-n:], 1)
        rounds = []
        for repeat in range(arguments.repeats):
            chosen = slice(repeat * arguments.cheap, (repeat + 1) * arguments.cheap)
            rounds.append(one_round(tasks, crystals[chosen], files[chosen], arguments.dear))
    atoms = np.mean([len(crystal) for crystal in crystals])
    print(f"{data.name}: {arguments.repeats} repeats of {arguments.cheap} crystals, {atoms:.0f} atoms on average\n")
    return 0 if report(rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
