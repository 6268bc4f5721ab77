"""Record the states that GPAW gives for a few textbook compounds, as tests of the verdict read them.

    python benchmarks/record_states.py tests/confirm/recorded_states.npz

Compounds that the file holds already are kept as they are; delete it to record all anew.
"""

import sys
from pathlib import Path

import numpy as np

from topofuse.confirm.engine import calculate
from topofuse.confirm.settings import ACCURACIES
from topofuse.crystals import analyse
from topofuse.materials.textbook import iter_textbook

NAMES = (
    "Sb-arsenic_a7",
    "SiRu-caesium_chloride",
    "NaCl-rock_salt",
    "GaAs-zinc_blende",
    "SnTe-rock_salt",
    "HgTe-zinc_blende",
)
BEYOND = 8  # empty states that are kept


def arrays_of(name, found) -> dict:
    arrays = {
        f"{name}/numbers": np.array([found.spacegroup, found.electrons]),
        f"{name}/momenta": np.array([one.momentum for one in found.stars]),
    }
    for i, one in enumerate(found.stars):
        kept = found.electrons + BEYOND
        arrays[f"{name}/energy{i}"] = np.round(one.energy[:kept], 5)
        arrays[f"{name}/traces{i}"] = np.round(one.traces[:, :kept], 4).astype(np.complex64)
    return arrays


def main(path: Path) -> None:
    compounds = {m.material_id.removeprefix("textbook/"): m.crystal for m in iter_textbook()}
    arrays = {}
    if path.exists():
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
    for name in NAMES:
        if f"{name}/numbers" not in arrays:
            arrays |= arrays_of(name, calculate(analyse(compounds[name]), ACCURACIES["quick"]))
            np.savez_compressed(path, **arrays)
            print(name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
