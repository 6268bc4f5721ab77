"""A killed prediction goes on where it was: no row lost, none twice, and the table appears whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.screening_sources import environment
from support.stand_ins import ByFirstAtom, poscar
from topofuse.config import parse_config
from topofuse.ensemble.boosted import fit_boosted
from topofuse.ensemble.bundle import save_bundle
from topofuse.screening.predict import PredictOptions, predict_paths, predict_to_file
from topofuse.screening.table import OutputError, csv_text

pytestmark = pytest.mark.slow

N = 60
CHUNK = 4
METALS = ("Mg", "Ca", "Sr", "Ba", "Na")
SCRIPT = """
import sys
from support.stand_ins import ByFirstAtom, slowly
from topofuse.screening.predict import PredictOptions, predict_to_file
if __name__ == "__main__":
    options = PredictOptions(workers=int(sys.argv[3]), chunk=4)
    predict_to_file([sys.argv[1]], ByFirstAtom(features=slowly), sys.argv[2], options, say=print)
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """Structures, every seventh of them broken; odd ones are metals."""
    folder = tmp_path_factory.mktemp("inputs")
    for i in range(N):
        text = poscar(METALS[i % 5], a=3.5 + i / 100)
        (folder / f"{i:03d}.vasp").write_text(text[: 30 if i % 7 == 3 else None])
    return folder


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out.csv"


def start(*words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell that runs the tests in the background has them ignore Ctrl-C, and what they start as well
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def chunks(out: Path) -> list[Path]:
    return sorted(out.with_name(out.name + ".partial").glob("*.jsonl"))


def kill_at(process: subprocess.Popen, out: Path, done: int) -> None:
    """SIGKILL as soon as `done` chunks are there; then every process of the run ends by itself."""
    while len(chunks(out)) < done and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("a killed run left processes behind")


@pytest.mark.parametrize(("workers", "moments"), [(0, (0, 6, 14)), (2, (5,))])
def test_killed_again_and_again_it_still_gives_every_row_once(inputs, out, tmp_path, workers, moments):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    for done in moments:
        kill_at(start(script, inputs, out, workers), out, done)
        assert not out.exists()
        assert len(chunks(out)) >= done
    kept = {path: path.stat().st_mtime_ns for path in chunks(out)}
    process = start(script, inputs, out, workers)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert f"continuing: {len(kept)} chunks of 4 structures" in stdout
    assert out.read_text() == csv_text(predict_paths([inputs], ByFirstAtom()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "script.py"]


def test_the_command_itself_with_a_trained_model(small_world, tiny_config, trust, tmp_path):
    config = parse_config(tiny_config.model_dump() | {"modalities": ("scalar",)})
    rows = np.arange(60)
    table = small_world.store.table(("scalar",))
    trees = fit_boosted(table, small_world.labels, rows[:40], rows[40:], config.boosted, seed=0, threads=1)
    save_bundle(tmp_path / "bundle", config, {}, [trees], {"boosted": 1.0}, trust, {})
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(1500):  # so many that Ctrl-C comes before the end on a quick machine too
        (folder / f"{i:04d}.vasp").write_text(poscar("Mg", "O", a=3.5 + i / 2000))
    out = tmp_path / "out.parquet"
    words = ("-m", "topofuse.cli", "predict", folder, "--model", tmp_path / "bundle", "-o", out, "--workers", 2)
    kill_at(start(*words), out, 1)
    process = start(*words)
    while len(chunks(out)) < 2:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "interrupted: start the same command again to continue"
    assert "Traceback" not in stderr
    assert not out.exists()
    process = start(*words)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "continuing: " in stderr
    assert "1500 structures (1500 ok, 0 metal, 0 error)" in stderr
    assert pq.read_table(out)["input"].to_pylist() == sorted(str(path) for path in folder.iterdir())
    assert not chunks(out)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
@pytest.mark.parametrize("room", [200, 4000, 8000])
def test_a_full_disk_is_a_sentence_and_costs_nothing_that_was_there(inputs, tmp_path, name, room):
    script, out = tmp_path / "script.py", tmp_path / name
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.RLIM_INFINITY))"  # the system's own refusal
    guarded = SCRIPT.replace(
        "    predict_to_file(", f"    {limit}\n    with plain_errors('start again'): predict_to_file("
    )
    script.write_text("import resource\nfrom topofuse.cli.errors import plain_errors\n" + guarded)
    out.write_text("the table that was there")
    process = start(script, inputs, out, 0)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in stderr
    assert "no room is left" in stderr
    assert "Make room; start again" in stderr
    assert out.read_text() == "the table that was there"
    assert all(".part" not in path.name or path.name == f"{name}.partial" for path in tmp_path.rglob("*"))
    done = len(chunks(out))
    assert (done > 0) == (room >= 4000)
    script.write_text(SCRIPT)
    stdout, _ = start(script, inputs, out, 0).communicate(timeout=60)
    assert (f"continuing: {done} chunks" in stdout) == (done > 0)
    if name == "out.csv":
        assert out.read_text() == csv_text(predict_paths([inputs], ByFirstAtom()))


