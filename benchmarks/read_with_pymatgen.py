"""What opening files costs with pymatgen: each CIF file is read, and its symmetry and standard primitive cell found.

    python benchmarks/read_with_pymatgen.py FILE_OR_FOLDER

`predict.py` runs it as a process of its own, beside `topofuse predict` of the same files.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from pymatgen.io.cif import CifParser
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer


def main() -> None:
    warnings.simplefilter("ignore")
    given = Path(sys.argv[1])
    for path in sorted(given.iterdir()) if given.is_dir() else [given]:
        structure = CifParser(path).parse_structures(primitive=False)[0]
        analyser = SpacegroupAnalyzer(structure, symprec=0.1)
        analyser.get_symmetrized_structure()
        analyser.get_primitive_standard_structure()


if __name__ == "__main__":
    main()
