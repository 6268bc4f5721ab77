"""Start-up: what a command does not need is not loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from topofuse.ensemble.bundle import CARRIED

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/Bi2Se3.vasp"
# what `pip install topofuse` does not bring cannot be imported, as if it were not there
WITHOUT_EXTRAS = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "lightgbm", "onnx", "onnxruntime", "pymatgen", "ray"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
"""


def without_extras(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_EXTRAS + code, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("model", CARRIED)
def test_prediction_page_explanation_and_screening_need_neither_torch_nor_pymatgen(model: str, tmp_path: Path) -> None:
    code = """
from pathlib import Path
import topofuse
from topofuse.cli import main
from topofuse.confirm.inputs import CODES, write_inputs
from topofuse.crystals import analyse
from topofuse.crystals.read import read_structure
from topofuse.ensemble.bundle import open_bundle
from topofuse.explain import explain
from topofuse.explain.figure import save_figure
from topofuse.web.serve import make_server
from topofuse.web.service import Service, Upload
model, example, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
bundle = open_bundle(model)
rows = topofuse.predict(example, bundle)
save_figure(explain(example, bundle), folder / "why.svg")
service = Service(lambda: bundle, folder, name=model)
make_server(service)
service.start()
upload = Upload(example.name, example.read_bytes())
_, (row,) = service.predict([upload])
assert row["label"] == rows[0]["label"] == "ti", row
assert service.material(upload)["why"]["features"]
(folder / "in").mkdir()
(folder / "in" / example.name).write_bytes(example.read_bytes())
given = ["screen", str(folder / "in"), "-o", str(folder / "found"), "--model", model, "--workers", "1"]
main(given, standalone_mode=False)
assert (folder / "found/predictions.parquet").exists()
for name in CODES:
    write_inputs(analyse(read_structure(example)), name, folder / "inputs" / name)
print("whole", *sorted({"torch", "lightgbm"} & set(sys.modules)))
"""
    done = without_extras(code, model, str(EXAMPLE), str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "whole"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        (["run", "--out", "runs/x"], "torch, lightgbm"),
        (["ablate"], "torch, lightgbm"),
        (["generalise"], "torch, lightgbm"),
        (["export", "full", "--format", "onnx", "-o", "m.onnx"], "torch, onnx, onnxscript, onnxruntime"),
    ],
)
def test_a_command_that_needs_an_extra_says_so_in_one_line(arguments: list[str], needs: str, tmp_path: Path) -> None:
    code = f"""
import importlib.util, os
sys.meta_path.pop(0)
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in {needs.split(", ")!r} else found(name)
os.chdir({str(tmp_path)!r})
from topofuse.cli import main
main({arguments!r})
"""
    done = without_extras(code)
    extra = "onnx" if "onnx" in needs else "train"
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith(f"needs {needs}, which is not installed: pip install 'topofuse[{extra}]'\n")
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_is_not_posix_is_told_so_at_once() -> None:
    code = "import os; os.name = 'nt'; import topofuse"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImportError: topofuse needs Linux or macOS" in done.stderr
    assert "WSL" in done.stderr