class TestWhatIsKept:
    @pytest.fixture
    def interrupted(self, inputs, out):
        """What an earlier run left that failed in its last chunks."""
        failing = ByFirstAtom(cannot=[(11, RuntimeError("out of memory"))])
        files = [p for p in sorted(inputs.iterdir()) if "Na" not in p.read_text()]
        last = files[-1].with_name("zz.vasp")
        last.write_text(poscar("Na", "Cl"))
        files.append(last)
        with pytest.raises(RuntimeError, match="out of memory"):
            predict_to_file(files, failing, out, PredictOptions(chunk=CHUNK))
        yield files
        last.unlink()

    def again(self, files, out, model=None, chunk=CHUNK):
        said: list[str] = []
        model = model or ByFirstAtom()
        predict_to_file(files, model, out, PredictOptions(chunk=chunk), say=said.append)
        assert out.read_text() == csv_text(predict_paths(files, ByFirstAtom()))
        assert not out.with_name("out.csv.partial").exists()
        return " ".join(said), sum(model.batches)

    def test_the_same_inputs_and_model_go_on(self, interrupted, out):
        before = len(chunks(out))
        assert before == len(interrupted) // CHUNK
        said, computed = self.again(interrupted, out)
        assert said == f"continuing: {before} chunks of 4 structures are in {out}.partial"
        assert computed <= CHUNK

    def test_other_inputs_begin_anew(self, interrupted, out):
        said, computed = self.again(interrupted[1:], out)
        assert "beginning anew: the list of inputs changed" in said
        assert computed > CHUNK

    def test_a_changed_file_begins_anew(self, interrupted, out):
        os.utime(interrupted[0], (1, 1))
        assert "beginning anew: the list of inputs changed" in self.again(interrupted, out)[0]

    def test_another_model_begins_anew(self, interrupted, out):
        said, _ = self.again(interrupted, out, ByFirstAtom(identity="another"))
        assert "beginning anew: the model or its --symmetrise changed" in said

    def test_another_layout_begins_anew(self, interrupted, out):
        assert (
            "beginning anew: the size or the layout of the shards changed" in self.again(interrupted, out, chunk=5)[0]
        )

    @pytest.mark.parametrize("text", ["", "{", "[1]", '{"input": 3}\n'])
    def test_a_damaged_chunk_is_made_again(self, interrupted, out, text):
        chunks(out)[1].write_text(text)
        assert self.again(interrupted, out)[1] > 1

    @pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
    def test_a_damaged_manifest_begins_anew(self, interrupted, out, text):
        (out.with_name("out.csv.partial") / "MANIFEST").write_text(text)
        assert "beginning anew" in self.again(interrupted, out)[0]

    def test_two_runs_do_not_write_one_table(self, inputs, out):
        class Meanwhile(ByFirstAtom):
            def predict_features(self, crystals):
                with pytest.raises(OutputError, match="another process is writing"):
                    predict_to_file([inputs], ByFirstAtom(), out)
                return super().predict_features(crystals)

        assert predict_to_file([inputs], Meanwhile(), out).total() == N

    def test_a_table_among_its_inputs_is_not_read_as_one(self, tmp_path):
        (tmp_path / "a.vasp").write_text(poscar("Mg"))
        (tmp_path / "b.vasp").write_text(poscar("Na", "Cl"))
        out = tmp_path / "out.csv"
        with pytest.raises(RuntimeError):
            predict_to_file(
                [tmp_path], ByFirstAtom(cannot=[(11, RuntimeError("killed"))]), out, PredictOptions(chunk=1)
            )
        assert len(chunks(out)) == 1
        said: list[str] = []
        assert predict_to_file([tmp_path], ByFirstAtom(), out, PredictOptions(chunk=1), say=said.append).total() == 2
        assert said[0].startswith("continuing: 1 chunks")
