"""What goes wrong outside the files: memory runs out, processes are killed at any moment, the power fails."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.broken_inputs import understandable
from support.screening_sources import archive_of, as_optimade, as_pymatgen, environment, record
from support.stand_ins import ByFirstAtom, blocked_signals, gluttonous, leaky, poscar
from support.workplace import numbers
from topofuse.modalities import extraction
from topofuse.screening.entries import RecordEntry
from topofuse.screening.examine import Examine
from topofuse.screening.predict import PredictOptions, predict_paths
from topofuse.screening.sources import open_source
from topofuse.system import files
from topofuse.system.processes import worker_pool
from topofuse.system.workers import supervised_map

pytestmark = pytest.mark.slow

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no memory")


class TestMemory:
    def structures(self, folder: Path, *symbols: str) -> list[Path]:
        paths = [folder / f"{i}_{symbol}.vasp" for i, symbol in enumerate(symbols)]
        for path, symbol in zip(paths, symbols, strict=True):
            path.write_text(poscar(symbol))
        return paths

    @LINUX
    def test_a_structure_that_wants_too_much_is_a_row(self, tmp_path):
        paths = self.structures(tmp_path, "Mg", "He", "Ca", "Ne", "Sr")
        rows = predict_paths(paths, ByFirstAtom(features=gluttonous), PredictOptions(workers=2, memory_limit=0.25))
        assert [row["status"] for row in rows] == ["ok", "error", "ok", "error", "ok"]
        assert {row["reason"] for row in rows} == {"", "needs more memory than the limit of 0.25 GiB"}

    @LINUX
    def test_what_others_left_behind_is_not_its_fault(self, tmp_path):
        paths = self.structures(tmp_path, *["Mg", "Ca", "Sr", "Ba"] * 2)
        rows = predict_paths(paths, ByFirstAtom(features=leaky), PredictOptions(workers=1, memory_limit=0.11))
        assert [row["status"] for row in rows] == ["ok"] * 8

    def test_without_workers_it_is_a_row_too(self, tmp_path):
        def hungry(_crystal):
            raise MemoryError

        (row,) = predict_paths(self.structures(tmp_path, "Mg"), ByFirstAtom(features=hungry))
        assert (row["status"], row["reason"]) == ("error", "needs more memory than there is")


class TestWriting:
    def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_counts(self, tmp_path, monkeypatch):
        steps = []
        fsync, replace = os.fsync, os.replace

        def flushed(handle):
            steps.append(Path(f"/proc/self/fd/{handle}").resolve())
            fsync(handle)

        monkeypatch.setattr(files.os, "fsync", flushed)
        monkeypatch.setattr(files.os, "replace", lambda a, b: (steps.append("rename"), replace(a, b)))
        files.write_whole(tmp_path / "new" / "x", b"content")
        temporary, rename, folder = steps
        assert (temporary.parent, rename, folder) == (tmp_path / "new", "rename", tmp_path / "new")
        assert temporary.name.endswith(".part")
        assert [path.read_bytes() for path in (tmp_path / "new").iterdir()] == [b"content"]

    def test_a_cache_killed_at_every_step_of_writing_is_whole_or_made_again(self, compounds, tmp_path, monkeypatch):
        """Two chunks of two modalities are 24 steps; what each kill leaves gives the features of an empty cache."""
        crystals = list(compounds.values())[:4]
        materials = [m.tolist() for c in crystals for m in (c.lattice, c.numbers, c.frac_coords)]
        code = (
            "import json, sys; from pathlib import Path; "
            "from support.stand_ins import kill_at_each_step_of_writing as kill; "
            "from topofuse.crystals import Crystal; m = json.load(sys.stdin); "
            "print(*kill([Crystal.validated(*m[i : i + 3]) for i in range(0, len(m), 3)], Path(sys.argv[1])))"
        )
        result = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            input=json.dumps(materials),
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert (result.stdout, result.returncode) == ("25 0\n", 0), result.stderr
        monkeypatch.setattr(extraction, "CHUNK", 2)
        names = ("scalar", "physics")
        fresh = extraction.extract_all(crystals, workers=0, names=names).views[0].table()
        for moment in range(1, 14):
            cache = tmp_path / str(moment)
            found = extraction.extract_all(crystals, cache_dir=cache, workers=0, names=names)
            np.testing.assert_array_equal(found.views[0].table(), fresh)


def rounded(value):
    """Nested lists and dicts with every float to nine digits."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


