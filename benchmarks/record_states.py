"""Record the states that GPAW gives for a few textbook compounds, as tests of the verdict read them.

python benchmarks/record_states.py tests/confirm/recorded_states.npz
"""

import sys
from pathlib import Path

import numpy as np

from topofuse.confirm.engine import calculate
from topofuse.confirm.settings import ACCURACIES
from topofuse.crystals import analyse
from topofuse.materials.textbook import iter_textbook

NAMES = (
    "NaCl-rock_salt",
    "GaAs-zinc_blende",
    "SnTe-rock_salt",
    "Sb-arsenic_a7",
    "HgTe-zinc_blende",
    "SiRu-caesium_chloride",
)
BEYOND = 8  # empty states that are kept


def main(path: Path) -> None:
    compounds = {m.material_id.removeprefix("textbook/"): m.crystal for m in iter_textbook()}
    arrays = {}
    for name in NAMES:
        found = calculate(analyse(compounds[name]), ACCURACIES["quick"])
        arrays[f"{name}/numbers"] = np.array([found.spacegroup, found.electrons])
        arrays[f"{name}/momenta"] = np.array([one.momentum for one in found.stars])
        for i, one in enumerate(found.stars):
            kept = found.electrons + BEYOND
            arrays[f"{name}/energy{i}"] = np.round(one.energy[:kept], 5)
            arrays[f"{name}/traces{i}"] = np.round(one.traces[:, :kept], 4).astype(np.complex64)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
