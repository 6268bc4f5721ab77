"""README.md and the pages: what they show is what happens, the site builds, the figures are those of the package."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytestmark = pytest.mark.docs

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tools", "docs"):
    sys.path.insert(0, str(ROOT / folder))

doc_examples = importlib.import_module("doc_examples")
docstrings = importlib.import_module("docstrings")
docs_figures = importlib.import_module("docs_figures")
Place, blocks = doc_examples.Place, doc_examples.blocks
check_command, differences = doc_examples.check_command, doc_examples.differences

PAGES = doc_examples.pages()


@pytest.fixture(scope="session", autouse=True)
def _one_cache_for_all_pages(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOPOFUSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_every_block_runs_and_prints_what_is_shown(page, tmp_path):
    place = Place(tmp_path)
    for block in blocks(page):
        for what, shown, printed in place.run(block):
            assert not (shown and differences(shown, printed)), (
                f"{what} prints something else; `python tools/doc_examples.py --write` writes it\n"
                + "\n".join(differences(shown, printed))
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_escapes(page):
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*```(?:console|python|sh|bash)", text, re.MULTILINE)) == len(blocks(page))
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert not re.search(r"^ {4,}(\$|topofuse |python |make )", outside, re.MULTILINE), "fence it as console"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("topofuse foretell x.cif", "no command 'foretell'"),
        ("topofuse predict x.cif --modle fast", "No such option"),
        ("topofuse generalise --kinds chem", "is not one of"),
        ("topofuse predict", "Missing argument"),
        ("make coffee", "no such target"),
        ("python tools/no_such.py", "no such file"),
        ("python tools/doc_examples.py --rewrite", "no option --rewrite"),
        ("rm -rf x", "cannot be checked"),
    ],
)
def test_a_command_that_is_not_run_is_still_checked(line, wrong):
    with pytest.raises(AssertionError, match=wrong):
        check_command(line)


def test_commands_that_are_not_run_pass_when_they_exist():
    for line in ("topofuse run --preset cpu --data x.parquet", "make run  # minutes", "python tools/doc_examples.py"):
        check_command(line)


def test_what_is_shown_may_leave_out_and_round_but_not_lie():
    printed = "a  0.831  Bi2Se3\nb\nc 12\nend\n"
    assert differences("a 0.835 Bi2Se3\n…\nend", printed) == []
    assert differences("a 0.831 …\nb\nc …\nend", printed) == []
    assert differences("a 0.731 Bi2Se3\n…", printed) != []
    assert differences("a 0.831 Bi2Te3\n…", printed) != []
    assert differences("a 0.831 Bi2Se3\nb\nc 13\nend", printed) != []
    assert differences("a 0.831 Bi2Se3\nb\nc 12", printed) == ["- (no line)\n+ end"]


def test_a_command_that_fails_or_prints_something_else_is_found_and_written(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("```console\n$ echo 0.25\n0.75\n$ seq 9\n1\n…\n9\n```\n\n```console\n$ ls nowhere\n```\n")
    place = Place(tmp_path / "place")
    first, second = blocks(page)
    (_, shown, printed), _ = done = place.run(first)
    assert differences(shown, printed) == ["- 0.75\n+ 0.25"]
    assert doc_examples.rewritten(first, done)[1] == "$ echo 0.25\n0.25\n$ seq 9\n1\n…\n9\n"
    with pytest.raises(AssertionError, match="`ls nowhere` ended with"):
        place.run(second)
    page.write_text("<!-- slow -->\n```console\n$ true\n```\n")
    with pytest.raises(ValueError, match="no mark 'slow'"):
        blocks(page)


def test_the_modality_of_the_docs_works(tmp_path, monkeypatch):
    import topofuse.modalities
    from topofuse.crystals import analyse
    from topofuse.crystals.read import read_structure

    place = Place(tmp_path)
    for block in blocks(ROOT / "docs/add-a-modality.md"):
        place.run(block)
    monkeypatch.setattr(topofuse.modalities, "__path__", [*topofuse.modalities.__path__, str(tmp_path)])
    modality = importlib.import_module("topofuse.modalities.shape").MODALITY
    words = importlib.import_module("topofuse.modalities.shape.words").WORDS
    assert set(words.columns) == set(modality.table_names)
    part = modality.extract(analyse(read_structure(ROOT / "docs/examples/GaAs.vasp")))
    assert part["table"].shape == (1, len(modality.table_names))
    np.testing.assert_allclose(part["table"][0], [1.0, 22.6], atol=0.1)  # fcc: equal axes; a³ / 8 with a = 5.65 Å
    from torch import nn

    assert issubclass(importlib.import_module("topofuse.modalities.shape.encoder").Encoder, nn.Module)


def test_docstrings_keep_their_lists_and_their_code():
    fields = ["x, y: (n,) shape,", "continued", "z_: last", "Raises ValueError."]
    prose = ["A line", "that goes on, with `code`s and a *star.", ""]
    told = docstrings.as_rst([*prose, *fields, "", "    indented", "", "- one", "- two"])
    assert told[0] == r"A line that goes on, with ``code``\ s and a \*star."
    assert told[2:7] == ["- **x, y**: (n,) shape, continued", r"- **z\_**: last", "", "Raises ValueError.", ""]
    assert told[7:9] == ["::", ""]
    assert told[-3:] == ["- one", "- two", ""]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", folder / "trees"]
    done = subprocess.run(
        [*command, ROOT / "docs", folder / "html"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_the_site_builds_without_a_warning_and_holds_every_page(site):
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
    reference = (site / "api.html").read_text(encoding="utf-8")
    for name in ("crystals.Crystal", "labels.decide", "ensemble.bundle.open_bundle", "screening.predict.predict_rows"):
        assert f'id="topofuse.{name}"' in reference
    commands = (site / "cli.html").read_text(encoding="utf-8")
    for option in ("predict-o", "run-preset", "ablate-only", "generalise-kinds"):
        assert f'id="cmdoption-topofuse-{option}"' in commands


def test_the_site_asks_no_other_machine_for_anything(site):
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?//', text), page.name


def test_every_picture_of_the_pages_is_there_and_every_one_is_used():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {Path(x).name for x in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)} == {
        p.name for p in (ROOT / "docs/images").iterdir()
    }


@pytest.mark.parametrize("path", sorted((ROOT / "docs/images").glob("*.svg")), ids=lambda p: p.stem)
def test_a_picture_has_a_title_and_is_readable_on_light_and_dark(path):
    root = ElementTree.parse(path).getroot()
    ns = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{ns}title").text
    assert "prefers-color-scheme: dark" in root.find(f"{ns}style").text
    assert "var(--card)" in root.find(f"{ns}rect").get("style")
    assert "http" not in re.sub(r'xmlns[^"]*"[^"]*"', "", path.read_text(encoding="utf-8"))


def _words(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [(e.text or "").strip() for e in root.iter() if e.tag.endswith(("text", "title", "tspan"))]


def test_the_sketch_of_the_example_does_what_the_page_says():
    from topofuse.modalities.bands import MODALITY

    row = MODALITY.extract(docs_figures.example())["table"][0]
    found = dict(zip(MODALITY.table_names, row, strict=True))
    assert 0 < found["gamma_gap_soc"] < found["gamma_gap"]
    assert (found["z4"], found["z4_soc"]) == (0, 1)  # inverted at Γ by spin-orbit coupling


def test_the_figures_are_what_the_package_draws_now():
    for name in docs_figures.FIGURES:
        stored = (ROOT / f"docs/images/{name}.svg").read_text(encoding="utf-8")
        assert _words(docs_figures.drawn(name)) == _words(stored), f"{name}: run `python tools/docs_figures.py`"
    assert docs_figures.drawn("crystal-graph") == docs_figures.drawn("crystal-graph")