class TestRun:
    def test_killed_at_random_and_resumed_it_gives_the_figures_of_an_uninterrupted_run(
        self,
        whole,
        workplace,
    ):
        rng = random.Random(20)
        out = workplace / "killed"
        for kills, lines in enumerate(sorted(rng.sample(range(1, 12), 3))):
            process = self.start(workplace, out, resume=kills > 0)
            while self.logged(out) < lines and process.poll() is None:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
            process.communicate()
            assert process.returncode == -signal.SIGKILL
        assert not (out / "report.html").exists()
        process = self.start(workplace, out, resume=True)
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
        # another process adds up in another order, and temperatures come from an optimiser: the last digits may differ
        assert rounded(numbers(out)) == rounded(numbers(whole))

    @staticmethod
    def start(workplace: Path, out: Path, resume: bool) -> subprocess.Popen:
        words = ["run", "--preset", workplace / "tiny.toml", "--data", workplace / "mine.csv", "--out", out]
        return subprocess.Popen(
            [sys.executable, "-m", "topofuse.cli", *map(str, words), *(["--resume"] if resume else [])],
            env=environment() | {"TOPOFUSE_CACHE": str(out.with_name("killed-cache"))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def logged(out: Path) -> int:
        log = out / "log.jsonl"
        return log.read_text().count("\n") if log.exists() else 0


SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS | st.sampled_from(["Mg", "X", "disorder"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
WHOLE = (record("Mg", "O"), as_pymatgen("Mg", "O"), as_optimade("x", "Mg", "O")["attributes"])
QUICK = settings(max_examples=150, deadline=None, derandomize=True)


def places(value, path=()):
    """The path of every part of nested lists and dicts."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def put(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@QUICK
@given(st.sampled_from(WHOLE), st.integers(0, 1000), ANYTHING)
def test_anything_in_any_place_of_a_record_is_a_row(whole_record, which, value):
    every = list(places(whole_record))
    row, features = Examine(lambda crystal: crystal)(
        RecordEntry("x", put(whole_record, every[which % len(every)], value))
    )
    assert features is not None or row["status"] == "metal" or understandable(row)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"])
@settings(QUICK, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=6)), min_size=1, max_size=4))
def test_an_altered_archive_is_rows_that_a_person_understands(tmp_path, name, edits):
    path = tmp_path / name
    if not path.exists():
        archive_of(path)
        path.rename(tmp_path / f"whole-{name}")
    data = bytearray((tmp_path / f"whole-{name}").read_bytes())
    for at, new in edits:
        at %= len(data)
        data[at : at + len(new)] = new
    path.write_bytes(data)
    for entry in open_source(str(path)).entries():
        row, features = Examine(lambda crystal: crystal)(entry)
        assert features is not None or row["status"] == "metal" or understandable(row)
    path.unlink()


def test_a_member_that_points_outside_is_written_nowhere(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("../../outside.vasp", poscar("Mg", "O"))
    (entry,) = open_source(str(tmp_path / "x.zip")).entries()
    assert re.fullmatch(r"\.\./\.\./outside\.vasp", entry.name)
    assert [path.name for path in tmp_path.rglob("*")] == ["x.zip"]  # read from the archive, written nowhere


class TestEnds:
    def test_a_pool_that_is_left_with_an_exception_does_not_wait_for_its_workers(self):
        def interrupted():
            with worker_pool(1) as pool:
                pool.submit(int).result()
                pool.submit(time.sleep, 600)
                raise KeyboardInterrupt

        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert time.monotonic() - begun < 60

    def test_ctrl_c_is_kept_from_workers_and_from_what_they_are_forked_from(self):
        """It goes to all processes of a terminal; while these import, it would be a traceback."""
        (blocked,) = supervised_map(blocked_signals, [0], workers=1, time_limit=60, ahead=1)
        assert blocked == [signal.SIGINT]
