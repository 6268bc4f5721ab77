"""Start-up: what a command does not need is not loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_neither_workers_nor_a_bundle_of_trees_load_torch() -> None:
    code = (
        "import sys, topofuse.screening.examine\n"
        "from topofuse.ensemble.bundle import open_bundle\n"
        "assert open_bundle('fast').trees\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_system_that_is_not_posix_is_told_so_at_once() -> None:
    code = "import os; os.name = 'nt'; import topofuse"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: topofuse needs Linux or macOS" in done.stderr
    assert "WSL" in done.stderr
