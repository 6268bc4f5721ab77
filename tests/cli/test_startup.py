"""Start-up: what a command does not need is not loaded."""

from __future__ import annotations

import subprocess
import sys


def test_neither_workers_nor_a_bundle_of_trees_load_torch() -> None:
    code = (
        "import sys, topofuse.screening.examine\n"
        "from topofuse.ensemble.bundle import open_bundle\n"
        "assert open_bundle('fast').trees\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
