"""The command line: thin, quick to start, one clear line for an error."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from click.testing import CliRunner

import topofuse
from support.stand_ins import ByFirstAtom, poscar
from topofuse.cli import main
from topofuse.cli.errors import plain_errors

CSCL = poscar("Cs", "Cl")


class Uniform(ByFirstAtom):
    def predict_features(self, crystals):
        return np.full((len(crystals), 5), 0.2)


@pytest.fixture
def module(monkeypatch):
    """Stand-ins for modules that commands import, by dotted name."""

    def _install(name: str, **members):
        stand_in = types.ModuleType(name)
        vars(stand_in).update(members)
        monkeypatch.setitem(sys.modules, name, stand_in)
        parent, _, leaf = name.rpartition(".")
        __import__(parent)
        monkeypatch.setattr(sys.modules[parent], leaf, stand_in, raising=False)

    return _install


@pytest.fixture
def invoke():
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def test_help_imports_nothing_heavy():
    heavy = "{'numpy', 'torch', 'scipy', 'pymatgen', 'ase', 'sklearn', 'pandas', 'spglib', 'lightgbm', 'matplotlib'}"
    code = f"import sys, topofuse.cli; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr == ""


def test_version_and_help_of_every_command(invoke):
    assert topofuse.__version__ in invoke("--version").output
    inner = [("data", name) for name in main.commands["data"].commands]
    for words in ((), *((name,) for name in main.commands), *inner):
        result = invoke(*words, "--help")
        assert result.exit_code == 0
        assert len(result.output) > 150


def test_run_passes_its_options_on(invoke, module, tmp_path):
    calls = []
    module("topofuse.runs.run", run=lambda **options: calls.append(options))
    assert invoke("run").exit_code == 0
    words = ["--preset", "cpu", "--data", tmp_path / "x.parquet", "--out", tmp_path, "--resume", "--seed", 7]
    assert invoke("run", *words).exit_code == 0
    assert calls[0] == {"preset": "quick", "data": None, "out": None, "resume": False, "seed": 0}
    assert calls[1] == {
        "preset": "cpu",
        "data": tmp_path / "x.parquet",
        "out": tmp_path,
        "resume": True,
        "seed": 7,
    }


def test_ablate_passes_its_options_on(invoke, module):
    calls = []
    module("topofuse.runs.ablate", run=lambda **options: calls.append(options))
    assert invoke("ablate", "--folds", 2, "--only", "mixup", "--only", "kfold").exit_code == 0
    given = {"preset": "quick", "data": None, "out": None, "resume": False}
    assert calls == [given | {"folds": 2, "only": ("mixup", "kfold")}]


def test_generalise_passes_its_options_on_and_knows_every_kind_of_split(invoke, module):
    from topofuse.materials.splits import GROUPINGS

    calls = []
    module("topofuse.runs.generalise", run=lambda **options: calls.append(options))
    assert invoke("generalise").exit_code == 0
    assert invoke("generalise", "--kinds", "random", "--kinds", "chemsys", "--resume").exit_code == 0
    given = {"preset": "quick", "data": None, "out": None}
    assert calls == [
        given | {"kinds": tuple(GROUPINGS), "resume": False},
        given | {"kinds": ("random", "chemsys"), "resume": True},
    ]


def test_an_interrupted_run_says_how_to_go_on(invoke, module, tmp_path):
    def interrupted(**_options):
        raise KeyboardInterrupt

    module("topofuse.runs.run", run=interrupted)
    result = invoke("run", "--out", tmp_path, "--seed", 3)
    assert result.exit_code == 130
    assert f"`topofuse run --preset quick --out {tmp_path} --seed 3 --resume`" in result.stderr
    assert "`topofuse run --preset quick --seed 0 --resume`" in invoke("run").stderr  # the folder is the default again


@pytest.mark.parametrize("kind", ["CrystalError", "DatasetError", "FileNotFoundError"])
def test_an_error_for_a_person_is_one_line_and_exit_code_2(invoke, module, kind):
    from topofuse.crystals import CrystalError
    from topofuse.materials import DatasetError

    errors = {
        "CrystalError": CrystalError("what is wrong,\nand why"),
        "DatasetError": DatasetError("what is wrong, and why"),
        "FileNotFoundError": FileNotFoundError("what is wrong, and why"),
    }

    def fail(**_options):
        raise errors[kind]

    module("topofuse.runs.run", run=fail)
    result = invoke("run")
    assert result.exit_code == 2
    assert result.stderr == "error: what is wrong, and why\n"
    assert result.stdout == ""


def test_a_bug_keeps_its_traceback(invoke, module):
    def fail(**_options):
        raise RuntimeError("a bug")

    module("topofuse.runs.run", run=fail)
    assert isinstance(invoke("run").exception, RuntimeError)


class TestPredict:
    @pytest.fixture(autouse=True)
    def bundle(self, module):
        self.asked: list = []
        module(
            "topofuse.ensemble.bundle",
            open_bundle=lambda model: self.asked.append(model) or Uniform(),
        )

    @pytest.mark.slow
    def test_without_a_file_a_pipe_gets_csv(self, invoke, tmp_path):
        (tmp_path / "POSCAR").write_text(CSCL)
        (tmp_path / "empty.cif").write_text("")
        result = invoke("predict", tmp_path / "POSCAR", tmp_path / "empty.cif")
        assert result.exit_code == 0  # a file that cannot be used is a row, and no error of the command
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert [row["status"] for row in rows] == ["ok", "error"]
        assert rows[0]["formula"] == "CsCl"
        assert self.asked == ["full"]

    @pytest.mark.parametrize("output", [True, False])
    def test_a_path_that_does_not_exist_ends_with_2_and_costs_the_others_nothing(self, invoke, tmp_path, output):
        (tmp_path / "POSCAR").write_text(CSCL)
        words = ["-o", tmp_path / "out.csv"] if output else []
        result = invoke("predict", tmp_path / "absent.cif", tmp_path / "POSCAR", *words)
        assert result.exit_code == 2
        assert result.stderr.splitlines()[-1] == f"error: no such file or folder: {tmp_path / 'absent.cif'}"
        table = (tmp_path / "out.csv").read_text() if output else result.stdout
        assert [row["status"] for row in csv.DictReader(io.StringIO(table))] == ["error", "ok"]

    def test_what_a_terminal_would_obey_is_made_visible(self, invoke, tmp_path):
        evil = "\x1b]0;owned\x07\x9b2J.cif"
        (tmp_path / evil).write_text("data_x")
        for words in ([evil], ["--" + evil], [tmp_path / evil], [tmp_path, "-o", evil], ["--workers", evil]):
            result = invoke("predict", *words)
            said = result.stdout + result.stderr
            assert r"\x1b]0;owned\x07\x9b2J.cif" in said, words
            assert "\x1b" not in said
            assert "\x9b" not in said

    def test_with_a_file_the_counts_go_to_stderr(self, invoke, tmp_path):
        (tmp_path / "POSCAR").write_text(CSCL)
        out = tmp_path / "out.jsonl"
        result = invoke("predict", tmp_path, "--model", tmp_path / "bundle", "-o", out, "--progress")
        assert result.exit_code == 0
        assert result.stdout == ""
        assert f"1 structures (1 ok, 0 metal, 0 error) in {out}" in result.stderr
        assert out.read_text().count("\n") == 1
        assert self.asked == [str(tmp_path / "bundle")]

    def test_a_bad_output_name_is_refused_before_the_model_is_loaded(self, invoke, tmp_path):
        result = invoke("predict", tmp_path, "-o", tmp_path / "out.xlsx")
        assert result.exit_code == 2
        assert "ends in .csv, .parquet, .jsonl" in result.stderr
        assert self.asked == []

    def test_the_time_limit_is_a_positive_number_of_seconds(self, invoke, tmp_path):
        from topofuse.screening.predict import TIME_LIMIT

        (option,) = (p for p in main.commands["predict"].params if p.name == "time_limit")
        assert option.default == TIME_LIMIT
        assert invoke("predict", tmp_path, "--time-limit", 0).exit_code == 2
        assert invoke("predict", tmp_path, "--workers", 0).exit_code == 2

    def test_paths_are_required(self, invoke):
        assert invoke("predict").exit_code == 2


class TestData:
    def test_a_missing_or_unknown_data_set_is_one_line(self, invoke, tmp_path):
        for command in ("info", "check"):
            result = invoke("data", command, tmp_path / "absent.csv")
            assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
            assert "no data set at" in result.stderr

    def test_info_and_check_of_an_own_csv(self, invoke, tmp_path):
        lines = ["path,label"]
        for i in range(20):
            (tmp_path / f"{i}.vasp").write_text(
                CSCL.replace("Cs", ("Li", "Na", "K", "Rb", "Cs")[i % 5]).replace("Cl", ("F", "Cl", "Br", "I")[i % 4])
            )
            lines.append(f"{i}.vasp,{('trivial', 'ti')[i % 2]}")
        (tmp_path / "own.csv").write_text("\n".join(lines))
        result = invoke("data", "info", tmp_path / "own.csv")
        assert result.exit_code == 0
        assert "own: 20 crystals, 20 formulas" in result.stdout
        result = invoke("data", "check", tmp_path / "own.csv")
        assert result.exit_code == 2
        assert "the pool holds no row of class hsp_semimetal, hsl_semimetal, tci" in result.stdout
        assert "Traceback" not in result.output


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_in_order_and_with_a_sentence(monkeypatch, capsys, name):
    which, closed = signal.Signals[name], []

    def work():
        with plain_errors("start again"), contextlib.ExitStack() as stack:
            stack.callback(closed.append, "files")
            os.kill(os.getpid(), which)
            time.sleep(5)

    before = signal.signal(which, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended:
            work()
        assert signal.getsignal(which) is signal.SIG_DFL
    finally:
        signal.signal(which, before)
    assert ended.value.code == 128 + which
    assert closed == ["files"]
    assert capsys.readouterr().err == f"ended by {name}: start again\n"


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        with plain_errors("start again"):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "the system refuses: Too many open files"),
        (OSError(errno.EROFS, "Read-only file system", "out.csv"), "refuses (out.csv): Read-only file system"),
        (MemoryError(), "the memory that this process may have is used up"),
    ],
)
def test_limits_of_the_system_are_a_sentence(capsys, error, words):
    with pytest.raises(SystemExit) as ended, plain_errors("start again"):
        raise error
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.endswith("start again\n")
    assert said.count("\n") == 1
