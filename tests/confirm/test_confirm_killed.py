"""A run that is killed: what was finished stays, what was under way is at most one calculation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from support import slow_calculation

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_kill_loses_at_most_one_calculation(tmp_path):
    command = [sys.executable, "-m", "support.slow_calculation", str(tmp_path)]
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    first = subprocess.Popen(command, env=environment)
    stored, end = tmp_path / "store", time.monotonic() + 30
    while len(list(stored.glob("*.json"))) < 2:
        assert first.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert len(list(stored.glob("*.json"))) < slow_calculation.COUNT
    subprocess.run(command, env=environment, check=True)
    assert len(list(stored.glob("*.json"))) == slow_calculation.COUNT
    begun = Counter((tmp_path / "begun").read_text().split())
    assert len(begun) == slow_calculation.COUNT
    assert begun.total() <= slow_calculation.COUNT + 1
