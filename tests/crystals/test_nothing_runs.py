"""Nothing in a structure file is built or run."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from support.broken_inputs import GOOD, VASPRUN, WHOLE_NAMES, YAML
from support.reading import refusal
from topofuse.crystals import CrystalError
from topofuse.crystals.read import read_structure


class TestNothingInAFileIsBuiltOrRun:
    @pytest.fixture
    def trap(self, tmp_path, monkeypatch):
        """A module that leaves a mark when it is imported."""
        mark = tmp_path / "imported"
        (tmp_path / "topofuse_trap.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Trap:\n    pass\n")
        monkeypatch.syspath_prepend(tmp_path)
        yield mark
        sys.modules.pop("topofuse_trap", None)

    @pytest.mark.parametrize("where", ["  properties: ", "  label: ", "  xyz: "])
    @pytest.mark.parametrize("form", ["json", "yaml"])
    def test_a_site_property_that_names_a_class_imports_nothing(self, write, trap, where, form):
        named = {"@module": "topofuse_trap", "@class": "Trap"}
        text = YAML.replace("- species", f"-{where[1:]}{{x: {json.dumps(named)}}}\n  species", 1)
        if form == "json":
            site = {"species": [{"element": "Cs", "occu": 1}], "abc": [0, 0, 0], where.strip(" :"): {"x": named}}
            text = json.dumps({**named, "lattice": {"matrix": np.eye(3).tolist(), **named}, "sites": [site]})
            text = text.replace("1.0", "4.12")
        assert len(read_structure(write(text, f"x.{form}"))) == (1 if form == "json" else 2)
        assert not trap.exists()

    @pytest.mark.parametrize(
        "tag",
        [
            "!!python/object/apply:os.system [touch imported]",
            "!!python/name:topofuse_trap.Trap",
            "!!python/module:topofuse_trap",
            "!!python/object/new:topofuse_trap.Trap []",
        ],
    )
    def test_yaml_that_names_types_of_python_imports_nothing(self, write, trap, tag, monkeypatch):
        monkeypatch.chdir(trap.parent)
        for text in (tag, YAML.replace("sites:", f"other: {tag}\nsites:"), YAML.replace("Cs", tag, 1)):
            with contextlib.suppress(CrystalError):
                read_structure(write(text, "x.yaml"))
            assert not trap.exists()

    def test_no_reader_of_ase_or_pymatgen_sees_a_file(self, tmp_path):
        for name, text in GOOD.items():
            (tmp_path / (name if name in WHOLE_NAMES else f"x.{name}")).write_text(text)
        code = """
import sys
from pathlib import Path
from topofuse.crystals.read import read_structure
for path in Path(sys.argv[1]).iterdir():
    read_structure(path)
print([name for name in sys.modules if name.startswith(("ase.", "monty.", "pymatgen.core", "pymatgen.io"))])
"""
        run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        assert run.stdout == "[]\n"

    @pytest.mark.parametrize(
        "text",
        [
            "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]>" + VASPRUN,
            VASPRUN.replace("<modeling>", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><modeling>"),
            VASPRUN.replace("Mg", "&undeclared;"),
            "<a>" * 1_000_000,
            VASPRUN.replace("</modeling>", ""),
            VASPRUN.replace("<rc><c>Mg</c><c>1</c></rc>", ""),
            VASPRUN.replace("Mg", ""),
            VASPRUN.split("<calculation>")[0] + "</modeling>",
        ],
    )
    def test_xml_that_declares_nests_or_lacks_something_is_refused(self, write, text):
        assert refusal(write(text, "vasprun.xml"))

    @pytest.mark.parametrize(
        "text",
        [
            "a: &a [x, x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n" for m, n in pairwise("abcdefghij")),
            "lattice: &a {matrix: *a}\nsites: [*a]\n",
            "[" * 100_000,
            "a: " * 3000,
            "? " * 3000,
            "- " * 3000 + "1",
            "sites: " + "x" * (3 * 2**20),
            "lattice: *unknown\n",
            "lattice: &a 1\nsites: &a 2\n",
            "%YAML 9.9\n---\n",
            "a: 'unfinished",
            "\t- x: [",
        ],
    )
    def test_yaml_that_grows_nests_or_ends_without_reason_is_refused(self, write, text):
        assert refusal(write(text, "x.yaml"))
