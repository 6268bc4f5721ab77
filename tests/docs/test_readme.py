"""What README and docs show is there: commands, options, links, examples."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
import runpy
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from topofuse.cli import main
from topofuse.cli.train import run_command
from topofuse.crystals import analyse
from topofuse.crystals.formula import reduced_formula
from topofuse.crystals.read import read_structure

pytestmark = pytest.mark.docs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("benchmarks/*.md"))]
CHEAP = ("data info", "--help", "data --help")


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _spans(text: str) -> list[str]:
    """Code: inline spans, lines of indented and fenced blocks without a prompt."""
    fenced = re.findall(r"```(?:console|sh)?\n(.*?)```", text, re.DOTALL)
    lines = [line for block in fenced for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    lines += [line for line in text.splitlines() if line.startswith("    ")]
    lines += re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line.strip().removeprefix("$ ").split("  ")[0].replace("\\|", "|") for line in lines]


def _shown(program: str) -> list[tuple[str, str]]:
    """(page, command line) of every command of `program` in the pages."""
    return [
        (page.name, span)
        for page in PAGES
        for span in _spans(_text(page))
        if re.match(rf"{re.escape(program)} \S", span)
    ]


def _command(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize(("page", "shown"), _shown("topofuse"))
def test_every_topofuse_command_that_is_shown_exists_with_these_options(page, shown):
    command, rest = _command(shlex.split(re.sub(r"[\[\]]", " ", shown))[1:])
    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"-h", "--help", "--version"}
    assert {word for word in rest if word.startswith("-")} <= known, f"{page}: {shown}"
    for option in command.params:
        if isinstance(option.type, click.Choice):
            asked = [value for name, value in pairwise(rest) if name in option.opts]
            assert all(set(value.split("|")) <= set(option.type.choices) for value in asked), f"{page}: {shown}"


def test_the_pages_show_every_command():
    assert set(main.commands) <= {shown.split()[1] for _, shown in _shown("topofuse")}


def test_presets_that_are_shown_exist():
    from topofuse.config import preset_names

    named = [(name, s) for _, s in _shown("topofuse") for names in re.findall(r"--preset ([a-z|]+)", s)
             for name in names.split("|")]  # fmt: skip
    assert named
    assert [(name, shown) for name, shown in named if name not in preset_names()] == []


@pytest.mark.parametrize(("page", "shown"), _shown("make"))
def test_every_make_target_that_is_shown_exists(page, shown):
    targets = set(re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.MULTILINE))
    assert shown.split()[1] in targets, f"{page}: {shown}"


@pytest.mark.parametrize(("page", "shown"), _shown("python"))
def test_every_script_that_is_shown_exists_and_knows_its_options(page, shown):
    if shown.split()[1] == "-m":
        return  # a module of Python's own
    script = ROOT / shown.split()[1]
    assert script.is_file(), f"{page}: {shown}"
    for option in re.findall(r"--[a-z-]+", shown):
        assert f'"{option}"' in script.read_text(encoding="utf-8"), f"{page}: {shown}"


@pytest.mark.parametrize("words", CHEAP)
def test_cheap_commands_really_run(words):
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 0, result.output
    assert len(result.output) > 200


def test_counts_in_the_pages_are_those_of_the_textbook():
    told = CliRunner().invoke(main, ["data", "info"]).output
    rows, formulas = re.search(r"(\d+) crystals, (\d+) formulas", told).groups()
    elements = re.search(r"(\d+) elements", told)[1]
    page = _text(ROOT / "docs/textbook.md")
    assert f"{int(rows):,} well-known compounds ({int(formulas):,} formulas, {elements} elements)" in page
    assert f"{int(rows):,} well-known compounds" in _text(ROOT / "README.md")


def test_column_counts_in_the_pages_are_those_of_the_modalities():
    from topofuse.modalities.registry import MODALITY_NAMES, modality

    page = _text(ROOT / "docs/features.md")
    for name in MODALITY_NAMES:
        row = re.search(rf"^\| {name} \|.*$", page, re.MULTILINE)[0]
        assert f"{len(modality(name).table_names)} columns" in row


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_to_local_files_and_headings_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        if re.match(r"[a-z]+://", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", _text(file), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{page.name} links to {target}"


def test_nothing_in_the_set_up_names_a_registry_host():
    set_up = [ROOT / name for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run")]
    for file in (*set_up, ROOT / ".pre-commit-config.yaml", *(ROOT / ".github").glob("**/*.yml")):
        assert "://" not in _text(file)
        assert "index-url" not in _text(file)


def test_every_declared_library_is_pinned():
    import tomllib

    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"].values()
    declared = [*project["dependencies"], *(d for extra in extras for d in extra)]
    pinned = {line.split("==")[0].lower() for line in _text(ROOT / "constraints.txt").splitlines() if "==" in line}
    assert {re.match(r"[\w.-]+", d)[0].lower() for d in declared} - {
        "topofuse"
    } <= pinned  # dev asks for its own extras


def test_the_workflow_runs_what_a_person_runs():
    from ruamel.yaml import YAML

    jobs = YAML(typ="safe").load(_text(ROOT / ".github/workflows/ci.yml"))["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    system = [command for command in commands if command.startswith("sudo apt-get ")]
    wanted = _text(ROOT / "docs/confirm.md")
    for package in " ".join(system).split("--yes ")[1].split():
        assert package in wanted, f"docs/confirm.md should name {package}"
    commands = [command for command in commands if command not in system]
    assert commands[0] == ".ci/run"
    assert _text(ROOT / ".ci/run").splitlines()[-1] == "make test"
    targets = re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.MULTILINE)
    for command in commands[1:]:
        make, target, *_ = command.split()
        assert make == "make"
        assert target in targets
    assert len(commands) == len(jobs)


def test_the_supported_versions_of_python_are_the_tested_ones():
    import tomllib

    from ruamel.yaml import YAML

    jobs = YAML(typ="safe").load(_text(ROOT / ".github/workflows/ci.yml"))["jobs"]
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]
    named = [c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == named
    assert project["requires-python"] == f">={named[0]}"


def test_a_version_is_the_same_everywhere_and_every_release_has_a_date():
    import topofuse

    assert re.search(r"^version: (\S+)$", _text(ROOT / "CITATION.cff"), re.MULTILINE)[1] == topofuse.__version__
    unreleased, *releases = re.findall(r"^## (.*)$", _text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert unreleased == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d", release) for release in releases]
    assert all(found)
    assert found[0][1] == topofuse.__version__


def test_run_extreme_boost_is_the_same_command_as_topofuse_run(monkeypatch):
    script = ROOT / "run_extreme_boost.py"
    assert runpy.run_path(str(script), run_name="imported")["run_command"] is run_command
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    own, general = (text.split()[2:] for text in (out.getvalue(), CliRunner().invoke(run_command, ["--help"]).output))
    assert own == general  # all but the usage's program name, wherever the lines are broken
    assert "--preset" in own


def test_the_example_structures_are_what_the_readme_shows():
    rows = re.findall(r"^(\S+\.vasp)\s+(\S+)", _text(ROOT / "README.md"), re.MULTILINE)
    assert {name for name, _ in rows} == {p.name for p in (ROOT / "docs/examples").iterdir()}
    for name, formula in rows:
        crystal = analyse(read_structure(ROOT / "docs/examples" / name)).primitive
        assert Path(name).stem == formula == reduced_formula(crystal.numbers)


@pytest.fixture(scope="module")
def readme_results():
    spec = importlib.util.spec_from_file_location("readme_results", ROOT / "tools/readme_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_have_their_blocks_and_writing_them_twice_is_writing_them_once(readme_results):
    how_good = ("strategies", "confidence", "classes", "systems", "sizes", "elements", "mistakes")
    for page, name in (("README.md", "results"), *(("docs/how-good.md", name) for name in how_good)):
        text = _text(ROOT / page)
        once = readme_results.replace_block(text, name, "new \\1 text")
        assert "new \\1 text" in once
        assert readme_results.replace_block(once, name, "new \\1 text") == once
    with pytest.raises(ValueError, match="nothing:begin"):
        readme_results.replace_block(text, "nothing", "")


def test_the_table_of_strategies_marks_the_chosen_one_and_shows_gaps(readme_results):
    interval = {"value": 0.9432, "low": 0.93, "high": 0.95}
    undefined = {"value": None, "low": None, "high": None}
    levels = {level: dict.fromkeys(("accuracy", "auroc", "macro_f1"), interval) for level in ("two", "three", "five")}
    gap = {**levels, "two": {**levels["two"], "auroc": undefined}}
    results = {
        "dataset": {"n_pool": 12345, "n_test": 10},
        "chosen": "b",
        "strategies": [
            {"name": "a", "title": "A", "oof": None, "test": levels},
            {"name": "b", "title": "B", "oof": gap, "test": levels},
        ],
        "networks_only": {"name": "networks_only", "title": "Networks", "oof": levels, "test": levels},
    }
    head, _, a, b, networks = readme_results.strategy_table(json.loads(json.dumps(results)), "oof")
    assert "12,345 materials" in head
    assert a == "| A |" + " – |" * 7
    assert b.startswith("| **B** ★ | 94.3 [93.0, 95.0] | – | 94.3 [93.0, 95.0] | 0.943 [0.930, 0.950] |")
    assert networks.startswith("| Networks | 94.3")


def test_the_benchmark_of_a_run_says_where_a_limit_is_exceeded(tmp_path):
    results = {
        "title": "topofuse run on x",
        "preset": "cpu",
        "machine": {"cores": 2, "gpu": "none"},
        "dataset": {"n_pool": 10, "n_test": 2},
        "config": {"threads": 2},
        "timings": {"features_s": 30.0, "networks_s": 60.0, "total_s": 6000.0, "peak_memory_gib": 1.0},
        "jobs": [{"epochs_run": 3, "seconds": 60.0, "n_parameters": 1000}],
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    command = [sys.executable, str(ROOT / "benchmarks/pipeline.py"), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "whole run          100.0 min    90.0 min  EXCEEDED" in told.stdout
    assert told.stdout.count("kept") == 2
    assert "resumed" not in told.stdout
